"""``timnet queue again`` and what ``queue add --dry-run`` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_an_experiment_is_queued_again_with_other_settings(cli: Cli, filled: Path) -> None:
    found = cli("queue", "again", "2", "--set", "lr=5e-4", "--tag", "paired", "--json")
    assert found.status == 0, found.err
    assert [run["id"] for run in found.json] == [f"3.{fold}" for fold in range(1, 11)]
    before, after = (cli("runs", "show", key, "--json").json for key in ("2.1", "3.1"))
    assert {name for name in before["config"] if before["config"][name] != after["config"][name]} == {"learning_rate"}
    same = ("corpus", "protocol", "selection", "seed", "folds")
    assert [before[name] for name in same] == [after[name] for name in same]
    assert len(cli("runs", "ls", "tag:paired", "--json").json) == 10


def test_one_fold_again_and_only_told(cli: Cli, filled: Path) -> None:
    found = cli("queue", "again", "2.3", "--epochs", "50", "--check-every", "3", "--dry-run")
    assert found.status == 0
    assert "would queue EMODB seed" in found.err
    assert "epochs=50 check_every=3 random seed 46" in found.err
    assert "1 runs, 50 epochs, selection best-test (optimistic)" in found.err
    assert "1 experiments, 1 runs, about 1m here, 1 at once" in found.err
    assert len(cli("runs", "ls", "id:3", "--json").json) == 0
    [planned] = cli("queue", "again", "2.3", "--epochs", "50", "--dry-run", "--json").json
    assert (planned["only"], planned["config"]["epochs"], planned["config"]["check_every"]) == ([3], 50, 5)


def test_what_cannot_be_had_again_is_one_line(cli: Cli, filled: Path) -> None:
    for words, said in (
        (("99",), "no experiment 99"),
        (("2.99",), "no run 2.99"),
        (("x",), "'x' is no id"),
        (("2", "--set", "lr=50"), "out of range"),
        (("2", "--only", "11"), "no fold 11"),
    ):
        found = cli("queue", "again", *words)
        assert (found.status, found.out) == (2, "")
        assert said in found.err
        assert found.err.count("\n") == 1


def test_several_presets_and_a_time_that_is_not_known(cli: Cli, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMNET_JOBS", "2")
    found = cli("queue", "add", "EMODB", "--preset", "github,seed", "--dry-run")
    assert "would queue EMODB github random seed 46, 10 runs, 500 epochs, selection last" in found.err
    assert "selection best-test (optimistic)" in found.err
    assert "2 experiments, 20 runs, over 1h02m here, 2 at once (10 runs are not measured yet)" in found.err
    assert "how long is not measured yet" in cli("queue", "add", "EMODB", "--set", "batch=7", "--dry-run").err
