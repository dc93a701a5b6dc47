"""The same number of runs in W&B LEET and here: how soon they can be browsed, in how much memory, key to frame.

``python benchmarks/leet.py [--wandb FILE]`` needs W&B with LEET somewhere, on the PATH or as ``FILE``; it is no part
of the project. Its own library writes one run offline; the others are that run's folder under other names, its file
shared between them, which leaves LEET less to read than real runs would. Nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.registry_fill import Size, fill
from benchmarks.terminal import Terminal
from timnet.registry import Registry

SIZES = (10, 100, 1_000, 10_000, 100_000)
FOLDS = 10
PRESSES = 40
DOWN, UP = b"\x1b[B", b"\x1b[A"
#: in a list of any length there is something to draw for each of them
KEYS = (DOWN, DOWN, UP)
#: the list of runs, which is what LEET shows
OUR_RUNS = b"2"
#: so many names a file may have on common file systems
LINKS = 50_000
#: seconds after which nobody waits for a first frame any longer
PATIENCE = 60.0
QUIETLY = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
ONE_RUN = """
import sys, wandb
settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True)
run = wandb.init(mode="offline", project="benchmark", dir=sys.argv[1], id="00000000", settings=settings)
for epoch in range(int(sys.argv[2])):
    rest = 0.97 ** epoch
    run.log({"loss": 1.6 * rest, "accuracy": 1 - 0.9 * rest, "val_loss": 1.7 * rest, "val_accuracy": 1 - 0.95 * rest,
             "val_uar": 1 - 0.96 * rest, "lr": 1e-3})
run.finish()
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one program did with ``runs`` runs: seconds to the first frame, bytes, milliseconds from key to frame.

    ``problem`` says what happened where it did not come so far.
    """

    name: str
    runs: int
    first: float | None = None
    memory: int = 0
    keys: tuple[float, ...] = ()
    problem: str = ""

    def line(self) -> str:
        """As a row of a table."""
        start = f"{self.runs:>9,}  {self.name:<8}"
        if self.first is None:
            return f"{start} {self.problem}"
        line = f"{start} {self.first:>9.2f} {self.memory / 1e6:>10.0f}"
        if len(self.keys) < 2:
            return f"{line}  {self.problem or 'no key drew anything'}"
        p95 = statistics.quantiles(self.keys, n=20, method="inclusive")[18]
        return f"{line} {statistics.median(self.keys):>10.1f} {p95:>8.1f}   {self.problem}"


HEADINGS = f"{'runs':>9}  {'':<8} {'first s':>9} {'memory MB':>10} {'key ms':>10} {'p95 ms':>8}"


def table(wandb: Path, sizes: Sequence[int], epochs: int, known: Mapping[int, Path]) -> Iterator[str]:
    """The rows, as they are measured. ``known`` are registries that are there already, by their number of runs."""
    yield HEADINGS
    gave_up = False
    with tempfile.TemporaryDirectory(prefix="timnet-leet-") as name:
        folder = Path(name)
        try:
            original = _one_run(wandb, folder / "original", epochs)
        except (subprocess.SubprocessError, OSError, IndexError) as error:
            yield f"W&B made no run to look at: {error}"
            return
        for runs in sizes:
            if not gave_up:
                theirs = _leet(wandb, original, folder / str(runs), runs)
                gave_up = theirs.first is None
                yield theirs.line()
            yield _ours(known.get(runs) or _registry(folder, runs, epochs), runs).line()


def _one_run(wandb: Path, folder: Path, epochs: int) -> Path:
    """The folder of a run that W&B's own library wrote."""
    folder.mkdir()
    command = [str(wandb.parent / "python"), "-c", ONE_RUN, str(folder), str(epochs)]
    subprocess.run(command, env=_environment(folder), check=True, capture_output=True, timeout=120)
    return next(iter(sorted(folder.glob("wandb/offline-run-*-00000000"))))


def _environment(folder: Path) -> dict[str, str]:
    own = {name: str(folder / "own") for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR")}
    return {**os.environ, **QUIETLY, **own}


def _copies(original: Path, folder: Path, runs: int) -> None:
    [log] = original.glob("run-*.wandb")
    start = datetime(2026, 1, 1)
    for number in range(runs):
        stamp = f"{start + timedelta(minutes=number):%Y%m%d_%H%M%S}"
        one = folder / "wandb" / f"offline-run-{stamp}-{number:08}"
        one.mkdir(parents=True)
        copy = one / f"run-{number:08}.wandb"
        if number % LINKS:
            os.link(log, copy)
        else:
            log = Path(shutil.copyfile(log, copy))


def _leet(wandb: Path, original: Path, folder: Path, runs: int) -> Seen:
    _copies(original, folder, runs)
    command = (str(wandb), "leet", str(folder / "wandb"))
    try:
        return _look("LEET", command, "offline-run-", runs, _environment(original))
    finally:
        shutil.rmtree(folder)


def _registry(folder: Path, runs: int, epochs: int) -> Path:
    path = folder / f"{runs}.db"
    fill(path, Size(experiments=runs // FOLDS, folds=FOLDS, epochs=epochs, running=min(4, runs // FOLDS)))
    return path


def _ours(db: Path, runs: int) -> Seen:
    with Registry.open_read_only(db) as registry:
        newest = registry.runs.ls(sort="id", descending=True, limit=1)[0].corpus
    return _look("timnet", (sys.executable, "-m", "timnet", "--db", str(db)), newest, runs, dict(os.environ), OUR_RUNS)


def _look(
    name: str, command: Sequence[str], text: str, runs: int, environment: Mapping[str, str], then: bytes = b""
) -> Seen:
    """Open it, wait for ``text``, press what ``then`` brings the runs, and move about in them."""
    with Terminal(command, environment=environment) as app:
        try:
            first = app.wait_for(text, PATIENCE)
        except TimeoutError:
            ended = app.process.poll() is not None
            return Seen(name, runs, problem="ended by itself" if ended else f"no first frame within {PATIENCE:.0f} s")
        app.settle(1.0)
        if then:
            app.press(then)
            app.settle(1.0)
        memory = app.memory_of_all()
        found = [app.frame_after(KEYS[press % len(KEYS)], 2.0) for press in range(PRESSES)]
        silent = sum(seconds is None for seconds in found)
        problem = f"{silent} of {PRESSES} keys drew nothing within 2 s" if silent else ""
        return Seen(name, runs, first, memory, tuple(1000 * one for one in found if one is not None), problem)


def find(given: Path | None) -> Path | None:
    """Where W&B's command is: the file that was named, else the one on the PATH."""
    found = str(given) if given is not None else shutil.which("wandb")
    return Path(found).absolute() if found and Path(found).is_file() else None


def main() -> int:
    """Measure and print; status 2 where there is no W&B."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wandb", type=Path, help="W&B's command, where it is not on the PATH")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of runs, in tens")
    parser.add_argument("--epochs", type=int, default=84)
    parser.add_argument("--db", type=Path, action="append", default=[], help="a registry that is there already")
    chosen = parser.parse_args()
    wandb = find(chosen.wandb)
    if wandb is None:
        print("W&B is not installed here; name its command with --wandb FILE", file=sys.stderr)
        return 2
    for line in table(wandb, chosen.sizes, chosen.epochs, {count(db): db for db in chosen.db}):
        print(line, flush=True)
    return 0


def count(db: Path) -> int:
    """How many runs a registry holds."""
    with Registry.open_read_only(db) as registry:
        return sum(registry.runs.counts().values())


if __name__ == "__main__":
    sys.exit(main())
