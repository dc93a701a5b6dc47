"""What a head costs, and how long many runs take on many nodes: measured here, and simulated beyond.

``python benchmarks/cluster.py`` measures one head (giving runs, bringing home what they write, at rest), checks the
model of :func:`simulate` against real heads over jobs that only sleep, and prints what it says of 1 to 1,000 nodes.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil

from timnet import settings as settings_module
from timnet.clock import now
from timnet.features.build import wanted_of
from timnet.features.cache import FeatureCache
from timnet.files import write_bytes
from timnet.paths import AttemptPaths
from timnet.queue import head as head_module
from timnet.queue.dispatch import Dispatch
from timnet.queue.engines.engine import Phase, Status
from timnet.queue.head import Head, Terms
from timnet.queue.ingest import Intake
from timnet.queue.liveness import new_worker_uid, proof_of
from timnet.records import (
    Check,
    CorpusRecord,
    EpochMetrics,
    EpochRecord,
    EventKind,
    Prediction,
    TrainingConfig,
    Utterance,
)
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment
from timnet.remote.parcel import Parcel
from timnet.remote.spool import Spool

CLASSES = ("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad")
FOLDS = 10
RESUME_POINT = 2_500_000
"""Bytes of one: the published network with Adam's moments, and more."""

FULL = 0.95
"""A share of the head's time that epochs may take: with more of them it never comes to anything else."""

NODES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


# the model


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of the head: a look without news (``turn``, and ``look`` for each open attempt), an epoch, a run.

    ``give`` is for packing one run, ``submit`` for telling the engine of some together, ``end`` for bringing a result
    home. ``pause`` is between two looks, ``delay`` from submitting until a free node starts the job.
    """

    turn: float
    look: float
    epoch: float
    give: float
    end: float
    submit: float = 0.0
    pause: float = head_module.LOOK_SECONDS
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """``runs`` runs: seconds until the first epoch begins (``start``), and ``epochs`` of ``seconds`` each.

    ``spread``: nodes are not equal; a run takes so much longer or shorter, evenly.
    """

    name: str
    runs: int
    start: float
    epochs: int
    seconds: float
    spread: float = 0.1

    @property
    def run(self) -> float:
        """Seconds of one run on its node."""
        return self.start + self.epochs * self.seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds until all is done; shares of that in which the head, and the nodes, were at work."""

    wall: float
    head: float
    nodes: float


def simulate(work: Work, nodes: int, costs: Costs, seed: int = 1) -> Outcome:
    """One head that keeps ``nodes`` nodes busy, turn after turn.

    In a turn it looks at each open attempt and records the epochs that came since; then it sleeps ``pause``. Where runs
    have ended it brings their results home too and gives as many anew, which their nodes begin ``delay`` later. Nothing
    is overlapped: a long turn makes all others wait. Turns without an end are taken together, with the epochs that
    come on the average.
    """
    generator = np.random.default_rng(seed)
    ends, rate = np.full(nodes, np.inf), np.zeros(nodes)
    left, done, clock, busy, trained = work.runs, 0, 0.0, 0.0, 0.0
    while done < work.runs:
        free = np.flatnonzero(np.isinf(ends))[:left]
        took = 0.0
        if len(free):
            took = costs.submit + costs.give * len(free)
            seconds = work.run * (1 + work.spread * generator.uniform(-1, 1, len(free)))
            ends[free], rate[free] = clock + took + costs.delay + seconds, work.epochs / seconds
            trained, left = trained + float(seconds.sum()), left - len(free)
        out = np.isfinite(ends)
        turn = costs.turn + costs.look * int(out.sum())
        period = (costs.pause + turn) / (1 - min(FULL, costs.epoch * float(rate[out].sum())))
        turns = max(1, math.ceil((float(ends.min()) - clock - took) / period))
        took += turns * (period - costs.pause)
        clock += took + turns * costs.pause
        ended = ends <= clock
        ends[ended] = np.inf
        home = costs.end * int(ended.sum())
        busy, clock, done = busy + took + home, clock + home, done + int(ended.sum())
    return Outcome(clock, busy / clock, trained / (nodes * clock))


# a registry, and what jobs write


def make(folder: Path, experiments: int, utterances: int = 535, epochs: int = 60) -> Registry:
    """A registry with waiting runs of one corpus, whose features are in ``folder/cache``."""
    registry = Registry.open(folder / "runs.db")
    items = tuple(
        Utterance(
            f"{item:05d}.wav", CLASSES[item * len(CLASSES) // utterances], f"{item % 10:02d}", sha256=f"{item:064x}"
        )
        for item in range(utterances)
    )
    corpus = registry.corpora.add(CorpusRecord(0, "EMODB", "raw", "corpus", "d", CLASSES, 96000, 8, "", items))
    wanted = wanted_of(corpus)
    row = np.zeros(wanted.shape[1:], np.float32)
    FeatureCache(folder / "cache").write(wanted.key, wanted.shape, (row for _ in items), {"corpus": corpus.name})
    config = TrainingConfig(epochs=epochs)
    registry.experiments.create(
        [NewExperiment(corpus, config, "random", "github", seed, FOLDS) for seed in range(experiments)]
    )
    return registry


def record(epoch: int) -> EpochRecord:
    """An epoch with all its digits."""
    loss, accuracy, val_loss, val_accuracy, val_uar, seconds = (random.Random(epoch).random() for _ in range(6))
    metrics = EpochMetrics(epoch, loss, accuracy, val_loss, val_accuracy, val_uar, 1e-3, round(seconds, 4))
    check = Check(EventKind.CHECK_NOT_IMPROVED, f"val_loss {val_loss:.4f}, best 0.1234 (epoch 1)")
    return EpochRecord(metrics, check, 1, 0.1234)


class Writer:
    """Writes what a job writes, without a network and with small files."""

    def __init__(self, folder: AttemptPaths) -> None:
        self.folder = folder
        self.parcel = Parcel.read(folder.parcel)
        self.spool = Spool.begin_in(folder)
        self.spool.hello(host="node7", pid=os.getpid(), job="")
        self.spool.begin([], "started on node7, 1 thread of the CPU")

    def epoch(self, number: int) -> None:
        """One epoch: its line, its resume point, its line."""
        self.spool.epoch(record(number))
        path = self.folder.run.checkpoint(number)
        write_bytes(path, b"x")
        for old in self.folder.run.checkpoints()[:-2]:
            old.unlink(missing_ok=True)
        self.spool.checkpoint("last", number, path, "val_loss", 0.5)
        with self.folder.log.open("a") as log:
            log.write(f"{now()} epoch {number}  loss 0.5  accuracy 0.5  val_loss 0.5  val_accuracy 0.5  1.2 s\n")

    def done(self) -> None:
        """Weights, embeddings and the result."""
        run, parcel = self.folder.run, self.parcel
        write_bytes(run.final_weights, bytes(RESUME_POINT // 3))
        write_bytes(run.embeddings, bytes(4 * 39 * len(parcel.labels)))
        chances = tuple(random.Random(1).random() for _ in parcel.classes)
        self.spool.done(
            0.5, 0.5, [Prediction(i, parcel.labels[i], 0, chances) for i in parcel.test], run.embeddings, "done"
        )
        self.spool.close()


class Local:
    """An engine without a cluster: jobs run for ever (``starts`` None), or are processes that it starts."""

    name = "bench"

    def __init__(self, starts: Callable[[AttemptPaths], int] | None = None) -> None:
        self._starts = starts
        self._count = 0

    def submit(self, tasks: Sequence[AttemptPaths]) -> list[str]:
        """A job for each folder."""
        return [str(self._starts(one) if self._starts else -os.getpid()) + f".{self._next()}" for one in tasks]

    def _next(self) -> int:
        self._count += 1
        return self._count

    def poll(self, ids: Sequence[str]) -> Mapping[str, Status]:
        """Whether its process lives."""
        return {job: Status(Phase.RUNNING if _lives(int(job.partition(".")[0])) else Phase.GONE) for job in ids}

    def cancel(self, ids: Iterable[str]) -> None:
        """Nothing is ever cancelled here."""

    def find(self, folder: AttemptPaths) -> str | None:  # noqa: ARG002
        """No head dies here."""
        return None

    def exchange(self, job: str, folder: AttemptPaths) -> None:
        """One file system."""

    def forget(self, job: str, folder: AttemptPaths) -> None:
        """Nothing is kept."""


def _lives(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return pid < 0 or psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


# measuring a head


def _head(folder: Path, registry: Registry, engine: Local, jobs: int) -> Head:
    settings = replace(settings_module.load(), cache=folder / "cache")
    (folder / "shared" / "features").mkdir(parents=True, exist_ok=True)
    return Head(registry, settings, engine, Terms(folder / "shared", jobs), new_worker_uid())


def giving(folder: Path, utterances: int) -> tuple[float, float]:
    """Seconds of CPU and of wall time for giving 60 runs of one corpus to an engine that takes them at once."""
    with make(folder, 6, utterances) as registry:
        settings = replace(settings_module.load(), cache=folder / "cache")
        (folder / "shared" / "features").mkdir(parents=True)
        dispatch = Dispatch(registry, settings, Local(), folder / "shared", "bench", lambda _: None)
        cpu, wall = time.process_time(), time.perf_counter()
        assert dispatch.give(60) == 60
        return time.process_time() - cpu, time.perf_counter() - wall


@dataclass(frozen=True, slots=True)
class Ingested:
    """Seconds of CPU for a line of an epoch or its resume point, and for the end of a run.

    ``longest``: wall seconds of the longest transaction, ``busiest``: the most CPU seconds of one.
    ``bytes``: how many the registry has for each epoch, and for each run beside.
    """

    line: float
    end: float
    longest: float
    busiest: float
    bytes_epoch: float
    bytes_run: float


def ingesting(folder: Path, runs: int = 10, epochs: int = 60) -> Ingested:
    """Bring home whole runs whose spools lie there, all at once."""
    with make(folder, -(-runs // FOLDS), epochs=epochs) as registry:
        head = _head(folder, registry, Local(), runs)
        head._dispatch.give(runs)
        errands = registry.elsewhere.open("bench")
        writers = [Writer(errand.folder) for errand in errands]
        for writer in writers:
            for epoch in range(1, epochs + 1):
                writer.epoch(epoch)
            for point in writer.folder.run.checkpoints():
                write_bytes(point, os.urandom(RESUME_POINT))
        held: list[tuple[float, float]] = []
        _timed(registry, held)
        before, cpu = _size(registry), time.process_time()
        lines = sum(Intake(registry, errand).take_in() for errand in errands)
        cpu = time.process_time() - cpu
        middle = _size(registry)
        for writer in writers:
            writer.done()
        ends = time.process_time()
        for errand in errands:
            Intake(registry, errand).take_in()
        ends = time.process_time() - ends
        size = (middle - before) / (runs * epochs), (_size(registry) - middle) / runs
        return Ingested(cpu / lines, ends / runs, max(held)[0], max(cpu for _, cpu in held), *size)


def _timed(registry: Registry, held: list[tuple[float, float]]) -> None:
    """Have the registry note how long each transaction takes, from being the only writer until the next may write."""
    gate = registry.db._gate
    hold = gate.held

    class Held:
        def __init__(self, patience: float) -> None:
            self._inner = hold(patience)

        def __enter__(self) -> None:
            self._inner.__enter__()
            self._since = time.perf_counter(), time.thread_time()

        def __exit__(self, *error: object) -> None:
            held.append((time.perf_counter() - self._since[0], time.thread_time() - self._since[1]))
            self._inner.__exit__(*error)  # type: ignore[arg-type]

    gate.held = Held  # type: ignore[method-assign,assignment]


def _size(registry: Registry) -> int:
    registry.db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return registry.db.path.stat().st_size


def watching(folder: Path, open_: int, seconds: float, *, trains: bool) -> tuple[float, float]:
    """The share of a core that a head takes which looks after so many attempts, at rest or with an epoch a second each.

    With how many epochs a second came: a disk that is slow lets fewer be written.
    """
    with make(folder, -(-open_ // FOLDS), epochs=10**6) as registry:
        head = _head(folder, registry, Local(), open_)
        registry.workers.add(head.uid, "bench", proof_of(os.getpid()), open_)
        head._dispatch.give(open_)
        writers = [Writer(errand.folder) for errand in registry.elsewhere.open("bench")]
        for _ in range(4):
            head._turn()
            time.sleep(0.5)
        words = [sys.executable, __file__, "--write", *(str(writer.folder.folder) for writer in writers)]
        other = subprocess.Popen(words) if trains else None
        time.sleep(3.0 if trains else 0.0)
        before = registry.db.number("SELECT count(*) FROM epochs")
        cpu, until = time.thread_time(), time.monotonic() + seconds
        while time.monotonic() < until:
            head._turn()
            time.sleep(head_module.LOOK_SECONDS)
        cpu = time.thread_time() - cpu
        if other is not None:
            other.kill()
            other.wait()
        return cpu / seconds, (registry.db.number("SELECT count(*) FROM epochs") - before) / seconds


def write_on(folders: Sequence[str]) -> None:
    """An epoch a second for each of some attempts, until this process is killed."""
    writers = [Writer(AttemptPaths(Path(folder))) for folder in folders]
    epoch, started = 0, time.monotonic()
    while True:
        epoch += 1
        for writer in writers:
            writer.spool.epoch(record(epoch))
            writer.spool.checkpoint("last", epoch, writer.folder.parcel)
        time.sleep(max(0.0, started + epoch - time.monotonic()))


# the model beside real heads


def asleep(folder: Path, slots: int, runs: int, epochs: int, seconds: float) -> tuple[float, Work]:
    """Wall seconds of a real head for runs whose jobs, real processes, only sleep and write; and what those took.

    A busy machine starts them slowly and wakes them late: what the model is to foresee is all else.
    """

    def start(one: AttemptPaths) -> int:
        words = [sys.executable, __file__, "--job", str(one.folder), "--seconds", str(seconds)]
        return subprocess.Popen(words, start_new_session=True).pid

    with make(folder, -(-runs // FOLDS), epochs=epochs) as registry:
        head = _head(folder, registry, Local(start), slots)
        began = time.monotonic()
        head.run()
        wall = time.monotonic() - began
        given = dict(registry.db.tuples("SELECT run_id, started FROM attempts"))
        rows = registry.db.tuples(
            "SELECT run_id, min(time), max(time) FROM events WHERE attempt IS NOT NULL GROUP BY run_id"
        )
    begun = [_seconds(given[run], first) for run, first, _ in rows]
    trained = [_seconds(first, last) / epochs for _, first, last in rows]
    return wall, Work("asleep", runs, statistics.mean(begun), epochs, statistics.mean(trained), spread=0.0)


def _seconds(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()


def be_a_job(folder: Path, seconds: float) -> None:
    """Sleep through the epochs of an attempt."""
    writer = Writer(AttemptPaths(folder))
    for epoch in range(1, writer.parcel.config.epochs + 1):
        time.sleep(seconds)
        writer.epoch(epoch)
    writer.done()


# what is printed

#: a fold of EMODB by the authors' settings on one core, as docs/performance.md has measured it; and short runs, as a
#: graphics card or a search of settings makes them
WORKS = (
    Work("500 epochs of 1.3 s", 3000, 13.0, 500, 1.3),
    Work("60 epochs of 0.2 s", 3000, 13.0, 60, 0.2),
)


def measured(scratch: Path) -> Costs:
    """Measure one head, print it, and return what the model needs."""

    def folder(name: str) -> Path:
        (scratch / name).mkdir()
        return scratch / name

    for utterances in (535, 5531):
        cpu, wall = giving(folder(f"give-{utterances}"), utterances)
        _print(
            f"give 60 runs of a corpus of {utterances}: {cpu:.2f} CPU s ({wall:.2f} s), {cpu / 60 * 1e3:.1f} ms a run"
        )
        if utterances == 535:
            give = cpu / 60
    found = ingesting(folder("ingest"))
    _print(
        f"bring home: {found.line * 1e6:.0f} CPU us a line, so {1 / found.line:,.0f} lines or {0.5 / found.line:,.0f} "
        f"epochs a second; {found.end * 1e3:.1f} CPU ms for a result with its files"
    )
    _print(f"transactions: at most {found.busiest * 1e3:.1f} ms of CPU, {found.longest * 1e3:.1f} ms of wall time")
    whole = 100_000 * (60 * found.bytes_epoch + found.bytes_run) / 1e9
    _print(
        f"registry: {found.bytes_epoch:.0f} bytes an epoch, {found.bytes_run:.0f} a run beside; "
        f"100,000 runs of 60 epochs: {whole:.2f} GB"
    )
    rest = {count: watching(folder(f"rest-{count}"), count, 10.0, trains=False)[0] for count in (20, 200)}
    for count, share in rest.items():
        _print(f"{count} open attempts at rest: {share:.1%} of a core")
    for count in rest:
        share, came = watching(folder(f"train-{count}"), count, 10.0, trains=True)
        _print(f"{count} open attempts with {came:.0f} epochs a second: {share:.1%} of a core")
    look = (rest[200] - rest[20]) / 180 * head_module.LOOK_SECONDS
    turn = max(0.0, rest[20] * head_module.LOOK_SECONDS - 20 * look)
    return Costs(turn=turn, look=look, epoch=2 * found.line, give=give, end=found.end)


def checked(scratch: Path, costs: Costs) -> None:
    """Print the model beside real heads over one to three jobs at once that only sleep."""
    for slots in (1, 2, 3):
        place = scratch / f"slots-{slots}"
        place.mkdir()
        real, work = asleep(place, slots, 10, 10, 0.4)
        model = simulate(work, slots, costs).wall
        _print(
            f"10 runs of {work.run:.1f} s ({work.start:.1f} s of them to begin) in {slots}: {real:.1f} s, "
            f"by the model {model:.1f} s"
        )


def table(work: Work, costs: Costs) -> None:
    """Print what the model says of many nodes."""
    alone = simulate(work, 1, costs).wall
    _print(f"\n{work.runs:,} runs: {work.name}, {work.start:.0f} s to begin")
    _print("| nodes | wall time | node-hours | quicker than one | nodes at work | head at work |")
    _print("|---:|---:|---:|---:|---:|---:|")
    for nodes in NODES:
        found = simulate(work, nodes, costs)
        _print(
            f"| {nodes:,} | {_hours(found.wall)} | {nodes * found.wall / 3600:,.0f} | {alone / found.wall:.1f} "
            f"| {found.nodes:.0%} | {found.head:.1%} |"
        )


def _hours(seconds: float) -> str:
    return f"{seconds / 86400:.1f} days" if seconds > 2 * 86400 else f"{seconds / 3600:.2f} h"


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Parse the command line and measure, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=("model",), help="the table alone, with the costs that are given")
    parser.add_argument("--costs", type=float, nargs=5, metavar=("TURN", "LOOK", "EPOCH", "GIVE", "END"))
    parser.add_argument("--submit", type=float, default=0.0, help="seconds that an engine takes for one submission")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds until a free node starts a job")
    arguments = parser.parse_args()
    if arguments.write:
        write_on(arguments.write)
    elif arguments.job:
        be_a_job(arguments.job, arguments.seconds)
    else:
        with tempfile.TemporaryDirectory(prefix="timnet-bench-") as scratch:
            costs = Costs(*arguments.costs) if arguments.costs else measured(Path(scratch))
            if arguments.only is None:
                checked(Path(scratch), costs)
        costs = replace(costs, submit=arguments.submit, delay=arguments.delay)
        _print(f"\nthe head's seconds: {costs}")
        for work in WORKS:
            table(work, costs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
