"""The real program in a real terminal while things happen to its registry: it says so, stays, and goes on."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, filled_registry
from tests.tui.terminal import Pane
from timnet.registry import Registry
from timnet.registry.schema import MIGRATIONS

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


def other_registry(path: Path, corpus: str) -> Path:
    """A registry of one experiment, in a single file."""
    path.parent.mkdir()
    with Registry.open(path) as registry:
        add_experiment(registry, add_corpus(registry, corpus), folds=3)
    return path


def test_it_goes_on_when_its_registry_is_restored_or_migrated_by_others(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    filled_registry(db).close()
    backup = other_registry(tmp_path / "backup" / "runs.db", "CASIA")
    pane = Pane(tmp_path)
    try:
        pane.until(lambda text: "SAVEE" in text)
        with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(db)) as target:
            source.backup(target)  # into the same file, as SQLite's own shell restores it
        pane.until(lambda text: "CASIA" in text and "SAVEE" not in text)

        other = other_registry(tmp_path / "older" / "runs.db", "RAVDESS")
        for path in tmp_path.glob("runs.db*"):  # with what SQLite keeps beside it
            path.unlink()
        other.replace(db)  # another file in its place
        pane.until(lambda text: "RAVDESS" in text and "CASIA" not in text)

        newer = len(MIGRATIONS) + 1
        with closing(sqlite3.connect(db)) as another_timnet:
            another_timnet.execute("ALTER TABLE experiments RENAME COLUMN seed TO first_seed")
            another_timnet.execute(f"PRAGMA user_version = {newer}")
        pane.until(lambda text: f"was made by a newer timnet (schema {newer}" in text)
        assert "RAVDESS" in pane.text()
        pane.press("c", "j", "2", "1")
        assert not pane.ended

        with closing(sqlite3.connect(db)) as another_timnet:
            another_timnet.execute("ALTER TABLE experiments RENAME COLUMN first_seed TO seed")
            another_timnet.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        with Registry.open(db) as registry:
            add_experiment(registry, add_corpus(registry, "SUBESCO"), folds=2)
        pane.until(lambda text: "newer timnet" not in text and "SUBESCO" in text)
        assert "Traceback" not in pane.text()
    finally:
        pane.close()


@contextmanager
def read_only(folder: Path, tmp_path: Path) -> Iterator[tuple[tuple[str, ...], Callable[[], None]]]:
    """What to start a program with so that ``folder`` is read-only to it, and what makes it writable again."""
    if os.geteuid():
        shown = [folder, *folder.iterdir()]
        for path in shown:
            path.chmod(path.stat().st_mode & ~0o222)

        def writable() -> None:
            for path in shown:
                path.chmod(path.stat().st_mode | 0o200)

        try:
            yield (), writable
        finally:
            writable()
        return
    over, mount = tmp_path / "over", f'mount --bind "{folder}" "{folder}" && mount -o remount,ro,bind "{folder}"'
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("no folder can be mounted read-only here, and rights do not hold for root")
    again = f'(until test -e "{over}"; do sleep 0.1; done; mount -o remount,rw,bind "{folder}") &'
    yield ("unshare", "-m", "sh", "-c", f'{mount}; {again} exec "$@"', "sh"), over.touch


def test_on_a_read_only_disk_everything_is_shown_and_nothing_done_until_it_is_writable(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    db = folder / "runs.db"
    filled_registry(db).close()
    with read_only(folder, tmp_path) as (before, make_writable):
        pane = Pane(tmp_path, "--db", str(db), before=before)
        try:
            pane.until(lambda text: "read-only" in text and "EMODB" in text and "accuracy" in text)
            pane.press("l", "p")
            pane.until(lambda text: re.search(r"check[^a-z]+its[^a-z]+permissions", text))  # lines break by its length
            pane.press("2")
            pane.until(lambda text: "read-only" in text and "2.10" in text)
            pane.press("1")
            make_writable()
            pane.until(lambda text: "read-only" not in text and "EMODB" in text)
            with Registry.open(db) as registry:
                add_experiment(registry, add_corpus(registry, "CASIA"), folds=4)
            pane.until(lambda text: "CASIA" in text)
        finally:
            pane.close()
