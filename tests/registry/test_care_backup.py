"""Backups of a registry that is being written, and the way back."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import filled_registry
from timnet.errors import BadInput, RegistryError
from timnet.registry import Registry, backup, copies
from timnet.registry.schema import MIGRATIONS, apply

WRITER = """
import sys, threading
from pathlib import Path
from timnet.registry import Registry
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
with Registry.open(Path(sys.argv[1])) as registry:
    number = 0
    while not ended.is_set():
        number += 1
        with registry.db.write():
            registry.experiments.note(1, str(number))
            registry.experiments.note(2, str(number))
        if number == 3:
            print("writing", flush=True)
    print(number)
"""


def rows_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        return list(connection.iterdump())


def notes_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        return [row[0] for row in connection.execute("SELECT note FROM experiments ORDER BY id")]


def test_a_backup_is_one_whole_moment_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    made = [backup.back_up(path, tmp_path / f"copy{number}.db") for number in range(5)]
    said, _ = writer.communicate("", timeout=60)
    assert writer.returncode == 0
    seen = [notes_of(one.path) for one in made]
    assert all(first == second for first, second in seen), "half a transaction"
    assert 3 <= int(seen[0][0]) <= int(seen[-1][0]) <= int(said)
    assert [(one.experiments, one.runs) for one in made] == [(2, 13)] * 5
    assert [file.name for file in tmp_path.glob("copy0.db*")] == ["copy0.db"]
    assert not list(tmp_path.glob(".*"))


def test_a_backup_overwrites_nothing_unless_told_to(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.db").symlink_to(path)
    for name in ("mine", "folder", "runs.db", "link.db", "runs.db-wal", "runs.db-gate", "missing/x.db"):
        for force in (False, True):
            if (name, force) != ("mine", True):
                with pytest.raises(BadInput):
                    backup.back_up(path, tmp_path / name, force=force)
    assert (tmp_path / "mine").read_text() == "mine"
    assert backup.back_up(path, tmp_path / "mine", force=True).runs == 13
    unnamed = [backup.back_up(path).path for _ in range(2)]  # perhaps within one second
    assert len(set(unnamed)) == 2
    assert {one.path for one in copies.copies(path)} == set(unnamed)
    assert not any(one.automatic for one in copies.copies(path))


def test_no_backup_is_made_of_a_damaged_registry_and_the_old_one_stays(tmp_path: Path) -> None:
    path, target = tmp_path / "runs.db", tmp_path / "copy.db"
    filled_registry(path).close()
    backup.back_up(path, target)
    before = target.read_bytes()
    garble(path)
    with pytest.raises(RegistryError, match=r"the copy of .* is damaged"):
        backup.back_up(path, target, force=True)
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".*.tmp*"))


def garble(path: Path, pages: int = 20) -> None:
    """Write nonsense over the heads of the last pages: it can be opened, but is not sound."""
    data = bytearray(path.read_bytes())
    for page in range(len(data) // 4096 - pages, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)


def test_restoring_brings_everything_back_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with filled_registry(path) as registry:
        saved = backup.back_up(path).path
        registry.experiments.note(1, "later")
    before = rows_of(saved)
    found = backup.restore(path, saved)
    assert (found.schema, found.experiments, found.runs) == (len(MIGRATIONS), 2, 13)
    assert rows_of(path) == before
    assert found.kept is not None
    assert notes_of(found.kept)[0] == "later"
    with Registry.open(path) as registry:
        assert registry.experiments.note(1, "goes on").note == "goes on"
        assert registry.db.row("PRAGMA journal_mode") == {"journal_mode": "wal"}
    again = backup.restore(path, found.kept)
    assert again.kept not in (None, found.kept)
    assert notes_of(path)[0] == "later"


def test_the_log_of_what_was_there_is_neither_lost_nor_read_into_the_backup(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with filled_registry(path) as registry:
        saved = backup.back_up(path).path
        registry.experiments.note(1, "only in the log")
        with pytest.raises(RegistryError, match="open in another process"):
            backup.restore(path, saved)
        assert registry.experiments.note(2, "still works").note == "still works"
        log, database = path.with_name("runs.db-wal").read_bytes(), path.read_bytes()
    assert b"only in the log" in log
    assert b"only in the log" not in database
    path.write_bytes(database)  # as a machine that stopped leaves it
    path.with_name("runs.db-wal").write_bytes(log)
    kept = backup.restore(path, saved).kept
    assert notes_of(path) == ["", ""]
    assert kept is not None
    assert notes_of(kept) == ["only in the log", "still works"]
    assert not path.with_name("runs.db-wal").exists()


@pytest.mark.parametrize("damage", ["garbled", "text", "gone", "log without a database"])
def test_restoring_over_a_registry_that_is_damaged_or_gone(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    saved = backup.back_up(path, tmp_path / "copy.db").path
    if damage == "garbled":
        garble(path, len(path.read_bytes()) // 4096 - 1)
        path.with_name("runs.db-wal").write_bytes(b"a log of before")
    elif damage == "text":
        path.write_text("corpus,uar\n" * 500)
    else:
        path.unlink()
        if damage != "gone":
            path.with_name("runs.db-wal").write_bytes(b"a log of before")
    there = path.read_bytes() if path.exists() else None
    kept = backup.restore(path, saved).kept
    assert (kept.read_bytes() if kept else None) == there
    with Registry.open(path) as registry:
        assert len(registry.runs.ls()) == 13
        assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
    if damage in ("garbled", "log without a database"):
        assert [file.read_bytes() for file in tmp_path.glob("runs.db.before-restore-*-wal")] == [b"a log of before"]


def test_what_is_no_sound_backup_is_not_restored(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    garbled, text, newer, foreign = (tmp_path / name for name in ("garbled.db", "text.db", "newer.db", "foreign.db"))
    for copy in (garbled, newer):
        backup.back_up(path, copy)
    garble(garbled)
    text.write_text("x" * 10_000)
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    (tmp_path / "empty.db").touch()
    before = path.read_bytes()
    for source in (garbled, text, newer, foreign, tmp_path / "empty.db", tmp_path / "none.db", tmp_path, path):
        with pytest.raises(BadInput) as caught:
            backup.restore(path, source)
        assert str(caught.value).isprintable()
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*before-restore*"))
    with pytest.raises(RegistryError, match="SQLite database in the registry's place"):
        backup.restore(foreign, path)
    assert not list(tmp_path.glob(".*"))


def test_a_restore_that_dies_at_any_step_leaves_the_old_registry_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.db"
    with filled_registry(path) as registry:
        saved = backup.back_up(path).path
        registry.experiments.note(1, "later")
    for step in ("copy_into", "refuse_damaged", "_counts", "write_copy"):
        with monkeypatch.context() as patch:
            patch.setattr(backup, step, lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                backup.restore(path, saved)
        with Registry.open(path) as registry:
            assert registry.experiments.get(1).note == "later"
            assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: 1 / 0)  # killed before the one step that counts
        with pytest.raises(ZeroDivisionError):
            backup.restore(path, saved)
    with Registry.open(path) as registry:
        assert registry.experiments.get(1).note == "later"


def test_vacuum_gives_room_back_and_keeps_every_row(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with filled_registry(path) as registry:
        registry.experiments.note(1, "x" * 500_000)
        registry.experiments.note(1, "")
    before = rows_of(path)
    found = backup.vacuum(path)
    assert found.after < found.before - 400_000
    assert found.after == path.stat().st_size
    assert rows_of(path) == before


def test_an_older_registry_can_be_backed_up_and_is_migrated_after_it_was_restored(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    old_registry(path)
    before = rows_of(path)
    saved = backup.back_up(path).path
    assert rows_of(saved) == before
    Registry.open(path).close()
    backup.restore(path, saved)
    assert rows_of(path) == before
    with Registry.open(path) as registry:
        assert registry.experiments.removed() == []


def old_registry(path: Path, version: int = 2) -> None:
    """A registry as the second version of the schema had it, with a row."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        apply(connection, MIGRATIONS[:version])
        connection.execute(
            "INSERT INTO corpora (name, layout, path, digest, classes, signal_length, tabs, added) "
            "VALUES ('EMODB', 'raw', 'x', 'd', '[]', 1, 8, '2026-01-01T00:00:00.000Z')"
        )
        connection.execute(f"PRAGMA application_id = {copies.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
