"""Result tables: what they say and how they are written."""

import csv
import io
import json
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import SHARED, add_corpus, add_experiment, finish, start_next
from timnet.errors import BadInput, UnknownName
from timnet.export.published import SOURCES, published, published_for
from timnet.export.results import fold_rows, result_rows
from timnet.export.service import export_table
from timnet.export.tables import TableRequest, build, build_for_export
from timnet.export.writers import csv_cell, fold_table, markdown_cell, result_table, to_csv
from timnet.registry import Registry
from timnet.text import clean


def both(registry):
    return registry.experiments.ls([2, 1])


def test_our_rows_stand_above_the_published_ones_of_the_same_corpus(registry):
    rows = result_rows(registry, both(registry))
    assert [(row.corpus, row.source) for row in rows] == [
        (corpus, source)
        for corpus, ours in (("EMODB", "timnet #2 seed"), ("SAVEE", "timnet #1 github"))
        for source in (ours, "seed", "github-2023-08", "paper")
    ]


def test_our_figures_are_the_mean_over_finished_folds(registry):
    row = result_rows(registry, [registry.experiments.get(2)])[0]
    done = [run for run in registry.runs.of_experiment(2) if run.war is not None]
    assert (row.n, row.folds, row.optimistic, row.selection) == (2, 10, True, "best-test")
    assert row.war == pytest.approx(np.mean([run.war for run in done]))
    assert row.war_sd == pytest.approx(np.std([run.war for run in done], ddof=1))


def test_fold_rows_end_with_their_mean(registry):
    rows = fold_rows(registry, both(registry))
    assert [row.fold for row in rows] == [*range(1, 11), None, 1, 2, 3, None]
    assert [row.n for row in rows] == [1, 1, *[0] * 8, 2, 1, 1, 1, 3]
    last = rows[-1]
    assert last.uar == pytest.approx(np.mean([row.uar for row in rows[-4:-1]]))
    assert all(row.uar_sd is None for row in rows[:-1] if row.fold)


def test_only_the_queued_folds_have_rows(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        experiment = add_experiment(registry, add_corpus(registry), only=(2, 5))
        assert [row.fold for row in fold_rows(registry, [experiment])] == [2, 5, None]


def test_an_experiment_without_a_finished_fold_keeps_its_row(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        experiment = add_experiment(registry, add_corpus(registry))
        row = result_rows(registry, [experiment])[0]
        assert (row.n, row.folds, row.uar, row.war_sd) == (0, 10, None, None)


# published figures


def test_published_figures_are_the_reference_ones():
    reference = SHARED / "reference" / "published.csv"
    if not reference.exists():
        pytest.skip("the reference figures are not beside this checkout")
    expected = {
        (row["corpus"], row["source"], row["protocol"], row["uar"], row["war"])
        for row in csv.DictReader(reference.read_text().splitlines())
    }
    ours = {
        (p.corpus, p.source, p.selection, f"{p.uar:.4f}" if p.uar else "", f"{p.war:.4f}" if p.war else "")
        for p in published()
    }
    assert ours == expected


def test_published_figures_are_fractions_with_a_known_source():
    assert len({(p.corpus, p.source) for p in published()}) == len(published()) == 18
    assert {p.source for p in published()} == set(SOURCES)
    assert all(0.4 < score < 1 for p in published() for score in (p.uar, p.war) if score is not None)
    assert {(p.source, p.optimistic) for p in published()} == {
        ("seed", True),
        ("paper", True),
        ("github-2023-08", False),
    }
    assert published_for(["nothing"]) == []
    assert {p.corpus for p in published_for(["emodb"])} == {"EMODB"}


# formats


def test_the_optimistic_label_stands_beside_every_number_that_has_it(registry):
    rows = result_rows(registry, both(registry))
    for row, cells in zip(rows, result_table(rows).rows, strict=True):
        assert ("(optimistic)" in cells[3]) == row.optimistic
    folds = fold_rows(registry, both(registry))
    for row, cells in zip(folds, fold_table(folds).rows, strict=True):
        assert ("(optimistic)" in cells[3]) == row.optimistic


def test_markdown_holds_both_tables_and_says_n(registry):
    text = export_table(registry, [1, 2], "markdown")
    assert isinstance(text, str)
    assert re.search(
        r"\| EMODB \| timnet #2 seed \| random \| best-test \(optimistic\) \| 2 of 10 \| \d+\.\d\d ± ", text
    )
    assert re.search(r"\| SAVEE \| timnet #1 github \| random \| last \| 3 \| \d+\.\d\d ± ", text)
    assert "| mean, n = 2 of 10 |" in text
    assert "| 83.77 | 85.23 |" in text
    assert "Optimistic: the test fold itself chose the epoch" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {8}


def test_csv_agrees_with_json(registry):
    rows = list(csv.DictReader(io.StringIO(str(export_table(registry, [1, 2], "csv")))))
    objects = json.loads(str(export_table(registry, [1, 2], "json")))
    assert len(rows) == len(objects) == 8
    for row, found in zip(rows, objects, strict=True):
        assert (row["corpus"], row["source"]) == (found["corpus"], found["source"])
        assert row["optimistic"] == str(found["optimistic"]).lower()
        for key in ("uar", "uar_sd", "war", "war_sd"):
            assert (float(row[key]) if row[key] else None) == found[key]


def test_one_row_a_fold_on_request(registry):
    rows = list(csv.DictReader(io.StringIO(str(export_table(registry, [1], "csv", folds=True)))))
    assert [row["fold"] for row in rows] == ["1", "2", "3", "mean"]
    assert json.loads(str(export_table(registry, [1], "json", folds=True)))[-1]["fold"] is None


@pytest.mark.parametrize("form", ["csv", "markdown", "md", "json", "CSV"])
def test_the_same_registry_gives_the_same_bytes(registry, form, tmp_path):
    first, second = (export_table(registry, [1, 2], form, tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes() == str(export_table(registry, [2, 1, 2], form)).encode()


def test_bad_input_is_one_line_and_writes_nothing(registry, tmp_path):
    path = tmp_path / "table"
    with pytest.raises(BadInput, match=r"no table format 'xml'; there are: csv"):
        export_table(registry, [1], "xml", path)
    with pytest.raises(BadInput, match="no experiment to export"):
        export_table(registry, [], "csv", path)
    with pytest.raises(UnknownName, match="no experiment 99"):
        export_table(registry, [1, 99], "csv", path)
    blocker = tmp_path / "file"
    blocker.write_text("here")
    with pytest.raises(BadInput, match="cannot write") as refused:
        export_table(registry, [1], "csv", blocker / "table.csv")
    assert "\n" not in str(refused.value)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_nothing_finished_is_said(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry))
        with pytest.raises(BadInput, match="no fold of experiment 1 is finished"):
            export_table(registry, [1], "csv")


# cells

hostile = st.text() | st.builds(
    str.__add__, st.sampled_from(["=", "+", "-", "@", "\t", "\r", "-1", "+.5", "\n", "'", '"']), st.text(max_size=5)
)


@given(st.lists(hostile, min_size=1, max_size=4))
@example(["=1+1", "-2+3", "@SUM(A1)", "\t=1"])
@example(["-1_0", "+inf", "-\u0661", "-1e5x"])
def test_no_string_becomes_a_formula_and_none_is_lost(texts):
    written = to_csv([{str(place): text for place, text in enumerate(texts)}])
    [cells] = list(csv.reader(io.StringIO(written, newline="")))[1:]
    for text, cell in zip(texts, cells, strict=True):
        assert cell in (clean(text), f"'{clean(text)}")
        if text.startswith(("=", "+", "-", "@", "\t", "\r")):
            number = re.fullmatch(r"[+-]([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text)
            assert cell.startswith("'") != bool(number)
        else:
            assert cell == clean(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value_and_get_no_prefix(value):
    assert float(csv_cell(value)) == value
    assert csv_cell(repr(value)) == repr(value)


def test_cells_of_other_kinds():
    assert [csv_cell(value) for value in (None, True, False, 3, "-0.5")] == ["", "true", "false", "3", "-0.5"]


@given(st.text())
def test_a_markdown_cell_stays_one_cell(text):
    cell = markdown_cell(text)
    assert len(cell.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(\\\\)*[|<`]", cell)


def test_a_fold_that_lacks_a_class_is_named_with_the_pooled_score(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=2)  # finish() tests every second item of sorted classes
        add_experiment(registry, add_corpus(registry, "SAVEE", 8), folds=2)
        for _ in range(4):
            finish(registry, start_next(registry), wrong=0)
        said = str(export_table(registry, [1, 2], "markdown"))
        [note] = [line for line in said.splitlines() if "no test utterance" in line]
        assert note.startswith("- SAVEE #2 (random, last): a class has no test utterance in some folds (fold 1: ")
        assert "read the pooled UAR there: 100.00, n = 8 utterances of 2 folds." in note
        assert any(note[2:] == one for one in map(markdown_cell, build_for_export(registry, TableRequest()).notes))
        assert not any("no test utterance" in one for one in build(registry, TableRequest()).notes)
