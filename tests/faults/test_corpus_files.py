"""Recordings that change or go while experiments of them wait or train: noticed by digest, and only where needed.

What is trained on is fixed when a corpus is added: its digest covers the digest of every recording. Features are kept
by these digests, so where they were made already, nobody needs the recordings any more; where not, every recording must
be what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.faults.storm import start_worker
from tests.queue.processes import wait_until
from tests.support import add_experiment
from tests.training.conftest import make_corpus
from timnet.corpora.service import add_corpus as register
from timnet.features.build import wanted_of
from timnet.features.cache import FeatureCache
from timnet.queue.engines import warm
from timnet.records import CorpusRecord, RunState, TrainingConfig
from timnet.registry import Registry

pytestmark = pytest.mark.skipif(not warm.possible(), reason="this system does not fork training processes")

EPOCHS = 40


def changed(folder: Path) -> Path:
    victim = sorted(folder.glob("*.wav"))[3]
    data = bytearray(victim.read_bytes())
    data[-100] ^= 1
    victim.write_bytes(data)
    return victim


def deleted(folder: Path) -> Path:
    victim = sorted(folder.glob("*.wav"))[3]
    victim.unlink()
    return victim


FATES = {"changed": changed, "deleted": deleted}


def meet(tmp_path: Path, fates: Sequence[str]) -> None:
    """An experiment for each fate that waits while it happens, and one that trains while all its files go."""
    db, cache = tmp_path / "runs.db", tmp_path / "cache"
    config = TrainingConfig(epochs=EPOCHS, batch_size=4, filters=6)
    with Registry.open(db) as registry:
        cached: CorpusRecord | None = None
        folders = {name: make_corpus(tmp_path / name) for name in ("cached", *fates)}
        for number, folder in enumerate(folders.values()):
            for victim in sorted(folder.glob("*.wav"))[:number]:  # each corpus is another one
                victim.unlink()
        for name, folder in folders.items():
            register(registry, "DEMO", folder)  # a version for each
            corpus = registry.corpora.get("DEMO")
            cached = corpus if name == "cached" else cached
            add_experiment(registry, corpus, config=config, folds=2, only=(1, 2) if name == "cached" else (1,))
        assert cached is not None
        wanted = wanted_of(cached)
        about = {"corpus": "DEMO", "utterances": wanted.shape[0]}
        rows = np.zeros(wanted.shape, np.float32)
        kept = FeatureCache(cache).write(wanted.key, wanted.shape, rows, about)
        victims = {name: FATES[name](folders[name]) for name in fates}
        worker = start_worker(db, cache, "tests.faults.hearing", 1)
        try:
            wait_until(lambda: registry.runs.get("1.1").epoch >= 2, 120, "for epochs")
            for file in (*folders["cached"].iterdir(), kept):
                file.unlink()
            registry.experiments.note(1, "its files are gone")
            FeatureCache(cache).write(wanted.key, wanted.shape, rows, about)
            assert worker.wait(timeout=240) == 0
        finally:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        runs = {run.key: run for run in registry.runs.ls()}
        assert [runs[key].state for key in ("1.1", "1.2")] == [RunState.DONE] * 2, "they need no recording any more"
        for number, name in enumerate(fates, 2):
            run = runs[f"{number}.1"]
            assert (run.state, run.crashes) == (RunState.FAILED, 0)
            assert victims[name].name in (run.error or ""), run.error
            assert (run.error or "").isprintable()
            assert len((run.error or "").splitlines()) == 1


def test_a_changed_recording_fails_its_experiment_and_no_other(tmp_path: Path) -> None:
    meet(tmp_path, ["changed"])


@pytest.mark.chaos(weight=0)
def test_a_recording_that_is_gone_does_so_too(tmp_path: Path) -> None:
    meet(tmp_path, ["deleted", "changed"])
