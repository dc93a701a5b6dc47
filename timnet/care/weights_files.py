"""Looking into weights and resume points without loading what trains: can they be read, and what do they tell."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

from timnet.arrays import UNREADABLE, packed_part
from timnet.records import EpochRecord, check_epochs


def why_unreadable(path: Path) -> str:
    """Why the array file at ``path`` cannot be read; empty where all of it can. Reads it to its end."""
    try:
        if path.suffix == ".npz":
            return _broken_archive(path)
        if path.suffix == ".npy":
            return _broken_array(path)
    except UNREADABLE as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return ""


def history_of(path: Path) -> tuple[EpochRecord, ...] | None:
    """The epochs that the resume point at ``path`` tells of, in order; None where it cannot be read."""
    import numpy as np

    try:
        if _broken_archive(path):
            return None
        with np.load(path, allow_pickle=False) as stored:
            told = json.loads(stored["progress"].tobytes())
        history = tuple(map(EpochRecord.from_dict, told["history"]))
        check_epochs([one.metrics for one in history])
        whole = all(isinstance(one.best_epoch, int | None) for one in history)
        return history if whole and all(isinstance(one.best_value, float | int | None) for one in history) else None
    except UNREADABLE:
        return None


def _broken_archive(path: Path) -> str:
    """What is wrong with a ``.npz``. Nothing in ours is packed, so no part of it is larger than the file."""
    packed = packed_part(path)
    if packed:
        return f"{packed} is packed, which timnet does not do"
    with zipfile.ZipFile(path) as archive:
        broken = archive.testzip()
    return f"the checksum of {broken} is wrong" if broken else ""


def _broken_array(path: Path) -> str:
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)  # one that was cut cannot be mapped
    return "" if array.offset + array.nbytes == os.stat(path).st_size else "it is longer than its array"  # noqa: PTH116
