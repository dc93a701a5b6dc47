"""What a reader does besides reading, as Python's own audit events tell it."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: never part of reading a file
_NEVER = frozenset(
    {
        "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn", "subprocess.Popen",
        "socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "ctypes.dlopen", "webbrowser.open",
        "os.kill", "pickle.find_class", "marshal.loads", "sqlite3.enable_load_extension",
        "os.chown",
    }
)  # fmt: skip
#: may be done inside the scratch folder alone: the events' arguments that are paths
_CHANGES = {
    "os.remove": (0,), "os.rename": (0, 1), "os.mkdir": (0,), "os.rmdir": (0,), "os.symlink": (0, 1), "os.link": (0, 1),
    "os.truncate": (0,), "os.chmod": (0,), "shutil.move": (0, 1), "shutil.copyfile": (1,), "shutil.rmtree": (0,),
}  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_folder: str | None = None
_seen: list[str] = []
_hooked = False


def unclean(text: str) -> set[str]:
    """The characters of ``text`` that can steer a terminal, or that it draws as nothing."""
    if text.isascii() and text.isprintable():
        return set()
    steering = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    return {one for one in set(text) if one not in "\n\r" and unicodedata.category(one) in steering}


@contextmanager
def watching(folder: Path) -> Iterator[list[str]]:
    """What is done meanwhile that must not be, one line each; files may be changed below ``folder`` alone."""
    global _folder, _hooked
    if not _hooked:
        sys.addaudithook(_hear)  # for the rest of the process: hooks cannot be taken off
        _hooked = True
    _seen.clear()
    _folder = os.path.realpath(folder)
    compiled, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a module that a reader is the first to import
    try:
        yield _seen
    finally:
        _folder, sys.dont_write_bytecode = None, compiled


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _folder is None:
        return
    if event in _NEVER:
        if not _of_a_library(event, arguments):
            _seen.append(f"{event} {str(arguments)[:200]}")
    elif event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING and _outside(path):
            _seen.append(f"open for writing {path!r}")
    elif (
        event in _CHANGES
        and any(_outside(arguments[place]) for place in _CHANGES[event])
        and not _in_a_folder(arguments)
    ):
        _seen.append(f"{event} {str(arguments)[:200]}")


def _of_a_library(event: str, arguments: tuple[Any, ...]) -> bool:
    """What the import of a module does: compiled modules are unmarshalled, libraries loaded."""
    del arguments
    if event not in ("marshal.loads", "ctypes.dlopen"):
        return False
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _in_a_folder(arguments: tuple[Any, ...]) -> bool:
    """Whether the path is relative to an open folder, whose own path was looked at when it was opened."""
    return (
        isinstance(arguments[-1], int)
        and arguments[-1] >= 0
        and isinstance(arguments[0], str)
        and "/" not in arguments[0]
    )


def _outside(path: Any) -> bool:
    """Whether a path is out of the scratch folder; descriptors are of files that were opened before."""
    if _folder is None or isinstance(path, int):
        return False
    name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links are what they are
    return not (name == _folder or name.startswith((_folder + os.sep, "/dev/null", "/dev/tty")))
