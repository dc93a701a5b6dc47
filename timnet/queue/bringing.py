"""Files of an attempt on another machine, brought to the run's own folder beside the registry.

They appear whole, and only while the attempt owns its run. A link or a pipe in a file's place is not followed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from timnet.bounded import open_regular
from timnet.clock import wall
from timnet.errors import Fenced
from timnet.files import fenced, in_fence, replacing
from timnet.paths import KEPT_POINTS, RunPaths, drop_all_but, epoch_of
from timnet.registry import Registry
from timnet.registry.elsewhere import Errand

TRIES = 5
"""How often a resume point is copied again because the next one came meanwhile."""

MOST_OF_LOG = 1 << 22
"""Bytes of a log that are copied at a time: others wait for the head."""

LONGEST_LOG = 1 << 28
"""Bytes of an attempt's log beyond which no more is copied."""

_NAME = re.compile(r"(?:epoch|best)-\d{6,7}", re.ASCII)


def bring(theirs: Path, ours: Path) -> bool:
    """Copy a file; False where it is not there."""
    try:
        with open_regular(theirs, follow=False) as source, replacing(ours) as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except FileNotFoundError:
        return False
    return True


def bring_resume_point(registry: Registry, errand: Errand, older_than: float = 0.0) -> None:
    """Copy the attempt's newest resume point, with the best weights that it names, to the run's own folder here.

    Not where the one here is newer than ``older_than`` seconds. Where that is 0, all of them are copied, and no others
    stay here. Nothing happens where there is none, or the attempt no longer owns its run.
    """
    theirs, ours, whole = errand.folder.run, registry.paths.run(errand.uid), not older_than
    here = _numbered(ours.checkpoints())
    if here and not whole and abs(wall() - here[-1].stat().st_mtime) < older_than:
        return
    with suppress(Fenced), fenced(registry.journal(errand.run_id, errand.attempt).owning):
        for _ in range(TRIES):
            points, best = _numbered(theirs.checkpoints()), _numbered(theirs.best())
            if not points:
                return
            for path in [*(points if whole else points[-1:]), *best]:
                target = ours.folder / path.relative_to(theirs.folder)
                if whole or not target.exists():
                    bring(path, target)
            if points[-1].exists():  # so the best weights that it names were there too all the while
                _drop(ours, points, best) if whole else _drop_old(ours, ours.checkpoint(epoch_of(points[-1])))
                return


def _drop(ours: RunPaths, points: Sequence[Path], best: Sequence[Path]) -> None:
    """Remove the resume points and best weights that the attempt has not."""
    names = {path.name for path in (*points, *best)}
    _remove([path for path in _numbered(ours.for_going_on()) if path.name not in names])


def _drop_old(ours: RunPaths, newest: Path) -> None:
    """Remove old resume points, and the best weights that none names: each names the last ones up to its epoch."""
    drop_all_but(ours.checkpoints(), newest, KEPT_POINTS)
    epochs, best = [epoch_of(point) for point in _numbered(ours.checkpoints())], _numbered(ours.best())
    named = {max((one for one in best if epoch_of(one) <= epoch), default=None) for epoch in epochs}
    _remove([one for one in best if one not in named and epoch_of(one) <= max(epochs, default=0)])


def _remove(paths: Sequence[Path]) -> None:
    if paths:
        with in_fence():
            for path in paths:
                path.unlink(missing_ok=True)


def _numbered(paths: Iterable[Path]) -> list[Path]:
    """Those of ``paths`` that have names as timnet's files have."""
    return [path for path in paths if _NAME.fullmatch(path.stem)]


def copy_log(errand: Errand, log: Path, first: int, done: int, most: int = MOST_OF_LOG) -> int:
    """Bring the attempt's log behind the ``first`` bytes of the run's own; ``done`` bytes of it are there already.

    Returns how many are now, at most ``most`` more. To do it twice changes nothing.
    """
    until = min(done + most, LONGEST_LOG)
    with suppress(FileNotFoundError), open_regular(errand.folder.log, follow=False) as theirs:
        theirs.seek(done)
        data = theirs.read(min(1 << 20, until - done)) if done < until else b""
        if data:
            log.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                while data:
                    done += os.pwrite(descriptor, data, first + done)
                    theirs.seek(done)
                    data = theirs.read(min(1 << 20, until - done)) if done < until else b""
            finally:
                os.close(descriptor)
    return done
