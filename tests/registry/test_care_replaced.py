"""A registry that goes, or changes, under those who hold it open: one clear line, and nothing written to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import filled_registry
from timnet.errors import RegistryGone
from timnet.registry import Registry, database
from timnet.registry.schema import MIGRATIONS


def deleted(path: Path) -> None:
    path.unlink()


def moved_away(path: Path) -> None:
    shutil.move(path, path.with_name("away.db"))


def replaced(path: Path) -> None:
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.replace(path)


def folder_gone(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("fate", [deleted, moved_away, replaced, folder_gone])
def test_nothing_is_written_to_a_file_that_is_no_longer_the_registry(
    tmp_path: Path, fate: Callable[[Path], None]
) -> None:
    path = tmp_path / "here" / "runs.db"
    path.parent.mkdir()
    with filled_registry(path) as registry:
        held = os.open(path, os.O_RDONLY)  # the file itself, whatever its name becomes
        log = os.open(path.with_name("runs.db-wal"), os.O_RDONLY)
        try:
            before = [os.pread(one, 1 << 24, 0) for one in (held, log)]
            fate(path)
            with pytest.raises(RegistryGone) as caught:
                registry.experiments.note(1, "lost")
            assert [os.pread(one, 1 << 24, 0) for one in (held, log)] == before
        finally:
            os.close(held)
            os.close(log)
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)
    if path.exists():
        with Registry.open(path) as other:
            assert other.experiments.get(1).note == ""


def test_writing_goes_on_when_only_the_gate_s_file_was_deleted(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as first, Registry.open(tmp_path / "runs.db") as second:
        first.experiments.note(1, "one")
        (tmp_path / "runs.db-gate").unlink()
        second.experiments.note(1, "two")
        with second.db.through_gate(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(database, "GATE_DEADLINE", 0.05)
            with pytest.raises(database.RegistryError, match="locked by another process"):
                first.experiments.note(1, "both at once")
        assert first.experiments.note(1, "three").note == "three"


def test_who_is_older_than_the_registry_became_meanwhile_writes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled_registry(tmp_path / "runs.db") as older:
        with monkeypatch.context() as patch:
            patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE runs ADD COLUMN colour TEXT",)))
            Registry.open(tmp_path / "runs.db").close()
        with pytest.raises(RegistryGone, match="migrated by a newer timnet while it was open"):
            older.experiments.note(1, "no")
        assert older.experiments.get(1).note == ""
        assert not older.db.connection.in_transaction
