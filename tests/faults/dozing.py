"""The pretended training of :mod:`tests.faults.pretend`, where a second without a sign of life is a nap already."""

from __future__ import annotations

import sys

from tests.faults import pretend
from timnet import clock

NAP = 1.0

if __name__ == "__main__":
    clock.LONGEST_NAP = NAP
    from timnet.training import warm

    warm._load = pretend.prepare
    sys.exit(warm.main())
