"""Every kind of command asked of a registry that cannot be used, each in a process of its own.

``python -m tests.faults.asking FOLDER`` spoils a registry in each way of :data:`STATES`, for each command anew, runs
the command in a fork of this process, which has loaded the command line once, and prints what came of each as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from timnet.registry.schema import APPLICATION_ID, MIGRATIONS, apply

READING = (
    "runs ls", "runs ls --json", "runs show 1.1", "runs logs 1.2", "runs compare 1 2", "runs wait 1.1",
    "runs leakage 1", "runs trash", "queue ls", "workers ls", "corpora ls", "corpora leakage EMODB", "export table 1",
    "export runs", "export curves 1",
)  # fmt: skip
WRITING = (
    "runs tag 1 x", "runs note 1 x", "runs pin 1", "runs rm 1 --yes", "runs restore 1", "queue add EMODB",
    "queue again 1", "queue pause 2", "queue cancel 2", "queue retry 2", "queue move 2 --top", "queue rm 2 --yes",
    "corpora rm EMODB", "registry vacuum", "work", "train EMODB", "tune EMODB --trials 2",
)  # fmt: skip
COPYING = ("registry gc", "registry backup registry/copy.db")
CHECKING = ("registry check", "registry check --repair", "doctor")
"""They tell what is wrong with whatever they meet, in as many lines as it takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left: its exit status, its two streams, and the names of the files that it changed."""

    state: str
    words: str
    status: int
    out: str
    err: str
    changed: tuple[str, ...]


def older(db: Path) -> None:
    for path in db.parent.glob("runs.db*"):
        path.unlink()
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        apply(connection, MIGRATIONS[:1])
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")


def newer(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA user_version = 9999")


def foreign(db: Path) -> None:
    db.unlink()
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, mine TEXT)")
        connection.commit()


def text(db: Path) -> None:
    db.write_text("corpus,uar\nEMODB,0.93\n" * 50)


def a_folder(db: Path) -> None:
    db.unlink()
    db.mkdir()


def cut(db: Path) -> None:
    db.write_bytes(db.read_bytes()[:50_001])


def a_byte(db: Path) -> None:
    db.write_bytes(b"S")


def garbled(db: Path) -> None:
    """The table of tables, which nothing can be read without."""
    data = bytearray(db.read_bytes())
    data[100:4096] = random.Random(7).randbytes(3996)
    db.write_bytes(data)


def on_a_network(db: Path) -> None:
    """A stand-in: the list of what is mounted says so."""
    db.with_name("mounts").write_text(f"/dev/root / ext4 rw 0 0\nserver:/home {db.parent} nfs4 rw 0 0\n")


def without_a_folder(db: Path) -> None:
    shutil.rmtree(db.parent / "runs")
    for path in db.parent.iterdir():
        path.unlink()
    db.parent.rmdir()


def read_only(db: Path) -> None:
    for path in (*db.parent.rglob("*"), db.parent):
        path.chmod(0o555 if path.is_dir() else 0o444)


def file_read_only(db: Path) -> None:
    for path in (*db.parent.rglob("*"), db.parent):
        path.chmod(0o777 if path.is_dir() else 0o666)
    db.chmod(0o444)


@dataclass(frozen=True, slots=True)
class State:
    """How a registry is spoilt, by what words (a pattern) the one line tells it, and which commands are refused."""

    spoil: Callable[[Path], None]
    says: str
    refused: tuple[str, ...] = READING + WRITING + COPYING


STATES = {
    "older": State(older, "", ()),
    "newer": State(newer, "newer timnet"),
    "somebody else's": State(foreign, "not a timnet registry"),
    "text": State(text, "not a readable registry"),
    "a folder": State(a_folder, "is a folder"),
    "cut": State(cut, "its end is missing"),
    "a single byte": State(a_byte, "its end is missing"),
    "garbled": State(garbled, "not a readable registry"),
    "on a network": State(on_a_network, "network filesystem \\(nfs4\\)", READING + WRITING),
    "without a folder": State(without_a_folder, "no folder|no registry at"),
    "read-only": State(read_only, "may be written|cannot be opened or written", WRITING),
    "a read-only file": State(file_read_only, "may be written|cannot be opened or written", WRITING),
}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def obey_permissions() -> None:
    """Give up root's power to pass over permission bits, for good (``capset`` of capabilities(7))."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, held):
        raise OSError(ctypes.get_errno(), "capget")
    for place in range(3):
        held[place] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.capset(header, held):
        raise OSError(ctypes.get_errno(), "capset")


def ask(name: str, state: State, place: Path, made: Path, words: str) -> Answer:
    """One command on one registry."""
    folder = place / "registry"
    shutil.copytree(made, folder)
    state.spoil(folder / "runs.db")
    before = contents(folder) if folder.exists() else {}
    streams = [place / "out", place / "err"]
    pid = os.fork()
    if pid == 0:
        _become(["timnet", "--db", str(folder / "runs.db"), *words.split()], folder, streams)
    _, status = os.waitpid(pid, 0)
    after = contents(folder) if folder.exists() else {}
    changed = tuple(sorted({path for path, data in {**before, **after}.items() if before.get(path) != after.get(path)}))
    out, err = (stream.read_text() for stream in streams)
    shutil.rmtree(folder, ignore_errors=True)
    return Answer(name, words, os.waitstatus_to_exitcode(status), out, err, changed)


def _become(argv: list[str], folder: Path, streams: list[Path]) -> None:
    """In the fork: be the command. Never returns."""
    from timnet.__main__ import main
    from timnet.registry import filesystem

    status = 70
    try:
        os.chdir(folder.parent)
        for number, stream in enumerate(streams, start=1):
            os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if (folder / "mounts").exists():
            filesystem.MOUNTS = folder / "mounts"
        if os.geteuid() == 0:
            obey_permissions()
        sys.argv = argv
        main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main(place: Path, only: list[str]) -> list[Answer]:
    """Ask them all, or ``only`` some."""
    from tests.support import filled_registry
    from timnet.cli.app import command

    command()
    made = place / "made"
    made.mkdir()
    filled_registry(made / "runs.db").close()
    os.environ["TIMNET_CACHE"] = str(place / "cache")
    os.environ["XDG_CONFIG_HOME"] = str(place / "config")
    for path in (*made.rglob("*"), made, place):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return [
        ask(name, state, place, made, words)
        for name, state in STATES.items()
        for words in only or (*READING, *WRITING, *COPYING, *CHECKING)
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asdict(answer) for answer in main(Path(sys.argv[1]), sys.argv[2:])]) + "\n")
