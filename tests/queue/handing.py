"""Runs handed to an engine of other machines, as its head notes them; no engine and no head is needed for that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from timnet.paths import AttemptPaths
from timnet.queue import liveness
from timnet.queue.engines.choose import SLURM
from timnet.registry import Registry
from timnet.registry.runs import Claim


def hand_over(registry: Registry, job: str | None, engine: str = SLURM) -> Claim:
    """Claim the next run as a head does, and note its job."""
    proof = liveness.proof_of(os.getpid())
    found = registry.runs.claim(lambda uid: liveness.try_lock(registry.paths.run(uid).lock), proof, engine, "gone")
    assert found is not None
    claim, lock = found
    liveness.unlock(lock)
    folder = AttemptPaths.of(registry.paths.cluster, claim.uid, claim.attempt)
    registry.elsewhere.given(claim.run_id, claim.attempt, folder)
    if job is not None:
        registry.elsewhere.submitted([(claim.run_id, claim.attempt, job)])
    return claim


@contextmanager
def a_head(registry: Registry, jobs: int = 20) -> Iterator[None]:
    """This process is one."""
    lock = liveness.try_lock(registry.paths.worker_lock("abc"))
    assert lock is not None
    registry.workers.add("abc", SLURM, liveness.proof_of(os.getpid()), jobs)
    try:
        yield
    finally:
        liveness.unlock(lock)
