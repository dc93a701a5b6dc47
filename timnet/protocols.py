"""Protocols: how the utterances of a corpus are split into folds that train, choose and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from timnet.errors import BadInput
from timnet.records import Utterance
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_SEED = 2**32 - 1
"""What numpy's legacy generator takes, on which the published folds rest."""
HOLDOUT_SHARE = 0.2
LARGEST_INNER = 0.5
COMBINED = "combined"
"""The layout of corpora that were put together of others; their utterances' ``session`` is the corpus they are of."""


def _no_rows() -> NDArray[np.int64]:
    import numpy as np

    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One fold, numbered from 1: rows to train on, to choose by, and to test on.

    ``train``, ``inner`` and ``test`` are int64 row indices into the corpus's utterances, ascending and disjoint.
    ``inner`` is the inner validation set, empty where none was asked for.
    """

    number: int
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    inner: NDArray[np.int64] = field(default_factory=_no_rows)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way to split a corpus: what it is, in one line, and how it is done.

    ``apart`` names what no two parts of a fold share (``speaker``, ``session`` or ``sentence`` of
    :class:`timnet.records.Utterance`); empty where nothing is kept apart. ``each``: every one of these is a fold
    of its own, so that the corpus decides how many folds there are. ``fixed``: the only number of folds there is.
    ``layout``: the only layout of corpora that it is for. ``inner_apart`` is what the inner validation set does not
    share with the rest of the training data, where that is told and is not ``apart``. ``named`` is what a fold's
    test set is called, before its speaker or session.
    """

    name: str
    description: str
    split: Callable[[Sequence[Utterance], int, int], list[Fold]]
    apart: str = ""
    each: bool = False
    fixed: int | None = None
    layout: str = ""
    inner_apart: str = ""
    named: str = ""

    def folds_on(self, utterances: Sequence[Utterance]) -> int | None:
        """How many folds there are on ``utterances``; None where a user may choose."""
        return len(_kinds(utterances, self.apart)) if self.each else self.fixed

    def fold_names(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """What each fold tests, in words (``speaker 03``); empty where a fold tests nothing that has a name."""
        return (
            tuple(f"{self.named or self.apart} {clean(kind)}" for kind in _kinds(utterances, self.apart))
            if self.each
            else ()
        )

    def check(self, utterances: Sequence[Utterance], folds: int, seed: int) -> None:
        """Raise :class:`BadInput` where ``utterances`` cannot be split in this way, with the reason."""
        if self.apart:
            check_told(self.name, self.apart, utterances)
        decided = self.folds_on(utterances)
        if decided is not None and folds != decided:
            raise BadInput(f"protocol {self.name} has {decided} folds here, not {folds}; leave the number of folds out")
        _check_numbers(len(utterances), folds, seed, least=self.fixed or 2)
        if self.apart and not self.each and folds > (kinds := len(_kinds(utterances, self.apart))):
            raise BadInput(f"{kinds} {self.apart}s cannot be split into {folds} folds; ask for {kinds} or fewer")
        if self.name == "stratified":
            _check_classes(utterances, folds)


def make_folds(protocol: str, utterances: Sequence[Utterance], folds: int, seed: int, inner: float = 0.0) -> list[Fold]:
    """Split ``utterances``, which stand in published row order, into ``folds`` folds.

    ``inner`` is the share of each fold's training rows that is kept out of training as its inner validation set:
    whole speakers, sessions or sentences where the protocol keeps these apart, else rows of every class. The same
    arguments always give the same folds. Raises :class:`BadInput`: an unknown protocol, one that needs what the
    corpus does not tell, too few or too many folds, a share or a seed out of range.
    """
    chosen = _protocol(protocol)
    check_folds(protocol, utterances, folds, seed, inner)
    made = chosen.split(utterances, folds, seed)
    return [_with_inner(fold, chosen, utterances, inner, seed) for fold in made] if inner else made


def check_folds(protocol: str, utterances: Sequence[Utterance], folds: int, seed: int, inner: float = 0.0) -> None:
    """Raise what :func:`make_folds` would raise, without making the folds or loading what makes them."""
    chosen = _protocol(protocol)
    chosen.check(utterances, folds, seed)
    if not 0 <= inner <= LARGEST_INNER:
        raise BadInput(f"inner = {inner} is no share of the training data from 0 to {LARGEST_INNER}")
    if inner and chosen.apart and not chosen.inner_apart:
        kinds = len(_kinds(utterances, chosen.apart))
        if kinds - -(-kinds // folds) < 2:
            raise BadInput(
                f"{kinds} {chosen.apart}s in {folds} folds leave too few {chosen.apart}s to train for an inner "
                "validation set of their own"
            )


def folds_of(protocol: str, utterances: Sequence[Utterance], wanted: int | None, usual: int) -> int:
    """How many folds to make: what the protocol decides on this corpus, else ``wanted``, else ``usual``.

    Raises :class:`BadInput` for an unknown protocol, and where ``wanted`` is not what the protocol decides.
    """
    chosen = _protocol(protocol)
    if chosen.apart:
        check_told(protocol, chosen.apart, utterances)
    decided = chosen.folds_on(utterances)
    if decided is None:
        return usual if wanted is None else wanted
    if wanted not in (None, decided):
        raise BadInput(f"protocol {protocol} has {decided} folds here, not {wanted}; leave the number of folds out")
    return decided


def check_corpus(protocol: str, layout: str) -> None:
    """Raise :class:`BadInput` where ``protocol`` is not for corpora of this ``layout``, or is unknown."""
    only = _protocol(protocol).layout
    if only and layout != only:
        raise BadInput(
            f"protocol {protocol} trains on one corpus and tests on another; make a corpus of two or more first:"
            " timnet corpora combine NAME EMODB SAVEE"
        )


TELLS = {
    "speaker": "who speaks",
    "session": "which session it is of",
    "sentence": "which sentence is spoken",
}


def check_told(protocol: str, apart: str, utterances: Sequence[Utterance]) -> None:
    """Raise :class:`BadInput` where an utterance does not tell its ``apart``, or all tell the same one."""
    unknown = sum(not getattr(utterance, apart) for utterance in utterances)
    if unknown:
        raise BadInput(
            f"protocol {protocol} needs to know {TELLS[apart]}, and {unknown} of {len(utterances)} utterances do not"
            f" tell: published feature files and class folders name no {apart}s, a manifest does in its column {apart};"
            " use the protocol random"
        )
    if len(_kinds(utterances, apart)) == 1:
        raise BadInput(f"protocol {protocol} needs two {apart}s or more; all utterances are of one")


def fold_names(protocol: str, utterances: Sequence[Utterance]) -> tuple[str, ...]:
    """What each fold of ``protocol`` tests, in words (:meth:`Protocol.fold_names`); raises :class:`BadInput`."""
    return _protocol(protocol).fold_names(utterances)


def names_of_folds(protocol: str, utterances: Sequence[Utterance], folds: int) -> tuple[str, ...]:
    """As :func:`fold_names` for folds that are there already; empty where they are not of this protocol after all."""
    known = PROTOCOLS.get(protocol)
    names = known.fold_names(utterances) if known else ()
    return names if len(names) == folds else ()


def describe(protocol: str) -> str:
    """What ``protocol`` does, in one line for tables; raises :class:`BadInput` for an unknown one."""
    return _protocol(protocol).description


# the splits


def random_folds(n: int, folds: int, seed: int) -> list[Fold]:
    """The published folds of ``n`` rows: scikit-learn's ``KFold(folds, shuffle=True, random_state=seed)``.

    They are neither stratified nor speaker-disjoint. Raises :class:`BadInput` as :func:`make_folds` does.
    """
    _check_numbers(n, folds, seed)
    import numpy as np

    # without scikit-learn: loading it costs a second of CPU time, in each training process
    order = np.arange(n)
    np.random.RandomState(seed).shuffle(order)
    tests = [np.sort(part) for part in np.array_split(order, folds)]  # the first n % folds have a row more
    return _folds((np.setdiff1d(np.arange(n), test, assume_unique=True), test) for test in tests)


def _stratified(utterances: Sequence[Utterance], folds: int, seed: int) -> list[Fold]:
    from sklearn.model_selection import StratifiedKFold

    labels = [utterance.label for utterance in utterances]
    return _folds(StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels))


def _holdout(utterances: Sequence[Utterance], _folds_wanted: int, seed: int) -> list[Fold]:
    parts = max(2, round(1 / HOLDOUT_SHARE))
    least = min(Counter(utterance.label for utterance in utterances).values())
    if least >= parts:
        return _stratified(utterances, parts, seed)[:1]
    return random_folds(len(utterances), min(parts, len(utterances)), seed)[:1]


def _leave_one_out(apart: str) -> Callable[[Sequence[Utterance], int, int], list[Fold]]:
    """Each speaker, or session, is tested once; the folds are in the order of their names."""

    def split(utterances: Sequence[Utterance], _folds_wanted: int, _seed: int) -> list[Fold]:
        import numpy as np

        of = np.array([getattr(utterance, apart) for utterance in utterances])
        return _folds((np.flatnonzero(of != kind), np.flatnonzero(of == kind)) for kind in _kinds(utterances, apart))

    return split


def _groups(apart: str) -> Callable[[Sequence[Utterance], int, int], list[Fold]]:
    """Folds that share no speaker, or sentence, with classes as even as that allows."""

    def split(utterances: Sequence[Utterance], folds: int, seed: int) -> list[Fold]:
        return _folds(_group_splits(utterances, range(len(utterances)), apart, folds, seed))

    return split


def _group_splits(
    utterances: Sequence[Utterance], rows: Sequence[int], apart: str, folds: int, seed: int
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    labels = [utterances[row].label for row in rows]
    groups = [getattr(utterances[row], apart) for row in rows]
    with warnings.catch_warnings():  # a class with fewer members than folds cannot be even; the folds are valid
        warnings.simplefilter("ignore", UserWarning)
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        made: list[tuple[NDArray[Any], NDArray[Any]]] = list(splitter.split(labels, labels, groups))
    return made


def _folds(splits: Any) -> list[Fold]:
    import numpy as np

    return [
        Fold(number, np.asarray(train, dtype=np.int64), np.asarray(test, dtype=np.int64))
        for number, (train, test) in enumerate(splits, start=1)
    ]


def _with_inner(fold: Fold, protocol: Protocol, utterances: Sequence[Utterance], share: float, seed: int) -> Fold:
    """Keep a share of the training rows out as the inner validation set, as disjoint as the test set is."""
    import numpy as np

    rows = fold.train
    parts = max(2, round(1 / share))
    own_seed = int(np.random.SeedSequence([seed, fold.number]).generate_state(1)[0])
    apart = _inner_apart(protocol, [utterances[row] for row in rows])
    if apart:
        kinds = len({getattr(utterances[row], apart) for row in rows})
        train, inner = _group_splits(utterances, rows.tolist(), apart, min(parts, kinds), own_seed)[0]
    else:
        part = [utterances[row] for row in rows]
        even = min(Counter(utterance.label for utterance in part).values()) >= parts
        parts = min(parts, len(part))
        first = (_stratified(part, parts, own_seed) if even else random_folds(len(part), parts, own_seed))[0]
        train, inner = first.train, first.test
    return Fold(fold.number, rows[train], fold.test, rows[inner])


def _inner_apart(protocol: Protocol, part: Sequence[Utterance]) -> str:
    """What an inner validation set made of ``part`` must not share with the rest of it; empty for nothing."""
    apart = protocol.inner_apart
    if not apart:
        return protocol.apart
    told = {getattr(utterance, apart) for utterance in part}
    return apart if "" not in told and len(told) > 1 else ""


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "random",
            "random folds as published; every test speaker is also in training",
            lambda utterances, folds, seed: random_folds(len(utterances), folds, seed),
        ),
        Protocol(
            "stratified",
            "random folds with the classes even; every test speaker is also in training",
            _stratified,
        ),
        Protocol(
            "loso",
            "leave one speaker out: each speaker is tested once, by networks that never heard them",
            _leave_one_out("speaker"),
            apart="speaker",
            each=True,
        ),
        Protocol(
            "loso-session",
            "leave one session out: each session, with its speakers, is tested once",
            _leave_one_out("session"),
            apart="session",
            each=True,
        ),
        Protocol(
            "speakers-k",
            "folds that share no speaker, with the classes as even as that allows",
            _groups("speaker"),
            apart="speaker",
        ),
        Protocol(
            "text",
            "folds that share no sentence; every test speaker is also in training",
            _groups("sentence"),
            apart="sentence",
        ),
        Protocol(
            "cross",
            "train on one corpus, test on another: each source of a combined corpus is tested once",
            _leave_one_out("session"),
            apart="session",
            each=True,
            layout=COMBINED,
            inner_apart="speaker",
            named="corpus",
        ),
        Protocol(
            "holdout",
            "one split: a random fifth is tested; every test speaker is also in training",
            _holdout,
            fixed=1,
        ),
    )
}
"""Every protocol by its name."""


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise BadInput(f"unknown protocol {clean(name)!r}; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def _kinds(utterances: Sequence[Utterance], apart: str) -> list[str]:
    """The speakers (sessions, sentences) there are, sorted: numbers by their value."""
    kinds = {str(getattr(utterance, apart)) for utterance in utterances}
    return sorted(kinds, key=lambda kind: (not kind.isdecimal(), int(kind) if kind.isdecimal() else 0, kind))


def _check_numbers(n: int, folds: int, seed: int, least: int = 2) -> None:
    if folds < least:
        raise BadInput(f"a protocol needs {least} folds or more, not {folds}")
    if n < 2:
        raise BadInput(f"{n} utterance{'' if n == 1 else 's'} cannot be split into folds at all; add the whole corpus")
    if folds > n:
        raise BadInput(f"{n} utterances cannot be split into {folds} folds; ask for {n} or fewer")
    if not 0 <= seed <= LARGEST_SEED:
        raise BadInput(f"a seed is a number from 0 to {LARGEST_SEED}, not {seed}")


def _check_classes(utterances: Sequence[Utterance], folds: int) -> None:
    name, least = min(Counter(utterance.label for utterance in utterances).items(), key=lambda one: one[1])
    if least < folds:
        raise BadInput(
            f"class {clean(name)} has {least} utterances, too few for one in each of {folds} stratified folds;"
            f" ask for {least} or fewer"
        )
