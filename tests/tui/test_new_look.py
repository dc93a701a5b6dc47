"""The form for new experiments, without a screen: what would come of what is typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import add_corpus, add_experiment, filled_registry
from timnet.queue.plan import Request, plan, preview
from timnet.registry import Registry
from timnet_tui.looks.new import Form, NewPage, NewWatch, Offer, completed, form_of, request_of
from timnet_tui.palette import DARK
from timnet_tui.screens.new import SETTINGS
from timnet_tui.watch import Nothing
from timnet_tui.widgets.planned import COLUMNS, planned_cell, preview_line, product_of, rows_of


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


def look(registry: Registry, form: Form, **more) -> NewPage:  # type: ignore[no-untyped-def]
    return NewWatch(form, **more).follower(None).read(registry, ())


def test_the_form_says_what_would_be_queued(registry: Registry) -> None:
    form = Form(
        ("EMODB", "SAVEE"), changes="lr=5e-4,1e-3  epochs=20", only="1,3-5", seeds="1 2", tags="a, b", priority="3"
    )
    page = look(registry, form, places=2)
    assert page.problems == ()
    assert page.preview is not None
    assert page.preview.runs == 2 * 2 * 2 * 4
    assert page.corpora == (Offer("EMODB", 70, 10, 7), Offer("SAVEE", 40, 10, 7))
    one = page.preview.experiments[0]
    assert (one.only, one.tags, one.priority, one.seed) == ((1, 3, 4, 5), ("a", "b"), 3, 1)
    assert product_of(page.preview) == "2 corpora x 2 settings x 2 seeds x 4 folds = 32 runs"


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"corpora": ()}, "corpora", "tick a corpus"),
        ({"corpora": ("GONE",)}, "corpora", "no corpus 'GONE'"),
        ({"presets": ()}, "presets", "tick a preset"),
        ({"folds": "ten"}, "folds", "is no number of folds"),
        ({"folds": "5 6"}, "folds", "is no number of folds; write one whole number"),
        ({"folds": "1"}, "folds", "2 folds or more"),
        ({"only": "0-x"}, "only", "names no fold"),
        ({"only": "11"}, "only", "no fold 11"),
        ({"seeds": "a"}, "seeds", "is no seed"),
        ({"seeds": "-4"}, "seeds", "a seed is a number"),
        ({"changes": "lr"}, "changes", "cannot set 'lr'"),
        ({"changes": "lr=7e9"}, "changes", "out of range"),
        ({"priority": "x"}, "priority", "is no priority"),
        ({"tags": "a:b"}, "tags", "cannot be a tag"),
        ({"protocol": "magic"}, "protocol", "unknown protocol"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    registry: Registry, change: dict[str, str], field: str, said: str
) -> None:
    page = look(registry, replace(Form(("EMODB",)), **change))
    assert page.preview is None
    assert [problem.field for problem in page.problems] == [field]
    assert said in page.problems[0].text


def test_all_that_is_wrong_is_told_at_once(registry: Registry) -> None:
    page = look(registry, Form((), folds="x", seeds="y", changes="z"))
    assert {problem.field for problem in page.problems} == {"corpora", "folds", "seeds", "changes"}


def test_corpora_that_come_later_are_offered_and_what_was_read_is_kept(registry: Registry) -> None:
    follower = NewWatch(Form()).follower(None)
    with Registry.open_read_only(registry.paths.db) as reading:
        assert len(follower.read(reading, ()).corpora) == 2
        add_corpus(registry, "CASIA", 30)
        page = NewWatch(Form(("CASIA",))).follower(follower).read(reading, ())
        assert [offer.name for offer in page.corpora] == ["CASIA", "EMODB", "SAVEE"]
        assert page.preview is not None
        assert not follower.grew(reading)
    assert NewWatch(Form()).follower(Nothing().follower(None)) is not follower


def test_an_experiment_again_fills_the_form(registry: Registry) -> None:
    add_experiment(registry, registry.corpora.get("SAVEE"), only=(2, 5), tags=("x",), folds=8)
    page = look(registry, Form(), again=3)
    assert page.again is not None
    form = form_of(page.again.request)
    assert (form.corpora, form.folds, form.only, form.seeds, form.tags) == (("SAVEE",), "8", "2,5", "46", "x")
    assert request_of(form) == (page.again.request, ())
    assert look(registry, Form(), again=99).problems[0].text.startswith("no experiment 99")


TEXTS = st.text(alphabet="0123456789,-= .lrxépochs\x1b[", max_size=12)


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_whatever_is_typed_is_a_request_or_a_problem(
    folds: str, only: str, seeds: str, changes: str, tags: str
) -> None:
    form = Form(("EMODB",), folds=folds, only=only, seeds=seeds, changes=changes, tags=tags)
    request, problems = request_of(form)
    assert {problem.field for problem in problems} <= {"folds", "only", "seeds", "changes"}
    if not problems:
        assert request_of(form_of(request))[0] == request


@pytest.mark.parametrize(
    ("text", "cursor", "found"),
    [
        ("l", 1, ("lr", "learning_rate", "label_smoothing")),
        ("lr=1 dro", 8, ("dropout",)),
        ("lr=", 3, ()),
        ("lr=5e", 5, ()),
        ("zz", 2, ()),
        ("drop=1", 3, ()),
    ],
)
def test_setting_names_are_offered_while_one_is_typed(text: str, cursor: int, found: tuple[str, ...]) -> None:
    assert completed(text, cursor, SETTINGS) == found


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (Request(("EMODB",)), "1 corpus x 10 folds = 10 runs"),
        (Request(("EMODB", "SAVEE")), "2 corpora x 10 folds = 20 runs"),
        (Request(("EMODB",), ("github", "seed")), "1 corpus x 2 presets x 10 folds = 20 runs"),
        (Request(("EMODB", "SAVEE"), ("seed",)), "2 experiments = 18 runs"),
        (Request(("EMODB",), only=(3,)), "1 corpus x 1 fold = 1 run"),
        (Request(("EMODB",), seeds=(1, 2, 3), only=(1, 2)), "1 corpus x 3 seeds x 2 folds = 6 runs"),
    ],
)
def test_the_number_of_runs_is_a_product_where_it_is_one(registry: Registry, request_: Request, line: str) -> None:
    assert product_of(preview(registry, request_, 2)) == line


def test_the_preview_never_guesses_a_time(registry: Registry) -> None:
    known = preview(registry, Request(("EMODB",), changes=("epochs=20",)), 2)
    assert preview_line(known, 60.0, DARK).plain == (
        "1 corpus x 10 folds = 10 runs, about 2m here, 2 at once; what is queued already takes about 1m"
    )
    unknown = preview(registry, Request(("EMODB",), changes=("batch=7",)), 2)
    assert preview_line(unknown, None, DARK).plain.endswith("how long is not measured yet")


def test_every_planned_experiment_carries_its_selection_rule(registry: Registry) -> None:
    rows = rows_of(tuple(plan(registry, Request(("EMODB",), ("github", "seed"), changes=("lr=5e-4",)))))
    cells = [{column.key: planned_cell(row, column, DARK).text for column in COLUMNS} for row in rows]
    assert [cell["selection"] for cell in cells] == ["last", "best-test optimistic"]
    assert [cell["settings"] for cell in cells] == ["lr=0.0005", "lr=0.0005"]
    assert [(cell["runs"], cell["epochs"]) for cell in cells] == [("10", "500"), ("10", "600")]
