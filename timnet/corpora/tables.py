"""Tables that list recordings: CSV and TSV by the standard library, Parquet by pyarrow, each within bounds."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timnet.corpora.entries import ADVICE, MOST_ENTRIES
from timnet.corpora.extras import need
from timnet.errors import CorpusError
from timnet.text import clean

SUFFIXES = (".csv", ".tsv", ".parquet")
MOST_BYTES = 256 * 2**20
MOST_COLUMNS = 1000

Row = tuple[str, dict[str, Any]]
"""Where a row stands, for messages, and its values by column."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table about to be read: its columns' names, trimmed and in small letters, and its rows, once."""

    name: str
    columns: tuple[str, ...]
    rows: Iterator[Row]


def open_table(path: Path, wanted: Collection[str]) -> Table:
    """Open a table by its suffix; rows hold the columns among ``wanted`` only.

    Values are text (CSV, TSV) or what Parquet holds, durations as seconds. Raises :class:`CorpusError`, also
    while the rows are read: no such file, too large, no table, or not in UTF-8.
    """
    try:
        if not path.is_file():
            raise CorpusError(f"there is no table {clean(str(path))}; check the path")
        if path.stat().st_size > MOST_BYTES:
            raise CorpusError(f"{clean(str(path))} is larger than {MOST_BYTES >> 20} MiB; no list of recordings is")
        return _open_parquet(path, wanted) if path.suffix.lower() == ".parquet" else _open_text(path, wanted)
    except (OSError, ValueError) as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"cannot read {clean(str(path))} ({clean(str(error))}); check the path") from error


def _open_text(path: Path, wanted: Collection[str]) -> Table:
    """A CSV or TSV file in UTF-8: a comma separates, or a semicolon, or (in .tsv) a tab."""
    name = clean(path.name)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{name} is no UTF-8 text (byte {error.start + 1}); save it as UTF-8") from error
    if "\0" in text:
        raise CorpusError(f"{name} holds NUL characters; save it as UTF-8")
    first = text.split("\n", 1)[0]
    separator = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in first and "," not in first else ","
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header = _next(name, lines) or []
    columns = _columns(name, header)
    return Table(name, columns, _text_rows(name, columns, lines, wanted))


def _text_rows(name: str, columns: Sequence[str], lines: Any, wanted: Collection[str]) -> Iterator[Row]:
    """Rows of a csv reader, each as long as the header; empty lines do not count."""
    while (values := _next(name, lines)) is not None:
        where = f"{name} line {lines.line_num}"
        if values and len(values) != len(columns):
            raise CorpusError(f"{where} has {len(values)} values for {len(columns)} columns; {ADVICE}")
        if values:
            yield where, {column: value for column, value in zip(columns, values, strict=True) if column in wanted}


def _next(name: str, lines: Any) -> list[str] | None:
    try:
        row: list[str] | None = next(lines, None)
    except csv.Error as error:
        raise CorpusError(f"{name} line {lines.line_num} is no row of a table ({error}); {ADVICE}") from error
    return row


def _open_parquet(path: Path, wanted: Collection[str]) -> Table:
    parquet = need("pyarrow.parquet", "parquet", "reading Parquet")
    failure = need("pyarrow", "parquet", "reading Parquet").ArrowException
    name = clean(path.name)
    try:
        file = parquet.ParquetFile(path)
        columns, rows = list(file.schema_arrow.names), int(file.metadata.num_rows)
    except (failure, OSError, ValueError) as error:
        raise _no_parquet(name, error) from error
    if rows > MOST_ENTRIES:
        raise CorpusError(f"{name} lists more than {MOST_ENTRIES} recordings")
    used = [column for column in columns if column.strip().lower() in wanted]
    return Table(name, _columns(name, columns), _parquet_rows(name, file, used, failure))


def _parquet_rows(name: str, file: Any, used: list[str], failure: type[Exception]) -> Iterator[Row]:
    """Rows of a ``pyarrow.parquet.ParquetFile``, a batch at a time, counted from 1."""
    number = 0
    try:
        for batch in file.iter_batches(batch_size=4096, columns=used):
            for row in batch.to_pylist():
                number += 1
                yield f"{name} row {number}", {key.strip().lower(): _seconds(value) for key, value in row.items()}
    except (failure, OSError, ValueError) as error:
        raise _no_parquet(name, error) from error


def _seconds(value: object) -> object:
    """A duration in seconds; anything else as it is."""
    total = getattr(value, "total_seconds", None)
    return total() if callable(total) else value


def _no_parquet(name: str, error: Exception) -> CorpusError:
    return CorpusError(f"{name} is no readable Parquet file ({clean(str(error))[:200]})")


def _columns(name: str, header: Sequence[str]) -> tuple[str, ...]:
    if len(header) > MOST_COLUMNS:
        raise CorpusError(f"{name} has {len(header)} columns, more than {MOST_COLUMNS}; no list of recordings has")
    columns = tuple(one.strip().lower() for one in header)
    twice = next((one for one in columns if one and columns.count(one) > 1), None)
    if twice is not None:
        raise CorpusError(f"{name} has more than one column {clean(twice[:30])!r}; {ADVICE}")
    return columns
