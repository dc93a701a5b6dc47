"""Handing waiting runs to an engine of other machines: claimed, packed into a folder each, submitted together."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from timnet.errors import DiskFull, RegistryBusy, TimnetError
from timnet.features.build import Wanted, wanted_of
from timnet.features.cache import FeatureCache
from timnet.files import write_text
from timnet.paths import AttemptPaths
from timnet.protocols import Fold, make_folds
from timnet.queue import liveness
from timnet.queue.engines.engine import EngineAway, RemoteEngine
from timnet.queue.shipping import Shipping
from timnet.records import CorpusRecord, EventKind, Experiment, RunState
from timnet.registry import Registry
from timnet.registry.runs import Claim
from timnet.remote.parcel import Parcel
from timnet.settings import Settings

PATIENCE_SECONDS = (5.0, 300.0)
"""How long nothing is given after it could not be: at first, and at most. Each try is an attempt of a run."""


@dataclass(frozen=True, slots=True)
class _Packed:
    """A claimed run with its folder."""

    claim: Claim
    folder: AttemptPaths


@dataclass(frozen=True, slots=True)
class _Data:
    """What all runs of a corpus share."""

    corpus: CorpusRecord
    labels: tuple[int, ...]
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all runs of an experiment share. ``code``: what it was queued with."""

    experiment: Experiment
    folds: Sequence[Fold]
    code: Mapping[str, Any] | None


class Dispatch:
    """One head's. ``shared`` is the folder that jobs see, ``worker`` the head's uid."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        engine: RemoteEngine,
        shared: Path,
        worker: str,
        say: Callable[[str], None],
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._engine = engine
        self._shared = shared
        self._worker = worker
        self._say = say
        self._features = FeatureCache(shared)
        self._shipping = Shipping(settings.cache, shared, say)
        self._shipped: set[int] = set()  # the corpora whose features jobs see, or that may fail for want of them
        self._next_try = 0.0
        self._patience = 0.0
        # a registry's corpora and experiments do not change once they are there
        self._data = lru_cache(4)(self._read_data)
        self._plan = lru_cache(16)(self._read_plan)

    def give(self, most: int) -> int:
        """Submit up to ``most`` waiting runs; returns how many were claimed.

        What cannot be packed fails with its reason, and others go on. Raises :class:`EngineAway`, :class:`DiskFull`
        and :class:`OSError`, whereupon the runs wait again and for a while nothing is given, then one run to try; and
        :class:`BadInput` where the engine refuses for good.
        """
        if time.monotonic() < self._next_try:
            return 0
        try:
            given = self._give(1 if self._patience else most)
        except (EngineAway, DiskFull, RegistryBusy, OSError):
            least, longest = PATIENCE_SECONDS
            self._patience = min(longest, max(least, 2 * self._patience))
            self._next_try = time.monotonic() + self._patience
            raise
        if given:
            self._patience = 0.0
        return given

    def _give(self, most: int) -> int:
        # a folder that was unmounted must not be made anew below its mount point
        if not self._features.folder.is_dir():
            raise FileNotFoundError(2, f"the shared folder {self._shared} is not there")
        claimed: list[_Packed] = []
        try:
            while len(claimed) < most and (one := self._next()) is not None:
                claimed.append(one)
            packed = [one for one in claimed if self._pack(one)]
            jobs = self._engine.submit([one.folder for one in packed]) if packed else []
        except (TimnetError, OSError) as error:
            for one in claimed:
                self._take_back(one, str(error))
            raise
        self._registry.elsewhere.submitted(
            [(one.claim.run_id, one.claim.attempt, job) for one, job in zip(packed, jobs, strict=True)]
        )
        for one, job in zip(packed, jobs, strict=True):
            self._say(f"run {one.claim.key}: attempt {one.claim.attempt} is {self._engine.name} job {job}")
        return len(claimed)

    def close(self) -> None:
        """End what is at work for runs that were not given yet."""
        self._shipping.close()

    def _next(self) -> _Packed | None:
        """Take the next waiting run whose corpus's features jobs see; those of the others come meanwhile."""
        while True:
            passed: set[int] = set()
            one = self._claim(passed)
            come = {corpus_id for corpus_id in passed if self._is_shipped(corpus_id)}
            self._shipped |= come
            if one is not None or not come:
                return one

    def _is_shipped(self, corpus_id: int) -> bool:
        try:
            data = self._data(corpus_id)
            return self._shipping.is_over(data.corpus, data.wanted)
        except TimnetError:  # what packs a run says so, of this run
            return True

    def _claim(self, passed: set[int]) -> _Packed | None:
        """Take a waiting run and note its folder, in one transaction. Its lock must be free, and is let go.

        The corpora that were ``passed`` over are added, as nothing that takes time may be asked in a transaction.
        """
        paths, runs = self._registry.paths, self._registry.runs

        def is_ready(corpus_id: int) -> bool:
            if corpus_id not in self._shipped:
                passed.add(corpus_id)
            return corpus_id in self._shipped

        lock = None
        try:
            with self._registry.db.write():
                found = runs.claim(
                    lambda uid: liveness.try_lock(paths.run(uid).lock),
                    liveness.proof_of(os.getpid()),
                    self._engine.name,
                    self._worker,
                    is_ready,
                )
                if found is None:
                    return None
                claim, lock = found
                folder = AttemptPaths.of(self._shared, claim.uid, claim.attempt)
                self._registry.elsewhere.given(claim.run_id, claim.attempt, folder)
        finally:
            if lock is not None:
                liveness.unlock(lock)
        return _Packed(claim, folder)

    def _pack(self, one: _Packed) -> bool:
        """Write what the job needs; where that is impossible for this run alone, end it with the reason."""
        try:
            self._write(one)
        except (DiskFull, RegistryBusy):
            raise
        except TimnetError as error:
            self._say(f"run {one.claim.key}: {error}")
            journal = self._registry.journal(one.claim.run_id, one.claim.attempt)
            journal.end(RunState.FAILED, EventKind.FAILED, str(error), error=str(error))
            return False
        return True

    def _write(self, one: _Packed) -> None:
        run = self._registry.runs.by_id(one.claim.run_id)
        plan = self._plan(run.experiment_id)
        data = self._data(plan.experiment.corpus_id)
        fold = plan.folds[run.fold - 1]
        try:
            self._shipping.finish(data.corpus, data.wanted)
        except BaseException:
            self._shipped.discard(plan.experiment.corpus_id)
            raise
        ours, theirs = self._registry.paths.run(run.uid), one.folder
        shutil.rmtree(theirs.folder, ignore_errors=True)
        theirs.engine.mkdir(parents=True)
        for path in ours.for_going_on():
            target = theirs.run.folder / path.relative_to(ours.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        write_text(theirs.want, "")
        Parcel(
            key=run.key,
            attempt=one.claim.attempt,
            corpus=data.corpus.name,
            classes=data.corpus.classes,
            labels=data.labels,
            fold=run.fold,
            folds=run.folds,
            train=tuple(fold.train.tolist()),
            inner=tuple(fold.inner.tolist()),
            test=tuple(fold.test.tolist()),
            config=plan.experiment.config,
            seed=plan.experiment.seed,
            features=data.wanted.key,
            shape=data.wanted.shape,
            threads=self._settings.threads,
            nice=self._settings.nice,
            device=self._settings.device,
            log_from=ours.log.stat().st_size if ours.log.exists() else 0,
            code=plan.code,
        ).write(theirs.parcel)

    def _read_data(self, corpus_id: int) -> _Data:
        corpus = self._registry.corpora.by_id(corpus_id)
        return _Data(corpus, corpus.labels(), wanted_of(corpus))

    def _read_plan(self, experiment_id: int) -> _Plan:
        experiment = self._registry.experiments.get(experiment_id)
        utterances = self._data(experiment.corpus_id).corpus.utterances
        folds = make_folds(experiment.protocol, utterances, experiment.folds, experiment.seed, experiment.config.inner)
        code = self._registry.experiments.code(experiment_id)
        return _Plan(experiment, folds, None if code is None else code.to_dict())

    def _take_back(self, one: _Packed, why: str) -> None:
        self._registry.runs.reap(
            one.claim.run_id,
            one.claim.attempt,
            exit_code=None,
            error=why,
            max_crashes=self._settings.max_crashes,
            back_off=0.0,
            blameless=True,
        )
