"""From a folder of raw recordings to the list of utterances that makes a corpus."""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from timnet.bounded import read_bounded
from timnet.corpora.audio import LARGEST, Format, format_of, is_cut_short
from timnet.corpora.findings import Finding, finding
from timnet.corpora.layout import CorpusSpec, Parsed
from timnet.corpora.walk import Recognised, recognise
from timnet.errors import CorpusError
from timnet.records import Utterance
from timnet.text import clean


@dataclass(frozen=True, slots=True)
class Heard:
    """One file as it was read: its digest, and either how it is sampled or why it cannot be used."""

    path: str
    parsed: Parsed
    sha256: str
    format: Format | None = None
    fault: str = ""
    short: bool = False

    @property
    def utterance(self) -> Utterance:
        """What is registered of it."""
        return Utterance(path=self.path, sha256=self.sha256, **asdict(self.parsed))


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds: utterances in published row order, and what a user should know about the rest.

    ``heard`` is every file that was read, also what is no use.
    """

    utterances: tuple[Utterance, ...]
    layout: str
    findings: tuple[Finding, ...]
    published: Mapping[Parsed, str]
    heard: tuple[Heard, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each finding that is not in every whole copy of the corpus."""
        return tuple(str(found) for found in self.findings if not found.ordinary)


def scan(
    folder: Path,
    spec: CorpusSpec,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    skip_bad: bool = False,
) -> Scan:
    """Read every recording of ``spec`` below ``folder``; ``on_progress`` is told how many of how many.

    A file that is empty, unreadable or no WAV is refused, unless ``skip_bad``: then each is named among the
    problems and left out, and so is one that is cut short, which is otherwise named and used. Raises
    :class:`CorpusError`, one line: no such folder, nothing that fits, or such a file (the first is named,
    all are counted).
    """
    recognised = recognise(folder, spec)
    heard = tuple(_listen(folder, recognised, on_progress))
    bad = [file for file in heard if file.fault]
    sound = [file for file in heard if not file.fault and not (skip_bad and file.short)]
    if bad and (not skip_bad or not sound):
        raise CorpusError(_refusal(folder, bad, len(heard)))
    chosen, others = _without_copies(sound)
    used, renamed = _without_renamed_copies(chosen, recognised.published)
    findings = (
        *recognised.findings,
        *faults(heard),
        *finding("left out, the same bytes as a published recording under a name that is not published", renamed),
        *finding("left out, another sound under the name of a recording that is used", others),
        *_odd_formats(used),
    )
    return Scan(tuple(file.utterance for file in used), recognised.layout, findings, recognised.published, heard)


def faults(heard: Sequence[Heard]) -> Iterator[Finding]:
    """The files that cannot be used, by what is wrong with them, and those that are cut short."""
    by_fault: defaultdict[str, list[str]] = defaultdict(list)
    for file in heard:
        if file.fault:
            by_fault[file.fault].append(file.path)
    for fault, paths in sorted(by_fault.items()):
        yield from finding(f"cannot be used, {fault}", paths)
    short = (file.path for file in heard if file.short)
    yield from finding("cut short, the header promises more sound than there is", short)


def digest(utterances: Sequence[Utterance], spec: CorpusSpec) -> str:
    """SHA-256 (hex) of a corpus version: its name and every field of every utterance, in row order."""
    text = json.dumps({"corpus": spec.name, "utterances": [asdict(u) for u in utterances]}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _listen(folder: Path, recognised: Recognised, on_progress: Callable[[int, int], None] | None) -> Iterator[Heard]:
    for done, item in enumerate(recognised.items, start=1):
        for path in item.paths:
            yield _read(folder, path, item.parsed)
        if on_progress is not None:
            on_progress(done, len(recognised.items))


def _read(folder: Path, path: str, parsed: Parsed) -> Heard:
    try:
        if not stat.S_ISREG((folder / path).stat().st_mode):  # reading a pipe would wait for ever
            return Heard(path, parsed, "", fault="is not a regular file")
        audio = read_bounded(folder / path, LARGEST)
    except OSError as error:
        return Heard(path, parsed, "", fault=f"cannot be read ({error.strerror})")
    sha256 = hashlib.sha256(audio).hexdigest()
    sampled = format_of(audio)
    if isinstance(sampled, str):
        return Heard(path, parsed, sha256, fault=sampled)
    return Heard(path, parsed, sha256, sampled, short=is_cut_short(audio))


def _refusal(folder: Path, bad: Sequence[Heard], files: int) -> str:
    first = f"{clean(str(folder / bad[0].path))} {bad[0].fault}"
    if len(bad) == files:
        return f"{first}, and so none of {files} recordings can be used; restore them"
    more = f" (the first of {len(bad)} such files)" if len(bad) > 1 else ""
    return f"{first}{more}; restore or remove it, or leave such files out with --skip-bad"


def _without_copies(heard: Sequence[Heard]) -> tuple[list[Heard], list[str]]:
    """One file for each utterance, a whole one where there is one; and copies that differ from it."""
    chosen: dict[Parsed, Heard] = {}
    for file in sorted(heard, key=lambda file: file.short):
        chosen.setdefault(file.parsed, file)
    differing = [file.path for file in heard if file.sha256 != chosen[file.parsed].sha256 and not file.short]
    order = dict.fromkeys(file.parsed for file in heard)
    return [chosen[parsed] for parsed in order], differing


def _without_renamed_copies(heard: Sequence[Heard], published: Mapping[Parsed, str]) -> tuple[list[Heard], list[str]]:
    """Leave out what is a published recording to the byte, under a name that no published recording has.

    Identical files that are all published stay: which of them is wrong cannot be told from here.
    """
    genuine = {file.sha256 for file in heard if file.parsed in published}
    renamed = {file.path for file in heard if file.parsed not in published and file.sha256 in genuine}
    return [file for file in heard if file.path not in renamed], sorted(renamed)


def _odd_formats(heard: Sequence[Heard]) -> Iterator[Finding]:
    """Recordings sampled in another way than most: they are used as librosa reads them by default."""
    formats = Counter(file.format for file in heard)
    usual, *odd = formats.most_common()
    for unusual, _ in odd:
        what = f"{unusual}, where most files are {usual[0]} (mixed to mono and resampled like the rest)"
        yield from finding(what, (file.path for file in heard if file.format == unusual))
