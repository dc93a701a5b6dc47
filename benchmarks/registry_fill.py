"""Fill a registry with as many runs as a long project leaves behind, for measuring what reads it.

``python benchmarks/registry_fill.py runs.db`` makes 10,000 experiments of 10 folds with 84 epochs each: 100,000 runs,
8.4 million epochs, 50 million metric values. The same arguments give the same registry: nothing is random but by seed.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from timnet.errors import BadInput, TimnetError
from timnet.records import CorpusRecord, TrainingConfig, Utterance
from timnet.registry import Registry
from timnet.registry.schema import SORTED_BY
from timnet.registry.smoothed import fill_smoothed

CLASSES = ("angry", "fear", "happy", "neutral", "sad")
CORPORA = ("CASIA", "EMODB", "EMOVO", "IEMOCAP", "RAVDESS", "SAVEE")
PRESETS = (
    ("github", TrainingConfig(epochs=500)),
    ("seed", TrainingConfig(epochs=300, batch_size=512, select="best")),
    ("small", TrainingConfig(epochs=500, filters=16)),
)
PROTOCOLS = ("random", "random", "random", "loso", "stratified")
TAGS = ("paper", "ablation", "draft", "lr", "night")
NOTES = ("", "", "", "", "first try", "small batch", "again with the new features")
#: how many of a thousand runs are in each state; what is left over is done
STATES = (("failed", 25), ("cancelled", 15), ("paused", 5), ("queued", 50))
SHAPES = 61
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
#: loss, accuracy, val_loss, val_accuracy, val_uar, lr
VALUES_AN_EPOCH = 6


@dataclass(frozen=True, slots=True)
class Size:
    """How much to make. ``checks`` adds the event that each epoch leaves in a real registry."""

    experiments: int = 10_000
    folds: int = 10
    epochs: int = 84
    running: int = 4
    seed: int = 1
    checks: bool = False

    @property
    def runs(self) -> int:
        """How many runs that makes."""
        return self.experiments * self.folds


def fill(path: Path, size: Size) -> None:
    """Make the registry at ``path``, which must not be there yet. Raises :class:`BadInput`."""
    if path.exists():
        raise BadInput(f"{path} is already there; name a file that is not")
    with Registry.open(path) as registry:
        connection = registry.db.connection
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        ids = [registry.corpora.add(_corpus(name)).id for name in CORPORA]
        rng = random.Random(size.seed)
        with registry.db.write():
            indexes = _drop_indexes(connection)
            with _step("experiments"):
                _experiments(connection, size, ids, rng)
            with _step("runs"):
                connection.executemany(
                    "INSERT INTO runs (uid, experiment_id, fold, state, priority, attempt, epoch, epochs, uar, war, error, "
                    "created, updated, place, corpus) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')",
                    _runs(size, rng),
                )
                connection.execute(
                    "UPDATE runs SET place = id, corpus = (SELECT corpora.name FROM experiments JOIN corpora "
                    "ON corpora.id = experiments.corpus_id WHERE experiments.id = runs.experiment_id)"
                )
            with _step("epochs"):
                _epochs(connection, size)
            with _step("attempts and events"):
                _lives(connection, checks=size.checks)
            with _step("last, best and smoothed values"):
                _last_values(connection)
                fill_smoothed(connection)
            with _step("indexes"):
                for sql in indexes:
                    connection.execute(sql)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _drop_indexes(connection: Any) -> list[str]:
    """Take away the indexes that lists of runs are sorted by, to be made at the end in one go; returns how."""
    made = [(f"runs_by_{column}",) for column in SORTED_BY]
    sql = [connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", name).fetchone()[0] for name in made]
    for (name,) in made:
        connection.execute(f"DROP INDEX {name}")
    return sql


def report(path: Path) -> str:
    """What the registry holds and how much room it takes, in lines for people."""
    with Registry.open_read_only(path) as registry:
        rows = registry.db.rows(
            "SELECT (SELECT count(*) FROM experiments) AS experiments, (SELECT count(*) FROM runs) AS runs, "
            "(SELECT count(*) FROM epochs) AS epochs, (SELECT count(*) FROM events) AS events"
        )[0]
    points = rows["epochs"] * VALUES_AN_EPOCH
    size = path.stat().st_size
    counts = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    return f"{counts}, {points:,} points\n{size / 1e6:,.0f} MB, {size / max(1, points):.1f} bytes a point"


def _corpus(name: str) -> CorpusRecord:
    items = tuple(
        Utterance(f"{item:03d}.wav", CLASSES[item % len(CLASSES)], f"{item % 10:02d}", sha256=f"{item:064x}")
        for item in range(50)
    )
    return CorpusRecord(0, name, "raw", f"corpora/{name}", f"digest-{name}", CLASSES, 96000, 8, "", items)


def _day(minutes: float) -> str:
    return (FIRST_DAY + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _experiments(connection: Any, size: Size, corpora: list[int], rng: random.Random) -> None:
    settings = [
        (preset, config.selection, config.optimistic, json.dumps(config.to_dict())) for preset, config in PRESETS
    ]
    rows, tags = [], []
    for number in range(1, size.experiments + 1):
        preset, selection, optimistic, config = settings[rng.choices((0, 1, 2), (6, 3, 1))[0]]
        rows.append(
            (number, f"bench-{number:06d}", rng.choice(corpora), rng.choice(PROTOCOLS), preset, selection, int(optimistic),
             config, rng.randrange(40, 60), size.folds, _day(number * 3), rng.choice(NOTES))
        )  # fmt: skip
        tags += [(number, tag) for tag in TAGS if rng.random() < 0.04]
    connection.executemany(
        "INSERT INTO experiments (id, uid, corpus_id, protocol, preset, selection, optimistic, config, seed, folds, source, "
        "created, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'trained', ?, ?)",
        rows,
    )
    connection.executemany("INSERT INTO tags (experiment_id, tag) VALUES (?, ?)", tags)


def _runs(size: Size, rng: random.Random) -> Iterator[tuple[Any, ...]]:
    for number in range(1, size.experiments + 1):
        for fold in range(1, size.folds + 1):
            row = (number - 1) * size.folds + fold
            state = "running" if row > size.runs - size.running else _state(rng)
            started = state not in ("queued", "paused")
            epoch = size.epochs if state == "done" else rng.randrange(1, size.epochs + 1) if started else 0
            uar = round(min(0.99, max(0.1, rng.gauss(0.8, 0.08))), 6) if state == "done" else None
            war = round(min(0.99, max(0.1, uar + rng.gauss(0.01, 0.01))), 6) if uar is not None else None
            yield (
                f"bench-{number:06d}-f{fold:02d}", number, fold, state, rng.choice((0, 0, 0, 1)) if not started else 0,
                int(started), epoch, size.epochs, uar, war, "its process was killed" if state == "failed" else None,
                _day(number * 3), _day(number * 3 + rng.random() * 3000),
            )  # fmt: skip


def _state(rng: random.Random) -> str:
    place = rng.randrange(1000)
    for state, share in STATES:
        if place < share:
            return state
        place -= share
    return "done"


def _epochs(connection: Any, size: Size) -> None:
    """Curves of a few shapes, each run's a little off its shape, written by SQLite itself in the order of the table."""
    connection.execute(
        "CREATE TEMP TABLE shapes (shape INTEGER, epoch INTEGER, loss REAL, accuracy REAL, val_loss REAL, "
        "val_accuracy REAL, val_uar REAL, PRIMARY KEY (shape, epoch)) WITHOUT ROWID"
    )
    connection.executemany("INSERT INTO shapes VALUES (?, ?, ?, ?, ?, ?, ?)", _shapes(size.epochs))
    off = "((runs.id * 7919 + shapes.epoch * 104729) % 10007) / 10007.0 * 0.04"
    connection.execute(
        "INSERT INTO epochs (run_id, epoch, attempt, time, loss, accuracy, val_loss, val_accuracy, val_uar, lr, seconds) "
        f"SELECT runs.id, shapes.epoch, 1, runs.updated, loss + {off}, accuracy - {off}, val_loss + {off}, "
        f"val_accuracy - {off}, val_uar - {off}, 0.001, 1.5 + {off} "
        "FROM runs CROSS JOIN shapes ON shapes.shape = runs.id % ? AND shapes.epoch <= runs.epoch ORDER BY runs.id, shapes.epoch",
        (SHAPES,),
    )
    connection.execute("DROP TABLE temp.shapes")


def _shapes(epochs: int) -> Iterator[tuple[float, ...]]:
    for shape in range(SHAPES):
        pace, level = 6 + shape % 13, 0.05 + (shape % 7) * 0.03
        for epoch in range(1, epochs + 1):
            rest = math.exp(-epoch / pace)
            accuracy = 1 - 0.85 * rest
            yield (
                shape,
                epoch,
                0.4 + 1.6 * rest,
                accuracy,
                0.5 + level + 1.4 * rest,
                accuracy - level,
                accuracy - level - 0.01,
            )


def _lives(connection: Any, *, checks: bool) -> None:
    connection.execute(
        "INSERT INTO attempts (run_id, attempt, engine, host, boot_id, pid, pid_started, started, from_epoch) "
        "SELECT id, 1, 'local', iif(id % 3, 'desk', 'server'), 'boot', 4242, 1000.0, created, 0 FROM runs WHERE attempt"
    )
    connection.execute(
        "INSERT INTO events (run_id, time, kind, text) SELECT id, created, 'queued', 'queued' FROM runs ORDER BY id"
    )
    if checks:
        connection.execute(
            "INSERT INTO events (run_id, attempt, time, kind, epoch, text) SELECT run_id, 1, time, 'check-improved', epoch, "
            "printf('val_loss improved to %.4f, saved', val_loss) FROM epochs ORDER BY run_id, epoch"
        )
    connection.execute(
        "INSERT INTO events (run_id, attempt, time, kind, epoch, text) SELECT id, 1, updated, state, epoch, state "
        "FROM runs WHERE state IN ('done', 'failed', 'cancelled') ORDER BY id"
    )


def _last_values(connection: Any) -> None:
    connection.execute(
        "UPDATE runs SET last_loss = epochs.loss, last_accuracy = epochs.accuracy, last_val_loss = epochs.val_loss, "
        "last_val_accuracy = epochs.val_accuracy, last_val_uar = epochs.val_uar, last_seconds = epochs.seconds "
        "FROM epochs WHERE epochs.run_id = runs.id AND epochs.epoch = runs.epoch"
    )
    connection.execute(
        "UPDATE runs SET best_epoch = best.epoch, best_value = best.value "
        "FROM (SELECT run_id, epoch, min(val_loss) AS value FROM epochs GROUP BY run_id) AS best WHERE best.run_id = runs.id"
    )


@contextmanager
def _step(name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    sys.stderr.write(f"{name}: {time.perf_counter() - started:.1f} s\n")


def main() -> int:
    """Parse the command line, fill, and print what came of it."""
    usual = Size()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("db", type=Path, help="the registry to make; it must not be there yet")
    parser.add_argument("--experiments", type=int, default=usual.experiments)
    parser.add_argument("--folds", type=int, default=usual.folds)
    parser.add_argument("--epochs", type=int, default=usual.epochs, help="epochs of a finished run")
    parser.add_argument("--running", type=int, default=usual.running, help="how many of the newest runs are running")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--checks", action="store_true", help="also an event an epoch, as training leaves")
    arguments = vars(parser.parse_args())
    path: Path = arguments.pop("db")
    try:
        fill(path, Size(**arguments))
    except TimnetError as error:
        sys.stderr.write(f"registry_fill: {error}\n")
        return error.exit_code
    sys.stdout.write(report(path) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
