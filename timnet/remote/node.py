"""The training process of an attempt on another machine: the parcel in, a spool and the run's files out.

It is started by a :mod:`timnet.remote.carrier` and leaves with it. It sees no registry; that the attempt still owns its
run is what the file ``want`` and the number of its spool tell, and the head asks the registry again for each line.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from timnet.errors import OUT_OF_ROOM, BadInput, DiskFull, Fenced, OtherProgram
from timnet.features.cache import FeatureCache
from timnet.files import fenced
from timnet.machine.priority import step_back
from timnet.machine.shape import WorkShape
from timnet.paths import AttemptPaths
from timnet.protocols import Fold
from timnet.records import Want
from timnet.remote.carrier import LEFT
from timnet.remote.parcel import Parcel
from timnet.remote.spool import Spool
from timnet.training.process import Ears, leave_run, leave_with, tell_changes

if TYPE_CHECKING:
    from timnet.provenance import Code
    from timnet.training.data import CorpusData

FOR_A_WHILE = "leaves its node for a while"


def execute(folder: AttemptPaths, job: str, parent: int, say: Callable[[str], None]) -> int:
    """Train as far as wanted what lies in ``folder``; returns the exit status.

    ``job`` is the engine's id, ``parent`` the pid of who started this.
    """
    leave_with(parent)
    try:
        spool = Spool.begin_in(folder)
    except DiskFull as error:
        say(str(error))
        return OUT_OF_ROOM
    except OSError as error:
        say(f"nothing can be written in {folder.folder} ({error.strerror}); submit the run again")
        return BadInput.exit_code
    try:
        return _execute(folder, spool, job, say)
    except DiskFull as error:  # not even room to say so
        say(str(error))
        return OUT_OF_ROOM
    finally:
        spool.close()


def _execute(folder: AttemptPaths, spool: Spool, job: str, say: Callable[[str], None]) -> int:
    ears = Ears(spool)
    try:
        spool.hello(host=socket.gethostname(), pid=os.getpid(), job=job)
        try:
            queued = _checked_code(folder)  # first: another timnet may not be able to read the rest
            parcel = Parcel.read(folder.parcel)
            step_back(parcel.nice)
            tell_changes(queued, spool, say)
            with fenced(spool.owning):
                _train(folder, parcel, spool, ears, say)
        except Fenced:
            raise
        except Exception as error:
            if getattr(error, "want", None) is Want.STOP and spool.want() is not Want.STOP:
                say(FOR_A_WHILE)
                spool.left(FOR_A_WHILE)
                return LEFT
            return leave_run(spool, error, say)
    except Fenced as error:
        say(str(error))
        return error.exit_code
    return 0


def _train(folder: AttemptPaths, parcel: Parcel, spool: Spool, ears: Ears, say: Callable[[str], None]) -> None:
    where = socket.gethostname()
    say(f"run {parcel.key}, attempt {parcel.attempt} on {where}: {parcel.corpus}, fold {parcel.fold} of {parcel.folds}")
    from timnet.machine.device import chosen
    from timnet.machine.known import Known
    from timnet.training.device import prepare, usual

    known, threads = Known(folder.shared), parcel.threads
    note = prepare(parcel.device, threads, lambda: chosen(_shape(parcel), known, threads, usual(), say))
    from timnet.training.fold import FoldJob, train_fold

    job = FoldJob(_data(folder, parcel), _fold(parcel), parcel.config, parcel.seed, folder.run)
    train_fold(job, spool, ears, f"{where}, {note}", say)


def _checked_code(folder: AttemptPaths) -> Code | None:
    """What the run was queued with, where that is known. Raises :class:`OtherProgram` where this is another."""
    from timnet.provenance import Code, loaded, why_not

    told = Parcel.code_in(folder.parcel)
    if told is None:
        return None
    queued = Code.from_dict(told)
    why = why_not(queued, loaded(), socket.gethostname())
    if why:
        raise OtherProgram(why)
    return queued


def _data(folder: AttemptPaths, parcel: Parcel) -> CorpusData:
    from timnet.training.data import CorpusData

    cache = FeatureCache(folder.shared)
    path = cache.path_of(parcel.features)
    try:
        features = cache.open(path, parcel.shape)
    except BadInput as error:
        raise BadInput(
            f"the features of {parcel.corpus} that were brought to {path} are gone or not as they were; "
            f"retry the run, and they are brought again ({error})"
        ) from error
    return CorpusData(features, np.array(parcel.labels, np.int64), parcel.classes)


def _fold(parcel: Parcel) -> Fold:
    train, test, inner = (np.array(rows, np.int64) for rows in (parcel.train, parcel.test, parcel.inner))
    return Fold(parcel.fold, train, test, inner)


def _shape(parcel: Parcel) -> WorkShape:
    _, frames, coefficients = parcel.shape
    return WorkShape.of(len(parcel.train), frames, coefficients, len(parcel.classes), parcel.config)
