"""The user's own presets: read with one clear line on any fault, written whole, the rest of the file left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_presets import corpus
from timnet.errors import BadInput, UnknownName
from timnet.preset_file import (
    OwnPreset,
    presets_in,
    presets_or_shipped,
    read_own,
    remove_own,
    save_own,
    to_toml,
)
from timnet.presets import PRESETS, preset_of

WRITTEN = """# what I found out
[mine]
source = "tried by hand"   # in May
base = "seed"
protocol = "loso"
set = { lr = 5e-4, dropout = 0, tabs = 9 }

[mine.corpus.EMODB]
epochs = 20

# another
[other]
folds = 5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "presets.toml"
    path.write_text(WRITTEN)
    return path


def test_own_presets_start_from_another_and_what_they_set_comes_after_it(file: Path) -> None:
    found = presets_in(file)
    assert list(found) == [*PRESETS, "mine", "other"]
    mine = found["mine"]
    assert (mine.own, mine.protocol, mine.source, PRESETS["seed"].own) == (True, "loso", "tried by hand", False)
    emodb, savee, any_one = (mine.config_of(corpus(name, 10), None, {}) for name in ("EMODB", "SAVEE", "MINE"))
    assert {one.learning_rate for one in (emodb, savee, any_one)} == {5e-4}
    assert {one.tabs for one in (emodb, savee, any_one)} == {9}
    assert {one.dropout for one in (emodb, savee, any_one)} == {0.0}, "the user's, not the seed's .12 for SAVEE"
    assert (emodb.beta1, emodb.epochs, savee.epochs, any_one.epochs) == (0.96, 20, 600, 500)
    assert [mine.folds_of(corpus(name)) for name in ("EMODB", "SAVEE")] == [10, 8]
    assert [found["other"].folds_of(corpus(name)) for name in ("EMODB", "SAVEE")] == [5, 5]
    assert found["other"].config_of(corpus("IEMOCAP", 10), None, {}).tabs == 10
    assert preset_of("mine", found) is mine
    with pytest.raises(UnknownName, match="no preset 'mine'"):
        preset_of("mine")


def test_where_there_is_no_file_there_are_those_that_come_with_timnet(tmp_path: Path) -> None:
    assert presets_in(tmp_path / "presets.toml") == PRESETS
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[mine", "cannot read the presets in "),
        ("[github]\nfolds = 3", "preset github in .*comes with timnet; give yours another name"),
        ("mine = 3", "preset mine in .*it is no table"),
        ('["a b"]\n', "no name for a preset"),
        ("[mine]\nlr = 1", "'lr' is not known here; there are: source, base"),
        ('[mine]\nbase = "other"\n[other]', "base = 'other' is no preset that comes with timnet"),
        ('[mine]\nprotocol = "los"', "protocol = 'los' is unknown"),
        ("[mine]\nbase = []", "is no preset that comes with"),
        ("[mine]\nprotocol = {}", "protocol = '{}' is unknown"),
        ("[mine]\nfolds = 0", "folds = 0 is no number of folds"),
        ("[mine]\nfolds = true", "folds = True is no number of folds"),
        ("[mine]\nset = 3", "set is no table of settings"),
        ("[mine]\nset = { speed = 3 }", "'speed' is no setting"),
        ("[mine]\nset = { lr = 1, learning_rate = 1 }", "learning_rate is set twice"),
        ("[mine]\nset = { epochs = 1.5 }", "epochs = 1.5 is not a whole number"),
        ("[mine]\nset = { epochs = true }", "epochs = True is not a whole number"),
        ('[mine]\nset = { lr = "x" }', "learning_rate = x is not a number"),
        ("[mine]\nset = { lr = nan }", "learning_rate = nan is not a number"),
        ("[mine]\nset = { monitor = 1 }", "monitor = 1 is not a text in quotes"),
        ("[mine]\nset = { dropout = 1.0 }", "dropout = 1.0 is out of range"),
        ("[mine]\nset = { tabs = 99 }", "tabs = 99 is out of range"),
        ("[mine.corpus.EMODB]\nepochs = 0", "epochs = 0 is out of range"),
        ("[mine]\ncorpus = 3", "corpus is no table"),
        ('[mine]\nset = { monitor = "inner_uar" }', "needs an inner validation set"),
    ],
)
def test_a_fault_in_the_file_is_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "presets.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=message) as caught:
        presets_in(path)
    assert str(caught.value).isprintable()
    assert str(path) in str(caught.value)
    assert presets_or_shipped(path) == PRESETS


def test_what_is_saved_leaves_the_rest_of_the_file_as_it_was(file: Path) -> None:
    new = OwnPreset("tuned", 'a "study"', "github", "loso", None, {"learning_rate": 1e-5, "batch_size": 16})
    save_own(file, new)
    assert file.read_text().startswith(WRITTEN)
    assert read_own(file)["tuned"] == new
    with pytest.raises(BadInput, match=r"there is a preset tuned in .* already"):
        save_own(file, new)
    again = OwnPreset("mine", "anew", settings={"variant": "tcn"}, for_corpus={"EMODB": {"epochs": 3}})
    save_own(file, again, replacing=True)
    assert read_own(file) == {"other": OwnPreset("other", "your own", folds=5), "tuned": new, "mine": again}
    assert "# what I found out" in file.read_text()
    remove_own(file, "mine")
    assert list(read_own(file)) == ["other", "tuned"]
    for name, why in (("mine", "there is none"), ("github", "comes with timnet")):
        with pytest.raises(BadInput, match=why):
            remove_own(file, name)


def test_what_cannot_be_taken_out_safely_stays(tmp_path: Path) -> None:
    path = tmp_path / "presets.toml"
    path.write_text("mine.folds = 3\n[other]\nfolds = 2\n")
    with pytest.raises(BadInput, match="cannot take preset mine out of"):
        remove_own(path, "mine")
    assert list(read_own(path)) == ["mine", "other"]


numbers = st.fixed_dictionaries(
    {},
    optional={
        "learning_rate": st.floats(1e-12, 10, exclude_min=True),
        "dropout": st.floats(0, 1, exclude_max=True),
        "batch_size": st.integers(1, 65536),
        "tabs": st.integers(1, 14),
        "variant": st.sampled_from(["timnet", "tcn"]),
    },
)


@given(st.text(max_size=30), numbers, st.one_of(st.none(), st.integers(1, 99)))
def test_any_preset_reads_back_as_it_was_written(source: str, settings: dict[str, object], folds: int | None) -> None:
    import tomllib

    from timnet.preset_file import _parse
    from timnet.text import clean

    preset = OwnPreset("p", clean(source), "seed", None, folds, settings, {"EMODB": settings} if settings else {})
    tomllib.loads(to_toml(preset))
    assert _parse(to_toml(preset), Path("presets.toml")) == {"p": preset}
