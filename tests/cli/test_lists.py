"""Lists of runs: columns, groups, pages, pins; moving in the queue; stopping one worker; completion of filters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.queue.processes import wait_until
from tests.support import add_corpus, add_experiment
from timnet.cli.columns import COLUMNS, chosen
from timnet.errors import BadInput
from timnet.registry import Registry
from timnet.registry.groups import BY
from timnet.registry.order import SORTS


def keys(cli: Cli, *words: str) -> list[str]:
    return [run["id"] for run in cli("runs", "ls", *words, "--json").json]


def test_a_list_is_sorted_and_read_in_parts(cli: Cli, filled: Path) -> None:
    every = keys(cli, "--sort", "smoothed_val_uar", "--desc")
    with Registry.open(filled) as registry:
        runs = registry.runs.ls("epoch>0")
    by_hand = sorted(runs, key=lambda run: (-(run.smooth_val_uar or 0), -run.id))
    assert every[: len(runs)] == [run.key for run in by_hand]
    assert len(every) == 13
    parts = [keys(cli, "--sort", "smoothed_val_uar", "--desc", "--limit", "5", "--offset", str(n)) for n in (0, 5, 10)]
    assert sum(parts, []) == every  # noqa: RUF017
    for sort in SORTS:
        assert len(keys(cli, "--sort", sort)) == 13


def test_columns_are_chosen_and_scores_keep_their_labels(cli: Cli, filled: Path) -> None:
    out = cli("runs", "ls", "id:2.1", "--columns", "corpus,smoothed_val_uar,tags").out
    assert out.splitlines()[0].split() == ["run", "corpus", "protocol", "selection", "smoothed", "val_uar", "%", "tags"]
    assert "best-test (optimistic)" in out
    assert cli("runs", "ls", "id:2.1", "--columns", "state,run").out.splitlines()[0].split() == ["run", "state"]
    for name in COLUMNS:
        assert cli("runs", "ls", "--columns", name).status == 0
        if COLUMNS[name].scored:
            assert {"protocol", "selection"} <= set(chosen(name))
    for text in ("", ",", "corpus,colour"):
        with pytest.raises(BadInput, match="there are: run, corpus"):
            chosen(text)


def test_groups_have_their_n_spread_and_labels(cli: Cli, filled: Path) -> None:
    found = {group["key"]["corpus"]: group for group in cli("runs", "ls", "--group", "corpus", "--json").json}
    assert found["SAVEE"]["n"] == 3
    assert found["EMODB"]["n"] == 2
    assert found["EMODB"]["runs"] == 10
    assert (found["EMODB"]["optimistic"], found["EMODB"]["mixed"]) == (True, False)
    experiments = {one["corpus"]: one for one in cli("runs", "ls", "--group", "experiment", "--json").json}
    for corpus, group in found.items():
        for score in ("uar", "war"):
            assert group[score]["mean"] == pytest.approx(experiments[corpus][score]["mean"], abs=1e-12)
            assert group[score]["sd"] == pytest.approx(experiments[corpus][score]["sd"], abs=1e-7)
    out = cli("runs", "ls", "--group", "folds,corpus", "corpus:EMODB").out
    assert "best-test (optimistic)" in out
    mixed = cli("runs", "ls", "--group", "source")
    assert "random" in mixed.out
    assert "over several protocols or selections" in mixed.err
    assert cli("runs", "ls", "--group", "corpus", "tag:nothing").err == "no run matches\n"
    for name in BY:
        assert cli("runs", "ls", "--group", name).status == 0


def test_pins_are_set_and_taken_away(cli: Cli, filled: Path) -> None:
    assert cli("runs", "pin", "1", "2").err == "pinned experiments 1, 2\n"
    assert cli("runs", "unpin", "2").err == "unpinned experiment 2\n"
    assert {key.partition(".")[0] for key in keys(cli, "pinned:yes")} == {"1"}


def waiting(cli: Cli) -> list[str]:
    return [run["id"] for run in cli("queue", "ls", "--json").json if run["state"] == "queued"]


def test_runs_are_moved_in_the_queue(cli: Cli, own_place: Path) -> None:
    with Registry.open(own_place / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=5)
    for words, after in (
        (("1.3", "--up"), "1.1 1.3 1.2 1.4 1.5"),
        (("1.1", "--down"), "1.3 1.1 1.2 1.4 1.5"),
        (("1.4-5", "--top"), "1.4 1.5 1.3 1.1 1.2"),
        (("1.4", "--bottom"), "1.5 1.3 1.1 1.2 1.4"),
        (("1.4", "1.2", "--before", "1.3"), "1.5 1.2 1.4 1.3 1.1"),
        (("1.1", "--priority", "2"), "1.1 1.5 1.2 1.4 1.3"),
    ):
        found = cli("queue", "move", *words)
        assert (found.status, found.err.startswith("moved ")) == (0, True)
        assert waiting(cli) == after.split()
    assert cli("queue", "cancel", "--all").status == 0
    assert waiting(cli) == []
    assert cli("queue", "resume", "--all").err == "there is no run to resume\n"


def test_one_worker_is_stopped(cli: Cli, own_place: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "timnet.queue.worker", "--db", "runs.db", "--jobs", "1", "--stay", "--uid", "abc123"],
        cwd=own_place,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        wait_until(lambda: bool(cli("workers", "ls", "--json").json), 30, "for the worker to begin")
        assert cli("workers", "stop", "abc").err == f"asked worker {worker.pid} to end\n"
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        worker.wait()
