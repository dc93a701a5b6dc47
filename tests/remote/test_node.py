"""What a training process does on its node before it trains."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.remote.conftest import Given
from tests.support import REPOSITORY
from timnet.provenance import Code, loaded
from timnet.queue.ingest import ingest
from timnet.records import RunState
from timnet.remote.parcel import Parcel

#: the beginning of a training process, without its network
BEGINS = """
import socket, sys, types
socket.gethostname = lambda: "node7"
fold = types.ModuleType("fold")
fold.Interrupted = type("Interrupted", (Exception,), {})
sys.modules["timnet.training.fold"] = fold
from timnet.remote import node
from timnet.remote.__main__ import main
node._train = lambda folder, parcel, spool, ears, say: spool.begin([], "trains")
sys.exit(main())
"""


def begin(given: Given, code: Code | None) -> int:
    parcel = Parcel.read(given.folder.parcel)
    replace(parcel, code=code.to_dict() if code else None).write(given.folder.parcel)
    done = subprocess.run(
        [sys.executable, "-c", BEGINS, str(given.folder.folder), "--job=7"],
        cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=False, timeout=120,
    )  # fmt: skip
    ingest(given.registry, given.errand)
    return done.returncode


def test_a_node_with_another_timnet_pauses_the_run_and_says_so(given: Given) -> None:
    assert begin(given, replace(loaded(), version="0.0.9", source="0" * 64)) == 2
    run = given.registry.runs.get("1.1")
    assert run.state is RunState.PAUSED
    line = run.error or ""
    assert "\n" not in line
    for words in ("node7 has timnet", loaded().source[:12], "timnet 0.0.9", "000000000000", "install", "resume"):
        assert words in line


def test_a_node_with_other_libraries_says_so_in_the_runs_history_and_trains(given: Given) -> None:
    libraries = tuple((name, "0.1" if name == "numpy" else version) for name, version in loaded().libraries)
    assert begin(given, replace(loaded(), libraries=libraries)) == 0
    events = {event.kind: event.text for event in given.registry.results.events(1)}
    assert "numpy 0.1 -> " in events["code-changed"]
    assert events["started"] == "trains"


@pytest.mark.parametrize("code", [loaded(), None])
def test_a_node_that_is_as_it_should_be_trains(given: Given, code: Code | None) -> None:
    assert begin(given, code) == 0
    assert [event.kind for event in given.registry.results.events(1) if event.kind != "queued"] == ["started"]


def test_a_parcel_that_cannot_be_read_fails_the_run_with_one_line(given: Given) -> None:
    given.folder.parcel.write_text('{"code": null')
    done = subprocess.run(
        [sys.executable, "-c", BEGINS, str(given.folder.folder), "--job=7"],
        cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=False, timeout=120,
    )  # fmt: skip
    ingest(given.registry, given.errand)
    run = given.registry.runs.get("1.1")
    assert (done.returncode, run.state) == (2, RunState.FAILED)
    assert "parcel.json" in (run.error or "")
