"""Presets say what they set; ``--set`` makes a grid or one clear refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.errors import BadInput, UnknownName
from timnet.presets import ALIASES, PRESETS, parse_changes, preset_of
from timnet.records import CorpusRecord, TrainingConfig


def corpus(name: str, tabs: int = 8) -> CorpusRecord:
    return CorpusRecord(1, name, "raw", "", "", ("a", "b"), 96000, tabs, "")


def test_github_is_the_published_code() -> None:
    """Constants of the authors' ``main.py`` and ``TIMNET.py``, as corrected in August 2023."""
    config = preset_of("github").config_of(corpus("EMODB"), None, {})
    published = {
        "learning_rate": 0.001, "beta1": 0.93, "beta2": 0.98, "epsilon": 1e-8, "batch_size": 64, "epochs": 500,
        "label_smoothing": 0.1, "dropout": 0.1, "filters": 39, "kernel_size": 2, "tabs": 8, "select": "last",
        "patience": 0,
    }  # fmt: skip
    assert {name: getattr(config, name) for name in published} == published
    assert (config.selection, config.optimistic) == ("last", False)
    assert preset_of("github").protocol == "random"
    assert {preset_of("github").folds_of(corpus(name)) for name in ("EMODB", "CASIA", "IEMOCAP")} == {10}


def test_a_corpus_with_more_tabs_gets_them() -> None:
    assert preset_of("github").config_of(corpus("IEMOCAP", tabs=10), None, {}).tabs == 10


def test_the_seed_report_differs_by_corpus_and_is_labelled_optimistic() -> None:
    seed = preset_of("seed")
    emodb, other = seed.config_of(corpus("EMODB"), None, {}), seed.config_of(corpus("MINE"), None, {})
    assert (emodb.beta1, emodb.beta2, emodb.epochs, emodb.dropout) == (0.96, 0.99, 600, 0.1)
    assert (emodb.batch_size, emodb.check_every, emodb.select, emodb.monitor) == (512, 2, "best", "val_loss")
    assert (other.beta1, other.beta2, other.epochs) == (0.93, 0.98, 500)
    assert emodb.optimistic
    assert [seed.folds_of(corpus(name)) for name in ("EMODB", "CASIA", "SAVEE", "IEMOCAP")] == [10, 8, 8, 2]


def test_what_a_user_changes_comes_last() -> None:
    config = preset_of("seed").config_of(corpus("EMODB"), 7, {"beta1": 0.5, "tabs": 3})
    assert (config.epochs, config.beta1, config.tabs) == (7, 0.5, 3)
    assert preset_of("seed").config_of(corpus("EMODB"), 7, {"epochs": 9}).epochs == 9


def test_every_preset_names_its_source_and_is_in_range() -> None:
    for name, preset in PRESETS.items():
        assert (preset.name, bool(preset.source)) == (name, True)
        for corpus_name in ("EMODB", "DEMO", *preset.for_corpus):
            preset.config_of(corpus(corpus_name), None, {})
    with pytest.raises(UnknownName, match="no preset 'papr'; there are: github, paper, seed, fast, demo"):
        preset_of("papr")


def test_the_paper_s_preset_is_github_s_but_for_the_epoch_that_the_test_fold_chose() -> None:
    paper, github = (preset_of(name).config_of(corpus("EMODB"), None, {}) for name in ("paper", "github"))
    assert (paper.selection, paper.optimistic, "optimistic" in preset_of("paper").source) == ("best-test", True, True)
    assert replace(paper, select="last", monitor="val_loss") == github


def test_fast_never_asks_the_test_fold_and_trains_for_as_few_epochs_as_one_likes() -> None:
    fast = preset_of("fast")
    config = fast.config_of(corpus("EMODB"), None, {})
    assert (config.selection, config.optimistic) == ("average-last-8", False)
    assert config.epochs <= preset_of("github").config_of(corpus("EMODB"), None, {}).epochs / 5
    assert fast.config_of(corpus("EMODB"), 3, {}).selection == "average-last-3"
    assert preset_of("github").config_of(corpus("EMODB"), 3, {}) == TrainingConfig(epochs=3)
    assert fast.config_of(corpus("IEMOCAP", tabs=10), None, {}) == replace(config, tabs=10)


def test_changes_make_a_grid_in_the_order_they_are_written() -> None:
    assert parse_changes([]) == [{}]
    assert parse_changes(["lr=5e-4,1e-3", "dropout = .2", "batch=8,16"]) == [
        {"learning_rate": lr, "dropout": 0.2, "batch_size": batch} for lr in (5e-4, 1e-3) for batch in (8, 16)
    ]
    assert parse_changes(["monitor= val_uar ", "select=best"]) == [{"monitor": "val_uar", "select": "best"}]
    for alias, name in ALIASES.items():
        assert parse_changes([f"{alias}=1"]) == parse_changes([f"{name}=1"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["lr"], "cannot set 'lr'; write name=value with one of: lr, batch, "),
        (["colour=red"], "cannot set 'colour=red'"),
        (["=1"], "cannot set '=1'"),
        ([""], "cannot set ''"),
        (["to_dict=1"], "cannot set"),
        (["__class__=1"], "cannot set"),
        (["lr="], "learning_rate needs a number, not ''"),
        (["lr=fast"], "learning_rate needs a number, not 'fast'"),
        (["lr=1e-3,"], "learning_rate needs a number, not ''"),
        (["epochs=1e3"], "epochs needs a whole number, not '1e3'"),
        (["batch=8.5"], "batch_size needs a whole number"),
        (["lr=1,2", "lr=3"], "learning_rate is set twice"),
        (["lr=1", "learning_rate=1"], "learning_rate is set twice"),
    ],
)
def test_changes_that_cannot_be_are_told(settings: list[str], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_changes(settings)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


NAMES = tuple(TrainingConfig.__dataclass_fields__)
some_settings = st.builds("{}={}".format, st.sampled_from([*ALIASES, *NAMES]), st.text(max_size=12))


@given(st.lists(st.one_of(st.text(max_size=20), some_settings), max_size=3))
def test_any_text_is_a_grid_of_known_settings_or_bad_input(settings: list[str]) -> None:
    grid, refusal = [], "none"
    try:
        grid = parse_changes(settings)
    except BadInput as error:
        refusal = str(error)
    assert refusal.isprintable()
    assert all(set(changes) <= set(NAMES) for changes in grid)
