"""The git checkout that timnet runs from, where it does: its commit, and what was changed in the package since.

git is asked for nothing but what lies here: no network, no hook, no program of the user's for showing differences, no
lock taken. Where it is not installed, does not answer in time or fails, nothing is known, and nobody is kept waiting.
"""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from timnet.bounded import read_bounded

PACKAGE = "timnet"
SECONDS = 2.0
"""For all that git is asked, together."""
MOST_DIFF = 1_000_000
"""Bytes of differences that are kept."""
CUT = b"# cut here by timnet: the changes are longer than 1 MB, and this file does not hold the rest\n"
_MOST_STATUS = 1 << 20
_UNCHANGED = re.compile(rb"^diff --git [^\n]*\n(?=diff --git |\Z)", re.MULTILINE)
"""A file that was only touched; git knows better once it has written that into its index, which it is not to do."""
_QUIET = (
    "git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=true",
    "-c", "diff.autoRefreshIndex=false",
)  # fmt: skip
_STATUS = (
    "status", "--porcelain=v2", "--branch", "-z", "--no-ahead-behind", "--no-renames", "--untracked-files=all",
    "--ignore-submodules=all", "--", PACKAGE,
)  # fmt: skip
_DIFF = (
    "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--full-index", "--unified=3",
    "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all", "HEAD", "--", PACKAGE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checkout:
    """``changed``: the package is not as ``commit`` has it. ``diff`` then says how; None where git did not say.

    It is what ``git apply`` takes, at most :data:`MOST_DIFF` bytes; ``cut`` where that is not all of it.
    """

    commit: str
    changed: bool = False
    diff: bytes | None = None
    cut: bool = False


class _NoAnswer(Exception):
    """git is not there, was too slow, said too much, or failed."""


def checkout_of(root: Path, seconds: float = SECONDS) -> Checkout | None:
    """The checkout whose top is ``root``, the folder that holds the package; None where that is none, or git is silent.

    A package that is installed somewhere inside a user's own repository is no checkout of timnet's.
    """
    if not (root / ".git").exists():
        return None
    until = time.monotonic() + seconds
    try:
        commit, tracked, new = _status(_ask(root, _STATUS, _MOST_STATUS, until))
    except (_NoAnswer, OSError, ValueError):
        return None
    if not tracked and not new:
        return Checkout(commit)
    try:
        told = _ask(root, _DIFF, MOST_DIFF, until, cut=True) if tracked else b""
        diff = _UNCHANGED.sub(b"", told)
        for path in new:
            diff = diff if len(diff) > MOST_DIFF else diff + _as_new(root, path)
    except (_NoAnswer, OSError):
        return Checkout(commit, changed=True)
    whole = max(len(told), len(diff)) <= MOST_DIFF
    if not whole:
        diff = diff[: diff.rfind(b"\n", 0, MOST_DIFF - len(CUT)) + 1] + CUT
    return Checkout(commit, changed=True, diff=diff, cut=not whole)


def _status(told: bytes) -> tuple[str, bool, list[str]]:
    """The commit, whether files that git knows were changed, and Python files that it does not know."""
    commit, tracked, new = "", False, []
    for entry in told.split(b"\0"):
        if entry.startswith(b"# branch.oid "):
            commit = entry.rpartition(b" ")[2].decode("ascii")
        elif entry.startswith(b"? "):
            new += [os.fsdecode(entry[2:])] if entry.endswith(b".py") else []
        elif entry[:1] in (b"1", b"2", b"u"):
            tracked = True
    if len(commit) not in (40, 64):  # nothing was committed yet
        raise _NoAnswer
    return commit, tracked, sorted(new)


def _as_new(root: Path, path: str) -> bytes:
    """A file that git does not know, as its difference from nothing; not one whose name git would have to quote."""
    if not path.isascii() or not path.isprintable() or set(path) & set('"\\') or (root / path).is_symlink():
        return b""
    data = read_bounded(root / path, MOST_DIFF + 1)
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n".encode()
    if not data:
        return head
    lines = data.removesuffix(b"\n").split(b"\n")
    end = b"" if data.endswith(b"\n") else b"\\ No newline at end of file\n"
    place = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n".encode()
    return head + place + b"".join(b"+%b\n" % line for line in lines) + end


def _ask(root: Path, words: tuple[str, ...], most: int, until: float, *, cut: bool = False) -> bytes:
    """What git prints; of more than ``most`` bytes, with ``cut``, the first ones. Raises :class:`_NoAnswer`."""
    with _started(root, words) as process:
        told = b"".join(_parts(cast("BinaryIO", process.stdout), most, until))
        if len(told) > most and cut:
            return told
        try:
            status = process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _NoAnswer from None
    if status or len(told) > most:
        raise _NoAnswer
    return told


def _parts(stream: BinaryIO, most: int, until: float) -> Iterator[bytes]:
    """What comes, to the end or until it is more than ``most`` bytes. Raises :class:`_NoAnswer` when it is late."""
    left = most + 1
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while left > 0:
            if not selector.select(max(0.0, until - time.monotonic())):
                raise _NoAnswer
            part = os.read(stream.fileno(), min(left, 1 << 16))
            if not part:
                return
            left -= len(part)
            yield part


@contextmanager
def _started(root: Path, words: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    """A git at work. It is gone afterwards, or at least not waited for: where a disk hangs, no kill ends it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    process = subprocess.Popen(
        [*_QUIET, *words],
        cwd=root,
        env={
            **kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        cast("BinaryIO", process.stdout).close()
        if process.poll() is None:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
