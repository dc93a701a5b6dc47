"""The settings of an experiment as lines: none is left out, and none is there twice."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from tests.support import add_experiment, filled_registry
from timnet.records import TrainingConfig
from timnet_tui.looks.background import Background
from timnet_tui.palette import DARK
from timnet_tui.widgets.settings import GROUPS, LABEL, settings_lines


def test_every_setting_belongs_to_one_group() -> None:
    shown = [name for _, names in GROUPS for name in names]
    assert sorted(shown) == sorted(field.name for field in fields(TrainingConfig))


def test_what_is_longer_than_the_pane_goes_on_below(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        experiment = add_experiment(registry, registry.corpora.get("EMODB"))
    where = "the ICASSP 2023 paper, with github's own settings for whatever the paper leaves open"
    for width in (40, 80):
        lines = [line.plain for line in settings_lines(experiment, Background(preset=where), width, DARK)]
        assert max(map(len, lines)) <= max(width, 60)
        first = next(place for place, line in enumerate(lines) if line.startswith("  preset"))
        below = next(place for place, line in enumerate(lines) if line.startswith("  source"))
        assert below > first + 1
        assert " ".join(line[LABEL + 2 :].strip() for line in lines[first:below]) == f"github: {where}"
