"""What is wrong is found, each in one line; what can be put right is, after a backup, and nothing else is touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.care_support import EPOCHS, whole_registry
from tests.registry.test_care_backup import garble, rows_of
from timnet.care.checking import check
from timnet.care.mending import repair
from timnet.errors import RegistryError
from timnet.queue.liveness import boot_id, try_lock, unlock
from timnet.records import ProcessProof, RunState
from timnet.registry import Registry, copies
from timnet.registry.check import Kind


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    whole_registry(path).close()
    return path


def by_hand(db: Path, *statements: str) -> None:
    """What a defect, another program or a power cut may leave."""
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def contents(folder: Path) -> dict[str, bytes]:
    """All files but those that SQLite keeps while a database is open."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".db-wal", ".db-shm")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def folder_of(db: Path, key: str) -> Path:
    with Registry.open_read_only(db) as registry:
        return registry.paths.run(registry.runs.get(key).uid).folder


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


def test_a_whole_registry_is_sound_and_looking_changes_nothing(db: Path) -> None:
    before = contents(db.parent)
    for quick in (False, True):
        found = check(db, quick=quick)
        assert (found.findings, found.ok, found.runs, found.files, found.busy) == ((), True, 3, 6, 0)
    assert repair(db, 5).backup is None
    assert contents(db.parent) == before


#: what is done to the rows -> what is found, and whether a repair leaves nothing of it
ROWS = [
    ("DELETE FROM epochs WHERE run_id = 1 AND epoch IN (2, 4, 5)", "1.1: epochs 2, 4-5 are missing, of 1 to 6", True),
    ("DELETE FROM epochs WHERE run_id = 2 AND epoch = 3", "1.2: epoch 3 is missing, of 1 to 4", True),
    ("DELETE FROM epochs WHERE run_id = 1 AND epoch > 4", "1.1: epochs 5-6 are missing, of 1 to 6", True),
    ("UPDATE runs SET epoch = 9 WHERE id = 1", "1.1: epochs 7-9 are missing, of 1 to 9", True),
    ("UPDATE runs SET epochs = 5 WHERE id = 1", "1.1: it has epoch 6 and was to have 5", False),
    ("UPDATE runs SET last_val_uar = 0.99 WHERE id = 2", "1.2: its last values are not those", True),
    ("UPDATE runs SET smooth_loss = 0.1 WHERE id = 2", "1.2: its smoothed values are not", True),
    ("UPDATE runs SET best_epoch = 4 WHERE id = 1", "1.1: its best val_loss is not what epoch 4 measured", True),
    ("UPDATE runs SET best_epoch = 60 WHERE id = 1", "1.1: its best val_loss is not what epoch 60 measured", True),
    ("UPDATE runs SET war = NULL WHERE id = 1", "1.1: it is done and has no score", False),
    ("UPDATE runs SET uar = 0.9 WHERE id = 1", "UAR 90.00 is not what its predictions give (100.00)", False),
    ("DELETE FROM predictions WHERE run_id = 1", "1.1: it is done and has no predictions", False),
    ("DELETE FROM checkpoints WHERE kind = 'final'", "1.1: it is done and no final weights are recorded", False),
    ("UPDATE attempts SET ended = NULL WHERE run_id = 1", "1.1: attempt 1 was never ended", True),
    ("UPDATE runs SET state = 'running' WHERE id = 2", "1.2: it is running, and attempt 1 has ended", False),
    ("UPDATE experiments SET config = '{'", "experiment 1: its settings cannot be read", False),
    ("UPDATE epochs SET run_id = 77 WHERE run_id = 2 AND epoch = 4", "refers to a row of runs that is not", False),
    ("DROP INDEX runs_by_state", "the index runs_by_state is not there", True),
    ("CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END", "the trigger t is not timnet's", False),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "says", "mends"), ROWS, ids=[one[0][:50] for one in ROWS])
def test_rows_that_are_wrong(db: Path, statement: str, says: str, mends: bool) -> None:
    before = rows_of(db)
    by_hand(db, statement)
    broken = contents(db.parent)
    found = check(db)
    lines = [one.line for one in found.findings]
    assert any(says in line for line in lines), lines
    assert all(line.isprintable() for line in lines)
    assert contents(db.parent) == broken, "a check changes nothing"
    mended = repair(db, 5)
    if not mends:
        assert any(says in one.line for one in mended.left.findings)
        return
    assert (mended.left.findings, bool(mended.done)) == ((), True)
    assert mended.backup is not None
    assert "before-repair-" in mended.backup.name
    assert any(says in one.line for one in check(mended.backup).findings), "kept as it was"
    if "attempts" not in statement:  # those are ended now, at another time
        after = rows_of(db)
        changed = {row.replace("\n", "") for row in set(before) ^ set(after)}
        assert all('INTO "epochs"' in row or 'INTO "events"' in row for row in changed), "times of rows put back"


def test_epochs_come_back_from_the_resume_point_with_their_checks_and_values(db: Path) -> None:
    with Registry.open(db) as registry:
        before = (registry.runs.get("1.1"), registry.results.epochs(1), [e.text for e in registry.results.events(1)])
    by_hand(
        db,
        "DELETE FROM epochs WHERE run_id = 1 AND epoch > 3",
        "DELETE FROM events WHERE run_id = 1 AND epoch > 3 AND kind LIKE 'check-%'",
        "DELETE FROM epochs WHERE run_id = 1 AND epoch = 1",
    )
    mended = repair(db, 5)
    assert mended.left.ok
    assert any("4 epochs brought back" in line for line in mended.done)
    with Registry.open(db) as registry:
        assert registry.results.epochs(1) == before[1]
        assert registry.runs.get("1.1") == before[0]
        assert sorted(e.text for e in registry.results.events(1)) == sorted(before[2])


@pytest.mark.parametrize("harm", [cut, flip, Path.unlink], ids=["cut", "flipped", "gone"])
def test_files_that_rows_name(db: Path, harm: Callable[[Path], None]) -> None:
    done, stopped = folder_of(db, "1.1"), folder_of(db, "1.2")
    harm(done / "final.npz")
    harm(stopped / "checkpoints" / "epoch-000004.npz")
    harm(stopped / "best-000004.npz")
    found = {(one.run, one.file.rpartition("/")[2]) for one in check(db).findings}
    assert found == {("1.1", "final.npz"), ("1.2", "epoch-000004.npz"), ("1.2", "best-000004.npz")}
    assert len(check(db, quick=True).findings) == (0 if harm is flip else 3)
    mended = repair(db, 5)
    assert {one.run for one in mended.left.findings} == {"1.1"}, "final weights cannot be made anew"
    with Registry.open_read_only(db) as registry:
        kept = {one.kind: one.epoch for one in registry.results.checkpoints(2)}
    assert kept == {"last": 3}
    assert (done / "best-000006.npz").exists()


def test_a_row_that_names_a_file_outside_is_not_followed(db: Path, tmp_path: Path) -> None:
    (tmp_path.parent / "outside.npz").write_bytes(b"mine")
    by_hand(db, "UPDATE checkpoints SET path = '../outside.npz' WHERE run_id = 2 AND kind = 'best'")
    assert "must lie in the registry's folder" in check(db).findings[0].line
    repair(db, 5)
    assert (tmp_path.parent / "outside.npz").read_bytes() == b"mine"


def test_a_dead_run_is_found_and_goes_back_to_the_queue_and_a_living_one_is_left_alone(db: Path) -> None:
    import socket

    here = ProcessProof(socket.gethostname(), boot_id(), 2**22 + 1, 1.0)
    with Registry.open(db) as registry:
        lock = registry.paths.run(registry.runs.get("1.2").uid).lock
        held = try_lock(lock)
        assert held is not None
        claimed = registry.runs.claim(lambda _uid: 0, here, "local", None)
        assert claimed is not None
        registry.runs.started(claimed[0], here)
    try:
        assert (check(db).ok, check(db).busy) == (True, 1)
        by_hand(db, "UPDATE runs SET last_loss = 9 WHERE id = 2")
        assert "left alone" in str(repair(db, 5).done)
    finally:
        unlock(held)
    found = check(db)
    assert {one.kind for one in found.findings} == {Kind.DEAD, Kind.DERIVED}
    assert repair(db, 5).left.ok
    with Registry.open(db) as registry:
        run = registry.runs.get("1.2")
        assert (run.state, run.crashes, run.epoch) == (RunState.QUEUED, 1, 4)


def test_a_wrong_index_is_built_anew(db: Path) -> None:
    """The index and the table are swapped under SQLite's eyes: the index has no row, the table has."""
    by_hand(
        db,
        "CREATE TABLE spare AS SELECT * FROM events WHERE 0",
        "CREATE INDEX spare_by_run ON spare (run_id, id)",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master AS s WHERE s.name = 'spare_by_run') "
        "WHERE name = 'events_by_run'",
        "DELETE FROM sqlite_master WHERE name IN ('spare', 'spare_by_run')",
    )
    found = check(db)
    assert any("index events_by_run" in one.line and one.repair for one in found.findings)
    mended = repair(db, 5)
    assert any("indexes built anew" in line for line in mended.done)
    assert not any("events_by_run" in one.line for one in mended.left.findings)
    with Registry.open_read_only(db) as registry:
        assert len(registry.results.events(1)) > EPOCHS


def test_a_damaged_file_is_a_finding_with_the_newest_backup_and_is_never_repaired(db: Path) -> None:
    from timnet.registry.backup import back_up

    saved = back_up(db).path
    garble(db, 60)
    before = db.read_bytes()
    found = check(db)
    assert {one.kind for one in found.findings} <= {Kind.INTEGRITY, Kind.FILE}
    assert not found.ok
    assert found.newest_backup == saved
    assert repair(db, 5).backup is None
    assert db.read_bytes() == before
    assert len(copies.copies(db)) == 1
    db.write_bytes(b"x" * 5000)
    assert [one.kind for one in check(db).findings] == [Kind.FILE]
    with pytest.raises(RegistryError, match="no registry at"):
        check(db.with_name("none.db"))
