"""The pretended training of :mod:`tests.faults.pretend`, but with the real features: looked for, made, mapped."""

from __future__ import annotations

import sys

from tests.faults import pretend


def prepare() -> None:
    import timnet.training.data as data

    real = data.load_corpus
    pretend.prepare()
    data.load_corpus = real


if __name__ == "__main__":
    from timnet.training import warm

    warm._load = prepare
    sys.exit(warm.main())
