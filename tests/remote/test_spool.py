"""A spool on its node: full disks, folders that are away, and wishes."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterator

import pytest

from tests.remote.conftest import Given
from tests.support import epoch_record
from timnet.errors import DiskFull, Fenced, TimnetError
from timnet.queue.ingest import ingest
from timnet.records import EventKind, Prediction, Want
from timnet.remote import spool as spool_module
from timnet.remote.spool import WITHDRAWN, Spool, read_lines


@pytest.fixture
def spool(given: Given, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    monkeypatch.setattr(spool_module, "LOOK_SECONDS", 0.0)
    one = Spool.begin_in(given.folder)
    one.hello(host="n", pid=1, job="7")
    yield one
    one.close()


def did(given: Given) -> list[str]:
    return [line.do for line in read_lines(given.folder.spool(1), 0)[0]]


@pytest.mark.parametrize("truncates", [True, False])
def test_on_a_full_disk_a_line_is_whole_or_not_there(
    given: Given, spool: Spool, monkeypatch: pytest.MonkeyPatch, truncates: bool
) -> None:
    """Also where what was let in of it cannot be taken back at once."""
    write, truncate = os.write, os.ftruncate

    def half(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[: len(data) // 2])

    def refused(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as full:
        full.setattr(os, "write", half)
        full.setattr(os, "ftruncate", truncate if truncates else refused)
        for _ in range(2):
            with pytest.raises((DiskFull, OSError)):
                spool.epoch(epoch_record(1))
    assert did(given) == ["hello"]
    spool.begin([], "started")
    spool.epoch(epoch_record(1))
    assert did(given) == ["hello", "begin", "epoch"]
    assert ingest(given.registry, given.errand) == 3


def test_wishes_are_heard_and_a_withdrawn_attempt_is_over(given: Given, spool: Spool) -> None:
    assert spool.want() is None
    for said, heard in (("pause", Want.PAUSE), ("cancel\n", Want.CANCEL), ("nonsense", None), ("", None)):
        given.folder.want.write_text(said)
        assert spool.want() is heard
    given.folder.want.write_text(WITHDRAWN)
    with pytest.raises(Fenced):
        spool.want()


def test_a_folder_that_was_removed_is_told_from_one_that_is_away(
    given: Given, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "AWAY_SECONDS", 0.05)
    given.folder.want.write_text("pause")
    assert spool.want() is Want.PAUSE
    away = given.shared.rename(given.shared.with_name("away"))
    assert spool.want() is Want.PAUSE
    with pytest.raises(FileNotFoundError, match="away for long"):
        spool.epoch(epoch_record(1))
    assert not given.shared.exists()
    away.rename(given.shared)
    spool.begin([], "started")
    given.folder.folder.rename(given.shared / "removed")
    for writes in (spool.want, lambda: spool.epoch(epoch_record(1))):
        with pytest.raises(Fenced):
            writes()


def test_a_probability_that_is_no_number_comes_home_as_it_is(given: Given, spool: Spool) -> None:
    spool.begin([], "s")
    given.folder.run.folder.mkdir()
    given.folder.run.final_weights.write_text("w")
    spool.done(0.5, 0.5, [Prediction(0, 0, 0, (math.nan,) * 7)], None, "done")
    ingest(given.registry, given.errand)
    [row] = given.registry.db.rows("SELECT probabilities FROM predictions")
    assert row["probabilities"] == b"\x00\x00\xc0\x7f" * 7


def test_a_line_that_no_head_reads_is_not_written(given: Given, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "LONGEST_LINE", 1000)
    with pytest.raises(TimnetError, match="no head reads"):
        spool.event(EventKind.EARLY_STOP, "x" * 1000)
    assert did(given) == ["hello"]


def test_each_start_has_a_spool_of_its_own(given: Given, spool: Spool) -> None:
    second = Spool.begin_in(given.folder)
    assert second.start == 2
    with pytest.raises(Fenced):
        spool.left("x")
    second.close()
    assert json.loads(given.folder.spool(1).read_text())["do"] == "hello"
