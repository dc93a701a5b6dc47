"""Smoothed last values: those of the curves, the same however often a run was killed, and there after a migration."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import PROOF, add_corpus, add_experiment, epoch_record, filled_registry, start_next, train
from timnet.evaluation.smoothing import smooth
from timnet.records import EventKind, Run, RunState
from timnet.registry import Registry, database
from timnet.registry.schema import MIGRATIONS
from timnet.registry.smoothed import COLUMNS, METRICS, WEIGHT, Smoothed


def smoothed(run: Run) -> tuple[float | None, ...]:
    return tuple(getattr(run, column) for column in COLUMNS)


def expected(registry: Registry, run_id: int) -> tuple[float | None, ...]:
    """From the epochs, by the function that the curves are drawn with."""
    last = []
    for metric in METRICS:
        values = smooth((getattr(one, metric) for one in registry.results.epochs(run_id)), WEIGHT)
        last.append(next((value for value in reversed(values) if value is not None), None))
    return tuple(last)


@given(st.lists(st.one_of(st.none(), st.just(math.nan), st.just(math.inf), st.floats(-10, 10)), max_size=60))
def test_it_is_the_smoothing_of_the_curves_bit_for_bit(values: list[float | None]) -> None:
    one = Smoothed()
    for value in values:
        one.add((value, None, None, None, None))
    curve = [value for value in smooth(values, WEIGHT) if value is not None]
    assert one.values() == (curve[-1] if curve else None, None, None, None, None)


def test_each_epoch_brings_them_up_to_date(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    run_id = start_next(registry)
    assert smoothed(registry.runs.by_id(run_id)) == (None,) * 5
    journal = registry.journal(run_id, 1)
    for epoch in range(1, 13):
        record = epoch_record(epoch)
        if epoch == 6:
            record = replace(record, metrics=replace(record.metrics, loss=math.nan, val_uar=None, diverged=True))
        journal.epoch(record)
        found = smoothed(registry.runs.by_id(run_id))
        assert found == expected(registry, run_id)
        assert None not in found
    assert found[0] != registry.runs.by_id(run_id).last_loss


def test_they_are_the_same_after_a_crash_and_a_lost_epoch(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    undisturbed, killed = start_next(registry), start_next(registry)
    train(registry, undisturbed, 15)
    train(registry, killed, 9)
    registry.runs.reap(killed, 1, exit_code=None, error="killed", max_crashes=5, back_off=0)
    registry.runs.prioritise([registry.runs.by_id(killed).key], None)
    claim = registry.runs.claim(lambda _uid: 0, PROOF, "local", None)
    assert claim is not None
    assert claim[0].run_id == killed
    journal = registry.journal(killed, 2)
    journal.begin([epoch_record(epoch) for epoch in range(1, 8)], "resumed after epoch 7")
    assert smoothed(registry.runs.by_id(killed)) == expected(registry, killed)
    for epoch in range(8, 16):
        journal.epoch(epoch_record(epoch))
    assert smoothed(registry.runs.by_id(killed)) == smoothed(registry.runs.by_id(undisturbed))


def test_an_imported_history_has_them_too(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    run_id = start_next(registry)
    registry.journal(run_id, 1).history([epoch_record(epoch) for epoch in range(1, 21)])
    assert smoothed(registry.runs.by_id(run_id)) == expected(registry, run_id)


def first_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """A registry as the first version made it, with the rows of a filled one; returns its runs as they are now."""
    with filled_registry(path.with_name("new.db")) as registry:
        registry.runs.prioritise(["2.9"], 3)
        now = [dict(row) for row in registry.db.rows("SELECT * FROM runs ORDER BY id")]
        tables = [row["name"] for row in registry.db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:1])
        Registry.open(path).close()
    old = sqlite3.connect(path)
    old.execute("ATTACH ? AS new", (str(path.with_name("new.db")),))
    for table in tables:
        columns = ", ".join(f'"{row[1]}"' for row in old.execute(f"PRAGMA main.table_info({table})"))
        if columns and not table.startswith("sqlite_"):
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    old.commit()
    old.close()
    return now


def test_a_registry_of_the_first_version_is_brought_up_to_date_and_kept_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.db"
    now = first_version(path, monkeypatch)
    with Registry.open(path) as registry:
        assert [dict(row) for row in registry.db.rows("SELECT * FROM runs ORDER BY id")] == now
        for run in registry.runs.ls("epoch>0"):
            assert smoothed(run) == expected(registry, run.id)
        claimed = registry.runs.claim(lambda _uid: 0, PROOF, "local", None)
        assert claimed is not None
        assert claimed[0].key == "2.9", "what waits keeps its order"
        assert registry.db.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        made = registry.db.rows("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    with Registry.open(path.with_name("new.db")) as fresh:
        assert made == fresh.db.rows("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    backup = path.with_name(f"runs.db.before-v{len(MIGRATIONS)}")
    copy = sqlite3.connect(backup)
    assert copy.execute("PRAGMA user_version").fetchone()[0] == 1
    assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert copy.execute("SELECT count(*) FROM runs").fetchone()[0] == len(now)
    copy.close()
    before = backup.read_bytes()
    Registry.open(path).close()
    assert backup.read_bytes() == before


def test_a_new_registry_leaves_no_backup(registry: Registry) -> None:
    assert [path.name for path in registry.db.path.parent.iterdir() if "before" in path.name] == []


def test_a_run_that_ends_keeps_them(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    run_id = start_next(registry)
    train(registry, run_id, 4)
    registry.journal(run_id, 1).end(RunState.PAUSED, EventKind.PAUSED, "paused")
    assert smoothed(registry.runs.by_id(run_id)) == expected(registry, run_id)
