"""The JSON contract through the command line: the keys of the design, on a real registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.corpora.recordings import write_wav

RUN = {
    "id", "experiment", "corpus", "protocol", "selection", "optimistic", "fold", "folds", "seed", "state",
    "waiting_for", "epoch", "epochs", "uar", "war", "attempt", "engine", "host", "error", "created", "updated",
    "job",
}  # fmt: skip
GROUP = {
    "experiment", "corpus", "protocol", "selection", "optimistic", "seed", "n", "folds", "uar", "war", "states",
}  # fmt: skip
TABLE = {
    "corpus", "source", "protocol", "selection", "optimistic", "n", "uar", "uar_sd", "war", "war_sd",
}  # fmt: skip
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def is_fraction_or_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and 0 <= value <= 1)


def test_runs_ls(cli: Cli, filled: Path) -> None:
    found = cli("runs", "ls", "--json")
    assert (found.status, found.err) == (0, "")
    assert len(found.json) == 13
    for run in found.json:
        assert run.keys() >= RUN
        assert is_fraction_or_null(run["uar"])
        assert is_fraction_or_null(run["war"])
        assert UTC.fullmatch(run["created"])
        assert UTC.fullmatch(run["updated"])
        assert 1 <= run["fold"] <= run["folds"]
    by_id = {run["id"]: run for run in found.json}
    assert by_id["1.1"]["uar"] == pytest.approx(13 / 14)  # 14 utterances tested, one of them wrong
    assert by_id["1.1"]["waiting_for"] is None
    assert by_id["2.3"] | {"created": 0, "updated": 0} == {
        "id": "2.3", "experiment": 2, "corpus": "EMODB", "protocol": "random", "selection": "best-test",
        "optimistic": True, "fold": 3, "folds": 10, "seed": 46, "state": "running", "waiting_for": None, "epoch": 12,
        "epochs": 20, "uar": None, "war": None, "attempt": 1, "engine": "local", "host": "testhost", "error": None,
        "created": 0, "updated": 0, "job": None,
    }  # fmt: skip
    assert by_id["2.4"]["error"] == "the loss is not finite (epoch 4)"
    assert by_id["2.6"]["waiting_for"] == "no worker takes runs; start one: timnet work"


def test_runs_show(cli: Cli, filled: Path) -> None:
    found = cli("runs", "show", "2.1", "--json").json
    assert found.keys() >= RUN | {"config", "metrics", "events", "checkpoints", "confusion"}
    assert [metrics["epoch"] for metrics in found["metrics"]] == list(range(1, 21))
    keys = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_uar", "lr", "seconds"}
    assert all(metrics.keys() >= keys for metrics in found["metrics"])
    assert all(event.keys() >= {"time", "kind", "epoch", "text"} for event in found["events"])
    assert all(UTC.fullmatch(event["time"]) for event in found["events"])
    assert found["config"]["monitor"] == "val_loss"
    labels, matrix = found["confusion"]["labels"], found["confusion"]["matrix"]
    assert len(labels) == len(matrix) == len(matrix[0]) == 7
    assert sum(map(sum, matrix)) == 7
    assert matrix[labels.index("angry")][labels.index("boredom")] == 1  # rows are the truth
    assert cli("runs", "show", "2.3", "--json").json["confusion"] is None


def test_runs_of_experiments(cli: Cli, filled: Path) -> None:
    first, second = cli("runs", "ls", "--group", "experiment", "--json").json
    assert first.keys() >= GROUP
    assert second.keys() >= GROUP
    assert (first["n"], first["folds"], second["n"], second["folds"]) == (3, 3, 2, 10)
    assert first["uar"].keys() >= {"mean", "sd"}
    assert is_fraction_or_null(first["uar"]["mean"])
    assert second["states"] == {"queued": 4, "running": 2, "paused": 1, "done": 2, "failed": 1, "cancelled": 0}
    [alone] = cli("runs", "ls", "--group", "experiment", "--json", "corpus:SAVEE").json
    assert alone["experiment"] == 1


def test_one_fold_has_no_sd(cli: Cli, filled: Path) -> None:
    cli("queue", "add", "EMODB", "--only", "1")
    [group] = cli("runs", "ls", "id:3", "--group", "experiment", "--json").json
    nothing = {"mean": None, "sd": None, "n": 0}
    assert (group["n"], group["uar"], group["war"]) == (0, nothing, nothing)


def test_export_table(cli: Cli, filled: Path) -> None:
    rows = cli("export", "table", "--format", "json").json
    assert all(row.keys() >= TABLE for row in rows)
    ours = [row for row in rows if row["source"].startswith("timnet")]
    published = [row for row in rows if not row["source"].startswith("timnet")]
    assert [(row["corpus"], row["n"], row["optimistic"]) for row in ours] == [("EMODB", 2, True), ("SAVEE", 3, False)]
    assert published, "the published figures stand beside ours"
    assert all(is_fraction_or_null(row[name]) for row in rows for name in ("uar", "war", "uar_sd", "war_sd"))
    assert all(row["protocol"] and row["selection"] for row in rows)


def test_export_table_of_two_things(cli: Cli, filled: Path) -> None:
    rows = cli("export", "table", "--rows", "corpus", "--cols", "source", "--metric", "uar,war", "-f", "json").json
    assert all(row.keys() >= TABLE for row in rows)
    assert {row["column"] for row in rows} == {"mine", "seed", "github-2023-08", "paper"}
    assert [(row["row"], row["n"], row["folds"]) for row in rows if row["column"] == "mine"] == [
        ("EMODB", 2, 10), ("SAVEE", 3, 3),
    ]  # fmt: skip
    assert all(is_fraction_or_null(row[name]) for row in rows for name in ("uar", "war", "uar_sd", "uar_seed_sd"))


@pytest.mark.parametrize("name", ["t.csv", "t.md", "t.tex", "t.json", "t.xlsx", "t.png"])
def test_the_name_of_the_file_chooses_the_format(cli: Cli, filled: Path, name: str) -> None:
    files = []
    for folder in ("one", "two"):
        found = cli("export", "table", "--seed-table", "1", "-o", f"{folder}/{name}")
        assert (found.status, found.out, found.err) == (0, "", f"wrote {folder}/{name}\n")
        files.append(Path(folder, name).read_bytes())
    assert files[0] == files[1]
    printed = cli("export", "table", "--seed-table", "1", "-f", name[2:])
    assert printed.out.encode() == files[0] if name[2:] not in ("xlsx", "png") else printed.status == 2


def test_corpora_check(cli: Cli, own_place: Path) -> None:
    for number, letter in enumerate("WLEAFTN"):  # one of each class
        write_wav(own_place / "wav" / f"03a01{letter}a.wav", seed=number)
    added = cli("corpora", "add", "EMODB", "wav", "--json")
    checked = cli("corpora", "check", "emodb", "--json")
    assert (added.status, checked.status, checked.err) == (0, 0, "")
    assert {name: added.json[name] for name in checked.json} == checked.json
    assert checked.json.keys() >= {"corpus", "path", "utterances", "speakers", "classes", "problems"}
    assert (checked.json["corpus"], checked.json["utterances"], checked.json["speakers"]) == ("EMODB", 7, 1)
    assert checked.json["path"] == str(own_place / "wav")
    assert set(checked.json["classes"].values()) == {1}
    assert all(isinstance(problem, str) for problem in checked.json["problems"])


LISTINGS = [
    ("corpora", "ls"), ("corpora", "features"), ("queue", "ls"), ("runs", "ls"),
    ("runs", "ls", "--group", "experiment"), ("runs", "show", "1.1"), ("runs", "compare", "1", "2"), ("workers", "ls"),
    ("doctor",), ("queue", "add", "EMODB", "--only", "1,2"), ("queue", "add", "EMODB", "--dry-run"),
]  # fmt: skip


@pytest.mark.parametrize("words", LISTINGS, ids=" ".join)
def test_standard_output_is_json_alone(cli: Cli, filled: Path, words: tuple[str, ...]) -> None:
    found = cli(*words, "--json")
    assert found.status == 0, found.err
    assert isinstance(found.json, (list, dict))
    assert found.err == ""


@pytest.mark.parametrize("words", LISTINGS[:5] + LISTINGS[7:8], ids=" ".join)
def test_where_there_is_no_registry_a_listing_is_empty_and_makes_none(
    cli: Cli, own_place: Path, words: tuple[str, ...]
) -> None:
    found = cli(*words, "--json")
    assert (found.status, found.json, found.err) == (0, [], "")
    assert not list(own_place.iterdir())


def test_a_dry_run_says_what_would_be_queued(cli: Cli, filled: Path) -> None:
    before = cli("runs", "ls", "--json").json
    words = ("queue", "add", "EMODB", "SAVEE", "--set", "lr=5e-4,1e-3", "--seed", "1", "--only", "2-3", "--dry-run")
    planned = cli(*words, "--json").json
    assert [(one["corpus"], one["config"]["learning_rate"], one["only"]) for one in planned] == [
        ("EMODB", 5e-4, [2, 3]), ("EMODB", 1e-3, [2, 3]), ("SAVEE", 5e-4, [2, 3]), ("SAVEE", 1e-3, [2, 3]),
    ]  # fmt: skip
    assert "4 experiments, 8 runs" in cli(*words).err
    assert cli("runs", "ls", "--json").json == before


def test_queued_runs_are_told_as_runs(cli: Cli, filled: Path) -> None:
    queued = cli("queue", "add", "EMODB", "--only", "2,4", "--seed", "7", "--json").json
    assert [(run["id"], run["state"], run["seed"]) for run in queued] == [("3.2", "queued", 7), ("3.4", "queued", 7)]
    assert all(run.keys() >= RUN for run in queued)


def test_exported_runs_hold_what_show_shows(cli: Cli, filled: Path) -> None:
    found = cli("export", "runs", "state:done", "-corpus:SAVEE")
    assert [run["id"] for run in found.json] == ["2.1", "2.2"]
    assert found.json[0] == cli("runs", "show", "2.1", "--json").json
    written = cli("export", "runs", "state:done", "-corpus:SAVEE", "-o", "runs.json")
    assert (written.status, written.out, written.err) == (0, "", "wrote runs.json\n")
    assert Path("runs.json").read_text() == found.out
