"""How soon the terminal interface answers, on a registry of 100,000 runs, while training fills both cores.

``python benchmarks/tui.py`` (about six minutes) makes the registry, starts a worker on the synthetic corpus, and
prints each figure beside its bound. ``--quick`` is for trying the benchmark itself. Absolute times are of this
machine under load; the start is measured against Textual's own empty app in the same run, turn by turn.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.registry_fill import Size, fill
from benchmarks.terminal import Terminal
from timnet.demo import DemoPlace, prepare
from timnet.registry import Registry
from timnet.settings import load as load_settings
from timnet.text import clean
from timnet_tui.looks.grid import GridWatch
from timnet_tui.looks.runs import RunsWatch
from timnet_tui.watch import Watch

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("usable-frame")
Empty().run()
"""
#: epochs that no measurement outlasts
FOR_EVER = 100_000
TIMNET = (sys.executable, "-m", "timnet")
DOWN, UP = b"j", b"k"
PAGE_DOWN, PAGE_UP, END, HOME = b"\x1b[6~", b"\x1b[5~", b"G", b"g"
#: each of them draws something on the grid and in the list of runs alike
KEYS = (DOWN, DOWN, PAGE_DOWN, UP, PAGE_DOWN, DOWN, PAGE_UP, DOWN, END, UP, HOME, DOWN)
FILTERS = (
    "",
    "corpus:EMODB",
    "uar>0.95",
    "-state:done",
    "tag:paper uar>0.5",
    "note:nothing-has-this",
    "preset:seed fold:3",
)
SORTS = ("id", "uar", "war", "smoothed_val_uar", "updated", "loss")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure beside its bound."""

    name: str
    value: float
    bound: float | None
    unit: str
    note: str = ""

    def line(self) -> str:
        """As a row of a table."""
        bound = "" if self.bound is None else f"<= {self.bound:g}"
        verdict = "" if self.bound is None else ("ok" if self.value <= self.bound else "MISSED")
        return f"{self.name:<52} {self.value:>9.2f} {self.unit:<4} {bound:>9} {verdict:<7} {self.note}"


def starts(db: Path, times: int) -> Iterator[Figure]:
    """From the start of the process to a frame that can be used, ours and an empty app in turn."""
    ours, empty = [], []
    for _ in range(times):
        with Terminal((sys.executable, "-c", EMPTY_APP)) as peer:
            empty.append(peer.wait_for("usable-frame"))
        with Terminal((*TIMNET, "--db", str(db))) as app:
            ours.append(app.wait_for("EMODB"))
    yield Figure("empty Textual app: first frame", statistics.median(empty), None, "s")
    yield Figure("timnet: first usable frame", statistics.median(ours), None, "s")
    more = statistics.median(a - b for a, b in zip(ours, empty, strict=True))
    yield Figure("timnet beyond the empty app", more, 1.0, "s", f"median of {times} pairs")


def keys(db: Path, presses: int, idle_seconds: float) -> Iterator[Figure]:
    """Keys to frames on the grid and in the list of runs, then what the app costs when nothing happens."""
    with Terminal((*TIMNET, "--db", str(db))) as app:
        app.wait_for("EMODB")
        app.settle()
        yield from _latencies("grid", app, presses)
        app.press(b"2")
        app.settle(1.0)
        yield from _latencies("runs", app, presses)
        app.press(b"1")
        app.settle(1.0)
        yield Figure(
            "memory after browsing (own)", app.memory() / 1e6, 150.0, "MB", f"{app.resident() / 1e6:.0f} MB resident"
        )
        app.settle(3.0, 8.0)
        before, start = app.cpu(), time.perf_counter()
        while time.perf_counter() - start < idle_seconds:
            app.read(0.5)
        share = 100 * (app.cpu() - before) / (time.perf_counter() - start)
        yield Figure("poller and app when nothing changes", share, 3.0, "%", f"of a core, over {idle_seconds:.0f} s")


def _latencies(name: str, app: Terminal, presses: int) -> Iterator[Figure]:
    found, silent = [], 0
    for press in range(presses):
        seconds = app.frame_after(KEYS[press % len(KEYS)], 2.0)
        if seconds is None:
            silent += 1
        else:
            found.append(1000 * seconds)
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    note = f"{len(found)} frames" + (f", {silent} keys with nothing to draw" if silent else "")
    yield Figure(f"{name}: key to frame, median", statistics.median(found), None, "ms", note)
    yield Figure(f"{name}: key to frame, p95", cuts[94], 50.0, "ms")
    yield Figure(f"{name}: key to frame, p99", cuts[98], 100.0, "ms")


def pages(db: Path, repeats: int) -> Iterator[Figure]:
    """Reading one page in the poller's thread: wherever it stands, however sorted, whatever filter."""
    with Registry.open_read_only(db) as registry:
        total = sum(registry.runs.counts().values())
        watches: list[Watch] = [GridWatch(first=first, count=96) for first in (0, 5000, 9900)]
        watches += [GridWatch(filter_text=text, count=96) for text in FILTERS]
        watches += [RunsWatch(filter_text=text) for text in FILTERS]
        watches += [RunsWatch(sort=sort, descending=True) for sort in SORTS]
        worst = [
            (_median(lambda watch=watch: watch.follower(None).read(registry, ()), repeats), watch) for watch in watches
        ]
        worst.sort(key=lambda one: -one[0])
        note = f"{total} runs, {len(watches)} pages; slowest: {clean(str(worst[0][1]))[:100]}"
        yield Figure("page or filter, slowest median", 1000 * worst[0][0], 20.0, "ms", note)
        yield Figure("page or filter, typical", 1000 * statistics.median(one for one, _ in worst), 20.0, "ms")


def _median(job: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@contextmanager
def training(folder: Path, jobs: int) -> Iterator[None]:
    """A worker that trains on all cores for as long as this lasts."""
    place = DemoPlace(folder / "training")
    place.folder.mkdir()
    with Registry.open(place.db) as registry:
        prepare(registry, replace(load_settings(), db=place.db), place, lambda _progress: None, epochs=FOR_EVER)
    db = place.db
    worker = subprocess.Popen(
        [*TIMNET, "--db", str(db), "work", "--jobs", str(jobs)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_trains(db, jobs)
        yield
    finally:
        worker.terminate()
        worker.wait(60)


def _wait_until_it_trains(db: Path, jobs: int) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with Registry.open_read_only(db) as registry:
            if sum(run.epoch > 0 for run in registry.runs.running()) >= jobs:
                return
        time.sleep(0.5)
    raise TimeoutError("the worker did not begin to train within three minutes")


def leet(runs: int) -> str:
    """The same size in W&B LEET where that is installed."""
    if shutil.which("wandb") is None:
        return "W&B LEET is not installed here, so it is not measured beside us."
    return f"W&B is installed: a folder of {runs} offline runs can be opened with `wandb leet` for comparison."


def main() -> int:
    """Measure and print; status 1 when a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,000 runs and few repeats")
    parser.add_argument("--db", type=Path, help="a registry made before by benchmarks/registry_fill.py")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    chosen = parser.parse_args()
    size = Size(experiments=100, epochs=20) if chosen.quick else Size()
    with tempfile.TemporaryDirectory(prefix="timnet-bench-") as name:
        folder = Path(name)
        db = chosen.db or folder / "runs.db"
        if chosen.db is None:
            fill(db, size)
        figures: list[Figure] = []
        with training(folder, 2):
            for part in (
                starts(db, 3 if chosen.quick else 7),
                keys(db, 60 if chosen.quick else 300, 5.0 if chosen.quick else 20.0),
                pages(db, 3 if chosen.quick else 15),
            ):
                for figure in part:
                    figures.append(figure)
                    print(figure.line(), flush=True)
        print(leet(size.runs))
    if chosen.json is not None:
        rows = [{"name": f.name, "value": f.value, "bound": f.bound, "unit": f.unit, "note": f.note} for f in figures]
        chosen.json.write_text(json.dumps(rows, indent=2) + "\n")
    return int(any(figure.bound is not None and figure.value > figure.bound for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
