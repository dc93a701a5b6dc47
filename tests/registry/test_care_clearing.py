"""What may go goes, and nothing else: never what a run needs, never what nobody knows."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.care_support import resume_point, whole_registry
from tests.registry.test_care_check import by_hand, contents, cut, folder_of
from timnet.care import clearing
from timnet.care.checking import check
from timnet.care.clearing import Leftover, Why, leftovers, remove
from timnet.queue.liveness import try_lock, unlock
from timnet.registry import Registry
from timnet.registry.backup import back_up, keep

DEAD_PID = 2**31 - 1
LONG_AGO = time.time() - 7200


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "here" / "runs.db"
    path.parent.mkdir()
    whole_registry(path).close()
    return path


def aged(path: Path, text: str = "x" * 100) -> Path:
    """A file of two hours ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(text)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def listed(db: Path, cache: Path, **how: object) -> set[tuple[Why, str]]:
    with Registry.open_read_only(db) as registry:
        found = leftovers(registry, cache, **how)  # type: ignore[arg-type]
    return {(one.why, str(one.path.relative_to(db.parent.parent))) for one in found.leftovers}


def cleared(db: Path, cache: Path, **how: object) -> list[Leftover]:
    with Registry.open(db) as registry:
        gone, problems = remove(registry, cache, leftovers(registry, cache, **how).leftovers)  # type: ignore[arg-type]
    assert problems == []
    return gone


def test_resume_points_and_superseded_weights_of_done_runs_go_and_all_that_matters_stays(
    db: Path, tmp_path: Path
) -> None:
    done, stopped = folder_of(db, "1.1"), folder_of(db, "1.2")
    before, everything = contents(stopped), contents(db.parent)
    name = f"here/runs/{done.name}"
    assert listed(db, tmp_path) == {
        (Why.RESUME, f"{name}/checkpoints/epoch-000005.npz"),
        (Why.RESUME, f"{name}/checkpoints/epoch-000006.npz"),
        (Why.SUPERSEDED, f"{name}/best-000004.npz"),
    }
    assert contents(db.parent) == everything, "listing changes nothing"
    gone = cleared(db, tmp_path)
    assert sum(one.bytes for one in gone) > 1000
    assert set(contents(done)) == {"best-000006.npz", "final.npz", "embeddings.npy", "log.txt", "lock"}
    assert contents(stopped) == before
    assert check(db).ok, "no row names what is gone"
    assert listed(db, tmp_path) == set()
    with Registry.open_read_only(db) as registry:
        assert [one.kind for one in registry.results.checkpoints(1)] == ["best", "final"]


@pytest.mark.parametrize("state", ["queued", "paused", "failed", "cancelled"])
def test_nothing_of_a_run_that_can_go_on_is_listed(db: Path, tmp_path: Path, state: str) -> None:
    by_hand(db, f"UPDATE runs SET state = '{state}'")
    assert listed(db, tmp_path) == set()


def test_a_done_run_whose_result_is_not_whole_keeps_its_resume_points(db: Path, tmp_path: Path) -> None:
    final = folder_of(db, "1.1") / "final.npz"
    whole = final.read_bytes()
    cut(final)
    assert listed(db, tmp_path) == set()
    final.write_bytes(whole)
    by_hand(db, "DELETE FROM epochs WHERE run_id = 1 AND epoch = 3")
    assert listed(db, tmp_path) == set()
    by_hand(db, "UPDATE checkpoints SET path = 'runs/elsewhere.npz' WHERE kind = 'final'")
    with Registry.open_read_only(db) as registry:
        found = leftovers(registry, tmp_path)
    assert (found.leftovers, len(found.notes)) == ((), 1)


def test_the_only_best_weights_stay_even_where_no_row_names_them(db: Path, tmp_path: Path) -> None:
    by_hand(db, "DELETE FROM checkpoints WHERE kind = 'best'")
    cleared(db, tmp_path)
    assert (folder_of(db, "1.1") / "best-000006.npz").exists()


def test_what_came_into_use_after_it_was_listed_stays(db: Path, tmp_path: Path) -> None:
    with Registry.open(db) as registry:
        found = leftovers(registry, tmp_path).leftovers
        lock = try_lock(registry.paths.run(registry.runs.get("1.1").uid).lock)
        assert lock is not None
        assert remove(registry, tmp_path, found) == ([], [])
        assert leftovers(registry, tmp_path).leftovers == ()
        unlock(lock)
        registry.db.connection.execute("UPDATE runs SET state = 'queued' WHERE id = 1")
        assert remove(registry, tmp_path, found) == ([], [])
    assert check(db).ok


def test_half_written_files_go_once_they_are_old_and_their_writer_is_gone(db: Path, tmp_path: Path) -> None:
    run, here, cache = folder_of(db, "1.2"), db.parent, tmp_path / "cache"
    old = [
        aged(run / "checkpoints" / f".epoch-000005.npz.{DEAD_PID}.tmp"), aged(run / f".final.npz.{DEAD_PID}.tmp"),
        aged(here / f".runs.db.before-v9.{DEAD_PID}.tmp"), aged(here / f".runs.db.before-v9.{DEAD_PID}.tmp-journal"),
        aged(here / f".presets.toml.{DEAD_PID}.tmp"), aged(cache / "features" / f".abc.npy.{DEAD_PID}.tmp"),
        aged(here / "exports" / f".curves.png.{DEAD_PID}.tmp"),
    ]  # fmt: skip
    stay = [
        aged(run / "checkpoints" / f".epoch-000006.npz.{os.getpid()}.tmp"), aged(here / f".mine.txt.{DEAD_PID}.tmp"),
        aged(run / "notes.tmp"), aged(here / "exports" / "mine.tmp"), aged(run / ".hidden.tmp"),
    ]  # fmt: skip
    (fresh := here / f".runs.db.{DEAD_PID}.tmp").write_text("being written")
    os.utime(ahead := aged(run / f".x.npz.{DEAD_PID}.tmp"), (time.time() + 9e4,) * 2)  # the clock was set back
    assert {one.path for one in clearing.plain(Registry.open_read_only(db).paths, cache)} == set(old)
    lock = try_lock(run / "lock")
    assert lock is not None
    held = {one.path for one in clearing.plain(Registry.open_read_only(db).paths, cache)}
    assert held == {path for path in old if run not in path.parents}
    unlock(lock)
    assert {one.path for one in cleared(db, cache) if one.why is Why.HALF_WRITTEN} == set(old)
    assert all(path.exists() for path in [*stay, fresh, ahead])


def orphan(db: Path, name: str) -> Path:
    folder = db.parent / "runs" / name
    resume_point(folder / "checkpoints" / "epoch-000003.npz", [])
    np.savez(folder / "final.npz", kernel=np.ones(3))
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (LONG_AGO, LONG_AGO))
    return folder


def test_folders_of_runs_that_no_registry_knows(db: Path, tmp_path: Path) -> None:
    lone, mixed, fresh = (orphan(db, f"emodb-00{number}-f01") for number in (1, 2, 3))
    aged(mixed / "thesis.txt", "mine")
    os.utime(mixed, (LONG_AGO, LONG_AGO))
    (fresh / "log.txt").write_text("just now")
    orphan(db, "my own folder")
    orphan(db, "workers")
    (db.parent / "runs" / "emodb-009-f01").symlink_to(lone)
    found = {path for why, path in listed(db, tmp_path) if why is Why.ORPHAN}
    assert found == {"here/runs/emodb-001-f01", "here/runs/emodb-002-f01"}
    cleared(db, tmp_path)
    assert not lone.exists()
    assert contents(mixed) == {"thesis.txt": b"mine"}
    assert all((db.parent / "runs" / name / "final.npz").exists() for name in ("my own folder", "workers", fresh.name))
    assert check(db).ok


def test_a_backup_or_another_registry_in_the_folder_keeps_the_folders_of_its_runs(db: Path, tmp_path: Path) -> None:
    done = folder_of(db, "1.1")
    copy = back_up(db, db.with_name("other.db")).path
    by_hand(db, "PRAGMA foreign_keys = ON", "DELETE FROM experiments")
    for path in [*done.rglob("*"), done]:
        os.utime(path, (LONG_AGO, LONG_AGO))
    assert listed(db, tmp_path) == set(), "it may be restored"
    data = bytearray(copy.read_bytes())
    data[100:6000] = b"\xff" * 5900
    copy.write_bytes(data)
    with Registry.open_read_only(db) as registry:
        found = leftovers(registry, tmp_path)
    assert found.leftovers == ()
    assert "other.db" in found.notes[0]
    copy.unlink()
    assert (Why.ORPHAN, f"here/runs/{done.name}") in listed(db, tmp_path)


def test_old_automatic_backups_go_and_those_that_were_asked_for_stay(db: Path, tmp_path: Path) -> None:
    asked = back_up(db).path
    automatic = []
    for number in range(5):
        automatic.append(keep(db, "repair"))
        os.utime(automatic[-1], (LONG_AGO + number,) * 2)
    (db.parent / "runs.db.before-lunch.txt").write_text("mine")
    assert {path for why, path in listed(db, tmp_path) if why is Why.BACKUP} == {
        f"here/{one.name}" for one in automatic[:2]
    }
    cleared(db, tmp_path, kept_backups=1)
    left = {path.name for path in db.parent.iterdir() if path.name.startswith("runs.db.")}
    assert left == {asked.name, automatic[-1].name, "runs.db.before-lunch.txt"}


def test_locks_of_dead_workers_go_and_their_logs_stay(db: Path, tmp_path: Path) -> None:
    workers = db.parent / "runs" / "workers"
    aged(workers / "dead.lock")
    aged(workers / "dead.log")
    lock = try_lock(workers / "alive.lock")
    assert lock is not None
    aged(workers / "alive.lock")
    assert [one.path.name for one in cleared(db, tmp_path) if one.why is Why.WORKER_LOCK] == ["dead.lock"]
    assert {path.name for path in workers.iterdir()} == {"dead.log", "alive.lock"}
    unlock(lock)


def test_what_cannot_be_removed_is_said_and_the_rest_goes(db: Path, tmp_path: Path) -> None:
    with Registry.open(db) as registry:
        found = leftovers(registry, tmp_path).leftovers
        found[0].path.unlink()
        found[0].path.mkdir()
        gone, problems = remove(registry, tmp_path, found)
    assert (len(gone), len(problems)) == (2, 1)
    assert str(found[0].path) in problems[0]
    shutil.rmtree(found[0].path)


def test_attempts_elsewhere_go_with_their_features_once_nobody_waits_for_them(db: Path, tmp_path: Path) -> None:
    uid, cluster = folder_of(db, "1.1").name, db.parent / "cluster"
    for attempt in (1, 2):
        aged(cluster / f"{uid}-a{attempt}" / "run" / "spool-0001.jsonl")
        for folder in (f"{uid}-a{attempt}/run", f"{uid}-a{attempt}"):
            os.utime(cluster / folder, (LONG_AGO, LONG_AGO))
    aged(cluster / "features" / "abc.npy")
    aged(cluster / "mine" / "notes.txt")
    by_hand(db, f"UPDATE attempts SET folder = '{cluster}/{uid}-a2' WHERE run_id = 1")
    over = (Why.ATTEMPT, f"here/cluster/{uid}-a1")
    assert {one for one in listed(db, tmp_path, features=True) if "cluster" in one[1]} == {over}

    by_hand(db, "UPDATE attempts SET folder = NULL")
    found = {one for one in listed(db, tmp_path, features=True) if "cluster" in one[1]}
    assert found == {over, (Why.ATTEMPT, f"here/cluster/{uid}-a2"), (Why.SHIPPED, "here/cluster/features/abc.npy")}
    cleared(db, tmp_path, features=True)
    assert sorted(path.name for path in cluster.rglob("*")) == ["features", "mine", "notes.txt"]
