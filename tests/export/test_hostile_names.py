"""Names that are formulas, markup or commands elsewhere, through every writer."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, finish, start_next
from timnet.export.report_html import html
from timnet.export.report_markdown import markdown as report_markdown
from timnet.export.report_parts import Heading, Report, Sheet, Words
from timnet.export.run_tables import write_runs
from timnet.export.service import export_table
from timnet.export.table_files import TABLE_FORMATS, render_table
from timnet.export.tables import TableRequest, build
from timnet.export.writers import to_csv
from timnet.registry import Registry

NAMES = (
    '=HYPERLINK("x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "<script>alert(1)</script>",
    "\\input{/etc/passwd}", "a|b", "\x1b]0;owned\x07", "\u202eabc", "$(touch owned)", "%\n\\write18{id}",
)  # fmt: skip
FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    registry = Registry.open(tmp_path_factory.mktemp("hostile") / "runs.db")
    for place, name in enumerate(NAMES):
        corpus = add_corpus(registry, name, 14)
        add_experiment(registry, corpus, folds=2, preset=name, seed=place, note=name)
        for _ in range(2):
            finish(registry, start_next(registry))
    return registry


def assert_no_formula(text: str) -> None:
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            assert not FORMULA.match(cell) or NUMBER.fullmatch(cell), cell


def assert_harmless(form: str, made: bytes) -> None:
    if form == "xlsx":
        from openpyxl import load_workbook

        for sheet in load_workbook(io.BytesIO(made)):
            assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
        return
    text = made.decode()
    assert not set(text) & set("\x1b\x07\u202e\r"), form
    if form == "csv":
        assert_no_formula(text)
    elif form == "latex":
        assert "\\input" not in text
        assert "\\write18" not in text
    elif form == "markdown":
        assert "<script" not in text.replace("\\<", "")
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 3, "a name makes no column"


@pytest.mark.parametrize("form", [form for form in TABLE_FORMATS if form != "png"])
def test_no_table_takes_a_name_for_more_than_text(hostile: Registry, form: str, tmp_path: Path) -> None:
    for rows, columns in (("corpus", "source"), ("source", "corpus")):
        assert_harmless(form, render_table(build(hostile, TableRequest(rows, columns)), form))
    suffix = {"latex": "tex", "markdown": "md"}.get(form, form)
    assert_harmless(form, write_runs(hostile, "", tmp_path / f"runs.{suffix}").read_bytes())


@pytest.mark.parametrize("form", ["csv", "markdown", "json"])
def test_no_result_table_does(hostile: Registry, form: str) -> None:
    ids = [one.id for one in hostile.experiments.ls()]
    for folds in (False, True):
        assert_harmless(form, str(export_table(hostile, ids, form, folds=folds)).encode())


def test_no_column_s_name_does() -> None:
    assert_no_formula(to_csv([dict.fromkeys(NAMES, "x")]))


def test_no_report_does() -> None:
    parts = [
        part for name in NAMES for part in (Heading(2, name), Words(name), Sheet((name,), ((name,),), (), (name,)))
    ]
    report = Report(NAMES[6], tuple(parts))
    page, text = html(report).decode(), report_markdown(report, "pictures")
    assert "<script" not in page
    assert "<script" not in text.replace("\\<", "")
    assert not set(page + text) & set("\x1b\x07\u202e\r")
