"""Spaces: ranges, choices and fixed values from texts and files, or one clear refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.cli.tune import seconds_of
from timnet.errors import BadInput
from timnet.records import TrainingConfig
from timnet.tuning.space import DEFAULT, Choice, Range, parse_space, read_space


def test_a_setting_has_a_range_or_values_or_one_value() -> None:
    space = parse_space(["lr=1e-4..1e-2,log", "dropout = 0..0.5", "tabs=4..10", "batch=16,32", "epochs=50"])
    assert space.parameters == (
        Range("learning_rate", 1e-4, 1e-2, log=True),
        Range("dropout", 0.0, 0.5),
        Range("tabs", 4, 10, whole=True),
        Choice("batch_size", (16, 32)),
    )
    assert space.fixed == {"epochs": 50}
    assert (space.grid, space.combinations) == (None, None)
    assert space.parameters[2].ends == (4, 10)
    grid = parse_space(["lr=1e-3,1e-2", "variant=timnet,tcn,tcn", "batch=8"])
    assert grid.grid == {"learning_rate": (1e-3, 1e-2), "variant": ("timnet", "tcn")}
    assert grid.combinations == 4


def test_what_is_searched_by_default_is_within_the_settings_ranges() -> None:
    parse_space(DEFAULT).check(TrainingConfig())
    with pytest.raises(BadInput, match=r"dropout = 1\.5 is out of range"):
        parse_space(["dropout=0..1.5"]).check(TrainingConfig())


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        ([], "nothing is searched"),
        (["lr=1e-3"], "nothing is searched"),
        (["speed=1..2"], "cannot search 'speed=1..2'"),
        (["variant=a..b"], "cannot search"),
        (["lr=1..2,3"], "'3' in 'lr=1..2,3' is not known; after a range may stand: log"),
        (["lr=2..1"], "is no range"),
        (["lr=1..1"], "is no range"),
        (["lr=1..inf"], "is no range"),
        (["lr=0..1,log"], "a logarithmic range begins above 0"),
        (["lr=a..b"], "learning_rate needs a number, not 'a'"),
        (["batch=1.5..3"], "batch_size needs a whole number"),
        (["lr=1,2", "learning_rate=3..4"], "learning_rate is set twice"),
        (["inner=0.1..0.3"], "inner is how trials are judged"),
        (["select=best,last"], "select is how trials are judged"),
        (["epochs=10..20"], "epochs has to be alike in all trials"),
        (["patience=1,2"], "patience has to be alike"),
    ],
)
def test_what_cannot_be_searched_is_one_line(texts: list[str], line: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_space(texts)
    assert line in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_file_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text('lr = "1e-4..1e-2,log"\nbatch = [16, 32]\nepochs = 5\nvariant = ["timnet", "tcn"]\n')
    assert parse_space(read_space(path)) == parse_space(
        ["lr=1e-4..1e-2,log", "batch=16,32", "epochs=5", "variant=timnet,tcn"]
    )
    for text, line in (("lr =", "cannot read the space"), ("lr = true", "no range"), ("lr = []", "no range")):
        path.write_text(text)
        with pytest.raises(BadInput, match=line):
            read_space(path)
    with pytest.raises(BadInput, match="cannot read the space"):
        read_space(tmp_path / "none.toml")


settings = st.builds(
    "{}={}".format, st.sampled_from(["lr", "batch", "tabs", "variant"]), st.text("0123e-.,log", max_size=12)
)


@given(st.lists(st.one_of(st.text(max_size=15), settings), max_size=3))
def test_any_text_is_a_space_or_one_line(texts: list[str]) -> None:
    refusal = "none"
    try:
        space = parse_space(texts)
        assert len({one.name for one in space.parameters}) == len(space.parameters) > 0
        assert parse_space([*map(str, space.parameters)]).parameters == space.parameters or any(
            isinstance(one, Range) for one in space.parameters
        )
    except BadInput as error:
        refusal = str(error)
    assert refusal.isprintable()


def test_times_are_read_with_their_units() -> None:
    assert [seconds_of(text) for text in ("90", "90s", "1.5m", "15 min", "2H")] == [90, 90, 90, 900, 7200]
    for text in ("", "m", "-1", "1d", "1e3"):
        with pytest.raises(BadInput, match="is no time"):
            seconds_of(text)
