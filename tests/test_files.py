"""A reader meets the old file or the new one: also when the writer fails, dies, or has no room."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from timnet import files
from timnet.errors import DiskFull, as_disk_full


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
