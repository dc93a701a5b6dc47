"""What is known of a corpus before any file of it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Parsed:
    """Which utterance a file is: a canonical class name, and who says which sentence for which time.

    ``sentence``, ``take`` and ``session`` are empty where the corpus has none. No two utterances of a corpus
    have all five in common, so two files that do are copies of one.
    """

    label: str
    speaker: str
    sentence: str = ""
    take: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why a recording that a layout knows is no utterance of its corpus, as words for a message.

    ``ordinary`` where every whole copy of the corpus holds such recordings, so that they are no problem.
    """

    why: str
    ordinary: bool = False


Parse = Callable[[PurePosixPath], Parsed | LeftOut | None]
"""Reads a path relative to the corpus folder; None for a file that is nothing of this corpus."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A layout made ready for one folder. ``names`` are the paths of all utterances the whole corpus has."""

    parse: Parse
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which the raw files of a corpus are laid out.

    ``example`` is a path in it, for messages. ``open`` reads what the folder itself has to tell, such as
    tables of labels; where paths tell everything (:func:`by_path`) it touches nothing.
    """

    name: str
    example: str
    open: Callable[[Path], Reader]


def by_path(name: str, example: str, parse: Parse, names: Iterable[str] = ()) -> Layout:
    """A layout whose paths tell everything."""
    reader = Reader(parse, tuple(names))
    return Layout(name, example, lambda _folder: reader)


@dataclass(frozen=True, slots=True)
class CorpusSpec:
    """A corpus as published: its classes, how TIM-Net reads it, and the counts to check against.

    ``layouts`` are tried in this order; in the first, every base name is unique, and rows stand in the order
    of its names. ``classes`` are canonical names in alphabetical order.
    ``signal_length`` is in samples at 22 050 Hz; ``tabs`` is the number of temporal-aware blocks.
    ``published_seed`` is the fold seed that the authors published, None where there is none.
    ``speaker_counts`` or ``session_counts`` is empty where there is nothing published to check against.
    ``male_speakers`` lists the speakers known to be male. ``suffixes`` are of the files that layouts know.
    """

    name: str
    layouts: tuple[Layout, ...]
    classes: tuple[str, ...]
    signal_length: int
    tabs: int
    published_seed: int | None
    language: str
    class_counts: Mapping[str, int]
    speaker_counts: Mapping[str, int] = field(default_factory=dict)
    session_counts: Mapping[str, int] = field(default_factory=dict)
    male_speakers: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = (".wav",)

    @property
    def utterances(self) -> int:
        """How many utterances the whole corpus has."""
        return sum(self.class_counts.values())
