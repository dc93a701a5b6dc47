"""Handing waiting runs to an engine of other machines: claimed, packed into a folder each, submitted together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from timnet.errors import BadInput, DiskFull, RegistryBusy, TimnetError
from timnet.features.build import features_of, wanted_of
from timnet.features.cache import FeatureCache
from timnet.files import replacing, write_text
from timnet.paths import AttemptPaths
from timnet.protocols import make_folds
from timnet.queue import liveness
from timnet.queue.engines.engine import EngineAway, RemoteEngine
from timnet.records import CorpusRecord, EventKind, RunState
from timnet.registry import Registry
from timnet.registry.runs import Claim
from timnet.remote.parcel import Parcel
from timnet.settings import Settings


@dataclass(frozen=True, slots=True)
class _Packed:
    """A claimed run with its folder."""

    claim: Claim
    folder: AttemptPaths


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

    def give(self, most: int) -> int:
        """Submit up to ``most`` waiting runs; returns how many were claimed.

        What cannot be packed fails with its reason, and others go on. Raises :class:`EngineAway` and
        :class:`DiskFull`, whereupon the runs wait again, and :class:`BadInput` where the engine refuses for good.
        """
        claimed: list[_Packed] = []
        while len(claimed) < most and (one := self._claim()) is not None:
            claimed.append(one)
        packed = [one for one in claimed if self._pack(one)]
        if not packed:
            return len(claimed)
        try:
            jobs = self._engine.submit([one.folder for one in packed])
        except (EngineAway, DiskFull, BadInput) as error:
            for one in packed:
                self._take_back(one, str(error))
            raise
        self._registry.elsewhere.submitted(
            [(one.claim.run_id, one.claim.attempt, job) for one, job in zip(packed, jobs, strict=True)]
        )
        for one, job in zip(packed, jobs, strict=True):
            self._say(f"run {one.claim.key}: attempt {one.claim.attempt} is {self._engine.name} job {job}")
        return len(claimed)

    def _claim(self) -> _Packed | None:
        """Take the next waiting run and note its folder, in one transaction. Its lock must be free, and is let go."""
        paths, runs = self._registry.paths, self._registry.runs
        lock = None
        try:
            with self._registry.db.write():
                found = runs.claim(
                    lambda uid: liveness.try_lock(paths.run(uid).lock),
                    liveness.proof_of(os.getpid()),
                    self._engine.name,
                    self._worker,
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
        except (DiskFull, RegistryBusy) as error:
            self._take_back(one, str(error))
            raise
        except (TimnetError, OSError) as error:
            self._say(f"run {one.claim.key}: {error}")
            journal = self._registry.journal(one.claim.run_id, one.claim.attempt)
            journal.end(RunState.FAILED, EventKind.FAILED, str(error), error=str(error))
            return False
        return True

    def _write(self, one: _Packed) -> None:
        run = self._registry.runs.by_id(one.claim.run_id)
        experiment = self._registry.experiments.get(run.experiment_id)
        corpus = self._registry.corpora.by_id(experiment.corpus_id)
        fold = make_folds(
            experiment.protocol, corpus.utterances, experiment.folds, experiment.seed, experiment.config.inner
        )[run.fold - 1]
        code = self._registry.experiments.code(experiment.id)
        wanted = wanted_of(corpus)
        self._ship_features(corpus, wanted.key)
        place = {name: index for index, name in enumerate(corpus.classes)}
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
            corpus=corpus.name,
            classes=corpus.classes,
            labels=tuple(place[utterance.label] for utterance in corpus.utterances),
            fold=run.fold,
            folds=run.folds,
            train=tuple(fold.train.tolist()),
            inner=tuple(fold.inner.tolist()),
            test=tuple(fold.test.tolist()),
            config=experiment.config,
            seed=experiment.seed,
            features=wanted.key,
            shape=wanted.shape,
            threads=self._settings.threads,
            nice=self._settings.nice,
            device=self._settings.device,
            code=None if code is None else code.to_dict(),
            log_from=ours.log.stat().st_size if ours.log.exists() else 0,
        ).write(theirs.parcel)

    def _ship_features(self, corpus: CorpusRecord, key: str) -> None:
        """Have the features where jobs see them, once for all runs: another name of the same file where that can be."""
        target = FeatureCache(self._shared).path_of(key)
        if target.exists():
            return
        self._say(f"{corpus.name}: bringing its features to {self._shared}")
        source = features_of(corpus, self._settings.cache)
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            os.link(source, target)
            return
        with source.open("rb") as stream, replacing(target) as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)

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
