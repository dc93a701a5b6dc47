"""``timnet registry``: what it says, what it refuses, and its exit status."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.care_support import whole_registry
from tests.cli.conftest import Cli
from tests.registry.test_care_backup import garble
from tests.registry.test_care_check import by_hand
from timnet.queue.liveness import try_lock, unlock
from timnet.registry import Registry


@pytest.fixture
def db(own_place: Path) -> Path:
    whole_registry(own_place / "runs.db").close()
    return own_place / "runs.db"


@contextmanager
def opened_elsewhere(db: Path) -> Iterator[int]:
    """Another process that has the registry open; its pid."""
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM runs').fetchall()"
    code += "; print('open', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    try:
        yield other.pid
    finally:
        other.communicate("")


def test_a_check_says_what_is_wrong_and_a_repair_what_it_did(cli: Cli, db: Path) -> None:
    found = cli("registry", "check")
    assert (found.status, found.out) == (0, "")
    assert "3 runs and 6 files checked" in found.err
    by_hand(db, "UPDATE runs SET last_loss = 3 WHERE id = 2", "UPDATE runs SET uar = 0.5 WHERE id = 1")
    found = cli("registry", "check")
    assert found.status == 1
    assert "! run 1.2: its last values are not those of its last epoch (--repair: computed anew" in found.err
    assert "2 things wrong" in found.err
    told = cli("registry", "check", "--json")
    assert (told.status, told.json["ok"], len(told.json["findings"])) == (1, False, 2)
    assert told.json["findings"][0].keys() == {"kind", "run", "text", "repair"}
    mended = cli("registry", "check", "--repair")
    assert mended.status == 1
    assert "kept as it was:" in mended.err
    assert "run 1.2: its last, best and smoothed values computed anew from its epochs" in mended.err
    assert "1 thing wrong" in mended.err
    by_hand(db, "UPDATE runs SET uar = 1 WHERE id = 1", "UPDATE runs SET last_loss = 3 WHERE id = 2")
    told = cli("registry", "check", "--repair", "--json")
    assert (told.status, told.json["ok"], len(told.json["repaired"])) == (0, True, 1)
    assert Path(told.json["backup"]).exists()
    assert "nothing that a repair" in cli("registry", "check", "--repair").err


def test_a_check_of_what_is_none(cli: Cli, db: Path) -> None:
    assert cli("registry", "check", "--db", "none.db").status == 2
    cli("registry", "backup")
    garble(db, 60)
    found = cli("registry", "check")
    assert found.status == 1
    assert "the newest backup beside it: timnet registry restore runs.db.backup-" in found.err


def test_backup_and_restore(cli: Cli, db: Path) -> None:
    made = cli("registry", "backup", "copy.db")
    assert (made.status, made.out) == (0, "")
    assert "copy.db: 1 experiments, 3 runs" in made.err
    again = cli("registry", "backup", "copy.db")
    assert (again.status, "--force" in again.err) == (2, True)
    assert cli("registry", "backup", "copy.db", "--force", "--json").json["runs"] == 3
    with Registry.open(db) as registry:
        registry.experiments.note(1, "later")
    asked = cli("registry", "restore", "copy.db")
    assert (asked.status, "--yes" in asked.err) == (2, True)
    done = cli("registry", "restore", "copy.db", "--yes", "--json")
    assert (done.status, done.json["runs"]) == (0, 3)
    assert Path(done.json["kept"]).exists()
    with Registry.open(db) as registry:
        assert registry.experiments.get(1).note == ""
    back = cli("registry", "restore", done.json["kept"], "--yes")
    assert (back.status, "what was there is kept" in back.err) == (0, True)


def test_restore_is_refused_while_somebody_is_at_work(cli: Cli, db: Path) -> None:
    cli("registry", "backup", "copy.db")
    before = db.read_bytes()
    with Registry.open_read_only(db) as registry:
        locks = [registry.paths.worker_lock("4f1c"), registry.paths.run(registry.runs.get("1.2").uid).lock]
    for lock in locks:
        held = try_lock(lock)
        assert held is not None
        found = cli("registry", "restore", "copy.db", "--yes")
        unlock(held)
        assert (found.status, "is at work" in found.err) == (2, True)
    with opened_elsewhere(db) as pid:
        found = cli("registry", "restore", "copy.db", "--yes")
        assert (found.status, f"process {pid} (" in found.err) == (2, True)
    assert db.read_bytes() == before
    assert not list(db.parent.glob("*before-restore*"))


def test_vacuum(cli: Cli, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = cli("registry", "vacuum", "--json").json
    assert told["before"] >= told["after"] > 0
    with Registry.open_read_only(db) as registry:
        held = try_lock(registry.paths.run(registry.runs.get("1.2").uid).lock)
    assert held is not None
    assert cli("registry", "vacuum").status == 0, "a small one takes a moment"
    monkeypatch.setattr("timnet.care.restoring.SHORT_BYTES", 1000)
    found = cli("registry", "vacuum")
    unlock(held)
    assert (found.status, "would have to wait" in found.err) == (2, True)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    found = cli("registry", "vacuum")
    assert (found.status, "free some room" in found.err) == (2, True)
    assert cli("registry", "vacuum", "--db", "none.db").status == 2
    assert not Path("none.db").exists()


def test_gc_lists_first_and_removes_when_told_to(cli: Cli, db: Path) -> None:
    there = sorted(db.parent.rglob("*.npz"))
    listed = cli("registry", "gc")
    assert listed.status == 0
    assert listed.out.count("resume point of a done run") == 2
    assert listed.out.count("superseded best weights") == 1
    assert "nothing was removed, do it with --yes" in listed.err
    told = cli("registry", "gc", "--json").json
    assert (told["removed"], len(told["leftovers"]), told["problems"]) == (False, 3, [])
    assert sorted(db.parent.rglob("*.npz")) == there
    done = cli("registry", "gc", "--yes", "--json").json
    assert (done["removed"], done["leftovers"]) == (True, told["leftovers"])
    assert sorted(db.parent.rglob("*.npz")) == [
        path for path in there if str(path) not in {one["path"] for one in told["leftovers"]}
    ]
    assert "nothing to remove" in cli("registry", "gc").err
    assert cli("registry", "check").status == 0


def test_gc_empties_the_trash_only_when_told_to_and_only_what_is_old(cli: Cli, db: Path) -> None:
    cli("queue", "cancel", "--all")
    assert cli("runs", "rm", "1").status == 0
    cli("registry", "gc", "--yes")
    assert cli("registry", "gc", "--trash", "1", "--json").json["experiments"] == []
    by_hand(db, "UPDATE experiments SET deleted = '2026-01-01T00:00:00.000Z'")
    found = cli("registry", "gc", "--trash", "1")
    assert "in the trash: experiments 1" in found.err
    assert "restored" in cli("runs", "restore", "1").err
    cli("runs", "rm", "1")
    by_hand(db, "UPDATE experiments SET deleted = '2026-01-01T00:00:00.000Z'")
    assert cli("registry", "gc", "--trash", "1", "--yes").status == 0
    assert not list((db.parent / "runs").glob("*-f01"))
    assert cli("runs", "restore", "1").status == 2
