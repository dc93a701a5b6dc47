"""A registry with runs of the smallest network, a head that gives them to a cluster, and what they must end as."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.storm import outcome
from tests.support import add_experiment
from tests.training.conftest import make_corpus
from timnet.corpora.service import add_corpus
from timnet.paths import AttemptPaths
from timnet.presets import PRESETS
from timnet.records import Run, RunState
from timnet.registry import Registry
from timnet.remote.spool import read_lines

SMALL = {"tabs": 2, "filters": 4, "batch_size": 4, "check_every": 3, "dropout": 0.3}
FOR_EVER = 10**6


@dataclass
class Stage:
    """One registry in ``folder``; ``quiet`` is another one with the same queue."""

    folder: Path
    heads: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)

    @property
    def db(self) -> Path:
        return self.folder / "disturbed" / "runs.db"

    @property
    def quiet(self) -> Path:
        return self.folder / "quiet" / "runs.db"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def environment(self) -> dict[str, str]:
        """What commands and heads get."""
        raise NotImplementedError

    @property
    def engine(self) -> Sequence[str]:
        """What tells a head of the cluster."""
        raise NotImplementedError

    def fill(self, *, experiments: int, folds: int, epochs: int, endless: tuple[int, ...]) -> None:
        """The same queue in both registries; runs of the folds that are ``endless`` come first."""
        recordings = make_corpus(self.folder / "recordings")
        for db in (self.db, self.quiet):
            db.parent.mkdir()
            with Registry.open(db) as registry:
                add_corpus(registry, "DEMO", recordings)
                corpus = registry.corpora.get("DEMO")
                for seed, length in enumerate([FOR_EVER] * bool(endless) + [epochs] * experiments):
                    config = PRESETS["demo"].config_of(corpus, None, {**SMALL, "epochs": length})
                    only = endless if length == FOR_EVER else ()
                    add_experiment(registry, corpus, config=config, folds=folds, seed=46 + seed, only=only)

    def timnet(self, *arguments: str) -> str:
        """A command on the disturbed registry; returns what it prints."""
        done = subprocess.run(
            self._command(*arguments),
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_head(self, *options: str) -> subprocess.Popen[bytes]:
        with (self.folder / "head.txt").open("ab") as log:
            head = subprocess.Popen(
                self._command("work", *self.engine, *options),
                env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.heads.append(head)
        return head

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "timnet", f"--db={self.db}", *arguments]

    def said(self) -> str:
        """What heads have said so far."""
        return (self.folder / "head.txt").read_text(errors="replace")

    def runs(self) -> list[Run]:
        with Registry.open_read_only(self.db) as registry:
            return registry.runs.ls()

    def compare(self, epochs: int) -> int:
        """All is as if nothing had happened: every epoch once, the same bits. How many runs were compared."""
        count = 0
        with Registry.open(self.quiet) as quiet, Registry.open(self.db) as disturbed:
            for run, other in zip(quiet.runs.ls(), disturbed.runs.ls(), strict=True):
                if run.state is RunState.CANCELLED:
                    assert other.state is RunState.CANCELLED
                    continue
                assert [one.epoch for one in disturbed.results.epochs(other.id)] == list(range(1, epochs + 1))
                assert outcome(disturbed, other) == outcome(quiet, run)
                count += 1
            assert disturbed.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
        return count

    @contextmanager
    def played(self) -> Iterator[None]:
        """Afterwards no process of this one is left."""
        try:
            yield
        finally:
            for process in [*self.heads, *self.workers]:
                if process.poll() is None:
                    process.kill()
                process.wait()


def progress(folder: AttemptPaths) -> tuple[int, int]:
    """Epochs that an attempt has finished, and its training process; none where it is over or did not begin."""
    try:
        lines = read_lines(folder.spools()[-1], 0)[0]
        return sum(line.do == "epoch" for line in lines), int(lines[0].values["pid"])
    except (FileNotFoundError, IndexError):
        return 0, 0
