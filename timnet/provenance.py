"""What an experiment was queued with: timnet's sources, the commit, the libraries that decide numbers, the platform.

It goes with an experiment, through the registry, to other machines and in bundles. Whoever trains compares it with what
there is (:func:`differences`): another program, or the same one over other libraries.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from timnet import __version__
from timnet.bounded import read_bounded
from timnet.checkout import MOST_DIFF, checkout_of
from timnet.errors import BadInput
from timnet.files import write_bytes
from timnet.paths import RegistryPaths
from timnet.records import TrainingConfig
from timnet.text import clean

PACKAGE = Path(__file__).parent

#: of the package, what turns recordings and settings into numbers: features, folds, network, training, scores. What
#: carries them about (registry, queue, files) and what shows them (export, front ends) may change without changing one
DECIDING = (
    "records.py", "protocols.py", "corpora/audio.py", "evaluation/scores.py", "features", "model", "training",
)  # fmt: skip

#: the libraries that compute: of training, of features and of folds, with what they compute on
LIBRARIES = (
    "keras", "librosa", "numpy", "nvidia-cublas-cu12", "nvidia-cudnn-cu12", "scikit-learn", "scipy", "soundfile",
    "soxr", "tensorflow", "tensorflow-macos", "tensorflow-metal",
)  # fmt: skip

SHORT = 12
"""Characters of a digest or commit that are shown."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,63}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_VERSION = re.compile(r"^Version: *(\S+)", re.MULTILINE)
_MOST_LIBRARIES = 64


@dataclass(frozen=True, slots=True)
class Commit:
    """The git commit of a checkout. ``changed``: the package was not as the commit has it.

    ``diff`` is the SHA-256 of what was changed, which names a file beside the registry; None where it was not kept.
    ``cut``: it was too long, and the file does not hold all of it.
    """

    id: str
    changed: bool = False
    diff: str | None = None
    cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"commit": self.id, "changed": self.changed, "diff": self.diff, "cut": self.cut}

    @property
    def text(self) -> str:
        """``12fd95d4a1b2 with changes``."""
        return self.id[:SHORT] + (" with changes" if self.changed else "")


@dataclass(frozen=True, slots=True)
class Code:
    """The program and what it stands on.

    ``source`` is the SHA-256 of the package's files that decide numbers (:data:`DECIDING`), empty where they cannot be
    read; ``settings`` that of a configuration's names and usual values. ``libraries`` are (name, version) in order of
    name; ``system`` and ``machine`` as in ``Linux`` and ``x86_64``. ``commit`` is None outside a checkout.
    """

    version: str
    source: str
    settings: str
    python: str
    libraries: tuple[tuple[str, str], ...]
    system: str
    machine: str
    commit: Commit | None = None

    @property
    def diff(self) -> str | None:
        """The digest of the text of what was changed since the commit, where that was kept."""
        return self.commit.diff if self.commit else None

    @property
    def environment(self) -> str:
        """SHA-256 over the libraries, a line ``name==version`` each."""
        return _digest("".join(f"{name}=={version}\n" for name, version in self.libraries).encode())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are stored and sent."""
        return {
            "timnet": self.version,
            "source": self.source or None,
            "settings": self.settings,
            "git": None if self.commit is None else self.commit.to_dict(),
            "python": self.python,
            "environment": self.environment,
            "libraries": dict(self.libraries),
            "system": self.system,
            "machine": self.machine,
        }

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Read what :meth:`to_dict` wrote, perhaps a newer timnet's: keys that are not known are passed over.

        Every text is plain and short. Raises :class:`BadInput` naming the first value that cannot be.
        """
        told = _mapping(values, "the code that was queued")
        commit = told.get("git")
        libraries = _mapping(told.get("libraries"), "libraries")
        if len(libraries) > _MOST_LIBRARIES:
            raise BadInput(f"libraries lists {len(libraries)} of them; at most {_MOST_LIBRARIES} are read")
        found = cls(
            version=_matching(_PLAIN, told, "timnet"),
            source=_matching(_DIGEST, told, "source") if told.get("source") is not None else "",
            settings=_matching(_DIGEST, told, "settings"),
            python=_matching(_PLAIN, told, "python"),
            libraries=tuple((_name(name), _matching(_PLAIN, libraries, name)) for name in sorted(libraries)),
            system=_matching(_PLAIN, told, "system"),
            machine=_matching(_PLAIN, told, "machine"),
            commit=None if commit is None else _commit_of(_mapping(commit, "git")),
        )
        if told.get("environment") != found.environment:
            raise BadInput("environment is not the digest of the libraries")
        return found

    def facts(self, paths: RegistryPaths) -> list[tuple[str, str]]:
        """Name and value of all of it, for people."""
        libraries = ", ".join(f"{name} {version}" for name, version in self.libraries)
        rows = [
            ("code", self.program),
            ("changes", "" if self.commit is None else _changes(self.commit, paths)),
            ("libraries", libraries),
            ("platform", f"Python {self.python} on {self.system} {self.machine}"),
        ]
        return [(name, value) for name, value in rows if value]

    @property
    def named(self) -> dict[str, str]:
        """Name and value of each part that two of these can be compared by; digests are shortened."""
        commit = self.commit.text if self.commit else ""
        parts = {
            "timnet": self.version,
            "commit": f"{commit} {self.diff[:SHORT]}" if self.diff else commit,
            "source": self.source[:SHORT],
            "Python": self.python,
            "platform": f"{self.system} {self.machine}",
            **dict(self.libraries),
        }
        return {name: value for name, value in parts.items() if value}

    @property
    def program(self) -> str:
        """``timnet 0.1.0, commit 12fd95d4a1b2 with changes, source 1a2b3c4d5e6f``."""
        parts = [f"timnet {self.version}"]
        parts += [f"commit {self.commit.text}"] if self.commit else []
        parts += [f"source {self.source[:SHORT]}"] if self.source else []
        return ", ".join(parts)


# reading it


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise BadInput(f"{what} is no table of names and values")
    return value


def _matching(pattern: re.Pattern[str], values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadInput(f"{clean(name)[:64]} is {clean(repr(value)[:64])}, which it cannot be")
    return value


def _name(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        raise BadInput(f"{clean(name)[:64]!r} is no name of a library")
    return name


def _commit_of(values: Mapping[str, Any]) -> Commit:
    for name in ("changed", "cut"):
        if not isinstance(values.get(name), bool):
            raise BadInput(f"{name} is {clean(repr(values.get(name))[:64])}, neither true nor false")
    diff = None if values.get("diff") is None else _matching(_DIGEST, values, "diff")
    return Commit(_matching(_COMMIT, values, "commit"), values["changed"], diff, values["cut"])


# finding it out


@dataclass(frozen=True, slots=True)
class Found:
    """The code there is, and the text of its changes where the package is not as its commit has it."""

    code: Code
    diff: bytes | None = None


def on_disk() -> Found:
    """The code that a process would load now, with its commit: what an experiment is queued with."""
    code = _code()
    checkout = checkout_of(PACKAGE.parent)
    if checkout is None:
        return Found(code)
    diff = None if checkout.diff is None else _digest(checkout.diff)
    return Found(replace(code, commit=Commit(checkout.commit, checkout.changed, diff, checkout.cut)), checkout.diff)


@cache
def loaded() -> Code:
    """The code of this process, as it was on the disk when this was first asked: ask early. git is not asked."""
    return _code()


def _code() -> Code:
    return Code(
        version=_as_plain(__version__),
        source=source_digest(PACKAGE),
        settings=_digest(json.dumps(TrainingConfig().to_dict(), sort_keys=True).encode()),
        python=_as_plain(platform.python_version()),
        libraries=tuple(_versions()),
        system=_as_plain(platform.system()),
        machine=_as_plain(platform.machine()),
    )


def source_digest(package: Path) -> str:
    """SHA-256 over the names and contents of a package's deciding files; empty where they cannot be read.

    Neither their times nor where the package lies are in it.
    """
    whole = hashlib.sha256()
    try:
        for name, path in sorted(_deciding(package)):
            whole.update(f"{name}\0{_digest(path.read_bytes())}\n".encode())
    except OSError:  # only compiled files are there, or they are in a zip
        return ""
    return whole.hexdigest()


def _deciding(package: Path) -> Iterator[tuple[str, Path]]:
    """Name inside the package, and path, of each file."""
    for part in DECIDING:
        if part.endswith(".py"):
            yield part, package / part
            continue
        for folder, _, names in os.walk(package / part):
            inside = Path(folder).relative_to(package).as_posix()
            yield from ((f"{inside}/{name}", Path(folder, name)) for name in names if name.endswith(".py"))


def _versions() -> Iterator[tuple[str, str]]:
    """What is installed of :data:`LIBRARIES`; nothing is imported."""
    from importlib.metadata import PackageNotFoundError, distribution

    for name in LIBRARIES:
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        head = _VERSION.search(found.read_text("METADATA") or "")  # all of it as a message takes three times as long
        yield name, _as_plain(head[1] if head else found.version)


def _as_plain(text: str | None) -> str:
    """A version or a name as the reader takes it; an installation that is half removed has none."""
    plain = re.sub(r"[^A-Za-z0-9.+!_-]", "_", text or "")[:64]
    return plain if _PLAIN.fullmatch(plain) else "unknown"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# the text of changes, kept once


def keep_diff(paths: RegistryPaths, diff: bytes) -> Path:
    """Write the text of changes beside the registry, under its digest, where it is not there yet.

    Raises :class:`OSError`, and :class:`timnet.errors.DiskFull` where there is no room.
    """
    path = paths.diff(_digest(diff))
    if path.is_file():
        with suppress(OSError):  # so that nobody who clears away what no experiment names takes it just now
            os.utime(path)
    else:
        write_bytes(path, diff)
    return path


def read_diff(paths: RegistryPaths, digest: str) -> bytes | None:
    """The text of changes; None where it is gone, or is another."""
    try:
        return checked_diff(read_bounded(paths.diff(digest), MOST_DIFF), digest)
    except (OSError, BadInput):
        return None


def checked_diff(text: bytes, digest: str) -> bytes:
    """The text of changes that came from elsewhere. Raises :class:`BadInput` where it is not what it is called."""
    if len(text) > MOST_DIFF or _digest(text) != digest:
        raise BadInput(f"the changes {digest[:SHORT]} are not what their name says, or longer than 1 MB")
    return text


def _changes(commit: Commit, paths: RegistryPaths) -> str:
    """Where the text of the changes lies, and whether it can be relied on."""
    if not commit.changed:
        return ""
    if commit.diff is None:
        return "not kept"
    path = paths.diff(commit.diff)
    there = "" if path.is_file() else " (gone)"
    return f"{paths.relative(path)}{there}{', the first 1 MB of them' if commit.cut else ''}"


# comparing it


def differing(codes: Sequence[Code | None]) -> dict[str, tuple[str | None, ...]]:
    """What is not the same in all that are known: name -> one value each, None where there is none.

    It says nothing of a side whose code is not known.
    """
    named = [None if code is None else code.named for code in codes]
    known = [one for one in named if one is not None]
    names = dict.fromkeys(name for one in known for name in one)
    return {
        name: tuple(None if one is None else one.get(name) for one in named)
        for name in names
        if len({one.get(name) for one in known}) > 1
    }


@dataclass(frozen=True, slots=True)
class Differences:
    """What is otherwise than it was when an experiment was queued, a few words each.

    ``program``: this is another program, which may do anything otherwise. ``numbers``: it is the same over other
    libraries or on another kind of machine, where numbers may differ in their last digits.
    """

    program: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in one line, as an event tells it; empty where there is nothing to tell."""
        parts = [f"code changed since it was queued: {', '.join(self.program)}"] if self.program else []
        parts += (
            [f"numbers may differ from those where it was queued: {', '.join(self.numbers)}"] if self.numbers else []
        )
        return "; ".join(parts)


def differences(queued: Code, here: Code) -> Differences:
    """What is otherwise ``here`` than in what was ``queued``; commits are not compared, as sources are."""
    program = []
    if queued.version != here.version:
        program.append(f"timnet {queued.version} -> {here.version}")
    if queued.source and here.source and queued.source != here.source:
        at = f" (it was queued at commit {queued.commit.text})" if queued.commit else ""
        program.append(f"its sources {queued.source[:SHORT]} -> {here.source[:SHORT]}{at}")
    if queued.settings != here.settings:
        program.append("it knows other settings")
    before, after = dict(queued.libraries), dict(here.libraries)
    numbers = [
        f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    if _minor(queued.python) != _minor(here.python):
        numbers.append(f"Python {queued.python} -> {here.python}")
    if (queued.system, queued.machine) != (here.system, here.machine):
        numbers.append(f"{queued.system} {queued.machine} -> {here.system} {here.machine}")
    return Differences(tuple(program), tuple(numbers))


def why_not(queued: Code, here: Code, node: str) -> str:
    """Why ``node`` does not train what was queued with another program, and what to do; empty where it may."""
    found = differences(queued, here)
    if not found.program:
        return ""
    return (
        f"{clean(node)} has {here.program}, and the run was queued with {queued.program}; "
        "install the same timnet there and resume the run, or queue it once more with the one here: timnet queue again"
    )


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])
