"""The measuring side: children that are asked in turn, medians of what they say, and the rows that come of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from timnet.cores import cores, pinned

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "build" / "bench-venv" / "bin" / "python"
ONE_THREAD = pinned(1)
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
"""Everything is measured on the CPU; legacy Keras is what the published code runs under."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to measure: ``target`` is ``module:function`` with ``arguments``, run by our or the peers' Python."""

    name: str
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    peer: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: seconds, CPU seconds of all threads, the peak of memory so far in MB, and what was returned."""

    wall: float
    cpu: float
    peak: float
    value: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: medians of ``n`` samples, ours beside the peer's; ``ratio`` above 1 says ours is better.

    ``asked`` is the least ratio that the project promises, ``most`` the most that ``ours`` may be.
    """

    figure: str
    what: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str = ""
    ratio: float | None = None
    asked: float | None = None
    most: float | None = None
    n: int = 1
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether what was asked is so; None where nothing was."""
        if self.asked is not None:
            return self.ratio is not None and self.ratio >= self.asked
        return None if self.most is None else self.ours <= self.most


class Child:
    """A running subject. Its own libraries' output goes to a log, which is shown where it fails."""

    def __init__(self, subject: Subject, log: Path) -> None:
        self.subject, self._log = subject, log
        python = str(PEERS if subject.peer else sys.executable)
        words = [python, "-m", "benchmarks.subject", subject.target, json.dumps(dict(subject.arguments))]
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                words,
                cwd=ROOT,
                env={**os.environ, **QUIET, **subject.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def ready(self) -> None:
        """Wait until it is ready to be asked."""
        self._read()

    def start(self, what: str) -> None:
        """Have it do ``what``, without waiting."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()

    def sample(self) -> Sample:
        """Wait for what :meth:`start` asked for."""
        return Sample(**self._read())

    def ask(self, what: str) -> Sample:
        """Have it do ``what`` once."""
        self.start(what)
        return self.sample()

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = self._log.read_text(errors="replace").strip().splitlines()[-15:]
            raise RuntimeError("\n".join([f"{self.subject.name} ({self.subject.target}) ended early:", *said]))
        return json.loads(line)


@dataclass(slots=True)
class Bench:
    """What a figure measures with. ``turns`` is how often each subject is asked; ``scratch`` is for files."""

    scratch: Path
    turns: int = 5
    quick: bool = False
    _children: int = 0

    @contextmanager
    def children(self, subjects: Sequence[Subject]) -> Iterator[list[Child]]:
        """The subjects, started together and ready."""
        with ExitStack() as stack:
            made = []
            for subject in subjects:
                self._children += 1
                child = Child(subject, self.scratch / f"subject-{self._children}.log")
                stack.callback(child.end)
                made.append(child)
            for child in made:
                child.ready()
            yield made

    def in_turn(self, children: Sequence[Child], what: str, turns: int | None = None) -> list[list[Sample]]:
        """Ask one after another, again and again, so that all see the same machine; a list of samples for each."""
        for child in children:
            child.ask(what)  # the first is never counted: compilers and caches
        samples: list[list[Sample]] = [[] for _ in children]
        for _ in range(turns or self.turns):
            for child, found in zip(children, samples, strict=True):
                found.append(child.ask(what))
        return samples


@contextmanager
def others_busy() -> Iterator[None]:
    """As many other programs as there are cores, each of which wants one whole: a machine that is shared."""
    with ExitStack() as stack:
        for _ in range(cores()):
            other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(other.wait)
            stack.callback(other.kill)
        yield


def middle(samples: Sequence[Sample], part: str) -> float:
    """The median of one part of the samples: ``wall``, ``cpu``, ``peak`` or a number that was returned."""
    return median(float(getattr(sample, part)) for sample in samples)


def compared(figure: str, what: str, unit: str, found: Sequence[Sequence[float]], peer_name: str, **more: Any) -> Row:
    """A row of two series, ours and the peer's, that were taken in turn.

    The ratio is the median of the ratios within a turn.
    """
    ours, peer = found
    ratio = median(theirs / own for own, theirs in zip(ours, peer, strict=True))
    return Row(figure, what, unit, median(ours), median(peer), peer_name, ratio, n=len(ours), **more)
