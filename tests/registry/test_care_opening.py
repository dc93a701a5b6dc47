"""Registries of an older timnet, damaged ones, and those that go while a worker has them open: in real processes."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.registry.test_care_backup import old_registry, rows_of
from tests.support import filled_registry
from timnet.errors import RegistryError, TimnetError
from timnet.registry import Registry, database
from timnet.registry.backup import back_up
from timnet.registry.copies import copies
from timnet.registry.schema import MIGRATIONS

OPEN = """
import sys, time
from pathlib import Path
from timnet.registry import Registry
path, ready, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
(ready / name).touch()
while len(list(ready.iterdir())) < 6:
    time.sleep(0.001)
with Registry.open(path) as registry:
    with registry.db.write():
        registry.db.connection.execute("INSERT INTO cursors VALUES (?, 1)", (name,))
"""


def test_six_processes_that_migrate_one_registry_at_once_all_succeed_and_it_is_backed_up_once(tmp_path: Path) -> None:
    path, ready = tmp_path / "runs.db", tmp_path / "ready"
    old_registry(path)
    ready.mkdir()
    before = rows_of(path)
    words = [sys.executable, "-c", OPEN, str(path), str(ready)]
    processes = [subprocess.Popen([*words, f"w{n}"], stderr=subprocess.PIPE, text=True) for n in range(6)]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert (said, [process.returncode for process in processes]) == ([""] * 6, [0] * 6)
    with Registry.open(path) as registry:
        names = [row[0] for row in registry.db.tuples("SELECT name FROM cursors WHERE name LIKE 'w%' ORDER BY name")]
        assert names == [f"w{n}" for n in range(6)]
        assert [one.name for one in registry.corpora.ls()] == ["EMODB"]
        assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
    [kept] = copies(path)
    assert kept.path.name == f"runs.db.before-v{len(MIGRATIONS)}"
    assert rows_of(kept.path) == before
    assert not list(tmp_path.glob(".*"))


def test_a_registry_that_grew_after_a_migration_that_failed_is_backed_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.db"
    old_registry(path)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE nowhere ADD COLUMN x TEXT",)))
        for _ in range(3):
            with pytest.raises((sqlite3.OperationalError, RegistryError), match="nowhere"):
                Registry.open(path)
        assert len(copies(path)) == 1
        time.sleep(0.01)
        with closing(sqlite3.connect(path)) as older:
            older.execute("UPDATE corpora SET path = 'later'")
            older.commit()
        with pytest.raises((sqlite3.OperationalError, RegistryError), match="nowhere"):
            Registry.open(path)
        newest, first = copies(path)
    assert any("later" in row for row in rows_of(newest.path))
    assert not any("later" in row for row in rows_of(first.path))


def test_a_damaged_registry_is_one_line_that_names_the_newest_backup_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    whole = path.read_bytes()
    for length in (1, 50, 99, 4096, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(RegistryError) as caught:
            Registry.open(path)
        assert "timnet registry check" in str(caught.value)
        assert "no backup lies beside it" in str(caught.value)
        assert path.read_bytes() == whole[:length]
        assert not path.with_name("runs.db-wal").exists()
    path.write_bytes(whole)
    saved = back_up(path).path
    path.write_bytes(b"nonsense" * 2000)
    for open_it in (Registry.open, Registry.open_read_only):
        with pytest.raises(RegistryError) as caught:
            open_it(path)
        assert f"timnet registry restore {saved.name}" in str(caught.value)
        assert str(caught.value).isprintable()


def test_a_page_garbled_anywhere_is_read_as_it_was_or_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    whole = path.read_bytes()
    generator = random.Random(7)
    refused = 0
    for _ in range(40):
        data, page = bytearray(whole), generator.randrange(1, len(whole) // 4096)
        start = page * 4096 + generator.choice((0, 0, 8, generator.randrange(4000)))
        data[start : start + 40] = generator.randbytes(40)
        path.write_bytes(data)
        said = complaint_of(path)
        refused += said is not None
        assert said is None or said.isprintable()
        assert path.read_bytes() == data, "who only reads does not write"
    assert refused > 5


def complaint_of(path: Path) -> str | None:
    """What reading all of a registry ends with, if not well."""
    try:
        with Registry.open(path) as registry:
            for run in registry.runs.ls():
                registry.results.epochs(run.id)
                registry.results.events(run.id)
            registry.experiments.ls()
            registry.corpora.ls()
    except TimnetError as error:
        return str(error)
    return None


@pytest.mark.parametrize("fate", ["deleted", "replaced"])
def test_a_worker_whose_registry_goes_ends_with_one_line(tmp_path: Path, fate: str) -> None:
    path = tmp_path / "runs.db"
    Registry.open(path).close()
    words = [sys.executable, "-m", "timnet.queue.worker", "--db", str(path), "--jobs", "1", "--stay"]
    worker = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        with Registry.open(path) as registry:
            while not registry.workers.open():
                assert time.monotonic() < deadline
                time.sleep(0.05)
        (tmp_path / "other").mkdir()
        other = tmp_path / "other" / "runs.db"
        filled_registry(other).close()
        rows = rows_of(other)
        if fate == "deleted":
            path.unlink()
        else:
            other.replace(path)
        said = worker.communicate(timeout=60)[1].splitlines()
    finally:
        worker.kill()
    assert worker.returncode == 2
    assert f"{fate}" in said[-1]
    assert said[-1].startswith(f"timnet: {path} was ")
    assert not any("Traceback" in line for line in said)
    if fate == "replaced":
        assert rows_of(path) == rows
