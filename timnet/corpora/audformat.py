"""An own corpus as an audformat database: a folder with ``db.yaml`` and its tables beside it.

The tables are read here and not by the audformat library: that one prefers a table's pickled copy where there is
one, and a pickle can run code. What is needed of the format (https://audeering.github.io/audformat, "Database")
is small: ``db.yaml`` names the tables and their columns; ``db.<table>.csv`` or ``.parquet`` holds them, after the
columns ``file`` and, in a segmented table, ``start`` and ``end``.

The labels are the column ``emotion`` of the table ``emotion``, or, where there is none, of every table that has
such a column. The speaker is the column ``speaker`` of the same table, else of any table of whole files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from timnet.bounded import read_bounded
from timnet.corpora.entries import ADVICE, Listing, entries_of
from timnet.corpora.extras import need
from timnet.corpora.findings import finding
from timnet.corpora.tables import Row, open_table
from timnet.errors import CorpusError
from timnet.text import clean

HEADER = "db.yaml"
MOST_HEADER_BYTES = 4 * 2**20
MOST_DEPTH = 40
LONGEST_NAME = 240
"""Bytes of a table's name: with what stands around it, no more than a file's name may have."""
EMOTION, SPEAKER = "emotion", "speaker"
_COLUMNS = {"file": "path", "start": "start", "end": "end", EMOTION: "label", SPEAKER: "speaker"}


def read_audformat(folder: Path) -> Listing:
    """Read the database in ``folder``. Raises :class:`CorpusError`, one line. Needs PyYAML, an extra."""
    tables = _tables(folder / HEADER)
    labelled = [name for name, columns in tables.items() if EMOTION in columns]
    if not labelled:
        raise CorpusError(f"{clean(str(folder / HEADER))} has no table with a column {EMOTION!r}; write a manifest")
    chosen = [EMOTION] if EMOTION in labelled else sorted(labelled)
    rows, unlabelled = _rows(folder, chosen)
    speakers = _speakers(folder, tables) if any(SPEAKER not in tables[name] for name in chosen) else {}
    for _, row in rows:
        row["speaker"] = row.get("speaker") or speakers.get(str(row.get("path")), "")
    return Listing(entries_of(HEADER, rows), tuple(finding("left out, without a label", unlabelled, ordinary=True)))


def _tables(header: Path) -> dict[str, set[str]]:
    """The columns of every table, by its name."""
    yaml = need("yaml", "audformat", "reading audformat")
    place = clean(str(header))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both are safe
    try:
        text = read_bounded(header, MOST_HEADER_BYTES)
        _refuse_bombs(yaml.parse(text, loader), place)
        held = yaml.load(text, loader)
    except CorpusError:
        raise
    except (OSError, yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CorpusError(f"cannot read {place} ({clean(_reason(error))[:120]}); {ADVICE}") from error
    tables = held.get("tables") if isinstance(held, dict) else None
    if not isinstance(tables, dict):
        raise CorpusError(f"{place} names no tables; {ADVICE}")
    return {str(name): _names(table) for name, table in tables.items()}


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _refuse_bombs(events: Iterable[Any], place: str) -> None:
    """Refuse what makes a small text large: things in each other without end, and mappings merged into mappings.

    The library in C has no limit to the first and ends the process; a merge copies, and copies of copies double.
    """
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > MOST_DEPTH:
            raise CorpusError(f"{place} is nested more than {MOST_DEPTH} times; no database header is")
        if kind == "ScalarEvent" and (event.value == "<<" or (event.tag or "").endswith(":merge")):
            raise CorpusError(f"{place} merges mappings (<<), which no database header needs; write them out")


def _names(table: object) -> set[str]:
    columns = table.get("columns") if isinstance(table, Mapping) else None
    return {str(column) for column in columns} if isinstance(columns, Mapping) else set()


def _rows(folder: Path, tables: list[str]) -> tuple[list[Row], list[str]]:
    """The rows of the tables by what their columns are, each once, and the files of those without a label."""
    rows: dict[tuple[Any, ...], Row] = {}
    unlabelled: list[str] = []
    for name in tables:
        for where, row in open_table(_path_of(folder, name), _COLUMNS.keys()).rows:
            meant = {_COLUMNS[column]: value for column, value in row.items()}
            if meant.get("label") in (None, ""):
                unlabelled.append(str(meant.get("path")))
            else:
                rows.setdefault(tuple(str(meant.get(key)) for key in ("path", "start", "end", "label")), (where, meant))
    return list(rows.values()), unlabelled


def _speakers(folder: Path, tables: Mapping[str, set[str]]) -> dict[str, str]:
    """Who speaks in each file, by the first table of whole files that tells."""
    for name in sorted(name for name, columns in tables.items() if SPEAKER in columns):
        table = open_table(_path_of(folder, name), ("file", SPEAKER))
        if {"file", SPEAKER} <= set(table.columns) and "start" not in table.columns:
            return dict(_file_speakers(table.rows))
    return {}


def _file_speakers(rows: Iterator[Row]) -> Iterator[tuple[str, str]]:
    for _, row in rows:
        if row["speaker"] is not None:
            yield str(row["file"]), str(row["speaker"])


def _path_of(folder: Path, table: str) -> Path:
    """The table's file; its name stays inside the folder."""
    long = len(table.encode("utf-8", "replace")) > LONGEST_NAME
    if not table or long or "/" in table or "\\" in table or "\0" in table:
        raise CorpusError(f"{clean(str(folder / HEADER))} has a table of the name {clean(table[:40])!r}; {ADVICE}")
    paths = [folder / f"db.{table}{suffix}" for suffix in (".parquet", ".csv")]
    return next((path for path in paths if path.is_file()), paths[-1])
