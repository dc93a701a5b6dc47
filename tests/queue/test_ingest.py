"""What spools tell goes into the registry once, whenever and in whichever pieces it is read, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from tests.remote.conftest import EPOCHS, Given, make_given
from tests.remote.conftest import given as given_run
from tests.support import epoch_record
from timnet.queue import ingest as ingest_module
from timnet.queue.bringing import bring_resume_point, copy_log
from timnet.queue.ingest import Intake, Lacking, ingest
from timnet.records import RunState, Want
from timnet.registry import Registry
from timnet.registry.elsewhere import Elsewhere
from timnet.remote.spool import LONGEST_LINE, SpoolBroken, read_lines
from timnet.states import Command

one = given_run
TABLES = ("runs", "epochs", "events", "checkpoints", "predictions", "artifacts", "attempts", "spools")
FRESH = {"updated", "ended", "created", "started", "time", "folder"}
"""What says when something was written, and where this test has its files."""


def told(registry: Registry) -> dict[str, list[dict[str, Any]]]:
    """All that the registry says of runs."""
    rows = {table: registry.db.rows(f"SELECT * FROM {table}") for table in TABLES}
    return {table: [{k: v for k, v in row.items() if k not in FRESH} for row in some] for table, some in rows.items()}


def files(given: Given) -> dict[str, bytes]:
    folder = given.registry.paths.runs
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


# in any pieces, by heads that are killed

MEMORY = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def copied(template: Path) -> Iterator[Given]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as scratch:
        shutil.copytree(template, Path(scratch) / "x")
        registry = Registry.open(Path(scratch) / "x" / "runs.db")
        found = Given(registry, Path(scratch) / "x" / "shared")
        found.give()
        yield found
        registry.close()


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as scratch:
        make_given(Path(scratch)).registry.close()
        yield Path(scratch)


def write_story(given: Given, starts: list[int], last: str, torn: bytes) -> list[bytes]:
    """What the starts of one job write, each so many epochs more; the last one ends as ``last`` says."""
    for number, epochs in enumerate(starts, 1):
        job = given.start()
        for _ in range(min(epochs, EPOCHS - job.epoch)):
            job.train()
        if number < len(starts) or last == "killed":
            os.write(job.spool._file, torn)
        elif last == "pause":
            given.folder.want.write_text("pause")
            job.leave(Want.PAUSE)
        else:
            while job.epoch < EPOCHS:
                job.train()
            job.finish()
        job.spool.close()
    return [path.read_bytes() for path in given.folder.spools()]


class Killed(BaseException):
    """The head is gone in the middle of what it does."""


@contextmanager
def killing(moments: set[int]) -> Iterator[None]:
    """Heads are killed at the so many-th of these moments: just before a commit, and just after one."""
    count = 0

    def perhaps() -> None:
        nonlocal count
        count += 1
        if count in moments:
            raise Killed

    has_read, record = Elsewhere.has_read, Intake._record

    def before(self: Elsewhere, *arguments: int) -> None:
        has_read(self, *arguments)
        perhaps()

    def after(self: Intake, *arguments: Any) -> int:
        done = record(self, *arguments)
        perhaps()
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Elsewhere, "has_read", before)
        patch.setattr(Intake, "_record", after)
        yield


def look(given: Given) -> None:
    """A head takes in what is there; another one goes on where it is killed."""
    while given.registry.elsewhere.open("away"):
        try:
            Intake(given.registry, given.errand).take_in()
        except Killed:
            continue
        except SpoolBroken:
            return
        return


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@drawn(
    starts=st.lists(st.integers(0, 6), min_size=1, max_size=3),
    last=st.sampled_from(["done", "pause", "killed"]),
    torn=st.sampled_from([b"", b'{"do": "epoch", "ti', b"\x00\xff\n", b"[]\n", b'{"do":"epoch"}\n']),
    cuts=st.lists(st.floats(0, 1), max_size=4),
    killed=st.sets(st.integers(1, 12), max_size=4),
    at_once=st.sampled_from([1, 700, 1 << 18]),
    hurried=st.booleans(),
)
def test_the_registry_depends_on_the_bytes_alone(
    template: Path,
    starts: list[int],
    last: str,
    torn: bytes,
    cuts: list[float],
    killed: set[int],
    at_once: int,
    hurried: bool,
) -> None:
    with copied(template) as whole:
        spools = write_story(whole, starts, last, torn)
        look(whole)
        expected = told(whole.registry), files(whole)
        with copied(template) as pieces, pytest.MonkeyPatch.context() as patch, killing(killed):
            with suppress(FileNotFoundError):  # nothing was trained
                shutil.copytree(whole.folder.run.folder, pieces.folder.run.folder)
            pieces.folder.want.write_text(whole.folder.want.read_text())
            patch.setattr(ingest_module, "AT_ONCE", at_once)
            patch.setattr(ingest_module, "WRITE_SECONDS", -1.0 if hurried else 1.0)
            for cut in [*sorted(cuts), 1.0]:
                left = round(cut * sum(map(len, spools)))
                for start, data in enumerate(spools, 1):
                    if data[: max(0, left)] or left > 0:
                        pieces.folder.spool(start).write_bytes(data[: max(0, left)])
                    left -= len(data)
                look(pieces)
            found = told(pieces.registry), files(pieces)
    assert found == expected


# zombies


def test_an_attempt_that_lost_its_run_writes_nothing_more(one: Given) -> None:
    """Neither rows nor files, whatever its process goes on to write."""
    zombie, old = one.start(), one.errand
    for _ in range(3):
        zombie.train()
    ingest(one.registry, old)
    bring_resume_point(one.registry, old)
    one.registry.runs.reap(
        old.run_id, old.attempt, exit_code=-9, error="gone", max_crashes=5, back_off=0.0, blameless=False
    )
    one.give()
    before = told(one.registry), files(one)
    while zombie.epoch < EPOCHS:
        zombie.train()
    zombie.finish()
    assert ingest(one.registry, old) == 0
    bring_resume_point(one.registry, old)
    assert (told(one.registry), files(one)) == before
    one.attempt = old.attempt + 1
    assert ingest(one.registry, one.errand) == 0


def test_a_start_is_not_read_any_more_once_a_later_one_was_heard(one: Given) -> None:
    """The engine has started one job twice; the first one's last lines come late."""
    first = one.start()
    first.train()
    late = first.spool
    late._own = lambda: None  # type: ignore[method-assign]  # it looked a moment before the second began
    second = one.start()
    second.train()
    ingest(one.registry, one.errand)
    late.epoch(epoch_record(2))
    late.epoch(epoch_record(3))
    second.train()
    ingest(one.registry, one.errand)
    assert [row["epoch"] for row in one.registry.db.rows("SELECT epoch FROM epochs ORDER BY epoch")] == [1, 2, 3]
    assert one.registry.runs.get("1.1").epoch == 3


def test_the_first_of_two_starts_writes_nothing_more(one: Given) -> None:
    first, second = one.start(), one.start()
    second.train()
    with pytest.raises(ingest_module.Fenced):
        first.train()
    assert [path.name for path in one.folder.run.checkpoints()] == ["epoch-000001.npz"]


# hostile spools

HELLO = {"do": "hello", "time": "2026-01-01T00:00:00.000Z", "host": "n", "pid": 1, "job": "7"}
TIME = {"time": "2026-01-01T00:00:00.000Z"}
METRICS = {
    "epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_loss": None, "val_accuracy": None, "val_uar": None, "lr": 0.1,
    "seconds": 1.0, "diverged": False, "inner_loss": None, "inner_accuracy": None, "inner_uar": None,
}  # fmt: skip
RECORD = {"metrics": METRICS, "check": {"kind": "check-skipped", "text": "x"}, "best_epoch": None, "best_value": None}


def epoch(**metrics: object) -> dict[str, object]:
    return {"do": "epoch", **TIME, "record": {**RECORD, "metrics": {**METRICS, **metrics}}}


def done(**changes: object) -> dict[str, object]:
    row = [0, 0, 0, [0.0] * 7]
    told = {"uar": 0.5, "war": 0.5, "predictions": [row], "embeddings": False, "text": ""}
    return {"do": "done", **TIME, **told, **changes}


def weights(**changes: object) -> dict[str, object]:
    told = {"kind": "last", "epoch": 1, "bytes": 1, "metric": None, "value": None}
    return {"do": "checkpoint", **TIME, **told, **changes}


def left(to: str) -> dict[str, object]:
    return {"do": "end", **TIME, "to": to, "kind": "done", "text": "x", "error": None}


HOSTILE: list[object] = [
    [], 7, "epoch", None, {}, {"do": "epoch"}, {"do": ["epoch"], **TIME}, {"do": "drop", **TIME}, HELLO,
    {"do": "left", "time": "yesterday", "text": ""}, {"do": "left", "time": 7, "text": ""},
    {"do": "left", "time": "9999-99-99T00:00:00.000Z", "text": ""}, {"do": "left", **TIME, "text": 7},
    epoch(epoch=2), epoch(epoch=0), epoch(epoch=-1), epoch(epoch=True), epoch(epoch="1"), epoch(epoch=10**30),
    epoch(loss="low"), epoch(loss=10**400), epoch(loss=True), epoch(loss=[]), epoch(seconds=None), epoch(lr=None),
    epoch(diverged=1), epoch(more=1), {"do": "epoch", **TIME, "record": 7},
    {"do": "epoch", **TIME, "record": {**RECORD, "check": {"kind": "done", "text": ""}}},
    {"do": "begin", **TIME, "text": "", "history": [{**RECORD, "metrics": {**METRICS, "epoch": 2}}]},
    {"do": "begin", **TIME, "text": "", "history": 7},
    {"do": "event", **TIME, "kind": "done", "text": "", "epoch": None},
    {"do": "event", **TIME, "kind": "stalled", "text": "", "epoch": 2**70},
    weights(kind="../../x"), weights(kind="best", epoch=-1), weights(epoch="../../1"), weights(bytes=-1),
    weights(bytes=2**64), weights(value="x"),
    done(war=1.5), done(war=-0.1), done(uar="x"), done(predictions=[]), done(embeddings=1),
    done(predictions=[[14, 0, 0, [0.0] * 7]]), done(predictions=[[0, 7, 0, [0.0] * 7]]),
    done(predictions=[[0, 0, -1, [0.0] * 7]]), done(predictions=[[0, 0, 0, [0.0] * 6]]),
    done(predictions=[[0, 0, 0, [1e300] * 7]]), done(predictions=[[0, 0, 0, [0.0] * 7]] * 2),
    left("done"), left("running"), left("gone"),
]  # fmt: skip


def spool_of(given: Given, *lines: bytes) -> None:
    given.folder.spool(1).write_bytes(b"".join(line + b"\n" for line in lines))


def test_a_line_that_no_timnet_has_written_is_refused_and_those_before_it_count(one: Given) -> None:
    good = [json.dumps(line).encode() for line in (HELLO, {"do": "begin", **TIME, "history": [], "text": "s"})]
    raw = [
           b"\x00\xff", b'{"do": "epo', b"{" * 100_000, b'{"do":"left","time":"x"}', b"1" * 5000, b"\xff\xfe", b"",
           *(json.dumps(epoch()).replace("1.0,", f"{no},", 1).encode() for no in ("NaN", "1e999", "Infinity")),
    ]  # fmt: skip
    before = None
    for line in [*(json.dumps(odd).encode() for odd in HOSTILE), *raw]:
        one.registry.db.connection.execute("DELETE FROM spools")
        one.registry.db.connection.execute("DELETE FROM events WHERE attempt IS NOT NULL")
        spool_of(one, *good, line, json.dumps(epoch()).encode())
        for _ in range(2):
            with pytest.raises(SpoolBroken) as refused:
                ingest(one.registry, one.errand)
        assert len(str(refused.value)) < 600, line[:80]
        assert one.registry.elsewhere.read_to(1, 1) == {1: sum(len(text) + 1 for text in good)}, line[:80]
        kept = [{k: v for k, v in row.items() if k not in ("id", "time")} for row in told(one.registry)["events"]]
        assert before is None or kept == before, line[:80]
        before = kept
        assert one.registry.runs.get("1.1").epoch == 0
        assert files(one) == {}


def test_texts_are_one_harmless_line_of_a_bounded_length(one: Given) -> None:
    bad = "\x1b]0;x\x07\u202e\ud800" + "x" * 10**6
    hello = {**HELLO, "host": bad, "job": bad}
    begin = {"do": "begin", **TIME, "history": [], "text": bad}
    ending = {"do": "end", **TIME, "to": "failed", "kind": "failed", "text": bad, "error": bad}
    spool_of(one, *(json.dumps(line).encode() for line in (hello, begin, ending)))
    assert ingest(one.registry, one.errand) == 3
    run = one.registry.runs.get("1.1")
    texts = [run.host, run.error, *(event.text for event in one.registry.results.events(run.id))]
    assert run.state is RunState.FAILED
    assert max(len(text or "") for text in texts) <= 2000
    assert all(text is None or (text.isprintable() and text.encode()) for text in texts)


def test_a_line_of_any_length_costs_bounded_memory(one: Given) -> None:
    path = one.folder.spool(1)
    with path.open("wb") as spool:
        spool.truncate(8 * LONGEST_LINE)  # zeros, and no end of a line
    with pytest.raises(SpoolBroken, match="16 MiB"):
        read_lines(path, 0, 1 << 18)
    with pytest.raises(SpoolBroken, match="16 MiB"):
        ingest(one.registry, one.errand)


def test_a_spool_that_became_shorter_is_refused(one: Given) -> None:
    job = one.start()
    job.train()
    ingest(one.registry, one.errand)
    os.truncate(one.folder.spool(1), 10)
    with pytest.raises(SpoolBroken, match="shorter"):
        ingest(one.registry, one.errand)


@pytest.mark.parametrize("what", ["link", "pipe"])
def test_a_link_or_a_pipe_in_a_files_place_is_neither_followed_nor_waited_for(one: Given, what: str) -> None:
    secret = one.shared / "secret"
    secret.write_text("secret")
    job = one.start()
    while job.epoch < EPOCHS:
        job.train()
    job.finish()
    final = one.folder.run.final_weights
    final.unlink()
    if what == "link":
        final.symlink_to(secret)
    else:
        os.mkfifo(final)
    with suppress(SpoolBroken), pytest.raises(OSError, match=r"regular|symbolic"):
        ingest(one.registry, one.errand)
    assert b"secret" not in files(one).values()
    assert one.state is RunState.RUNNING


def test_files_with_strange_names_are_no_resume_points(one: Given) -> None:
    job = one.start()
    job.train()
    (one.folder.run.folder / "checkpoints" / "epoch-zzz.npz").write_text("x")
    (one.folder.run.folder / "best-\u0661.npz").write_text("x")
    bring_resume_point(one.registry, one.errand)
    assert set(files(one)) == {"epoch-000001.npz"}


def test_a_result_waits_for_its_weights(one: Given) -> None:
    job = one.start()
    while job.epoch < EPOCHS:
        job.train()
    job.finish()
    hidden = one.folder.run.final_weights.rename(one.folder.folder / "later")
    with pytest.raises(Lacking, match=r"final\.npz"):
        ingest(one.registry, one.errand)
    assert one.registry.runs.get("1.1").epoch == EPOCHS
    hidden.rename(one.folder.run.final_weights)
    assert ingest(one.registry, one.errand) == 1
    assert one.state is RunState.DONE


# what is worth more than a node's word


def test_a_clock_that_is_wrong_makes_nothing_happen_before_its_time_or_later_than_now(one: Given) -> None:
    wrong = [{**HELLO, "time": "1970-01-01T00:00:00.000Z"},
             {"do": "begin", "time": "2970-01-01T00:00:00.000Z", "history": [], "text": "s"},
             {**epoch(), "time": "1970-01-01T00:00:00.000Z"}]  # fmt: skip
    spool_of(one, *(json.dumps(line).encode() for line in wrong))
    ingest(one.registry, one.errand)
    started = one.errand.started
    times = [row["time"] for row in one.registry.db.rows("SELECT time FROM events WHERE attempt = 1")]
    assert len(times) == 2
    assert all(started <= time <= ingest_module.now() for time in times)


@pytest.mark.parametrize(
    ("asked", "becomes"),
    [((), RunState.QUEUED), ((Command.PAUSE,), RunState.PAUSED), ((Command.PAUSE, Command.CANCEL), RunState.CANCELLED),
     ((Command.PAUSE, Command.RESUME), RunState.QUEUED)],
)  # fmt: skip
def test_a_run_that_left_as_asked_does_what_is_wanted_by_then(
    one: Given, asked: tuple[Command, ...], becomes: RunState
) -> None:
    job = one.start()
    job.train()
    job.leave(Want.PAUSE)
    for command in asked:
        one.registry.runs.command(command, ["1.1"])
    ingest(one.registry, one.errand)
    assert one.state is becomes


def test_the_log_of_an_attempt_stands_behind_those_before_it(one: Given, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"before\n")
    one.folder.log.write_bytes(b"a" * 3000 + b"\n")
    done_ = copy_log(one.errand, log, 7, 0, most=1000)
    assert done_ == 1000
    done_ = copy_log(one.errand, log, 7, done_)
    assert log.read_bytes() == b"before\n" + b"a" * 3000 + b"\n"
    assert copy_log(one.errand, log, 7, 0) == done_ == 3001
    assert log.read_bytes() == b"before\n" + b"a" * 3000 + b"\n"


def test_resume_points_here_are_few_and_name_what_is_there(one: Given) -> None:
    """Brought now and then, and at the end exactly those that the attempt has."""
    job, here = one.start(), one.registry.paths.run(one.errand.uid)
    for until in (4, 5, 9, 11, 12):
        while job.epoch < until:
            job.train()
        ingest(one.registry, one.errand)
        bring_resume_point(one.registry, one.errand, older_than=1e-9)
        points = [json.loads(path.read_bytes())["epoch"] for path in here.checkpoints()]
        best = {int(path.stem[-6:]) for path in here.best()}
        assert len(points) <= 2
        assert points[-1] == until
        assert {epoch - epoch % 5 for epoch in points if epoch >= 5} <= best
        assert len(best) <= 2
    bring_resume_point(one.registry, one.errand)
    assert {path.name for path in here.for_going_on()} == {path.name for path in one.folder.run.for_going_on()}


def test_a_registry_that_names_another_folder_is_not_trusted(one: Given, tmp_path: Path) -> None:
    """It would be removed with all that is in it."""
    one.registry.db.connection.execute("UPDATE attempts SET folder = ?", (str(tmp_path),))
    with pytest.raises(ingest_module.TimnetError, match="do not trust"):
        one.registry.elsewhere.open("away")


def test_another_head_that_was_quicker_leaves_nothing_to_record(one: Given) -> None:
    job = one.start()
    job.train()
    slow, steps = Intake(one.registry, one.errand), []
    real = slow._record
    slow._record = lambda *arguments: steps.append(ingest(one.registry, one.errand)) or real(*arguments)  # type: ignore[method-assign]
    assert slow.take_in() == 0
    assert steps == [5 - 1]
    assert one.registry.runs.get("1.1").epoch == 1
    assert replace(one.errand) == one.errand
