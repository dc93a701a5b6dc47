"""The result sheets of the script whose logs :mod:`timnet.imports.keras_log` reads.

For fold i (from 0) the workbook has a sheet named ``i`` with a confusion matrix: class names in the first row
from column C on and again in column B, counts between. Sheets with other names are passed over. The script
wrote predictions as rows, so the counts are transposed: :func:`turned` finds that out from the numbers of
true utterances rather than trusting it, and rows are the truth in what it returns.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timnet.errors import BadInput
from timnet.text import clean

MAX_FILE_BYTES = 16 * 2**20
MAX_UNPACKED_BYTES = 64 * 2**20
MAX_MEMBERS = 4000
MAX_CLASSES = 64
MAX_COUNT = 10**7

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class SheetFold:
    """One fold's counts ``[classes][classes]``; ``labels`` names rows and columns."""

    fold: int
    labels: tuple[str, ...]
    matrix: Matrix

    def transposed(self) -> SheetFold:
        """Rows and columns exchanged."""
        return SheetFold(self.fold, self.labels, tuple(zip(*self.matrix, strict=True)))

    def supports(self) -> dict[str, int]:
        """The sums of the rows: how many utterances of each class there are, where rows are the truth."""
        return {label: sum(row) for label, row in zip(self.labels, self.matrix, strict=True)}

    def ordered(self, classes: Sequence[str]) -> Matrix:
        """The counts in the order of ``classes``. Raises :class:`BadInput` where the sheet has other classes."""
        place = {label.casefold(): index for index, label in enumerate(self.labels)}
        if sorted(place) != sorted(name.casefold() for name in classes):
            theirs, ours = ", ".join(self.labels), ", ".join(classes)
            raise BadInput(
                f"the sheet of fold {self.fold} has the classes {clean(theirs)}; the corpus has {clean(ours)}"
            )
        order = [place[name.casefold()] for name in classes]
        return tuple(tuple(self.matrix[row][column] for column in order) for row in order)


def read_sheets(path: Path) -> list[SheetFold]:
    """The counts of every fold, exactly as the workbook has them, by fold.

    Raises :class:`BadInput`: no such file, no readable workbook, one that would unpack to more than 64 MiB, or
    sheets that hold no confusion matrices.
    """
    data = _bytes(path)
    where = clean(str(path))
    try:
        folds = _folds(data)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    except Exception as error:  # openpyxl raises whatever a damaged part leads to
        raise BadInput(f"{where} is no readable result workbook ({clean(str(error))[:120]})") from error
    if not folds:
        raise BadInput(f"{where} has no sheets named 0, 1, 2 ... with a fold's confusion matrix each")
    return sorted(folds, key=lambda one: one.fold)


def turned(folds: Sequence[SheetFold], truth: Mapping[int, Mapping[str, int]]) -> tuple[list[SheetFold], bool]:
    """``folds`` with the truth as rows, and whether they had to be transposed for that.

    ``truth``: for the folds where it is known, the number of true utterances of each class. Raises
    :class:`BadInput` where neither way round agrees with it. Where nothing is known, or both ways agree,
    they are taken as the script wrote them: transposed.
    """
    known = [(one, _present(truth[one.fold])) for one in folds if one.fold in truth]
    if all(_present(one.transposed().supports()) == counts for one, counts in known):
        return [one.transposed() for one in folds], True
    if all(_present(one.supports()) == counts for one, counts in known):
        return list(folds), False
    wrong = next(one for one, counts in known if _present(one.transposed().supports()) != counts)
    raise BadInput(
        f"the sheet of fold {wrong.fold} does not have the class counts of the log, neither along rows nor columns; "
        "it is the sheet of another training"
    )


def _present(supports: Mapping[str, int]) -> dict[str, int]:
    """The classes that occur, by names that can be compared."""
    return {label.casefold(): count for label, count in supports.items() if count}


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise BadInput(f"no such file: {clean(str(path))}")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput(f"{clean(str(path))} has {path.stat().st_size} bytes, too many for result sheets")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {clean(str(path))} ({error.strerror})") from error


def _folds(data: bytes) -> list[SheetFold]:
    from openpyxl import load_workbook

    _refuse_bomb(data)
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        names = [name for name in book.sheetnames if re.fullmatch(r"0|[1-9]\d{0,3}", name, re.ASCII)]
        return [_fold(int(name) + 1, book[name]) for name in names]
    finally:
        book.close()


def _refuse_bomb(data: bytes) -> None:
    """Refuse an archive that claims much more than it is; zipfile unpacks no member beyond its claim."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise BadInput(f"it would unpack to more than {MAX_UNPACKED_BYTES // 2**20} MiB, too much for result sheets")


def _fold(number: int, sheet: Any) -> SheetFold:
    bounds = {"max_row": MAX_CLASSES + 1, "max_col": MAX_CLASSES + 2}
    head, *rows = sheet.iter_rows(values_only=True, **bounds)
    labels = tuple(str(name).strip() for name in head[2:] if name is not None)
    lines = [row for row in rows if len(row) > 1 and row[1] is not None]
    if not labels or [str(row[1]).strip() for row in lines] != list(labels):
        raise BadInput(f"sheet {number - 1} has no confusion matrix with the same classes along rows and columns")
    counts = tuple(tuple(map(_count, row[2 : 2 + len(labels)])) for row in lines)
    if any(len(row) != len(labels) for row in counts):
        raise BadInput(f"sheet {number - 1} has rows of different lengths")
    return SheetFold(number, labels, counts)


def _count(value: object) -> int:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    if not whole or not 0 <= float(str(value)) <= MAX_COUNT:
        raise BadInput(f"{clean(str(value))[:40]!r} stands where a count of utterances should")
    return int(float(str(value)))
