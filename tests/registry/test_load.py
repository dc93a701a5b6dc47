"""What is left to train, summed up."""

from __future__ import annotations

from pathlib import Path

from tests.support import add_corpus, add_experiment, finish, start_next, train
from timnet.records import TrainingConfig
from timnet.registry import Registry
from timnet.registry.load import Share, load
from timnet.states import Command


def test_what_has_ended_or_is_paused_is_left_out(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        assert (load(registry.db).running, load(registry.db).waiting) == ((), ())
        first = add_experiment(registry, corpus, folds=5)
        epochs = registry.runs.get(f"{first.id}.1").epochs
        finish(registry, start_next(registry))
        running = start_next(registry)
        train(registry, running, 3)
        registry.runs.command(Command.PAUSE, [f"{first.id}.3"])
        seconds = registry.runs.by_id(running).last_seconds
        found = load(registry.db)
        assert found.running == (Share(first.id, 1, epochs - 3, seconds),)
        assert [(share.runs, share.epochs) for share in found.waiting] == [(2, 2 * epochs)]


def test_the_pace_is_the_experiments_own_else_that_of_its_kind_else_unknown(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        measured = add_experiment(registry, corpus, folds=2)
        same_kind = add_experiment(registry, corpus, folds=2)
        other = add_experiment(registry, add_corpus(registry, "SAVEE"), folds=2)
        train(registry, start_next(registry), 2)
        seconds = {share.experiment_id: share.seconds for share in load(registry.db).waiting}
        assert seconds[measured.id] is not None
        assert seconds[same_kind.id] == seconds[measured.id]
        assert seconds[other.id] is None


def test_waiting_experiments_come_in_the_order_of_claims(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        first, second = add_experiment(registry, corpus, folds=2), add_experiment(registry, corpus, folds=2)
        assert [share.experiment_id for share in load(registry.db).waiting] == [first.id, second.id]
        registry.runs.prioritise([f"{second.id}.2"], 5)
        assert [share.experiment_id for share in load(registry.db).waiting] == [second.id, first.id]


def test_a_pace_holds_for_other_presets_with_the_same_network_and_batch_alone(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        add_experiment(registry, corpus, folds=2)
        other_preset = add_experiment(registry, corpus, folds=2, preset="own", config=TrainingConfig(epochs=9))
        other_batch = add_experiment(registry, corpus, folds=2, config=TrainingConfig(batch_size=7))
        train(registry, start_next(registry), 2)
        seconds = {share.experiment_id: share.seconds for share in load(registry.db).waiting}
        assert seconds[other_preset.id] == 1.5
        assert seconds[other_batch.id] is None
