"""``timnet tune``: what it refuses and says ahead, and one small real study over real training processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from timnet.corpora.synthetic import write_corpus
from timnet.queue.liveness import try_lock, unlock
from timnet.registry import Registry

SMALL = ("--preset", "demo", "--protocol", "loso", "--only", "1", "--epochs", "2", "--set", "filters=2,4",
         "--set", "tabs=2", "--set", "batch=64", "--set", "check_every=1")  # fmt: skip


def test_a_dry_run_says_what_would_be_searched_and_leaves_nothing(cli: Cli, filled: Path) -> None:
    found = cli("tune", "EMODB", "--only", "1-3", "--epochs", "5", "--dry-run")
    assert (found.status, found.out) == (0, "")
    assert "study emodb-random: EMODB, protocol random, 3 of 10 folds, 5 epochs; judged by inner_uar" in found.err
    assert "up to 40 trials of 3 runs" in found.err
    assert not (filled.parent / "tuning.db").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("tune", "NOPE"), "no corpus 'NOPE'"),
        (("tune", "EMODB", "--inner", "0"), "the test fold may not choose settings"),
        (("tune", "EMODB", "--metric", "val_uar"), "unknown metric 'val_uar'"),
        (("tune", "EMODB", "--timeout", "soon"), "'soon' is no time"),
        (("tune", "EMODB", "--set", "lr=1e-3"), "nothing is searched"),
        (("tune", "EMODB", "--set", "lr=1..2", "--space", "x.toml"), "give one of them"),
        (("tune", "EMODB", "--space", "x.toml"), "cannot read the space"),
        (("tune", "EMODB", "--trials", "0"), "--trials"),
    ],
)
def test_what_cannot_be_is_one_line(cli: Cli, filled: Path, words: tuple[str, ...], line: str) -> None:
    found = cli(*words)
    assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
    assert line in found.err
    assert not (filled.parent / "tuning.db").exists()


def test_two_do_not_tune_one_study_at_once(cli: Cli, filled: Path) -> None:
    lock = try_lock(filled.parent / "tuning" / "emodb-random.lock")
    assert lock is not None
    try:
        found = cli("tune", "EMODB")
        assert found.status == 2
        assert "study emodb-random is being tuned by another process" in found.err
    finally:
        unlock(lock)


@pytest.mark.engine
def test_a_real_study_ends_as_a_preset(cli: Cli, own_place: Path) -> None:
    write_corpus(own_place / "demo")
    assert cli("corpora", "add", "DEMO", "demo").status == 0
    found = cli("tune", "DEMO", *SMALL, "--sampler", "grid", "--pruner", "none", "--json")
    assert found.status == 0, found.err
    report = found.json
    assert [one["state"] for one in report["trials"]] == ["complete", "complete"]
    assert [one["settings"] for one in report["trials"]] == [{"filters": 2}, {"filters": 4}]
    with Registry.open_read_only(own_place / "runs.db") as registry:
        for one in report["trials"]:
            [run] = registry.runs.of_experiment(one["experiment"])
            best = max(epoch[1] for epoch in registry.results.curves([run.id], ("inner_uar",))[run.id])
            assert one["value"] == one["values"][0] == pytest.approx(best)
            assert registry.experiments.get(one["experiment"]).tags == ("tune-demo-loso",)
    preset = cli("presets", "tuned-demo-loso", "--corpus", "DEMO", "--json").json
    assert preset["settings"]["filters"] == report["best"]["settings"]["filters"]
    assert (preset["selection"], preset["protocol"], preset["own"]) == ("best-inner", "loso", True)
    again = cli("tune", "DEMO", *SMALL, "--sampler", "grid", "--pruner", "none", "--json")
    assert again.json["trials"] == report["trials"]
