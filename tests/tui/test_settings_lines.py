"""The settings of an experiment as lines: none is left out, and none is there twice."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from tests.support import add_experiment, filled_registry
from timnet.provenance import on_disk
from timnet.records import TrainingConfig
from timnet_tui.looks.background import Background, background_of
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


def test_what_it_was_queued_with_stands_below_where_that_is_known(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        corpus, found = registry.corpora.get("EMODB"), on_disk()
        told = [add_experiment(registry, corpus, seed=seed, code=code) for seed, code in ((1, None), (2, found.code))]
        backgrounds = [background_of(registry, experiment) for experiment in told]
        with registry.db.write():
            registry.db.connection.execute("UPDATE experiments SET code = '{'")
        assert background_of(registry, told[1]).code == (), "a damaged row leaves the rest to be looked at"
    older, here = (
        [line.plain for line in settings_lines(one, background, 60, DARK)]
        for one, background in zip(told, backgrounds, strict=True)
    )
    assert "queued with" not in older
    last = here[here.index("queued with") + 1 :]
    assert last[0].startswith("  code              timnet ")
    assert last[-1].startswith("  platform          Python ")
    assert max(map(len, last)) <= 60
    said = "".join(line[LABEL + 2 :] for line in last).replace(" ", "")
    assert found.code.source[:12] in said
    assert "".join(f"{name}{version}," for name, version in found.code.libraries)[:-1] in said
