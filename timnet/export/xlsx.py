"""Tables as an Excel workbook: one sheet as printed, one with a line for every number at full precision.

The bytes are the same every time: the workbook tells no time, and neither do the entries of its zip. Text is stored
as text, so that nothing becomes a formula.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from timnet.export.contract import Object
from timnet.export.layout import Grid
from timnet.text import clean

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

_WHEN = datetime(2000, 1, 1)  # no time zone: workbooks know none
_ZIP_WHEN = (2000, 1, 1, 0, 0, 0)
_WIDEST = 60
Value = str | int | float | bool | None


def xlsx(grid: Grid, objects: Sequence[Object]) -> bytes:
    """The workbook: ``Table`` is ``grid`` in words, ``Numbers`` one line an object."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Table"
    _printed(sheet, grid)
    _numbers(book.create_sheet("Numbers"), objects)
    book.properties.creator = "timnet"
    book.properties.created = book.properties.modified = _WHEN
    return _same_bytes(book)


def _printed(sheet: Worksheet, grid: Grid) -> None:
    stub = 1 + grid.labelled
    heads = [[""] * stub, [""] * stub, [grid.corner, *(["protocol, selection"] if grid.labelled else [])]]
    for group in grid.groups:
        blank = [""] * (len(group.columns) - 1)
        for line, text in zip(heads, (group.name, group.label), strict=False):
            line += [text, *blank]
        heads[2] += group.columns
    _write(sheet, 1, [grid.title], bold=True)
    place = 3
    for line in heads if any(heads[1]) else (heads[0], heads[2]):
        _write(sheet, place, line, bold=True)
        place += 1
    for row in grid.lines:
        texts = [row.name, *([row.label] if grid.labelled else []), *(cell.text if cell else "" for cell in row.cells)]
        _write(sheet, place, texts)
        for column, cell in enumerate(row.cells, start=stub + 1):
            if cell and cell.best:
                _bold(sheet, place, column)
        place += 1
    _fit(sheet, 3)
    for note in grid.notes:
        place += 1
        _write(sheet, place, [note])


def _numbers(sheet: Worksheet, objects: Sequence[Object]) -> None:
    if not objects:
        return
    _write(sheet, 1, list(objects[0]), bold=True)
    for place, one in enumerate(objects, start=2):
        _write(sheet, place, [_plain(value) for value in one.values()])
    sheet.freeze_panes = "A2"
    _fit(sheet, 1)


def _plain(value: object) -> Value:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    assert value is None or isinstance(value, (str, int, float))
    return value


def _write(sheet: Worksheet, row: int, values: Sequence[Value], *, bold: bool = False) -> None:
    for column, value in enumerate(values, start=1):
        if value is None or value == "":
            continue
        cell = sheet.cell(row, column, clean(value) if isinstance(value, str) else value)
        if isinstance(value, str):
            cell.data_type = "s"  # else a leading "=" makes it a formula, and "#N/A" an error
        if bold:
            _bold(sheet, row, column)


def _bold(sheet: Worksheet, row: int, column: int) -> None:
    from openpyxl.styles import Font

    sheet.cell(row, column).font = Font(bold=True)


def _fit(sheet: Worksheet, first: int) -> None:
    """Columns as wide as their longest text, from row ``first`` on."""
    from openpyxl.utils import get_column_letter

    for place, cells in enumerate(sheet.iter_cols(min_row=first), start=1):
        longest = max((len(str(cell.value)) for cell in cells if cell.value is not None), default=0)
        sheet.column_dimensions[get_column_letter(place)].width = min(longest + 2, _WIDEST)


def _same_bytes(book: Workbook) -> bytes:
    """Save without the time of saving, which openpyxl writes into the properties and the zip's entries."""
    from openpyxl.writer.excel import ExcelWriter

    saved = io.BytesIO()
    ExcelWriter(book, zipfile.ZipFile(saved, "w")).save()
    packed = io.BytesIO()
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, _ZIP_WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            target.writestr(entry, source.read(name))
    return packed.getvalue()
