"""What is known of a corpus before any file of it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file's name tells: a canonical class name, and who says which sentence for which time.

    ``sentence`` and ``take`` are empty where the corpus has none.
    """

    label: str
    speaker: str
    sentence: str = ""
    take: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a corpus names its raw files.

    ``parse`` takes a path relative to the corpus folder and returns None for a file that is no utterance
    of this corpus. ``example`` is such a name, for messages.
    """

    name: str
    example: str
    parse: Callable[[PurePosixPath], Parsed | None]


@dataclass(frozen=True, slots=True)
class CorpusSpec:
    """A corpus as published: its classes, how TIM-Net reads it, and the counts to check against.

    ``classes`` are canonical names in alphabetical order. ``signal_length`` is in samples at 22 050 Hz;
    ``tabs`` is the number of temporal-aware blocks. ``published_seed`` is the fold seed that the authors
    published, None where there is none. ``male_speakers`` lists the speakers known to be male.
    """

    name: str
    layout: Layout
    classes: tuple[str, ...]
    signal_length: int
    tabs: int
    published_seed: int | None
    language: str
    class_counts: Mapping[str, int]
    speaker_counts: Mapping[str, int]
    male_speakers: tuple[str, ...] = ()

    @property
    def utterances(self) -> int:
        """How many utterances the whole corpus has."""
        return sum(self.class_counts.values())
