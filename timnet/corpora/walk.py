"""Which files of a folder are utterances of a corpus: no audio is opened."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from timnet.corpora.findings import Finding, finding, several
from timnet.corpora.layout import CorpusSpec, LeftOut, Parsed, Reader
from timnet.corpora.spec import KNOWN
from timnet.errors import CorpusError
from timnet.text import clean

GUESS_FROM = 500
MOST_LEVELS = 100
"""Folders in each other, beyond which they are no corpus: walking through them is a call for each level."""


@dataclass(frozen=True, slots=True)
class Item:
    """One utterance and the files that are named as it is: the first is used, the rest are copies."""

    parsed: Parsed
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """The utterances among a folder's files, in published row order, and what was left out and why.

    ``layout`` is the one that most files are laid out in. ``published`` gives every utterance of the whole
    corpus its path in that layout.
    """

    layout: str
    items: tuple[Item, ...]
    findings: tuple[Finding, ...]
    published: Mapping[Parsed, str]


def recognise(folder: Path, spec: CorpusSpec) -> Recognised:
    """Walk ``folder`` and find out what each recording in it is by the corpus's layouts.

    Rows stand in the order of the names that the first layout gives them, so that folds do not depend on
    the layout. Raises :class:`CorpusError` where there is no such folder, no recording in it, or none that fits.
    """
    paths = list(wavs(folder, spec.suffixes))
    if not paths:
        raise CorpusError(
            f"{clean(str(folder))} holds no .wav file; name the folder that holds {spec.name}'s recordings"
        )
    readers = {layout.name: layout.open(folder) for layout in spec.layouts}
    sorting = _sort(paths, readers)
    if not sorting.found:
        raise CorpusError(_nothing_fits(folder, spec, paths, sorting))
    layout = sorting.layouts.most_common(1)[0][0]
    items = [Item(parsed, tuple(copies)) for parsed, copies in sorting.found.items()]
    names = _published(readers[spec.layouts[0].name])
    items.sort(key=lambda item: row_order(item.parsed.label, names.get(item.parsed, item.paths[0])))
    return Recognised(layout, tuple(items), tuple(_findings(spec, sorting)), _published(readers[layout]))


def wavs(folder: Path, suffixes: tuple[str, ...] = (".wav",)) -> Iterator[str]:
    """Paths of all ``*.wav`` below ``folder`` (any case), relative, with forward slashes, sorted.

    Hidden files and folders are passed over, ``._*`` (what macOS leaves on foreign disks) among them.
    Links to folders are followed, each folder once. Raises :class:`CorpusError`.
    """
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except (OSError, ValueError) as error:
        raise CorpusError(f"there is no folder {clean(str(folder))} to read; check the path") from error
    if not is_folder:
        raise CorpusError(f"{clean(str(folder))} is a file, not a folder; name the folder that holds the recordings")
    return iter(sorted(_walk(folder, suffixes)))


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    """The recordings below ``folder`` as they are met."""
    seen: set[tuple[int, int]] = set()
    for base, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        if len(Path(base).parts) - len(folder.parts) > MOST_LEVELS:
            raise CorpusError(f"{clean(str(folder))} has more than {MOST_LEVELS} folders in each other; no corpus has")
        status = Path(base).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield (Path(base) / name).relative_to(folder).as_posix()


def row_order(label: str, path: str) -> tuple[str, list[tuple[int, str]], list[tuple[int, str]]]:
    """Sort key of the published row order: the class, then the file's name in natural order."""
    return label, natural(PurePosixPath(path).name), natural(path)


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key under which ``a2`` comes before ``a10``: each run of digits counts as one number."""
    parts = re.split(r"([0-9]+)", text)
    return [(int(part), "") if number else (-1, part) for part, number in zip(parts, _alternating(), strict=False)]


def _alternating() -> Iterator[bool]:
    while True:
        yield False
        yield True


def _unreadable(error: OSError) -> None:
    raise CorpusError(f"cannot list {clean(str(error.filename))} ({error.strerror}); check its permissions") from error


@dataclass(frozen=True, slots=True)
class _Sorting:
    """Every path in its place: an utterance (with its copies), left out for a reason, or foreign."""

    layouts: Counter[str] = field(default_factory=Counter)
    found: defaultdict[Parsed, list[str]] = field(default_factory=lambda: defaultdict(list))
    left_out: defaultdict[LeftOut, list[str]] = field(default_factory=lambda: defaultdict(list))
    foreign: list[str] = field(default_factory=list)


def _sort(paths: Iterable[str], readers: Mapping[str, Reader]) -> _Sorting:
    sorting = _Sorting()
    for path in paths:
        layout, what = _identify(path, readers)
        if what is None:
            sorting.foreign.append(path)
        elif isinstance(what, LeftOut):
            sorting.left_out[what].append(path)
        else:
            sorting.layouts[layout] += 1
            sorting.found[what].append(path)
    return sorting


def _identify(path: str, readers: Mapping[str, Reader]) -> tuple[str, Parsed | LeftOut | None]:
    """The first layout that knows ``path``, and what it says; a name that is no text is nobody's."""
    if _is_text(path):
        for layout, reader in readers.items():
            what = reader.parse(PurePosixPath(path))
            if what is not None:
                return layout, what
    return "", None


def _is_text(path: str) -> bool:
    """Whether the name is valid Unicode: the registry and the feature cache keep it as UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _findings(spec: CorpusSpec, sorting: _Sorting) -> Iterator[Finding]:
    if len(sorting.layouts) > 1:
        yield Finding("laid out in several ways: " + ", ".join(f"{n} {count}" for n, count in sorting.layouts.items()))
    yield from finding(f"left out, not named as {spec.name} names its files", sorting.foreign)
    for reason, paths in sorted(sorting.left_out.items(), key=lambda entry: entry[0].why):
        yield from finding(f"left out, {reason.why}", paths, ordinary=reason.ordinary)
    copies = [path for paths in sorting.found.values() for path in paths[1:]]
    yield from finding("left out, further copies of a file name", sorted(copies))


def _published(reader: Reader) -> dict[Parsed, str]:
    parsed = ((reader.parse(PurePosixPath(name)), name) for name in reader.names)
    return {what: name for what, name in parsed if isinstance(what, Parsed)}


def _nothing_fits(folder: Path, spec: CorpusSpec, paths: list[str], sorting: _Sorting) -> str:
    """Why no recording of ``folder`` is an utterance of ``spec``, and whose they are if that can be told."""
    line = f"{clean(str(folder))} holds {len(paths)} recordings, none of them {spec.name}'s"
    if sorting.left_out:
        reasons = (f"{reason.why}: {several(found)}" for reason, found in sorting.left_out.items())
        return f"{line}: {'; '.join(reasons)}"
    example = " or ".join(layout.example for layout in spec.layouts)
    line = f"{line} by name (like {example}); the first is {clean(paths[0])}"
    other = guess(folder, paths, spec)
    if other:
        return f"{line}. They are named as {other} names its files; add them with: timnet corpora add {other} FOLDER"
    return line


def guess(folder: Path, paths: Sequence[str] | None = None, but: CorpusSpec | None = None) -> str | None:
    """The known corpus, other than ``but``, whose layouts know more than half of ``paths``, recordings of ``folder``.

    Without ``paths``, the first :data:`GUESS_FROM` recordings there are met with decide. Raises
    :class:`CorpusError` where the folder cannot be listed.
    """
    every = list(islice(_walk(folder, (".wav",)), GUESS_FROM)) if paths is None else paths
    for other in KNOWN.values():
        readers = {layout.name: layout.open(folder) for layout in other.layouts}
        known = sum(_identify(path, readers)[1] is not None for path in every)
        if other is not but and 2 * known > len(every):
            return other.name
    return None
