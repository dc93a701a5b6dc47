"""Protocols: how the utterances of a corpus are split into folds that train and test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.errors import BadInput
from timnet.records import Utterance
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_SEED = 2**32 - 1
"""What numpy's legacy generator takes, on which the published folds rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One fold, numbered from 1: rows to train on and rows to test on.

    ``train`` and ``test`` are int64 row indices into the corpus's utterances, ascending, disjoint, and
    together every row.
    """

    number: int
    train: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way to split a corpus: what it is, in one line, and how it is done.

    ``needs_speakers``: only a corpus that tells of every utterance who speaks can be split so.
    """

    name: str
    description: str
    split: Callable[[Sequence[Utterance], int, int], list[Fold]]
    needs_speakers: bool = False

    def check(self, utterances: Sequence[Utterance], folds: int, seed: int) -> None:
        """Raise :class:`BadInput` where ``utterances`` cannot be split in this way, with the reason."""
        if self.needs_speakers:
            check_speakers(self.name, utterances)
        _check_numbers(len(utterances), folds, seed)


def make_folds(protocol: str, utterances: Sequence[Utterance], folds: int, seed: int) -> list[Fold]:
    """Split ``utterances``, which stand in published row order, into ``folds`` folds.

    The same arguments always give the same folds. Raises :class:`BadInput`: an unknown protocol, one that needs
    speakers where there are none, fewer than 2 folds, more folds than utterances, or a seed outside 0 to
    4294967295.
    """
    chosen = _protocol(protocol)
    chosen.check(utterances, folds, seed)
    return chosen.split(utterances, folds, seed)


def check_folds(protocol: str, utterances: Sequence[Utterance], folds: int, seed: int) -> None:
    """Raise what :func:`make_folds` would raise, without making the folds or loading what makes them."""
    _protocol(protocol).check(utterances, folds, seed)


def check_speakers(protocol: str, utterances: Sequence[Utterance]) -> None:
    """Raise :class:`BadInput` where an utterance has no speaker, or all have the same: ``protocol`` needs them."""
    unknown = sum(not utterance.speaker for utterance in utterances)
    if unknown:
        raise BadInput(
            f"protocol {protocol} needs to know who speaks, and {unknown} of {len(utterances)} utterances do not tell:"
            " published feature files and class folders name no speakers, a manifest does in its column speaker;"
            " use the protocol random"
        )
    if len({utterance.speaker for utterance in utterances}) == 1:
        raise BadInput(f"protocol {protocol} needs two speakers or more; all utterances are by one")


def describe(protocol: str) -> str:
    """What ``protocol`` does, in one line for tables; raises :class:`BadInput` for an unknown one."""
    return _protocol(protocol).description


def random_folds(n: int, folds: int, seed: int) -> list[Fold]:
    """The published folds of ``n`` rows: scikit-learn's ``KFold(folds, shuffle=True, random_state=seed)``.

    They are neither stratified nor speaker-disjoint. Raises :class:`BadInput` as :func:`make_folds` does.
    """
    _check_numbers(n, folds, seed)
    import numpy as np
    from sklearn.model_selection import KFold

    splits = KFold(folds, shuffle=True, random_state=seed).split(np.empty((n, 0)))
    return [
        Fold(number, np.asarray(train, dtype=np.int64), np.asarray(test, dtype=np.int64))
        for number, (train, test) in enumerate(splits, start=1)
    ]


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "random",
            "random folds as published; every test speaker is also in training",
            lambda utterances, folds, seed: random_folds(len(utterances), folds, seed),
        ),
    )
}
"""Every protocol by its name."""


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise BadInput(f"unknown protocol {clean(name)!r}; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def _check_numbers(n: int, folds: int, seed: int) -> None:
    if folds < 2:
        raise BadInput(f"a protocol needs 2 folds or more, not {folds}")
    if n < 2:
        raise BadInput(f"{n} utterance{'' if n == 1 else 's'} cannot be split into folds at all; add the whole corpus")
    if folds > n:
        raise BadInput(f"{n} utterances cannot be split into {folds} folds; ask for {n} or fewer")
    if not 0 <= seed <= LARGEST_SEED:
        raise BadInput(f"a seed is a number from 0 to {LARGEST_SEED}, not {seed}")
