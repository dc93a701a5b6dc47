"""Tables of two things: what stands in a cell, what is never averaged, and every format it is written in."""

import csv
import io
import json
import re
import zipfile
from dataclasses import replace

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from tests.support import add_corpus, add_experiment, filled_registry, finish, start_next
from timnet.errors import BadInput, UnknownName
from timnet.evaluation.statistics import SeedScores
from timnet.export import seed_tables
from timnet.export.latex import escape
from timnet.export.layout import grid_of
from timnet.export.published import published_for
from timnet.export.seed_tables import seed_table
from timnet.export.service import write_table
from timnet.export.table_files import TABLE_FORMATS, render_table, suffix_of
from timnet.export.tables import AXES, Cell, Entry, Table, TableRequest, build
from timnet.records import TrainingConfig
from timnet.registry import Registry

OPTIMISTIC = TrainingConfig(epochs=20, select="best", monitor="val_loss")


def cell(table: Table, row: str, col: str) -> Cell:
    return table.cells[table.rows.index(row)][table.cols.index(col)]


def wars(registry, experiment):
    return [run.war for run in registry.runs.of_experiment(experiment) if run.war is not None]


# cells


def test_seeds_are_averaged_and_nothing_else_is(several):
    table = build(several, TableRequest())
    assert table.rows == ("EMODB", "SAVEE")
    assert table.cols == ("mine", "imported", "seed", "github-2023-08", "paper")
    mine = cell(table, "EMODB", "mine")
    assert mine.mixed
    alone, both = mine.entries
    assert (alone.experiments, alone.optimistic, alone.n, alone.folds) == ((2,), True, 2, 10)
    assert (both.experiments, both.seeds, both.n, both.folds) == ((3, 4), (46, 47), 6, 6)
    means = [np.mean(wars(several, one)) for one in (3, 4)]
    assert both.war.mean == pytest.approx(np.mean(means), abs=1e-12)
    assert both.war.seed_sd == pytest.approx(np.std(means, ddof=1), abs=1e-12)
    within = np.mean([np.var(wars(several, one), ddof=1) for one in (3, 4)])
    assert both.war.fold_sd == pytest.approx(np.sqrt(within), abs=1e-12)
    assert both.source == "timnet #3 #4 github"
    assert cell(table, "EMODB", "imported").entries[0].experiments == (5,)
    assert not cell(table, "SAVEE", "mine").mixed
    assert cell(table, "SAVEE", "imported").entries == ()


def test_the_same_seed_twice_is_no_second_seed(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        for _ in range(2):
            add_experiment(registry, corpus, folds=2)
            for _ in range(2):
                finish(registry, start_next(registry))
        mine = cell(build(registry, TableRequest()), "EMODB", "mine")
    assert [entry.seeds for entry in mine.entries] == [(46,), (46,)]


@pytest.mark.parametrize(
    "changes",
    [{"protocol": "other"}, {"selection": "best-test"}, {"config": OPTIMISTIC}, {"preset": "x"}, {"folds": 3}],
)
def test_whatever_differs_besides_the_seed_stays_apart(tmp_path, changes):
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        for seed, own in ((46, {}), (47, changes)):
            made = add_experiment(registry, corpus, **{"folds": 2, "seed": seed, **own, "protocol": "random"})
            for _ in range(made.folds):
                finish(registry, start_next(registry))
            if "protocol" in own:
                with registry.db.write():
                    registry.db.connection.execute("UPDATE experiments SET protocol = 'other' WHERE id = ?", (made.id,))
        mine = cell(build(registry, TableRequest()), "EMODB", "mine")
    assert [len(entry.experiments) for entry in mine.entries] == [1, 1]
    assert mine.mixed


def test_another_version_of_the_corpus_stays_apart(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        changed = registry.corpora.add(replace(corpus, digest="changed"))
        for seed, version in ((46, corpus), (47, changed)):
            add_experiment(registry, version, folds=2, seed=seed)
            for _ in range(2):
                finish(registry, start_next(registry))
        assert cell(build(registry, TableRequest()), "EMODB", "mine").mixed


@pytest.mark.parametrize("rows", AXES)
@pytest.mark.parametrize("cols", AXES)
def test_every_entry_stands_once_wherever_it_belongs(several, rows, cols):
    if rows == cols:
        with pytest.raises(BadInput, match="two different"):
            build(several, TableRequest(rows, cols))
        return
    table = build(several, TableRequest(rows, cols))
    ours = sorted(one for entry in table.entries for one in entry.experiments)
    assert ours == [1, 2, 3, 4, 5]
    published = [entry for entry in table.entries if not entry.experiments]
    others = {rows, cols} - {"source"}
    shown = "source" in (rows, cols) and not others & {"preset", "seed", "experiment"}
    assert len(published) == (6 if shown else 0)
    assert {entry.corpus for entry in published} <= {"EMODB", "SAVEE"}
    for row, line in zip(table.rows, table.cells, strict=True):
        for col, one in zip(table.cols, line, strict=True):
            assert all((AXES[rows](entry), AXES[cols](entry)) == (row, col) for entry in one.entries)


def test_the_best_is_among_its_equals(several):
    table = build(several, TableRequest(metrics=("war",)))
    for corpus in table.rows:
        entries = [entry for entry in table.entries if entry.corpus == corpus]
        for optimistic in (True, False):
            same = [one for one in entries if one.optimistic is optimistic and one.n == one.folds]
            top = max(round(one.war.mean, 4) for one in same)
            assert [one for one in same if "war" in one.best] == [one for one in same if round(one.war.mean, 4) == top]
    unfinished = next(entry for entry in table.entries if entry.experiments == (2,))
    assert unfinished.best == frozenset()
    assert not any("uar" in entry.best for entry in table.entries)


def test_each_score_has_its_own_n(tmp_path):
    with filled_registry(tmp_path / "runs.db") as registry:
        with registry.db.write():
            registry.db.connection.execute("UPDATE runs SET uar = NULL WHERE experiment_id = 1 AND fold < 3")
        table = build(registry, TableRequest(experiments=(1,)))
        [entry] = cell(table, "SAVEE", "mine").entries
        assert (entry.n, entry.uar.folds, entry.war.folds) == (3, 1, 3)
        assert "n = 1/3" in render_table(table, "markdown").decode()
        [row, *_] = json.loads(render_table(table, "json"))
        assert (row["n"], row["uar_n"], row["war_n"], row["uar_sd"]) == (3, 1, 3, None)


# the seed's tables


def test_the_seeds_table_1_is_filled_by_its_imported_experiments(several):
    table = seed_table(several, 1)
    assert table.rows == ("SAVEE", "EMODB", "RAVDESS", "CASIA", "EMOVO", "IEMOCAP")
    [imported] = cell(table, "EMODB", "imported").entries
    assert imported.war.mean == pytest.approx(np.mean(wars(several, 5)))
    for result in published_for(table.rows):
        [entry] = cell(table, result.corpus, result.source).entries
        assert (entry.uar.mean, entry.war.mean) == (result.uar, result.war)
    assert all(entry.preset == "seed" for entry in table.entries if entry.experiments)


def test_the_seeds_table_2_is_its_settings(several):
    table = seed_table(several, 2)
    [emodb] = [row for row in table.rows if row.corpus == "EMODB"]
    assert (emodb.config.beta1, emodb.config.batch_size, emodb.config.epochs, emodb.folds) == (0.96, 512, 600, 10)
    assert emodb.experiments == (2, 5)
    assert [text.split(":")[0] for text in emodb.differing] == ["#2", "#5"]
    assert "folds 2" in emodb.differing[1]
    said = render_table(table, "markdown").decode()
    assert "| IEMOCAP | 0.96 | 0.99 | 512 | 200 | 0.1 | 2 |" in said
    assert "optimistic" in said
    assert {row["optimistic"] for row in json.loads(render_table(table, "json"))} == {True}


def test_the_seeds_table_1_needs_an_experiment(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        with pytest.raises(BadInput, match="import keras-log"):
            seed_table(registry, 1)
        with pytest.raises(BadInput, match="table 1"):
            seed_table(registry, 3)
        assert len(seed_table(registry, 2).rows) == 6


# labels


@pytest.mark.parametrize(("rows", "cols"), [(a, b) for a in AXES for b in AXES if a != b])
def test_no_number_stands_without_its_label(several, rows, cols):
    """The label of a number is over its column, before its line, or named by the letter beside it."""
    table = build(several, TableRequest(rows, cols))
    grid = grid_of(table)
    legend = dict(note.split("] ", 1) for note in grid.notes if note.startswith("["))
    heads = [group for group in grid.groups for _ in group.columns]
    seen = 0
    levels = [level for row in table.cells for level in range(max(len(one.entries) for one in row))]
    owners = [row for row in table.cells for _ in range(max(len(one.entries) for one in row))]
    for line, level, owner in zip(grid.lines, levels, owners, strict=True):
        for place, printed in enumerate(line.cells):
            if printed is None:
                continue
            entry = owner[place // len(table.metrics)].entries[level]
            label = line.label or heads[place].label or legend[f"[{printed.mark}"]
            assert label.endswith(entry.label)
            assert rows == "corpus" or cols == "corpus" or entry.corpus in label
            assert ("optimistic" in label) is entry.optimistic
            assert not printed.mark or ("optimistic" in printed.text) is entry.optimistic
            assert printed.n or printed.value == "–"
            seen += 1
    assert seen == len(table.entries) * len(table.metrics)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_lines_for_programs_carry_every_label(several, form):
    text = render_table(build(several, TableRequest()), form).decode()
    rows = json.loads(text) if form == "json" else list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        assert row["protocol"]
        assert row["selection"]
        assert str(row["optimistic"]).lower() in ("true", "false")
        assert int(row["n"]) > 0
    assert sum(str(row["optimistic"]).lower() == "true" for row in rows) == 6
    assert {"corpus", "source", "protocol", "selection", "optimistic", "n", "uar", "uar_sd", "war", "war_sd"} <= set(
        rows[0]
    )


# files


@pytest.mark.parametrize("form", TABLE_FORMATS)
def test_two_exports_are_byte_identical(several, tmp_path, form):
    paths = [tmp_path / f"{name}.{suffix_of(form)}" for name in ("a", "b")]
    for path in paths:
        assert write_table(build(several, TableRequest()), path) == path
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_the_workbook_holds_the_same_values_and_no_time(several):
    table = build(several, TableRequest())
    data = render_table(table, "xlsx")
    book = openpyxl.load_workbook(io.BytesIO(data))
    rows = list(book["Numbers"].iter_rows(values_only=True))
    names, objects = rows[0], json.loads(render_table(table, "json"))
    for row, one in zip(rows[1:], objects, strict=True):
        for name, value in zip(names, row, strict=True):
            expected = one[name]
            expected = " ".join(map(str, expected)) if isinstance(expected, list) else expected
            expected = None if expected == "" else expected  # an empty cell
            close = pytest.approx(expected, abs=1e-14) if isinstance(expected, float) else expected
            assert value == close, name  # a workbook keeps 15 digits
    printed = {str(value) for row in book["Table"].iter_rows(values_only=True) for value in row if value}
    assert {one.text for line in grid_of(table).lines for one in line.cells if one} <= printed
    bold = {c.value for row in book["Table"].iter_rows() for c in row if c.font.bold and "n =" in str(c.value)}
    assert bold == {one.text for line in grid_of(table).lines for one in line.cells if one and one.best}
    assert {entry.date_time[0] for entry in zipfile.ZipFile(io.BytesIO(data)).infolist()} == {2000}


def test_the_picture_is_a_picture(several, tmp_path):
    pixels = imread(write_table(build(several, TableRequest()), tmp_path / "table.png"))
    assert pixels.shape[0] > 300
    assert pixels[:, :, :3].min() < 0.2
    edge = np.concatenate([pixels[:, -8:, :3].reshape(-1, 3), pixels[-8:, :, :3].reshape(-1, 3)])
    assert edge.min() == 1  # nothing runs out of it


def entry(name: str, **changes) -> Entry:
    score = SeedScores(0.5, 0.1, None, 2, 1)
    plain = Entry(name, name, "mine", "random", "last", False, name, (1,), (46,), 2, 2, score, score)
    return replace(plain, **changes)


def table_of(name: str) -> Table:
    one = Cell((entry(name), entry(name, experiments=(2,), selection="best-test", optimistic=True)))
    return Table(name, name, "source", ("uar", "war"), (name,), (name,), ((one,),), (name,))


hostile = st.text(max_size=8) | st.sampled_from(
    ["=1+1", "@SUM(A1)", "-2+3", "+1", "\t=1", "#N/A", "\\input{x}", "$x_1^2$"]
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(hostile)
def test_no_text_becomes_a_formula(name):
    table = table_of(name)
    book = openpyxl.load_workbook(io.BytesIO(render_table(table, "xlsx")))
    assert all(one.data_type in "sn" or one.data_type == "b" for sheet in book for row in sheet for one in row)
    for row in csv.reader(io.StringIO(render_table(table, "csv").decode(), newline="")):
        for value in row:
            number = re.fullmatch(r"[+-]([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", value)
            assert number or not value.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert json.loads(render_table(table, "json"))
    lines = render_table(table, "markdown").decode().split("\n")
    assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines if line.startswith("|")}) == 1


# LaTeX (whether it compiles: test_latex.py)


@given(st.text(max_size=20))
def test_latex_is_escaped_and_balanced(text):
    found = escape(text)
    plain = re.sub(r"\\[{}$&#%_]", "", found)
    assert plain.count("{") == plain.count("}")
    assert not re.search(r"[&#%_^~<>|\"`']", plain)
    assert plain.count("$") % 2 == 0
    assert all(ord(one) < 0x180 for one in found)


def test_every_number_has_a_command_of_its_own(several):
    table = build(several, TableRequest())
    source = render_table(table, "latex").decode()
    names = re.findall(r"\\newcommand\{\\([A-Za-z]+)\}\{([^}]*)\}", source)
    assert len(names) == len({name for name, _ in names}) == source.count("\\newcommand")
    body = source[source.index("\\midrule") : source.index("\\bottomrule")]
    assert all(f"\\{name}{{}}" in body for name, _ in names)
    assert ("tnEMODBPaperWAR", "95.70") in names
    numbers = [one for one in grid_of(table).lines for one in one.cells if one]
    assert len([name for name, _ in names if not name.endswith(("SD", "N"))]) == len(numbers)
    bold = {f"\\{name}{{}}" for name, _ in names if f"\\textbf{{\\{name}{{}}}}" in body}
    assert len(bold) == sum(one.best for one in numbers)
    rows = [line for line in body.splitlines() if line.endswith("\\\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {grid_of(table).width}
    for begin in re.findall(r"\\begin\{(\w+)\}", source):
        assert f"\\end{{{begin}}}" in source


# bad input


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (TableRequest(rows="colour"), "'colour'"),
        (TableRequest(cols="colour"), "'colour'"),
        (TableRequest(metrics=()), "nothing"),
        (TableRequest(metrics=("f1",)), "'f1'"),
        (TableRequest(metrics=("uar", "uar")), "uar"),
    ],
)
def test_requests_that_cannot_be_met(several, request_, says):
    with pytest.raises(BadInput, match=says) as refused:
        build(several, request_)
    assert "\n" not in str(refused.value)


def test_no_result_yet(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        with pytest.raises(BadInput, match="no fold of any experiment"):
            build(registry, TableRequest())
        add_experiment(registry, add_corpus(registry))
        with pytest.raises(BadInput, match="no fold of experiment 1"):
            build(registry, TableRequest(experiments=(1,)))
        with pytest.raises(UnknownName):
            build(registry, TableRequest(experiments=(9,)))


def test_a_target_that_cannot_be_written_is_refused_before_anything_is_drawn(several, tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError("drawn in vain")

    monkeypatch.setattr("timnet.export.table_files.grid_of", never)
    table = build(several, TableRequest())
    (tmp_path / "file").write_text("here")
    for path in (
        tmp_path / "file" / "t.png",
        tmp_path,
        tmp_path / ("x" * 300 + ".png"),
        tmp_path / "file" / "deeper" / "t.md",
    ):
        with pytest.raises(BadInput, match="cannot write"):
            write_table(table, path, "png")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    with pytest.raises(BadInput, match=r"no table format '\.docx'"):
        write_table(table, tmp_path / "t.docx")


def test_settings_of_the_report_are_the_presets():
    assert seed_tables.SETTINGS == ("beta1", "beta2", "batch_size", "epochs", "dropout")
