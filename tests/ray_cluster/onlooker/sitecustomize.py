"""Found by every Python on the test's nodes. What a parcel calls ``PRETENDED`` is trained with a few numbers.

On a node that is to be bare, there is no timnet.
"""

from __future__ import annotations

import importlib.abc
import json
import os
import sys
from pathlib import Path
from typing import Any

PRETENDED = "PRETENDED"
BARE = "TIMNET_TEST_BARE"


class _Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] == "timnet":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def look() -> None:
    if BARE in os.environ:
        sys.meta_path.insert(0, _Without())
    started = sys.orig_argv
    if "timnet.remote" not in started:
        return
    parcel = json.loads((Path(started[started.index("timnet.remote") + 1]) / "parcel.json").read_text())
    if parcel["corpus"] == PRETENDED:
        from tests.faults import pretend

        pretend.prepare()


look()
