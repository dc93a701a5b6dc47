"""The settings of an experiment as lines: none is left out, and none is there twice."""

from __future__ import annotations

from dataclasses import fields

from timnet.records import TrainingConfig
from timnet_tui.widgets.settings import GROUPS


def test_every_setting_belongs_to_one_group() -> None:
    shown = [name for _, names in GROUPS for name in names]
    assert sorted(shown) == sorted(field.name for field in fields(TrainingConfig))
