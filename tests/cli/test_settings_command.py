"""``timnet settings``: what is set, and where it was set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_the_settings_are_shown_with_their_sources(cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_place / "timnet.toml").write_text('jobs = 3\n[notify]\nbell = true\n[keys]\n"grid.pause" = "P"')
    monkeypatch.setenv("TIMNET_NOTIFY_WEBHOOK", "https://hooks.example.org/secret")
    found = cli("settings", "--json")
    assert found.status == 0
    mine = str(own_place / "timnet.toml")
    assert found.json["jobs"] == {"value": 3, "source": mine}
    assert found.json["notify.bell"] == {"value": True, "source": mine}
    assert found.json["keys.grid.pause"] == {"value": "P", "source": mine}
    assert found.json["notify.on"] == {"value": ["finish", "failed", "nan", "stall"], "source": "default"}
    assert "secret" not in found.out
    assert cli("--db", "x.db", "settings", "--json").json["db"] == {"value": "x.db", "source": "--db"}
    shown = cli("settings")
    assert "https://hooks.example.org/…" in shown.out
    assert "your own settings file: " in shown.err


def test_a_setting_that_cannot_be_used_is_one_line(cli: Cli, own_place: Path) -> None:
    (own_place / "timnet.toml").write_text("[notify]\nbell = 3")
    found = cli("settings")
    assert (found.status, found.out) == (2, "")
    assert found.err == f"timnet: notify.bell = 3 in {own_place / 'timnet.toml'} is neither true nor false\n"


def test_the_actions_are_shown_as_the_settings_name_them(cli: Cli, own_place: Path) -> None:
    (own_place / "timnet.toml").write_text('[keys]\n"grid.pause" = "N"\nfly = "x"')
    found = cli("settings", "--keys", "--json")
    keys = {one["action"]: one["keys"] for one in found.json}
    assert keys["grid.pause"] == ["N"]
    assert keys["run.pause"] == ["p"]
    assert found.err == "keys: there is no action 'fly'; they are listed by: timnet settings --keys\n"
    shown = cli("settings", "--keys")
    assert "grid.pause" in shown.out
    assert shown.status == 0
