"""How much of what is tested was heard in training: the leakage of a set of folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from timnet.errors import BadInput
from timnet.protocols import Fold, check_corpus, fold_names, make_folds
from timnet.records import CorpusRecord, Utterance
from timnet.registry import Registry
from timnet.text import clean

Mark = Callable[[Utterance], tuple[str, ...]]


def _dialogue(one: Utterance) -> tuple[str, ...]:
    """IEMOCAP's dialogues: a scene of a session, and whose motions were captured in it."""
    captured, stroke, _ = one.take.partition("_")
    return (one.session, one.sentence, captured if stroke else "")


#: what an utterance can share with the training data: a name, and what makes two utterances alike in it
MARKS: tuple[tuple[str, Mark], ...] = (
    ("speaker", lambda one: (one.speaker,)),
    ("sentence", lambda one: (one.sentence,)),
    ("sentence in the same emotion", lambda one: (one.sentence, one.label)),
    ("sentence by the same speaker", lambda one: (one.speaker, one.sentence)),
    ("other take of the same", lambda one: (one.speaker, one.sentence, one.label)),
    ("dialogue", _dialogue),
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


@dataclass(frozen=True, slots=True)
class FoldSizes:
    """One fold in numbers of utterances. ``tests`` names what it tests (``speaker 03``), where that has a name.

    ``missing`` are the classes that its test set has none of: there a fold's UAR is a mean over fewer classes.
    """

    fold: int
    tests: str
    train: int
    inner: int
    test: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """What the test sets of a corpus's folds share with training. ``inner`` is the share of the inner set."""

    corpus: str
    protocol: str
    seed: int
    inner: float
    of_folds: int
    folds: tuple[FoldSizes, ...]
    leaks: tuple[Leak, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self)


def leakage(utterances: Sequence[Utterance], folds: Sequence[Fold]) -> tuple[Leak, ...]:
    """What the test sets of ``folds`` share with what their networks saw, the inner validation set included.

    ``session`` is a recording session (IEMOCAP), or whatever a manifest says. Shares are between 0 and 1.
    """
    return tuple(_leak(name, mark, utterances, folds) for name, mark in MARKS)


def report(
    corpus: CorpusRecord, protocol: str, folds: int, seed: int, inner: float = 0.0, only: Sequence[int] = ()
) -> LeakageReport:
    """The leakage of the folds that ``protocol`` makes of ``corpus``: of all, or of those in ``only``.

    Raises :class:`BadInput` where they cannot be made (:func:`timnet.protocols.make_folds`).
    """
    if not corpus.utterances:
        raise BadInput(f"of {clean(corpus.name)} no utterances are known here, so there are no folds to look into")
    check_corpus(protocol, corpus.layout)
    made = make_folds(protocol, corpus.utterances, folds, seed, inner)
    names = fold_names(protocol, corpus.utterances)
    chosen = [fold for fold in made if not only or fold.number in only]
    return LeakageReport(
        corpus=corpus.name,
        protocol=protocol,
        seed=seed,
        inner=inner,
        of_folds=len(made),
        folds=tuple(_sizes(fold, names, corpus) for fold in chosen),
        leaks=leakage(corpus.utterances, chosen),
    )


def leakage_of(registry: Registry, experiment_id: int) -> LeakageReport:
    """The leakage of an experiment, over the folds it has here.

    Raises :class:`timnet.errors.UnknownName` and :class:`BadInput`, e.g. where only a log of it is known.
    """
    experiment = registry.experiments.get(experiment_id)
    only = [run.fold for run in registry.runs.of_experiment(experiment_id)]
    corpus = registry.corpora.by_id(experiment.corpus_id)
    return report(corpus, experiment.protocol, experiment.folds, experiment.seed, experiment.config.inner, only)


def _sizes(fold: Fold, names: Sequence[str], corpus: CorpusRecord) -> FoldSizes:
    tested = {corpus.utterances[row].label for row in fold.test}
    missing = tuple(label for label in corpus.classes if label not in tested)
    name = names[fold.number - 1] if names else ""
    return FoldSizes(fold.number, name, len(fold.train), len(fold.inner), len(fold.test), missing)


def _leak(name: str, mark: Mark, utterances: Sequence[Utterance], folds: Sequence[Fold]) -> Leak:
    told = shared = 0
    for fold in folds:
        seen = {mark(utterances[row]) for part in (fold.train, fold.inner) for row in part}
        for row in fold.test:
            if all(own := mark(utterances[row])):
                told += 1
                shared += own in seen
    return Leak(name, shared / told if told else None, told)
