"""A registry whose only experiments let the test fold choose, and how a label is known beside a score of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.support import add_corpus, add_experiment, finish, start_next, train
from timnet.records import TrainingConfig
from timnet.registry import Registry

OPTIMISTIC = TrainingConfig(epochs=20, select="best", monitor="val_loss", check_every=5)
#: folds test 24 and 23 utterances; of experiment 1, 2 and 3 of them are taken for others, of experiment 2, 3 and 4
_WAR = (22 / 24, 20 / 23, 21 / 24, 19 / 23, (22 / 24 + 20 / 23) / 2, (21 / 24 + 19 / 23) / 2, 42 / 47, 40 / 47)
_FORMS: tuple[Callable[[float], str], ...] = (
    lambda one: f"{100 * one:.1f}", lambda one: f"{100 * one:.2f}", lambda one: f"{one:.4f}", lambda one: repr(one)[:8],
)  # fmt: skip
_WRITTEN = {form(one) for form in _FORMS for one in _WAR}

SCORE = re.compile(rf"(?<![\d.])(?:{'|'.join(re.escape(one) for one in sorted(_WRITTEN, reverse=True))})")
"""A score of one of its folds, or their mean, in any of the forms in which it is written."""


def labelled(text: str) -> bool:
    """Whether ``text`` says how its scores were obtained."""
    return all(word in text for word in ("random", "best-test", "optimistic"))


def only_optimistic(path: Path) -> None:
    """Two experiments of the same two folds of three, whose checkpoints were chosen by the test fold's loss."""
    with Registry.open(path) as registry:
        corpus = add_corpus(registry)
        for number, wrong in enumerate((2, 3)):
            config = OPTIMISTIC if not number else TrainingConfig(**{**OPTIMISTIC.to_dict(), "dropout": 0.2})
            add_experiment(registry, corpus, config=config, preset="seed", folds=3, only=(1, 2))
            for place in range(2):
                run_id = start_next(registry)
                train(registry, run_id, 20, level=0.02 * place + 0.01 * number)
                run = registry.runs.by_id(run_id)
                final = registry.paths.run(run.uid).final_weights
                final.parent.mkdir(parents=True, exist_ok=True)
                final.write_bytes(b"weights")
                registry.journal(run_id, run.attempt).checkpoint("final", 20, final)
                finish(registry, run_id, wrong=wrong + place)
