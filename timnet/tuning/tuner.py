"""The tuner: keeps trials going in the queue, gives up those that fall behind, and goes on where it was ended.

Everything it knows is in the study and in the registry, so it may be killed at any moment: the runs of its open
trials go on like all runs, and whoever goes on with the study takes them over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from timnet.errors import BadInput, TimnetError, UnknownName
from timnet.queue import liveness
from timnet.queue.enqueue import enqueue
from timnet.queue.service import ensure_worker
from timnet.records import EventKind, Run, RunState
from timnet.registry import Registry
from timnet.settings import Settings
from timnet.states import ENDED, Command
from timnet.tuning.leftovers import drop_leftovers, size_text
from timnet.tuning.objective import FoldProgress, by_epochs, by_folds, read_progress, worth
from timnet.tuning.search import Search
from timnet.tuning.study import Study, TrialRecord
from timnet.tuning.trial import note_of, read_note

POLL_SECONDS = 0.5
MOST_FAILURES = 3
"""Trials that fail one after another, with none complete, before the tuner gives up."""

PATIENCE = 60
"""How often the tuner waits, in the end, for runs of trials that it gave up."""


class End(StrEnum):
    """Why the tuner ended."""

    DONE = "done"
    TIMEOUT = "timeout"
    WORKERS_STOPPED = "workers stopped"


@dataclass(frozen=True, slots=True)
class Places:
    """How many runs are trained at once, and ``keep``, which keeps somebody at work: False once a user ended that."""

    jobs: int
    keep: Callable[[], bool]


def places_here(registry: Registry, settings: Settings) -> Places:
    """The places of this machine: a worker is started whenever runs wait and none takes them."""
    told_to_stop = False

    def keep() -> bool:
        nonlocal told_to_stop
        liveness.reap(registry, settings.max_crashes)
        alive = liveness.workers(registry)
        if alive:
            told_to_stop = all(worker.want for worker in alive)
        if told_to_stop:
            return bool(alive)
        ensure_worker(registry, settings.jobs_asked)
        return True

    return Places(settings.jobs_here, keep)


class Tuner:
    """One search, from its first trial, or from where it stands, to its last. Nobody else may tune the same study."""

    def __init__(
        self,
        registry: Registry,
        search: Search,
        study: Study,
        places: Places,
        say: Callable[[str], None],
        *,
        deadline: float | None = None,
        wait: Callable[[], None] = lambda: time.sleep(POLL_SECONDS),
    ) -> None:
        """``deadline`` is a time (``time.monotonic()``) after which no new trial begins."""
        self.registry = registry
        self.search = search
        self.study = study
        self.places = places
        self._say = say
        self._deadline = deadline
        self._wait = wait
        self._cleared: set[int] = set()
        #: bytes that trials which were given up have given back
        self.freed = 0

    def run(self) -> End:
        """Tune. Raises :class:`BadInput` where trials cannot be trained at all."""
        self.take_over()
        while True:
            for trial in self._open():
                self._look(trial)
            self._clear()
            self._check_failures()
            late = self._deadline is not None and time.monotonic() >= self._deadline
            while not late and self._wants_more():
                self._begin_trial()
            if not self._open():
                self._clear_last()
                return End.TIMEOUT if late and len(self.study.trials()) < self.search.trials else End.DONE
            if not self.places.keep():
                return End.WORKERS_STOPPED
            self._wait()

    # beginning

    def take_over(self) -> None:
        """Find what an earlier tuner left: trials with and without experiments, and experiments of no open trial."""
        self.study.begin(self.search.base.to_dict())
        trials = {one.number: one for one in self.study.trials()}
        linked = {one.experiment for one in trials.values() if one.experiment is not None}
        for experiment_id in self.registry.experiments.ids(f"tag:{self.search.tag}"):
            if experiment_id not in linked:
                self._adopt(experiment_id, trials)
        for one in self._open():
            if one.experiment is None:
                self.study.fail(one.number, "the tuner was ended before it was queued")
        if self._open():
            self._say(f"going on with study {self.search.study}, open trials: {len(self._open())}")

    def _adopt(self, experiment_id: int, trials: dict[int, TrialRecord]) -> None:
        """An experiment was queued and its trial does not know: tell it, or give the runs up."""
        found = read_note(self.registry.experiments.get(experiment_id).note)
        trial = trials.get(found.number) if found and found.token == self.study.token else None
        if trial is not None and trial.state == "running" and trial.experiment is None:
            self.study.link(trial.number, experiment_id)
        else:
            self._cancel(experiment_id, "left by a tuner of another study")

    def _wants_more(self) -> bool:
        """Whether another trial can begin: fewer runs are left to train than there are places."""
        if len(self.study.trials()) >= self.search.trials:
            return False
        left = sum(run.state not in ENDED for trial in self._open() for run in self._runs(trial))
        return left < self.places.jobs

    def _begin_trial(self) -> None:
        number, settings = self.study.ask()
        note = note_of(number, self.search.study, self.study.token)
        [experiment] = enqueue(self.registry, [self.search.experiment(settings, note)])
        self.study.link(number, experiment.id)
        told = ", ".join(f"{name} {setting_text(value)}" for name, value in settings.items())
        self._say(f"trial {number}: experiment {experiment.id}, {told}")

    # looking

    def _look(self, trial: TrialRecord) -> None:
        assert trial.experiment is not None, "what has no experiment was failed when the tuner began"
        config = self.search.config(trial.settings)
        try:
            folds = read_progress(self.registry, trial.experiment, config, self.search.metric)
        except UnknownName:
            self._fail(trial, "its experiment was removed")
            return
        failed = [one for one in folds if one.state in (RunState.FAILED, RunState.CANCELLED)]
        if failed or not folds:
            self._give_up(trial, failed)
            return
        values = [value for _, value in by_folds(folds, self.search.metric)]
        worse = self.study.report(trial.number, self._steps(folds, config.epochs), values)
        if all(one.state is RunState.DONE for one in folds):
            self._end(trial, worth(folds, self.search.metric))
        elif worse:
            self._prune(trial, folds)

    def _steps(self, folds: Sequence[FoldProgress], epochs: int) -> list[tuple[int, float]]:
        if self.search.pruner == "wilcoxon":
            return by_folds(folds, self.search.metric)
        return by_epochs(folds, self.search.metric, epochs) if self.search.pruner == "median" else []

    def _end(self, trial: TrialRecord, value: float | None) -> None:
        if value is None:
            self._fail(trial, f"a fold has no finite {self.search.metric}")
            return
        self.study.complete(trial.number, value)
        best = self.study.best
        mark = ", the best so far" if best is not None and best.number == trial.number else ""
        n = len(self.search.used)
        self._say(f"trial {trial.number}: {value_text(self.search.metric, value)}, mean of {folds_text(n)}{mark}")

    def _prune(self, trial: TrialRecord, folds: Sequence[FoldProgress]) -> None:
        done = sum(one.state is RunState.DONE for one in folds)
        at = next((one for one in folds if one.state is not RunState.DONE), folds[-1])
        why = f"pruned at fold {at.fold}, epoch {at.epoch}: behind other trials in {self.search.metric}"
        assert trial.experiment is not None
        self._cancel(trial.experiment, f"{why} (study {self.search.study}, trial {trial.number})")
        self.study.prune(trial.number, why)
        self._say(f"trial {trial.number}: {why}; {done} of {len(folds)} folds were done")

    def _give_up(self, trial: TrialRecord, failed: Sequence[FoldProgress]) -> None:
        """A fold did not end well: settings whose loss runs away are bad ones, anything else tells nothing of them."""
        diverged = next((one for one in failed if one.diverged), None)
        if diverged is None:
            self._fail(trial, _why(failed[0]) if failed else "it has no runs")
            return
        why = f"fold {diverged.fold}: {diverged.why}"
        assert trial.experiment is not None
        self._cancel(trial.experiment, f"another fold of trial {trial.number} diverged")
        self.study.prune(trial.number, why)
        self._say(f"trial {trial.number}: given up, {why}")

    def _fail(self, trial: TrialRecord, why: str) -> None:
        if trial.experiment is not None and why != "its experiment was removed":
            self._cancel(trial.experiment, f"another fold of trial {trial.number} did not end: {why}")
        self.study.fail(trial.number, why)
        self._say(f"trial {trial.number}: failed, {why}")

    # what is left behind

    def _clear(self) -> bool:
        """Drop what trials that were given up would need to go on; whether all have ended and are cleared."""
        given_up = [
            one for one in self.study.trials() if one.state in ("pruned", "fail") and one.experiment is not None
        ]
        for one in given_up:
            if one.number not in self._cleared:
                self._clear_one(one)
        return all(one.number in self._cleared for one in given_up)

    def _clear_one(self, trial: TrialRecord) -> None:
        assert trial.experiment is not None
        try:
            freed = drop_leftovers(self.registry, trial.experiment)
        except (TimnetError, OSError) as error:  # room is not worth ending a study for
            self._say(f"trial {trial.number}: its files stay: {error}")
            freed = 0
        if freed is None:
            return
        self._cleared.add(trial.number)
        self.freed += freed
        if freed:
            self._say(f"trial {trial.number}: resume points and best weights dropped, {size_text(freed)}")

    def _clear_last(self) -> None:
        """Wait a while for runs that were told to end, so that their files go too."""
        for _ in range(PATIENCE):
            if self._clear() or not self.places.keep():
                return
            self._wait()

    def _check_failures(self) -> None:
        trials = [one for one in self.study.trials() if one.state != "running"]
        last = trials[-MOST_FAILURES:]
        if len(last) == MOST_FAILURES and all(one.state == "fail" for one in last) and self.study.best is None:
            raise BadInput(
                f"{MOST_FAILURES} trials failed one after another, the last: {last[-1].why}; see the log of one: "
                f"timnet runs ls tag:{self.search.tag} state:failed"
            )

    def _cancel(self, experiment_id: int, why: str) -> None:
        """Cancel the runs that have not ended, each with an event that says why."""
        for run in self.registry.runs.of_experiment(experiment_id):
            if run.state in ENDED:
                continue
            try:
                with self.registry.db.write():
                    self._note(run, why)
                    self.registry.runs.command(Command.CANCEL, [run.key])
            except TimnetError:  # it has ended just now
                continue

    def _note(self, run: Run, why: str) -> None:
        self.registry.runs.event(run.id, EventKind.INTENT, why, attempt=run.attempt or None, epoch=run.epoch or None)

    def _open(self) -> list[TrialRecord]:
        return [one for one in self.study.trials() if one.state == "running"]

    def _runs(self, trial: TrialRecord) -> list[Run]:
        return [] if trial.experiment is None else self.registry.runs.of_experiment(trial.experiment)


def folds_text(n: int) -> str:
    """``1 fold``, ``3 folds``."""
    return f"{n} fold{'' if n == 1 else 's'}"


def value_text(metric: str, value: float) -> str:
    """A value of an inner metric with its name, shares in per cent."""
    return f"{metric} {value:.4f}" if metric == "inner_loss" else f"{metric} {value * 100:.2f} %"


def setting_text(value: object) -> str:
    """A setting's value, to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _why(fold: FoldProgress) -> str:
    return f"fold {fold.fold} {fold.why or f'was {fold.state}'}"
