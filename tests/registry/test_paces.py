"""How long an epoch takes: it depends on how many are trained at once."""

from __future__ import annotations

from pathlib import Path

from tests.support import PROOF, add_corpus, add_experiment, start_next, train
from timnet.registry import Registry
from timnet.registry.paces import kind_of, paces


def test_the_pace_is_that_of_runs_trained_as_many_at_once_as_now(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        experiment = add_experiment(registry, add_corpus(registry), folds=6)
        kind = kind_of(experiment.corpus_id, experiment.config)
        change = registry.db.connection.execute
        for uid, jobs, seconds in (("alone", 1, 1.0), ("crowded", 8, 4.0), (None, 0, 50.0)):
            if uid is not None:
                registry.workers.add(uid, "local", PROOF, jobs)
            run_id = start_next(registry)
            train(registry, run_id, 1)
            change("UPDATE runs SET last_seconds = ? WHERE id = ?", (seconds, run_id))
            change("UPDATE attempts SET worker = ? WHERE run_id = ?", (uid, run_id))
        for jobs, pace in ((1, 1.0), (2, 1.0), (5, 4.0), (8, 4.0), (64, 4.0)):
            registry.workers.add(f"now with {jobs}", "local", PROOF, jobs)
            assert paces(registry.db) == {kind: pace}
