"""How soon the terminal interface answers, on a registry of 100,000 runs, while training fills both cores.

``python benchmarks/tui.py`` (about six minutes) makes the registry, starts a worker on the synthetic corpus, and
prints each figure beside its bound. ``--quick`` is for trying the benchmark itself. Absolute times are of this
machine under load; the start is measured against Textual's own empty app in the same run, turn by turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import charts, leet
from benchmarks.registry_fill import Size, fill
from benchmarks.terminal import Terminal
from timnet.demo import DemoPlace, prepare
from timnet.registry import Registry
from timnet.settings import load as load_settings
from timnet.text import clean
from timnet_tui.looks.grid import GridWatch
from timnet_tui.looks.runs import RunsWatch
from timnet_tui.watch import Piecemeal, Watch

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
IDLE_PARTS = 5
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
    "host:nobody",
    "attempt>1",
    "state:done -host:desk -host:server",
    "-corpus:EMODB -uar>0.1",
    "batch",
)
SORTS = ("id", "uar", "war", "smoothed_val_uar", "updated", "loss")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: all its values, and the bounds (median, p95, p99) that they are to keep; None for no bound."""

    name: str
    values: tuple[float, ...]
    unit: str
    bounds: tuple[float | None, float | None, float | None] = (None, None, None)
    note: str = ""

    @property
    def found(self) -> tuple[float, float, float]:
        """Median, p95 and p99."""
        if len(self.values) < 2:
            return (self.values[0],) * 3
        cuts = statistics.quantiles(self.values, n=100, method="inclusive")
        return statistics.median(self.values), cuts[94], cuts[98]

    @property
    def missed(self) -> bool:
        """Whether a bound was missed."""
        return any(bound is not None and value > bound for value, bound in zip(self.found, self.bounds, strict=True))

    def line(self) -> str:
        """As a row of a table."""
        cells = [
            f"{value:>8.2f} {'' if bound is None else f'<= {bound:g}':<7}"
            for value, bound in zip(self.found, self.bounds, strict=True)
        ]
        bounded = any(bound is not None for bound in self.bounds)
        verdict = ("MISSED" if self.missed else "ok") if bounded else ""
        return f"{self.name:<44} {self.unit:<4} {' '.join(cells)} n={len(self.values):<4} {verdict:<7} {self.note}"


HEADINGS = f"{'figure':<44} {'unit':<4} {'median':>8} {'bound':<7} {'p95':>8} {'bound':<7} {'p99':>8} {'bound':<7}"


def starts(db: Path, times: int) -> Iterator[Figure]:
    """From the start of the process to a frame that can be used, ours and an empty app in turn."""
    ours, empty, memory = [], [], []
    for _ in range(times):
        with Terminal((sys.executable, "-c", EMPTY_APP)) as peer:
            empty.append((peer.wait_for("usable-frame"), peer.cpu()))
        with Terminal((*TIMNET, "--db", str(db))) as app:
            ours.append((app.wait_for("EMODB"), app.cpu()))
            memory.append(app.memory() / 1e6)
    for name, found in (("empty Textual app", empty), ("timnet", ours)):
        yield Figure(f"{name}: first usable frame", tuple(wall for wall, _ in found), "s")
        yield Figure(f"{name}: processor time until then", tuple(cpu for _, cpu in found), "s")
    for place, what in enumerate(("first frame", "processor time")):
        more = tuple(a[place] - b[place] for a, b in zip(ours, empty, strict=True))
        yield Figure(f"timnet beyond the empty app: {what}", more, "s", (None if place else 1.0, None, None))
    yield Figure("memory when opened (own)", tuple(memory), "MB", (150.0, None, None))


def keys(db: Path, presses: int, idle_seconds: float) -> Iterator[Figure]:
    """Keys to frames on the grid and in the list of runs, then what the app costs when nothing happens."""
    with Terminal((*TIMNET, "--db", str(db))) as app:
        app.wait_for("EMODB")
        app.settle()
        yield _latencies("grid", app, presses)
        app.press(b"2")
        app.settle(1.0)
        yield _latencies("runs", app, presses)
        app.press(b"1")
        app.settle(1.0)
        note = f"{app.resident() / 1e6:.0f} MB resident"
        yield Figure("memory after browsing (own)", (app.memory() / 1e6,), "MB", (150.0, None, None), note)
        app.settle(3.0, 8.0)
        shares = []
        for _ in range(IDLE_PARTS):
            before, start = app.cpu(), time.perf_counter()
            while time.perf_counter() - start < idle_seconds / IDLE_PARTS:
                app.read(0.5)
            shares.append(100 * (app.cpu() - before) / (time.perf_counter() - start))
        yield Figure("poller and app when nothing changes", tuple(shares), "%", (3.0, None, None), "of a core")


def _latencies(name: str, app: Terminal, presses: int) -> Figure:
    found, silent = [], 0
    for press in range(presses):
        seconds = app.frame_after(KEYS[press % len(KEYS)], 2.0)
        if seconds is None:
            silent += 1
        else:
            found.append(1000 * seconds)
    note = f"{silent} keys with nothing to draw" if silent else ""
    return Figure(f"{name}: key to frame", tuple(found), "ms", (None, 50.0, 100.0), note)


def redraw() -> Iterator[Figure]:
    """Ten folds of 600 epochs, train and validation, overlaid with their mean and band."""
    spent = asyncio.run(charts.loop_times(charts.folds(), (160, 40)))
    yield Figure(
        "10 folds x 600 epochs: loop time of a redraw", tuple(spent), "ms", (50.0, None, None), "processor time"
    )


def pages(db: Path, repeats: int) -> Iterator[Figure]:
    """A page in the poller's thread: wherever it stands, however sorted, whatever filter.

    The grid asks as a terminal of 48 lines does: a page, and which of its experiments are in view.
    Where no index helps a filter, the first answer has what a moment's search found and says that it goes on.
    """
    with Registry.open_read_only(db) as registry:
        total = sum(registry.runs.counts().values())
        watches: list[Watch] = [GridWatch(first=first, count=96, seen=(first + 32, 22)) for first in (0, 5000, 9900)]
        watches += [GridWatch(filter_text=text, count=96, seen=(0, 22)) for text in FILTERS]
        watches += [RunsWatch(text, sort, descending=True) for text in FILTERS for sort in ("created", "uar")]
        watches += [RunsWatch(sort=sort, descending=falls) for sort in SORTS for falls in (True, False)]
        read = [_read(registry, watch, repeats) for watch in watches]
    slowest = max(range(len(watches)), key=lambda place: statistics.median(read[place].first))
    note = f"{total} runs; {clean(str(watches[slowest]))[:90]}"
    yield Figure("page or filter: slowest first answer", read[slowest].first, "ms", (20.0, None, None), note)
    yield Figure("page or filter: its processor time", read[slowest].cpu, "ms")
    medians = tuple(statistics.median(one.first) for one in read)
    yield Figure("page or filter: first answers", medians, "ms", (20.0, None, None), f"{len(watches)} pages")
    slowest = max(range(len(watches)), key=lambda place: statistics.median(read[place].whole))
    note = clean(str(watches[slowest]))[:90]
    yield Figure("page or filter: slowest whole answer", read[slowest].whole, "ms", note=note)


@dataclass(frozen=True, slots=True)
class _Read:
    """Milliseconds to the first answer, of processor time for it, and to the last answer, with its counts."""

    first: tuple[float, ...]
    cpu: tuple[float, ...]
    whole: tuple[float, ...]


def _read(registry: Registry, watch: Watch, repeats: int) -> _Read:
    found = []
    for _ in range(repeats):
        follower = watch.follower(None)
        start, busy = time.perf_counter(), time.thread_time()
        follower.read(registry, ())
        first, cpu = time.perf_counter() - start, time.thread_time() - busy
        while isinstance(follower, Piecemeal) and follower.unfinished:
            follower.read(registry, ())
        found.append((1000 * first, 1000 * cpu, 1000 * (time.perf_counter() - start)))
    return _Read(*zip(*found, strict=True))


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
        start_new_session=True,  # as workers are started in the background
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


def beside_leet(wandb: Path | None, db: Path, *, quick: bool) -> Iterator[str]:
    """The table of registry sizes for W&B LEET and for this, where that is installed."""
    if wandb is None:
        yield "W&B LEET is not installed here, so it is not measured beside us (--wandb FILE says where it is)."
        return
    yield "The same runs in W&B LEET and here, nothing else training:"
    sizes = leet.SIZES[:3] if quick else leet.SIZES
    yield from leet.table(wandb, sizes, 20 if quick else Size().epochs, {leet.count(db): db})


def main() -> int:
    """Measure and print; status 1 when a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,000 runs and few repeats")
    parser.add_argument("--db", type=Path, help="a registry made before by benchmarks/registry_fill.py")
    parser.add_argument("--wandb", type=Path, help="W&B's command, to measure LEET beside us")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    chosen = parser.parse_args()
    size = Size(experiments=100, epochs=20) if chosen.quick else Size()
    with tempfile.TemporaryDirectory(prefix="timnet-bench-") as name:
        folder = Path(name)
        db = chosen.db or folder / "runs.db"
        if chosen.db is None:
            fill(db, size)
        figures: list[Figure] = []
        print(HEADINGS)
        with training(folder, 2):
            for part in (
                starts(db, 5 if chosen.quick else 9),
                keys(db, 60 if chosen.quick else 300, 5.0 if chosen.quick else 20.0),
                redraw(),
                pages(db, 5 if chosen.quick else 15),
            ):
                for figure in part:
                    figures.append(figure)
                    print(figure.line(), flush=True)
        for line in beside_leet(leet.find(chosen.wandb), db, quick=chosen.quick):
            print(line, flush=True)
    if chosen.json is not None:
        rows = [{**asdict(figure), "found": figure.found, "missed": figure.missed} for figure in figures]
        chosen.json.write_text(json.dumps(rows, indent=2) + "\n")
    return int(any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
