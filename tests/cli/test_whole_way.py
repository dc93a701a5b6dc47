"""The whole way, as a user goes it, with real processes: corpora, demo, train, interrupts, killed workers.

TensorFlow is loaded by every training process, so the tests share one demo and go on from what it left.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.corpora.recordings import EMODB_WAVS, needs_emodb
from tests.support import REPOSITORY

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

PATIENCE = 600.0


class Place:
    """A working directory in which ``timnet`` runs as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TIMNET_")}
        self.environment = {
            **kept,
            "PYTHONPATH": str(REPOSITORY),
            "TIMNET_CACHE": str(folder / "cache"),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command, as a terminal's foreground job is: in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "timnet", *words],
            cwd=self.folder, env=self.environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, process_group=0, preexec_fn=heed_interrupts,
        )  # fmt: skip

    def run(self, *words: str, status: int = 0) -> tuple[str, str]:
        """Run a command to its end; its two streams."""
        with self.start(*words) as child:
            out, err = child.communicate(timeout=PATIENCE)
        assert child.returncode == status, (words, child.returncode, out, err)
        return out, err

    def json(self, *words: str) -> Any:
        """Run a command with ``--json``."""
        return json.loads(self.run(*words, "--json")[0])

    def run_now(self, key: str) -> dict[str, Any]:
        """One run as it is now; no epoch where it is not there yet."""
        found = self.json("runs", "ls", f"id:{key}")
        return dict(found[0]) if found else {"epoch": 0}


def heed_interrupts() -> None:
    """A terminal's job heeds Ctrl-C, even where the tests themselves run in the background and do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.3)


@contextmanager
def ended_at_last(child: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def interrupt(child: subprocess.Popen[str]) -> tuple[int, str]:
    """Ctrl-C: the terminal sends SIGINT to the whole foreground group."""
    os.killpg(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=30)
    return child.returncode, err


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A folder in which the demo has been run; its registry is ``try/runs.db``."""
    found = Place(tmp_path_factory.mktemp("whole-way"))
    out, err = found.run("demo", "--into", "try", "--no-tui")
    found.environment["TIMNET_DB"] = str(found.folder / "try" / "runs.db")
    (found.folder / "demo.out").write_text(out)
    (found.folder / "demo.err").write_text(err)
    yield found
    found.run("workers", "stop")
    wait_for(lambda: not found.json("workers", "ls"), 60)


@needs_emodb
def test_the_real_corpus(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.run("corpora", "add", "EMODB", str(EMODB_WAVS))
    found = place.json("corpora", "check", "EMODB")
    assert (found["utterances"], found["speakers"], found["problems"]) == (535, 10, [])
    assert found["classes"] == {
        "angry": 127, "boredom": 81, "disgust": 46, "fear": 69, "happy": 71, "neutral": 79, "sad": 62,
    }  # fmt: skip
    [listed] = place.json("corpora", "ls")
    assert (listed["corpus"], listed["utterances"], listed["path"]) == ("EMODB", 535, str(EMODB_WAVS))


def test_the_demo_leaves_a_table_and_images(place: Place) -> None:
    out, err = (place.folder / "demo.out").read_text(), (place.folder / "demo.err").read_text()
    results = place.folder / "try" / "results"
    assert (results / "table.md").read_text() in out
    assert "| DEMO | timnet #1 demo | random | last | 4 |" in out
    assert "look around: timnet --db try/runs.db" in err
    for part in ("accuracy", "loss", "tsne", "confusion"):
        image = results / f"DEMO-1-random-last-{part}.png"
        head = image.read_bytes()[:24]
        assert head.startswith(b"\x89PNG\r\n\x1a\n")
        assert int.from_bytes(head[16:20], "big") > 500, "it is wide enough to be looked at"
        assert image.read_bytes().rstrip().endswith(b"IEND\xaeB`\x82")
        assert ElementTree.parse(image.with_suffix(".svg")).getroot().tag.endswith("svg")
        assert f"wrote try/results/{image.name}" in err
    assert not any(path.name.endswith(".tmp") for path in results.iterdir())


def test_what_the_demo_trained_can_be_looked_at(place: Place) -> None:
    runs = place.json("runs", "ls")
    assert [(run["id"], run["state"], run["epoch"]) for run in runs] == [
        (f"1.{fold}", "done", 20) for fold in range(1, 5)
    ]
    shown = place.json("runs", "show", "1.1")
    assert [metrics["epoch"] for metrics in shown["metrics"]] == list(range(1, 21))
    assert shown["war"] == pytest.approx(
        sum(row[place_] for place_, row in enumerate(shown["confusion"]["matrix"]))
        / sum(map(sum, shown["confusion"]["matrix"]))
    )
    assert {event["kind"] for event in shown["events"]} >= {"queued", "started", "done", "check-skipped"}
    [ours] = [
        row for row in json.loads(place.run("export", "table", "--format", "json")[0]) if row["source"] != "paper"
    ]
    assert (ours["n"], ours["uar"]) == (4, pytest.approx(sum(run["uar"] for run in runs) / 4))
    assert ours["uar"] > 0.4, "it has learnt: five classes by chance are 0.2"
    assert "epoch" in place.run("runs", "logs", "1.1")[0]
    for words in (("queue", "retry", "1.1"), ("queue", "cancel", "1.1"), ("queue", "pause", "1")):
        out, err = place.run(*words, status=2)
        assert out == ""
        assert err.startswith("timnet: ")
        assert "it is done" in err
    place.run("runs", "wait", "1")


def test_a_killed_worker_is_replaced_and_its_run_goes_on(place: Place) -> None:
    train = place.start("train", "DEMO", "--preset", "demo", "--only", "1", "--epochs", "30", "--jobs", "1")
    with ended_at_last(train):
        wait_for(lambda: place.run_now("2.1")["epoch"] >= 2)
        [worker] = place.json("workers", "ls")
        os.kill(worker["pid"], signal.SIGKILL)
        _, err = train.communicate(timeout=PATIENCE)
    assert train.returncode == 0, err
    assert "2.1  done  UAR" in err
    run = place.json("runs", "show", "2.1")
    assert (run["state"], run["epoch"]) == ("done", 30)
    assert [metrics["epoch"] for metrics in run["metrics"]] == list(range(1, 31))
    assert worker["pid"] not in [one["pid"] for one in place.json("workers", "ls")]


def test_closing_the_view_leaves_the_training_going(place: Place) -> None:
    words = ("train", "DEMO", "--preset", "demo", "--only", "2", "--epochs", "100000", "--jobs", "1")
    with ended_at_last(place.start(*words)) as train:
        wait_for(lambda: place.run_now("3.2")["epoch"] >= 1)
        status, err = interrupt(train)
    assert status == 130
    assert "the runs go on in the background" in err
    assert "Traceback" not in err
    [worker] = place.json("workers", "ls")
    assert worker["running"] == ["3.2"]

    with ended_at_last(place.start("runs", "watch", "3")) as watch:
        time.sleep(2)
        assert watch.poll() is None
        status, err = interrupt(watch)
    assert (status, "Traceback" in err) == (130, False)
    epoch = place.run_now("3.2")["epoch"]
    wait_for(lambda: place.run_now("3.2")["epoch"] > epoch, 60)
    os.kill(worker["pid"], 0)  # the same worker is still there

    with ended_at_last(place.start("train", "DEMO", "--preset", "demo", "--only", "3", "--epochs", "9")) as waiting:
        wait_for(lambda: place.json("runs", "ls", "id:4"))
        assert str(worker["pid"]) in place.run("workers", "stop")[1]
        _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 1
    assert "the workers were told to stop" in err, "the view that would start workers keeps to what was asked"
    assert place.json("workers", "ls") == []
    run = place.run_now("3.2")
    assert (run["state"], run["error"]) == ("queued", None)
    assert run["epoch"] > epoch
    assert "start one: timnet work" in run["waiting_for"]
    place.run("queue", "cancel", "3.2", "4.3")
    assert place.run_now("3.2")["state"] == "cancelled"
    place.run("queue", "retry", "3.2")
    place.run("queue", "cancel", "3")
