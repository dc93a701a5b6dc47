"""A reader meets the old file or the new one: also when the writer fails, dies, or has no room."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from timnet import files
from timnet.errors import DiskFull, Fenced, as_disk_full
from timnet.paths import RunPaths, drop_all_but


def test_a_file_is_written_whole_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    files.write_bytes(path, b"first")
    files.write_text(path, "zweite ä")
    assert path.read_text(encoding="utf-8") == "zweite ä"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(errno.EIO, "broken")])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(type(error)) as caught, files.replacing(path) as stream:  # noqa: PT012
        stream.write(b"half")
        stream.flush()
        raise error
    assert caught.value is error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


WRITE = """
import pathlib, sys, time
from timnet.files import replacing
with replacing(pathlib.Path(sys.argv[1])) as stream:
    stream.write(b"half" * 100_000)
    stream.flush()
    print("inside", flush=True)
    time.sleep(60)
"""


def test_a_writer_killed_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "inside\n"
    assert path.read_bytes() == b"old"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert path.read_bytes() == b"old"
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to write to")
def test_a_full_disk_leaves_the_old_file_and_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    (tmp_path / f".file.{os.getpid()}.tmp").symlink_to("/dev/full")  # what is written there meets a full disk
    with pytest.raises(DiskFull, match=r"^no space left on the disk") as caught:
        files.write_bytes(path, b"new")
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["mkdir", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_room_can_run_out_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int) -> None:
    path = tmp_path / "folder" / "file"
    files.write_bytes(path, b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(code, "No space left on device")

    monkeypatch.setattr(*{"mkdir": (Path, "mkdir"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[step], full)
    with pytest.raises(DiskFull):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_only_a_lack_of_room_is_a_full_disk() -> None:
    import sqlite3

    assert as_disk_full(OSError(errno.EACCES, "no"), "x") is None
    assert as_disk_full(ValueError("database or disk is full"), "x") is None
    assert as_disk_full(sqlite3.OperationalError("database is locked"), "x") is None
    full = as_disk_full(sqlite3.OperationalError("database or disk is full"), "writing x")
    assert "while writing x; free some room" in str(full)
    assert "at /there" in str(as_disk_full(OSError(errno.ENOSPC, "full", "/there"), "writing x"))


def test_what_a_killed_writer_has_left_goes_with_the_next_write_and_can_be_found(tmp_path: Path) -> None:
    path = tmp_path / "file[1]"
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    writer.stdout.readline()
    [left] = tmp_path.iterdir()
    mine, note = tmp_path / f".third.{os.getpid()}.tmp", tmp_path / ".notes.tmp"
    for other in (mine, note):
        other.write_bytes(b"somebody else's")
    assert files.left_behind(tmp_path.iterdir()) == [], "it is being written"
    files.write_bytes(path, b"first")
    assert left.exists()
    writer.kill()
    writer.wait()
    assert files.left_behind(tmp_path.iterdir()) == [left]
    files.write_bytes(tmp_path / "other", b"of another name")
    assert left.exists()
    files.write_bytes(path, b"second")
    assert sorted(tmp_path.iterdir()) == sorted([path, mine, note, tmp_path / "other"])


def test_a_file_that_another_machine_is_writing_is_not_left_behind(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path = tmp_path / f".file.{gone.pid}.tmp"
    with path.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert files.left_behind([path]) == []
    assert files.left_behind([path]) == [path]


def test_behind_a_fence_files_appear_and_go_only_while_it_lets_them(tmp_path: Path) -> None:
    path, left = tmp_path / "file", tmp_path / ".file.1.tmp"
    path.write_bytes(b"old")
    left.write_bytes(b"half")

    @contextmanager
    def fence() -> Iterator[None]:
        raise Fenced("no longer")
        yield

    with files.fenced(fence):
        with pytest.raises(Fenced):
            files.write_bytes(path, b"new")
        with pytest.raises(Fenced):
            RunPaths(tmp_path).drop_unfinished()
        with pytest.raises(Fenced):
            drop_all_but([path], tmp_path / "a", 1)
    assert path.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [left, path]
    RunPaths(tmp_path).drop_unfinished()
    files.write_bytes(path, b"new")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"new"]
