"""How cost grows: with frames, with utterances, with runs in the registry, with folds trained at once."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.bench import ONE_THREAD, Bench, Child, Row, Subject, middle
from benchmarks.registry_fill import Size, fill
from benchmarks.shapes import BATCH

FRAMES = (172, 188, 254, 400, 606)
UTTERANCES = (480, 5_000, 50_000)
EXPERIMENTS = (1, 100, 10_000)
AT_ONCE = (1, 2, 4, 8)
STEPS = 3


def measure(bench: Bench) -> Iterator[Row]:
    """The peer of each row is the smallest size: the ratio says how many times dearer ours is, divided by its size."""
    yield from _frames(bench)
    yield from _utterances(bench)
    yield from _runs(bench)
    yield from _folds(bench)


def _frames(bench: Bench) -> Iterator[Row]:
    for frames in FRAMES[:2] if bench.quick else FRAMES:
        with bench.children([_trainer(bench, frames)]) as children:
            (found,) = bench.in_turn(children, "steps", 3)
        cost = middle(found, "cpu") / STEPS * 1e3
        yield Row("growth", f"step of {frames} frames, 1 thread, CPU time", "ms", cost, n=len(found))


def _utterances(bench: Bench) -> Iterator[Row]:
    abilities = {"register": "corpus into the registry", "read": "corpus read back", "folds": "random folds made",
                 "speakers": "speakers left out", "key": "name in the feature cache"}  # fmt: skip
    for utterances in UTTERANCES[:2] if bench.quick else UTTERANCES:
        given = {"utterances": utterances, "folder": str(bench.scratch)}
        with bench.children([Subject("timnet", "benchmarks.ours.growth:corpus", given, ONE_THREAD)]) as (child,):
            for what, text in abilities.items():
                child.ask(what)
                found = [child.ask(what) for _ in range(3)]
                cost = middle(found, "cpu") * 1e3
                yield Row("growth", f"{utterances:,} utterances: {text}, CPU time", "ms", cost, n=len(found))


def _runs(bench: Bench) -> Iterator[Row]:
    for experiments in EXPERIMENTS[:2] if bench.quick else EXPERIMENTS:
        db = bench.scratch / f"growth-{experiments}.db"
        fill(db, Size(experiments=experiments, epochs=10, running=1))
        with bench.children([Subject("timnet", "benchmarks.ours.growth:registry", {"db": str(db)})]) as (child,):
            for what in ("open", "page", "filtered"):
                child.ask(what)
                found = [child.ask(what) for _ in range(bench.turns)]
                text = {"open": "registry opened", "page": "first page of runs", "filtered": "first page by a filter"}
                cost = middle(found, "wall") * 1e3
                yield Row("growth", f"{experiments * 10:,} runs: {text[what]}", "ms", cost, n=len(found))


def _folds(bench: Bench) -> Iterator[Row]:
    most = 2 if bench.quick else AT_ONCE[-1]
    with bench.children([_trainer(bench, None) for _ in range(most)]) as children:
        for child in children:
            child.ask("steps")
        for at_once in (number for number in AT_ONCE if number <= most):
            rates = [_rate(children[:at_once]) for _ in range(3)]
            what = f"{at_once} folds at once, EMODB: fold-steps a second"
            yield Row("growth", what, "1/s", median(rates), n=len(rates))


def _rate(children: list[Child]) -> float:
    """Fold-steps a second of all together, from the first's start to the last's end."""
    for child in children:
        child.start("steps")
    slowest = max(child.sample().wall for child in children)
    return len(children) * STEPS / slowest


def _trainer(bench: Bench, frames: int | None) -> Subject:
    given = {"shape": "EMODB", "threads": 1, "rows": 2 * BATCH, "steps": STEPS, "folder": str(bench.scratch)}
    return Subject("timnet", "benchmarks.ours.training:subject", {**given, "frames": frames}, ONE_THREAD)
