"""How much of what is tested was heard in training: the leakage of a set of folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from timnet.protocols import Fold
from timnet.records import Utterance

Mark = Callable[[Utterance], tuple[str, ...]]

#: what an utterance can share with the training data: a name, and what makes two utterances alike in it
MARKS: tuple[tuple[str, Mark], ...] = (
    ("speaker", lambda one: (one.speaker,)),
    ("sentence", lambda one: (one.sentence,)),
    ("sentence in the same emotion", lambda one: (one.sentence, one.label)),
    ("sentence by the same speaker", lambda one: (one.speaker, one.sentence)),
    ("other take of the same", lambda one: (one.speaker, one.sentence, one.label)),
    ("session", lambda one: (one.session,)),
)


@dataclass(frozen=True, slots=True)
class Leak:
    """``share`` of the tested utterances, over all folds, whose ``what`` is in their fold's training data too.

    ``of`` utterances tell it; None as the share where none does.
    """

    what: str
    share: float | None
    of: int


def leakage(utterances: Sequence[Utterance], folds: Sequence[Fold]) -> tuple[Leak, ...]:
    """What the test sets of ``folds`` share with what their networks saw, the inner validation set included.

    A dialogue is what a corpus tells as ``session`` (IEMOCAP's recording session). Shares are between 0 and 1.
    """
    return tuple(_leak(name, mark, utterances, folds) for name, mark in MARKS)


def _leak(name: str, mark: Mark, utterances: Sequence[Utterance], folds: Sequence[Fold]) -> Leak:
    told = shared = 0
    for fold in folds:
        seen = {mark(utterances[row]) for part in (fold.train, fold.inner) for row in part}
        for row in fold.test:
            if all(own := mark(utterances[row])):
                told += 1
                shared += own in seen
    return Leak(name, shared / told if told else None, told)
