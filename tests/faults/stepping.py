"""Killing a process at the n-th of its system calls that write, by ptrace: at each moment that a disk could see.

``python -m tests.faults.stepping OPERATION FOLDER EVERY`` does one of :data:`OPERATIONS` again and again in forked
processes and kills each at a later call, every ``EVERY``-th; after each kill it looks whether all is old or all is new,
and does the operation to its end. It prints how often it killed and how often it found the new.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import signal
import sqlite3
import sys
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

WRITING = {
    "x86_64": {1, 18, 20, 40, 74, 75, 77, 82, 83, 86, 87, 258, 263, 264, 285, 296, 316, 326},
    "aarch64": {34, 35, 37, 38, 46, 47, 64, 66, 68, 70, 71, 82, 83, 276, 285},
}
"""write, pwrite64, (p)writev, sendfile, fsync, fdatasync, ftruncate, rename*, mkdir*, link, unlink*, fallocate,
copy_file_range."""

TRACEME, SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
GOOD, EXITKILL, ENTRY = 0x1, 0x100000, 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long


class _Info(ctypes.Structure):
    """``struct ptrace_syscall_info`` of linux/ptrace.h."""

    _fields_ = (
        ("op", ctypes.c_uint8), ("pad", ctypes.c_uint8 * 3), ("arch", ctypes.c_uint32), ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64), ("number", ctypes.c_uint64), ("args", ctypes.c_uint64 * 6), ("more", ctypes.c_uint64),
    )  # fmt: skip


def possible() -> bool:
    """Whether a process may be stepped here."""
    return sys.platform == "linux" and platform.machine() in WRITING


def _ptrace(request: int, pid: int, size: int = 0, data: Any = None) -> int:
    found = int(_LIBC.ptrace(request, pid, size, data))
    if found < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")
    return found


def killed_at(place: int, act: Any) -> bool:
    """Call ``act`` in a fork that is killed before its writing call number ``place``; False where it has fewer."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _ptrace(TRACEME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            act()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    os.waitpid(pid, 0)
    _ptrace(SETOPTIONS, pid, 0, GOOD | EXITKILL)
    writing, info, passed = WRITING[platform.machine()], _Info(), 0
    while True:
        _ptrace(SYSCALL, pid)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "the operation failed without being killed"
            return False
        assert os.WIFSTOPPED(status), status
        _ptrace(GET_SYSCALL_INFO, pid, ctypes.sizeof(info), ctypes.byref(info))
        if info.op == ENTRY and info.number in writing:
            passed += 1
            if passed == place:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return True


class Operation(ABC):
    """Something that is written, in ``folder``.

    ``again``: it may be done when it was done; ``half_written``: what of it must not be there afterwards.
    """

    again = True
    half_written = "**/.*.tmp"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder with what is there beforehand."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    @abstractmethod
    def act(self) -> None:
        """Write."""

    @abstractmethod
    def is_new(self) -> bool:
        """False where all is as before, True where all is written; fails for anything between."""


class File(Operation):
    """A file in the place of another."""

    def prepare(self) -> None:
        super().prepare()
        (self.folder / "file").write_bytes(b"old" * 1000)

    def act(self) -> None:
        from timnet.files import write_bytes

        write_bytes(self.folder / "file", b"new!" * 50_000)

    def is_new(self) -> bool:
        found = (self.folder / "file").read_bytes()
        assert found in (b"old" * 1000, b"new!" * 50_000)
        return found.startswith(b"new")


class Checkpoint(Operation):
    """The resume point of the third epoch, where those of the first two lie."""

    def __init__(self, folder: Path) -> None:
        from tests.faults.pretend import Variable, without_tensorflow

        without_tensorflow()
        super().__init__(folder)
        self.variable, self.moment = Variable("w", np.zeros(500)), Variable("m", np.zeros(3))

    def prepare(self) -> None:
        super().prepare()
        for epoch in (1, 2):
            self._save(epoch)

    def act(self) -> None:
        self._save(3)

    def is_new(self) -> bool:
        from timnet.paths import RunPaths
        from timnet.training import checkpoint

        mean: Any = SimpleNamespace(values=[])
        progress = checkpoint.restore(RunPaths(self.folder), *self._network(), mean)
        assert progress.epoch in (2, 3)
        assert (self.variable.value == progress.epoch).all()
        assert (self.moment.value == -progress.epoch).all()
        return progress.epoch == 3

    def _network(self) -> tuple[Any, Any]:
        return SimpleNamespace(variables=[self.variable]), SimpleNamespace(variables=[self.moment])

    def _save(self, epoch: int) -> None:
        from tests.support import epoch_record
        from timnet.paths import RunPaths
        from timnet.training import checkpoint
        from timnet.training.rule import BestSoFar

        self.variable.assign(np.full(500, epoch))
        self.moment.assign(np.full(3, -epoch))
        history = tuple(epoch_record(one) for one in range(1, epoch + 1))
        mean: Any = SimpleNamespace(values=[])
        progress = checkpoint.Progress(BestSoFar(), history)
        checkpoint.save(RunPaths(self.folder), *self._network(), mean, progress)


class Cache(Operation):
    """An array of features, row by row."""

    ROWS = np.arange(6 * 50 * 39, dtype=np.float32).reshape(6, 50, 39)

    def act(self) -> None:
        from timnet.features.cache import FeatureCache

        cache = FeatureCache(self.folder)
        with cache.locked("key"):
            cache.write("key", self.ROWS.shape, iter(self.ROWS), {"corpus": "A", "utterances": 6})

    def is_new(self) -> bool:
        from timnet.features.cache import FeatureCache

        path = FeatureCache(self.folder).lookup("key", self.ROWS.shape)
        assert path is None or (np.load(path) == self.ROWS).all()
        return path is not None


class _OfRegistry(Operation):
    """Something done with a registry of two experiments, made once."""

    def __init__(self, folder: Path) -> None:
        from tests.export.test_bundle import _test_what_the_protocol_says
        from tests.support import filled_registry

        super().__init__(folder)
        self.made = folder.with_name("made")
        self.made.mkdir()
        with filled_registry(self.made / "runs.db") as registry:
            _test_what_the_protocol_says(registry)
        self.bundle = self.made / "whole.zip"
        self.pack(self.made, self.bundle)

    def pack(self, where: Path, target: Path) -> None:
        from timnet.export.bundle import export_bundle
        from timnet.registry import Registry

        with Registry.open(where / "runs.db") as registry:
            export_bundle(registry, [1], target)


class Export(_OfRegistry):
    """A bundle in the place of another file."""

    def prepare(self) -> None:
        super().prepare()
        (self.folder / "b.zip").write_bytes(b"old")

    def act(self) -> None:
        self.pack(self.made, self.folder / "b.zip")

    def is_new(self) -> bool:
        path = self.folder / "b.zip"
        if path.read_bytes() == b"old":
            return False
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
        assert path.read_bytes() == self.bundle.read_bytes()
        return True


class Import(_OfRegistry):
    """A bundle's experiment, with its arrays, into a registry that has none.

    What is here already is not imported twice. Folders of runs that the registry does not know may be left.
    """

    again = False
    half_written = ".*.tmp"

    def prepare(self) -> None:
        from timnet.registry import Registry

        super().prepare()
        Registry.open(self.folder / "runs.db").close()

    def act(self) -> None:
        from timnet.imports.bundle import import_bundle
        from timnet.registry import Registry

        with Registry.open(self.folder / "runs.db") as registry:
            import_bundle(registry, self.bundle)

    def is_new(self) -> bool:
        from timnet.records import RunState
        from timnet.registry import Registry

        with Registry.open(self.folder / "runs.db") as registry:
            assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
            runs = registry.runs.ls()
            assert [run.state for run in runs] in ([], [RunState.DONE] * 3)
            assert len(registry.corpora.ls()) in (0, 1)
            for run in runs:
                paths = registry.paths.run(run.uid)
                assert np.load(paths.embeddings).ndim == 2
                with np.load(paths.final_weights) as stored:
                    assert stored.files == ["kernel"]
                assert len(registry.results.epochs(run.id)) == 20
            return bool(runs)


class Migration(Operation):
    """A registry of the first schema, with a backup beside it."""

    def prepare(self) -> None:
        from timnet.registry.schema import APPLICATION_ID, MIGRATIONS, apply

        super().prepare()
        connection = sqlite3.connect(self.folder / "runs.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        apply(connection, MIGRATIONS[:1])
        connection.execute("INSERT INTO tags VALUES (7, 'kept')")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.close()

    def act(self) -> None:
        from timnet.registry import Registry

        Registry.open(self.folder / "runs.db").close()

    def is_new(self) -> bool:
        from timnet.registry.schema import MIGRATIONS

        found = [self._version(path) for path in (self.folder / "runs.db", *self.folder.glob("runs.db.before-*"))]
        assert found[0] in (1, len(MIGRATIONS))
        assert all(version == 1 for version in found[1:])
        assert found[0] == 1 or len(found) == 2
        return found[0] > 1

    def _version(self, path: Path) -> int:
        if path.suffix in ("-wal", "-shm") or path.name.endswith(("-wal", "-shm")):
            return 1
        connection = sqlite3.connect(path)
        try:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT tag FROM tags").fetchall() == [("kept",)]
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
        finally:
            connection.close()


class Restore(Operation):
    """``timnet registry restore`` over a registry whose last rows are in SQLite's log alone."""

    half_written = ".runs.db.[0-9]*.tmp"

    def __init__(self, folder: Path) -> None:
        from timnet.care import restoring
        from timnet.cli.app import command

        super().__init__(folder)
        command()  # parsed once, before the forks
        # it only reads, every process there is, and each of its calls would be stepped through
        restoring.open_in = lambda _db: []  # type: ignore[assignment]
        self.made, self.present = folder.with_name("made"), folder.with_name("present")
        self.made.mkdir()
        self._make()
        shutil.copytree(self.made, self.present)
        self.old, self.backup = self._contents(self.made / "runs.db"), self._contents(self.made / "backup.db")
        assert self.old != self.backup
        self.spoil()

    def _make(self) -> None:
        from tests.support import add_corpus, add_experiment, start_next, train
        from timnet.registry import Registry
        from timnet.registry.backup import back_up

        path = self.made / "runs.db"
        with Registry.open(path) as registry:
            add_experiment(registry, add_corpus(registry, utterances=14), folds=2)
            train(registry, start_next(registry), 3)
        back_up(path, self.made / "backup.db")
        with Registry.open(path) as registry:
            train(registry, 1, 6)
            registry.experiments.note(1, "old")
            shutil.copytree(self.made, self.made.with_name("open"), ignore=shutil.ignore_patterns("*-shm", "runs"))
        shutil.rmtree(self.made)
        self.made.with_name("open").rename(self.made)

    def spoil(self) -> None:
        """The registry stays as it is."""

    def prepare(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.present, self.folder)

    def act(self) -> None:
        from timnet.cli.app import run

        db, source = str(self.folder / "runs.db"), str(self.folder / "backup.db")
        assert run(["--db", db, "registry", "restore", source, "--yes", "--json"]) == 0

    def is_new(self) -> bool:
        found = self._contents(self.folder / "runs.db")
        kept = [self._contents(path) for path in self.kept()]
        assert all(one in (self.old, self.backup) for one in (found, *kept)), "neither the old nor the new"
        assert found == self.old or self.old in kept, "what was there is lost"
        return found == self.backup

    def kept(self) -> list[Path]:
        """What was kept of the registry before it was replaced."""
        found = self.folder.glob("runs.db.before-restore-*")
        return [path for path in found if not path.name.endswith(("-wal", "-shm"))]

    def _contents(self, path: Path) -> Any:
        """All rows, as whoever opens it next sees them; of copies, so that looking changes nothing."""
        look = self.folder.with_name("look")
        look.mkdir()
        try:
            for suffix in ("", "-wal"):
                part = path.with_name(path.name + suffix)
                if part.exists():
                    shutil.copy(part, look / f"runs.db{suffix}")
            connection = sqlite3.connect(look / "runs.db")
            try:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                return list(connection.iterdump())
            finally:
                connection.close()
        finally:
            shutil.rmtree(look)


class RestoreOverDamaged(Restore):
    """The same over a registry that is damaged: its bytes are kept, with the log that goes with them."""

    def spoil(self) -> None:
        path = self.present / "runs.db"
        self.old = b"damaged" + path.read_bytes()[7:], path.with_name("runs.db-wal").read_bytes()
        path.write_bytes(self.old[0])

    def is_new(self) -> bool:
        path, kept = self.folder / "runs.db", self.kept()
        logs = [one.with_name(one.name + "-wal") for one in (path, *kept)]
        if path.read_bytes() != self.old[0]:
            assert not logs[0].exists(), "the new one has the log of the old one"
            assert self._contents(path) == self.backup, "neither the old nor the new"
        assert any(one.read_bytes() == self.old[0] for one in (path, *kept)), "what was there is lost"
        assert any(log.exists() and log.read_bytes() == self.old[1] for log in logs), "its log is lost"
        return path.read_bytes() != self.old[0]


OPERATIONS = {
    "file": File, "checkpoint": Checkpoint, "cache": Cache, "export": Export, "import": Import, "migration": Migration,
    "restore": Restore, "restore-over-damaged": RestoreOverDamaged,
}  # fmt: skip


def step_through(operation: Operation, every: int) -> tuple[int, int]:
    """Kill ``operation`` at each ``every``-th of its writing calls; returns (kills, those after which all was new)."""
    new = 0
    for kills, place in enumerate(range(1, 1_000_000, every)):
        operation.prepare()
        if not killed_at(place, operation.act):
            return kills, new
        found = operation.is_new()
        new += found
        if not found or operation.again:
            operation.act()
        assert operation.is_new(), f"{place}: it cannot be done after the kill"
        assert not [*operation.folder.glob(operation.half_written)], f"{place}: what was half-written is still there"
    raise AssertionError("it never ends")


if __name__ == "__main__":
    name, place, every = sys.argv[1:]
    kills, new = step_through(OPERATIONS[name](Path(place) / "work"), int(every))
    sys.stdout.write(json.dumps({"kills": kills, "new": new}) + "\n")
