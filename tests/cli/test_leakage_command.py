"""``corpora leakage`` and ``runs leakage``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli


def test_the_command_prints_shares_sizes_and_what_is_missing(cli: Cli, filled: Path) -> None:
    found = cli("corpora", "leakage", "emodb", "--protocol", "loso", "--json").json
    assert (found["corpus"], found["protocol"], found["of_folds"], len(found["folds"])) == ("EMODB", "loso", 10, 10)
    assert found["leaks"][0] == {"what": "speaker", "share": 0.0, "of": 70}
    text = cli("corpora", "leakage", "EMODB")
    assert text.status == 0
    assert "speaker" in text.out
    assert "protocol random, seed 46, 10 of 10 folds" in text.err
    assert cli("runs", "leakage", "1", "--json").json["folds"][0]["fold"] == 1
    lone = cli("corpora", "leakage", "EMODB", "--protocol", "loso", "--folds", "3")
    assert (lone.status, lone.out, lone.err.count("\n")) == (2, "", 1)
    assert "protocol loso has 10 folds here, not 3" in lone.err
    assert cli("runs", "leakage", "99").status == 2
