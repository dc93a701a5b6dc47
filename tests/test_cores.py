"""What a process may use of the machine, and what its libraries use, seen in real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from timnet.cores import cores, pinned


def said_by(code: str, environment: dict[str, str]) -> str:
    child = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_process_that_may_use_one_core_trains_one_run_at_once() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from timnet.settings import Settings; print(Settings().jobs_here)"
    )
    assert said_by(code, {}) == "1"


def test_the_machine_s_cores_count_where_there_is_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores() == 8
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


def test_a_process_s_libraries_use_so_many_threads() -> None:
    code = (
        "import numpy; from threadpoolctl import threadpool_info;"
        "print({pool['num_threads'] for pool in threadpool_info()})"
    )
    assert said_by(code, pinned(1)) in ("{1}", "set()")  # none: a library that is not seen, as on a Mac
