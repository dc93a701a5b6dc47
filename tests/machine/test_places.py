"""How many runs at once: what is believed, what fits, what is remembered, and that no probe stops the work."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from timnet.errors import TimnetError
from timnet.machine import known as known_module
from timnet.machine import places
from timnet.machine.known import PROBE, TRAINING, Entry, Known, Rate
from timnet.machine.places import candidates, decide
from timnet.machine.shape import EMODB, WorkShape

GIB = 2**30
BIGGER = replace(EMODB, frames=606)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A quiet machine of two cores whose probes are answered here; returns what was asked."""
    asked: list[list[str]] = []

    def run_task(module: str, arguments: list[str], **_: object) -> list[dict[str, Any]]:
        assert module == "timnet.training.probe"
        asked.append(arguments)
        ways = json.loads(arguments[1])["ways"]
        return [
            {"jobs": jobs, "threads": threads, "per_second": 0.1 * jobs, "source": PROBE, "memory": GIB}
            for jobs, threads in ways
        ]

    monkeypatch.setattr(places, "run_task", run_task)
    monkeypatch.setattr(places, "busy", lambda: 0.0)
    monkeypatch.setattr(places, "cores", lambda: 2)
    monkeypatch.setattr(places, "free_memory", lambda: 8 * GIB)
    return asked


@pytest.mark.parametrize(
    ("cores", "ways"),
    [(1, [(1, 1)]), (2, [(1, 2), (2, 1)]), (6, [(1, 6), (6, 1), (3, 2)]), (8, [(1, 8), (8, 1), (4, 2), (2, 4)])],
)
def test_few_ways_are_measured_one_run_first_and_all_fill_the_cores(cores: int, ways: list[tuple[int, int]]) -> None:
    assert candidates(cores) == ways
    assert all(jobs * threads <= cores < 2 * jobs * threads for jobs, threads in ways)


def test_the_most_epochs_a_second_win_and_alike_the_fewer_runs() -> None:
    def best(*rates: tuple[int, int, float], free: int = 64 * GIB) -> tuple[int, int]:
        entry = Entry(tuple(Rate(*one, PROBE, GIB) for one in rates), measured="2026-11-23T00:00:00.000Z")
        found = decide(entry, free, 8)
        assert found is not None
        return found.jobs, found.threads

    assert best((1, 8, 0.4), (4, 2, 0.7), (8, 1, 0.9)) == (8, 1)
    assert best((1, 8, 0.4), (4, 2, 0.89), (8, 1, 0.9)) == (4, 2)
    assert best((1, 8, 0.95), (4, 2, 0.7), (8, 1, 0.9)) == (1, 8)
    assert best((1, 8, 0.4), (4, 2, 0.7), (8, 1, 0.9), free=5 * GIB) == (4, 2), "eight do not fit"
    assert best((4, 2, 0.7), (8, 1, 0.9), free=GIB) == (4, 2), "the least of what is known"
    assert best((1, 8, 0.4), (2, 4, 0.5), (16, 1, 3.0)) == (2, 4), "measured when it had more cores"


def test_training_is_believed_before_a_probe_once_it_has_shown_two_ways() -> None:
    probed = (Rate(1, 2, 0.5, PROBE, GIB), Rate(2, 1, 0.9, PROBE, GIB))
    trained = (Rate(1, 2, 0.7, TRAINING), Rate(2, 1, 0.6, TRAINING))
    free = 64 * GIB
    assert decide(Entry(), free, 2) is None
    assert decide(Entry(trained[:1]), free, 2) is None
    assert [one.jobs for one in (decide(Entry((*probed, trained[0])), free, 2),) if one] == [2]
    found = decide(Entry((*probed, *trained), measured="2026-11-23"), free, 2)
    assert found is not None
    assert found.why == ("1 run at once, 2 threads: 0.7 epochs a second; 2 x 1: 0.6, measured by training 2026-11-23")


def test_what_was_measured_is_not_measured_again_but_for_other_work(quiet: list[list[str]], tmp_path: Path) -> None:
    said: list[str] = []
    first = places.settle(EMODB, Known(tmp_path), "cpu", said.append)
    assert (first.jobs, first.threads, len(quiet), len(said)) == (2, 1, 1, 1)
    again = places.settle(EMODB, Known(tmp_path), "cpu", said.append)
    assert (again, len(quiet), len(said)) == (first, 1, 1)
    places.settle(BIGGER, Known(tmp_path), "cpu", said.append)
    places.settle(EMODB, Known(tmp_path), "gpu", said.append)
    assert len(quiet) == 3
    assert WorkShape.from_dict(json.loads(quiet[1][1])["shape"]) == BIGGER


def test_other_versions_and_damaged_files_tell_nothing(
    quiet: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Known(tmp_path)
    places.settle(EMODB, known, "cpu", lambda _: None)
    assert known.of(EMODB).rates
    before = known.path.read_text()
    for damaged in ("", "[1]", '{"a": 1}', before.replace('"jobs"', '"job"'), before[: len(before) // 2]):
        known.path.write_text(damaged)
        assert known.of(EMODB) == Entry()
        assert places.settle(EMODB, known, "cpu", lambda _: None).jobs == 2
        assert known.of(EMODB).rates, "it is written anew"
    monkeypatch.setattr(known_module, "this_machine", lambda: "this one with another TensorFlow")
    assert known.of(EMODB) == Entry()


def test_a_probe_that_fails_or_would_disturb_leaves_one_run_a_core(
    quiet: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object, **__: object) -> object:
        raise TimnetError("timnet.training.probe ended with status -9")

    known = Known(tmp_path)
    monkeypatch.setattr(places, "busy", lambda: 0.9)
    found = places.settle(EMODB, known, "cpu", lambda _: None)
    assert (found.jobs, found.threads, quiet) == (2, 1, [])
    monkeypatch.setattr(places, "busy", lambda: 0.0)
    monkeypatch.setattr(places, "run_task", dies)
    found = places.settle(EMODB, known, "cpu", lambda _: None)
    assert (found.jobs, found.threads) == (2, 1)
    assert found.why.endswith("(it could not be measured: timnet.training.probe ended with status -9)")
    assert known.of(EMODB) == Entry()
