"""An attempt's folder on a node that sees nothing of the head's disk: what goes there, and what comes home.

The head's side of it; :mod:`timnet.queue.engines.ray_node` is the other. It knows no Ray: the far end is whoever
answers as :class:`FarEnd` says, so all of it can be tried without a cluster.
"""

from __future__ import annotations

import errno
import os
import re
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from timnet.errors import TimnetError
from timnet.files import in_fence, replacing
from timnet.paths import AttemptPaths
from timnet.remote.parcel import Parcel
from timnet.remote.spool import SpoolBroken
from timnet.text import clean

AT_ONCE = 4 << 20
"""Bytes of a file that travel in one message."""

MOST_LOG = 1 << 20
"""Bytes of a log that one exchange brings: what prints without end must not hold up the others."""

SECONDS = 10.0
"""How long one exchange may send or fetch files; the next goes on where it stopped."""

MOST_ENCLOSED = 64 << 10
"""Bytes that go with an order itself, compressed. Ray keeps as many for an actor that was not placed yet."""

RESUME_SECONDS = 10.0
"""Between two fetches of resume points, which are written after each epoch."""

OUTCOME, LOG, WANT = "outcome.json", "log.txt", "want"
_SPOOL = re.compile(r"spool-[0-9]{4}\.jsonl")
_ENDS = (b'{"do": "done"', b'{"do": "end"', b'{"do": "left"')
_LONGEST_NAME = 200

Stamp = tuple[int, int, int]
"""Size, time of the last change in nanoseconds, and inode: another file by the same name has another one."""


class FarEnd(Protocol):
    """What the head asks of the attempt's end on its node. Each may raise :class:`Unheard`."""

    def look(self, want: str) -> Mapping[str, Any]:
        """Take note of what is wanted; ``lacks`` ([name, bytes there] each), ``begun``, ``ended``, and ``files``."""

    def read(self, name: str, offset: int, most: int, stamp: Stamp) -> bytes | None:
        """Bytes of a file; None where it is another one by now."""

    def write(self, name: str, offset: int, data: bytes) -> int:
        """Bytes of a file that it lacks; how many it has then."""


class Unheard(TimnetError):
    """The far end does not answer now, or not any more. The engine tells which it is."""


@dataclass(slots=True)
class Known:
    """What one head remembers of one attempt's folder; without it, files are fetched once more."""

    fetched: dict[str, Stamp] = field(default_factory=dict)
    resume_at: float = 0.0


def to_send(folder: AttemptPaths) -> dict[str, int]:
    """The files that a new job gets: the bytes of each by its name there, the features among them.

    Raises :class:`timnet.errors.BadInput` where the parcel cannot be read, :class:`OSError` where a file is missing.
    """
    features = features_name(Parcel.read(folder.parcel).features)
    found = {
        path.relative_to(folder.folder).as_posix(): path
        for path in [folder.parcel, *folder.run.folder.rglob("*")]
        if path.is_file() and not path.name.startswith(".")
    }
    return {name: source_of(folder, name).stat().st_size for name in [features, *found]}


def enclose(folder: AttemptPaths, files: Iterable[str]) -> dict[str, bytes]:
    """Those of ``files`` that are small enough to go with the order itself, compressed: they need no head to be there.

    Features are shared by a node's attempts, and never among them.
    """
    enclosed, room = {}, MOST_ENCLOSED
    for name in files:
        path = source_of(folder, name)
        if name.startswith("features/") or path.stat().st_size > 16 * MOST_ENCLOSED:
            continue
        data = zlib.compress(path.read_bytes())
        if len(data) <= room:
            enclosed[name] = data
            room -= len(data)
    return enclosed


def disclose(enclosed: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that :func:`enclose` has put into an order."""
    return {name: zlib.decompress(data) for name, data in enclosed.items()}


def features_name(key: str) -> str:
    """How features are called between head and node."""
    return f"features/{key}.npy"


def source_of(folder: AttemptPaths, name: str) -> Path:
    """Where a file to send, or one to write, lies: features beside the attempts' folders, all else in this one's."""
    return (folder.shared if name.startswith("features/") else folder.folder) / name


def comes_home(name: str) -> bool:
    """Whether a file of a node may be written here under this name: a spool, the log, the outcome, or the run's own."""
    if name in (OUTCOME, LOG) or _SPOOL.fullmatch(name):
        return True
    parts = PurePosixPath(name).parts
    plain = all(part not in ("", ".", "..") and not part.startswith(".") for part in name.split("/"))
    return plain and len(parts) > 1 and parts[0] == "run" and "\0" not in name and len(name) <= _LONGEST_NAME


def exchange(far: FarEnd, folder: AttemptPaths, known: Known, seconds: float = SECONDS) -> None:
    """Send what the job lacks and what is wanted of it; bring home what it has written since.

    A spool or log only grows here; any other file is replaced as a whole. What a spool tells of is here before the
    lines that tell it, and the outcome comes last. Raises :class:`Unheard`, :class:`timnet.errors.DiskFull`, and
    :class:`timnet.remote.spool.SpoolBroken` where the node offers what no timnet writes.
    """
    deadline = time.monotonic() + seconds
    seen = far.look(_wanted(folder))
    for name, there in seen["lacks"]:
        if not _send(far, folder, str(name), int(there), deadline):
            return
    if not seen["begun"]:
        return
    files = {str(name): _stamp(stamp) for name, stamp in seen["files"].items()}
    odd = [name for name in files if not comes_home(name)]
    if odd:
        raise SpoolBroken(
            f"{folder.folder.name}: its node offers a file {clean(odd[0])[:80]!r}, which no timnet writes"
        )

    spools = [folder.folder / name for name in sorted(files) if _SPOOL.fullmatch(name)]
    news = {path: _lines(_new(far, path, files[path.name])) for path in spools}
    whole = bool(seen["ended"]) or any(map(_tells_the_end, news.values()))
    if not _fetch_run(far, folder, files, known, deadline, whole=whole):
        return
    for path, data in news.items():
        _append(path, data)
    if LOG in files:
        _append(folder.log, _new(far, folder.log, files[LOG], MOST_LOG))
    if OUTCOME in files and known.fetched.get(OUTCOME) != files[OUTCOME]:
        _fetch(far, folder, OUTCOME, files[OUTCOME], known)


def _wanted(folder: AttemptPaths) -> str:
    try:
        return folder.want.read_text().strip()
    except FileNotFoundError:
        return ""


def _stamp(told: Sequence[int]) -> Stamp:
    size, changed, inode = told
    return int(size), int(changed), int(inode)


def _send(far: FarEnd, folder: AttemptPaths, name: str, there: int, deadline: float) -> bool:
    """Send the rest of a file; False where the time is up."""
    with source_of(folder, name).open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        while True:
            stream.seek(there)
            before, there = there, far.write(name, there, stream.read(AT_ONCE))
            if there >= size:
                return True
            if there <= before or time.monotonic() > deadline:
                return False


def _fetch_run(
    far: FarEnd, folder: AttemptPaths, files: Mapping[str, Stamp], known: Known, deadline: float, *, whole: bool
) -> bool:
    """Make the run's files here those of the node; False where the time is up before they are.

    Resume points only now and then, unless ``whole``: what an ended run has must be its last. One that goes while it is
    read is superseded; nothing is removed here then, so that there is always one.
    """
    resume = whole or time.monotonic() >= known.resume_at
    ours = {name: stamp for name, stamp in files.items() if name.startswith("run/") and (resume or not _resumes(name))}
    settled = True
    for name, stamp in ours.items():
        if known.fetched.get(name) == stamp:
            continue
        if time.monotonic() > deadline:
            return False
        settled &= _fetch(far, folder, name, stamp, known)
    if resume and settled:
        _drop_others(folder, ours)
        if any(_resumes(name) for name in ours):
            known.resume_at = time.monotonic() + RESUME_SECONDS
    return True


def _resumes(name: str) -> bool:
    return name.startswith(("run/checkpoints/", "run/best-"))


def _drop_others(folder: AttemptPaths, files: Mapping[str, Stamp]) -> None:
    with in_fence():
        for path in folder.run.folder.rglob("*"):
            if path.is_file() and path.relative_to(folder.folder).as_posix() not in files:
                path.unlink(missing_ok=True)


def _fetch(far: FarEnd, folder: AttemptPaths, name: str, stamp: Stamp, known: Known) -> bool:
    """Bring one file, whole or not at all; False where it went, or was replaced, meanwhile."""
    with suppress(_Gone):
        with replacing(folder.folder / name) as target:
            while target.tell() < stamp[0]:
                data = far.read(name, target.tell(), AT_ONCE, stamp)
                if not data:
                    raise _Gone
                target.write(data)
        known.fetched[name] = stamp
        return True
    return False


class _Gone(Exception):
    """A file went while it was read."""


def _new(far: FarEnd, path: Path, stamp: Stamp, most: int = 1 << 40) -> bytes:
    """What a file that only grows has behind what is here, up to what ``stamp`` says and about ``most`` bytes."""
    here = path.stat().st_size if path.exists() else 0
    found = b""
    while here + len(found) < stamp[0] and len(found) < most:
        place = here + len(found)
        data = far.read(path.name, place, min(AT_ONCE, stamp[0] - place), (-1, -1, stamp[2]))
        if not data:
            break
        found += data
    return found


def _lines(data: bytes) -> bytes:
    """The whole lines: half of one may still be taken back on a full disk."""
    return data[: data.rfind(b"\n") + 1]


def _tells_the_end(data: bytes) -> bool:
    return any(line.startswith(_ENDS) for line in data.splitlines())


def _append(path: Path, data: bytes) -> None:
    """Put ``data`` behind what is here, all or none of it. Raises :class:`OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        before = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(descriptor, before)
            raise OSError(error.errno, error.strerror, str(path)) from error
        if data:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
