"""``timnet presets``, and ``--preset`` with a preset of one's own."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli


def test_presets_say_what_they_set_for_whom_and_from_where(cli: Cli, own_place: Path) -> None:
    listed = {one["preset"]: one for one in cli("presets", "--json").json}
    assert {"github", "paper", "seed", "demo"} <= set(listed)
    assert (listed["paper"]["optimistic"], listed["github"]["optimistic"]) == (True, False)
    assert listed["seed"]["differs"]["SAVEE"] == {"epochs": 600, "dropout": 0.12, "folds": 8}
    one = cli("presets", "seed", "--corpus", "savee", "--json").json
    assert (one["settings"]["dropout"], one["folds"], one["settings"]["batch_size"]) == (0.12, 8, 512)
    text = cli("presets", "paper")
    assert "best-test (optimistic)" in text.out
    assert "ICASSP 2023" in text.err
    assert not list(own_place.iterdir())


def test_an_experiment_s_settings_become_a_preset_that_others_use(cli: Cli, filled: Path) -> None:
    cli("queue", "add", "EMODB", "--set", "lr=5e-4", "--epochs", "7", "--protocol", "speakers-k", "--folds", "5")
    made = cli("presets", "mine", "--from", "3")
    assert made.status == 0
    assert "presets.toml" in made.err
    found = cli("queue", "add", "SAVEE", "--preset", "mine", "--dry-run", "--json").json[0]
    assert (found["protocol"], len(found["folds"]) if isinstance(found["folds"], list) else found["folds"]) == (
        "speakers-k",
        5,
    )
    assert found["config"]["learning_rate"] == 5e-4
    assert "would queue EMODB mine dropout=0.2 speakers-k" in (
        cli("queue", "add", "EMODB", "--preset", "mine", "--set", "dropout=.2", "--dry-run").err
    )
    cli("queue", "add", "EMODB", "--preset", "mine", "--only", "1")
    again = cli("queue", "again", "4", "--set", "dropout=.3", "--dry-run")
    assert "would queue EMODB mine dropout=0.3" in again.err
    assert cli("presets", "mine", "--from", "3").status == 2
    assert cli("presets", "mine", "--rm").status == 0
    gone = cli("queue", "add", "EMODB", "--preset", "mine")
    assert (gone.status, gone.err.count("\n")) == (2, 1)
    assert "no preset 'mine'" in gone.err


def test_what_cannot_be_is_one_line(cli: Cli, filled: Path) -> None:
    for words, line in (
        (("presets", "--rm"), "name the preset"),
        (("presets", "nope"), "no preset 'nope'"),
        (("presets", "github", "--from", "1"), "comes with timnet"),
        (("presets", "mine", "--from", "1", "--rm"), "each do another thing"),
        (("presets", "seed", "--corpus", "nope"), "no corpus 'nope'"),
        (("presets", "mine", "--from", "99"), "no experiment 99"),
    ):
        found = cli(*words)
        assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
        assert line in found.err
    filled.with_name("presets.toml").write_text("[mine]\nset = { lr = 99 }\n")
    for words in (("presets",), ("queue", "add", "EMODB")):
        found = cli(*words)
        assert (found.status, found.err.count("\n")) == (2, 1)
        assert "preset mine in" in found.err
