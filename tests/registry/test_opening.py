"""Opening ``runs.db``: made from nothing, migrated, or refused in one line with nothing changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support import filled_registry
from timnet.errors import BadInput, DiskFull, RegistryError
from timnet.paths import RegistryPaths
from timnet.registry import Registry, database, filesystem
from timnet.registry.filesystem import NETWORK, filesystem_of, mounted
from timnet.registry.gate import Gate
from timnet.registry.schema import APPLICATION_ID, MIGRATIONS


def pragma(path: Path, name: str) -> object:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]
    finally:
        connection.close()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(open_it: Callable[[Path], object], path: Path) -> str:
    """The one line that opening ``path`` ends with; nothing beside it may change."""
    before = contents(path.parent)
    with pytest.raises(RegistryError) as caught:
        open_it(path)
    assert contents(path.parent) == before
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_registry_is_made_from_nothing_or_from_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for name in ("new.db", "empty.db", "with blank, 100% #1?.db"):
        with Registry.open(tmp_path / name) as registry:
            assert registry.runs.ls() == []
        assert pragma(tmp_path / name, "user_version") == len(MIGRATIONS)
        assert pragma(tmp_path / name, "application_id") == APPLICATION_ID
        assert pragma(tmp_path / name, "journal_mode") == "wal"


def test_it_writes_to_the_disk_before_it_says_so_and_keeps_references_whole(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        settings = {name: registry.db.row(f"PRAGMA {name}") for name in ("synchronous", "foreign_keys", "mmap_size")}
    assert settings == {
        "synchronous": {"synchronous": 2},
        "foreign_keys": {"foreign_keys": 1},
        "mmap_size": {"mmap_size": 0},
    }


def test_every_table_is_strict(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        tables = registry.db.rows("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
        ours = [row for row in tables if not row["name"].startswith("sqlite_")]
        assert len(ours) >= 12
        assert [row["name"] for row in ours if not row["strict"]] == []
        with registry.db.write(), pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT"):
            registry.db.connection.execute("INSERT INTO tags (experiment_id, tag) VALUES ('one', 'x')")


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    filled_registry(tmp_path / "runs.db").close()
    before = (tmp_path / "runs.db").read_bytes()
    with Registry.open(tmp_path / "runs.db") as registry:
        assert len(registry.runs.ls()) == 13
    assert (tmp_path / "runs.db").read_bytes() == before


def test_a_registry_of_a_newer_timnet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    for open_it in (Registry.open, Registry.open_read_only, Registry.open_or_empty):
        assert "newer timnet" in refusal(open_it, path)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_foreign_database_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "runs.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, mine TEXT)")
    connection.execute("INSERT INTO runs VALUES (1, 'precious')")
    connection.commit()
    connection.close()
    for open_it in (Registry.open, Registry.open_or_empty, Registry.open_read_only):
        assert "not a timnet registry" in refusal(open_it, path)


def text_file(path: Path) -> None:
    path.write_text("corpus,uar\nEMODB,0.93\n" * 50)


def torn_registry(path: Path) -> None:
    filled_registry(path).close()
    data = bytearray(path.read_bytes())
    data[:16] = b"SQLite formaX 3\0"
    path.write_bytes(data)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [text_file, torn_registry, folder])
def test_what_is_no_registry_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "runs.db"
    make(path)
    for open_it in (Registry.open, Registry.open_read_only, Registry.open_or_empty):
        assert "registry" in refusal(open_it, path)


def test_a_missing_parent_folder_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "gone") in refusal(Registry.open, tmp_path / "gone" / "runs.db")
    text_file(tmp_path / "file")
    assert str(tmp_path / "file") in refusal(Registry.open, tmp_path / "file" / "runs.db")


def test_a_missing_registry_can_be_looked_at_as_an_empty_one_but_not_opened_for_reading(tmp_path: Path) -> None:
    assert "no registry at" in refusal(Registry.open_read_only, tmp_path / "runs.db")
    with Registry.open_or_empty(tmp_path / "runs.db") as registry:
        assert registry.runs.ls() == []
        with pytest.raises(RegistryError, match="reading alone"):
            registry.experiments.create([])
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_connection_reads_and_refuses_to_write(tmp_path: Path) -> None:
    filled_registry(tmp_path / "runs.db").close()
    with Registry.open_read_only(tmp_path / "runs.db") as registry:
        assert len(registry.runs.ls()) == 13
        with pytest.raises(RegistryError, match="reading alone"):
            registry.experiments.note(1, "no")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            registry.db.connection.execute("DELETE FROM runs")


def test_a_registry_of_an_older_timnet_is_migrated_by_who_writes_and_refused_by_who_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE runs ADD COLUMN colour TEXT",)))
    assert "older timnet" in refusal(Registry.open_read_only, path)
    with Registry.open(path) as registry:
        assert registry.db.rows("SELECT DISTINCT colour FROM runs") == [{"colour": None}]
        assert len(registry.runs.ls()) == 13
    assert pragma(path, "user_version") == len(MIGRATIONS) + 1


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ('CREATE TRIGGER "\x1b[2J" AFTER UPDATE ON runs BEGIN DELETE FROM corpora; END', "trigger"),
        (
            "CREATE VIEW tags (experiment_id, tag) AS WITH RECURSIVE on_and_on (n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM on_and_on) SELECT n, 'x' FROM on_and_on",
            "view",
        ),
        ("CREATE VIRTUAL TABLE tags USING fts5 (experiment_id, tag)", "table"),
        ("ALTER TABLE runs ADD COLUMN long TEXT AS (hex(zeroblob(500000000)))", "column"),
    ],
)
def test_a_registry_whose_schema_does_things_by_itself_is_refused(tmp_path: Path, statement: str, named: str) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if " tags " in statement:
            connection.execute("ALTER TABLE tags RENAME TO tags_before")
        connection.execute(statement)
    for open_it in (Registry.open, Registry.open_read_only):
        assert f": the {named} " in refusal(open_it, path)


def test_a_view_of_the_users_own_is_none_of_our_business(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE VIEW mine AS SELECT id FROM runs")
    with Registry.open(path) as registry:
        assert len(registry.runs.ls()) == 13


def test_a_schema_that_is_older_than_it_says_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(RegistryError, match=r"another schema than timnet's \(table cursors already exists\)"):
        Registry.open(path)


@pytest.mark.parametrize(
    ("statement", "change"),
    [
        ("CREATE TABLE others (id REFERENCES predictions (truth))", lambda registry: registry.experiments.delete(1)),
        ("DROP INDEX runs_hidden", lambda registry: registry.pages.count()),
    ],
)
def test_what_another_schema_forbids_is_told_in_one_line(
    tmp_path: Path, statement: str, change: Callable[[Registry], object]
) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
    with Registry.open(path) as registry, pytest.raises(RegistryError, match="has another schema than timnet's"):
        change(registry)


def test_columns_that_are_gone_are_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE corpora DROP COLUMN tabs")
        connection.execute("ALTER TABLE experiments RENAME COLUMN source TO sauce")
        connection.execute("ALTER TABLE workers RENAME COLUMN host TO ghost")
        connection.execute('ALTER TABLE utterances RENAME COLUMN "end" TO finish')
    with Registry.open(path) as registry:
        utterances = partial(registry.corpora.utterances, 1)
        for look in (registry.corpora.ls, lambda: registry.experiments.get(1), registry.workers.open, utterances):
            with pytest.raises(
                RegistryError, match=r"cannot be read from the registry|no such column: (host|utterances.end)"
            ):
                look()


def test_a_kept_state_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        registry.experiments.remove([1])
        for state in (None, "owned"):
            registry.db.connection.execute("UPDATE runs SET hidden_from = ? WHERE hidden", (state,))
            with pytest.raises(RegistryError, match="the runs' states of experiment 1 cannot be read"):
                registry.experiments.restore([1])


def test_rows_of_others_that_refer_to_ours_keep_them_in_one_line(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        registry.db.connection.execute("CREATE TABLE others (id INTEGER REFERENCES experiments (id))")
        registry.db.connection.execute("INSERT INTO others VALUES (1)")
        before = len(registry.runs.ls())
        with pytest.raises(RegistryError, match="FOREIGN KEY constraint failed"):
            registry.experiments.delete(1)
        assert len(registry.runs.ls()) == before


def test_a_value_that_a_default_makes_endless_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE tags RENAME TO before")
        connection.execute("CREATE TABLE tags (experiment_id, tag, x DEFAULT (hex(zeroblob(400000000))))")
    with Registry.open(path) as registry, pytest.raises(RegistryError, match="too big"):
        registry.experiments.tag(1, ["x"])


def test_no_schema_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    with Registry.open(path) as writing, Registry.open_read_only(path) as reading:
        for registry in (writing, reading):
            assert registry.db.number("PRAGMA trusted_schema") == 0


def test_a_migration_that_fails_leaves_the_registry_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    before = sqlite3.connect(path).execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    broken = (*MIGRATIONS, ("ALTER TABLE runs ADD COLUMN colour TEXT", "ALTER TABLE nowhere ADD COLUMN x TEXT"))
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", broken)
        with pytest.raises(RegistryError, match="nowhere"):
            Registry.open(path)
    assert sqlite3.connect(path).execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before
    with Registry.open(path) as registry:
        assert len(registry.runs.ls()) == 13


def test_a_registry_that_another_process_is_just_making_is_no_foreign_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    look = database._version

    def and_meanwhile_it_is_made(ours: sqlite3.Connection) -> int:
        version = look(ours)
        monkeypatch.setattr(database, "_version", look)
        Registry.open(path).close()
        return version

    monkeypatch.setattr(database, "_version", and_meanwhile_it_is_made)
    with Registry.open(path) as registry:
        assert registry.runs.ls() == []
    connection.close()


OPEN = """
import sys, time
from pathlib import Path
from timnet.registry import Registry
path, start = Path(sys.argv[1]), float(sys.argv[2])
time.sleep(max(0, start - time.time()))
with Registry.open(path) as registry, registry.db.write():
    registry.db.connection.execute("INSERT INTO cursors VALUES (?, 1)", (sys.argv[3],))
"""


@pytest.mark.parametrize("round_", range(2))
def test_six_processes_that_make_one_registry_at_once_all_succeed(tmp_path: Path, round_: int) -> None:
    import time

    start = time.time() + 2.5
    words = [sys.executable, "-c", OPEN, str(tmp_path / "runs.db"), str(start)]
    processes = [subprocess.Popen([*words, f"w{n}"], stderr=subprocess.PIPE, text=True) for n in range(6)]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert (said, [process.returncode for process in processes]) == ([""] * 6, [0] * 6)
    with Registry.open(tmp_path / "runs.db") as registry:
        names = [row[0] for row in registry.db.tuples("SELECT name FROM cursors WHERE name LIKE 'w%' ORDER BY name")]
        assert names == [f"w{n}" for n in range(6)]
    assert pragma(tmp_path / "runs.db", "integrity_check") == "ok"


def test_who_makes_a_registry_waits_at_the_gate_before_it_touches_the_file(tmp_path: Path) -> None:
    """SQLite refuses at once, and does not wait, where two turn one new file to WAL together."""
    path = tmp_path / "runs.db"
    opened: list[int] = []

    def open_it() -> None:
        with Registry.open(path) as registry:
            opened.append(len(registry.runs.ls()))

    thread = threading.Thread(target=open_it)
    with Gate(RegistryPaths(path)).held(5):
        thread.start()
        thread.join(0.3)
        assert path.stat().st_size == 0
        assert opened == []
    thread.join(30)
    assert opened == [0]
    assert pragma(path, "journal_mode") == "wal"


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of ours, in which root has lost the power to pass over permission bits."""
    place = Path(tempfile.mkdtemp(prefix="timnet-test-"))
    place.chmod(0o755)
    Registry.open(place / "warm.db").close()  # what is imported late may lie where only root can read
    (place / "warm.db").unlink()
    was_root = os.geteuid() == 0
    try:
        yield place
    finally:
        if was_root:
            os.seteuid(0)
        place.chmod(0o755)
        shutil.rmtree(place)


def without_privileges(open_it: Callable[[Path], object], path: Path) -> str:
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        return refusal(open_it, path)
    finally:
        if was_root:
            os.seteuid(0)


def test_a_registry_in_a_folder_that_cannot_be_written_is_refused(unprivileged: Path) -> None:
    filled_registry(unprivileged / "runs.db").close()
    (unprivileged / "runs.db-gate").touch()
    for path in (unprivileged / "runs.db", unprivileged / "runs.db-gate"):
        path.chmod(0o444)
    unprivileged.chmod(0o555)
    assert "cannot be opened or written" in without_privileges(Registry.open, unprivileged / "runs.db")
    assert "cannot be opened or written" in without_privileges(Registry.open, unprivileged / "new.db")


def write_a_note(path: Path) -> None:
    with Registry.open(path) as registry:
        registry.experiments.note(1, "no")


def test_a_registry_file_that_cannot_be_written_is_refused(unprivileged: Path) -> None:
    filled_registry(unprivileged / "runs.db").close()
    (unprivileged / "runs.db").chmod(0o444)
    for path in unprivileged.rglob("*"):
        if path.name != "runs.db":
            path.chmod(0o777)
    unprivileged.chmod(0o777)
    was_root = os.geteuid() == 0
    before = (unprivileged / "runs.db").read_bytes()
    if was_root:
        os.seteuid(65534)
    try:
        with pytest.raises(RegistryError, match="cannot be opened or written") as caught:
            write_a_note(unprivileged / "runs.db")
    finally:
        if was_root:
            os.seteuid(0)
    assert str(caught.value).isprintable()
    assert (unprivileged / "runs.db").read_bytes() == before


def test_a_network_filesystem_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "network_filesystem", lambda _folder: "nfs4")
    assert "network filesystem (nfs4)" in refusal(Registry.open, tmp_path / "runs.db")


def test_the_filesystem_of_a_folder_is_that_of_its_longest_and_latest_mount_point() -> None:
    mounts = [
        ("/", "overlay"), ("/home", "nfs4"), ("/home/me/local", "ext4"), ("/mnt", "autofs"), ("/mnt", "CIFS"),
    ]  # fmt: skip
    expected = {
        "/": "overlay", "/srv/x": "overlay", "/home": "nfs4", "/home/me": "nfs4", "/homework": "overlay",
        "/home/me/local/deep": "ext4", "/home/me/locality": "nfs4", "/mnt/a": "cifs",
    }  # fmt: skip
    assert {folder: filesystem_of(Path(folder), mounts) for folder in expected} == expected
    assert filesystem_of(Path("/x"), []) == ""
    assert {"nfs", "nfs4", "cifs", "smb3", "lustre", "fuse.sshfs"} <= NETWORK
    assert not {"ext4", "xfs", "btrfs", "apfs", "overlay", "tmpfs", "zfs"} & NETWORK


def test_what_is_mounted_is_known_without_psutil_but_as_psutil_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mounted() == [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    if Path("/proc/self/mounts").exists():
        (tmp_path / "mounts").write_text("server:/x /mnt/two\\040words\\134 nfs4 rw,hard 0 0\nbroken\n")
        monkeypatch.setattr(filesystem, "MOUNTS", tmp_path / "mounts")
        assert mounted() == [("/mnt/two words\\", "nfs4")]
    monkeypatch.setattr(filesystem, "MOUNTS", tmp_path / "absent")
    assert mounted()


def test_a_full_disk_is_told_in_one_line_and_nothing_is_half_written(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        pages = registry.db.row("PRAGMA page_count")["page_count"]
        registry.db.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        before = registry.experiments.get(1)
        with pytest.raises(DiskFull, match="no space left on the disk while writing") as caught:
            registry.experiments.note(1, "x" * 100_000)
        assert str(caught.value).isprintable()
        assert registry.experiments.get(1) == before
        assert not registry.db.connection.in_transaction
        registry.db.connection.execute("PRAGMA max_page_count = 1000000")
        assert registry.experiments.note(1, "x" * 100_000).note == "x" * 100_000
    assert pragma(tmp_path / "runs.db", "integrity_check") == "ok"


def test_a_registry_whose_pages_are_damaged_says_so(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled_registry(path).close()
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    assert "not a readable registry (database disk image is malformed)" in refusal(Registry.open, path)


def test_values_that_sqlite_cannot_take_are_bad_input(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        for ask in (
            lambda: registry.runs.get(f"{'9' * 30}.1"),
            lambda: registry.experiments.get(10**30),
            lambda: registry.runs.ls(f"id:{10**30}"),
            lambda: registry.runs.ls("corpus:\udcff"),
            lambda: registry.experiments.note(1, "\udcff"),
            lambda: registry.experiments.tag(1, ["\udcff"]),
            lambda: registry.corpora.get("\udcff"),
        ):
            with pytest.raises(BadInput) as caught:
                ask()
            assert str(caught.value).isprintable()
