"""An own corpus as a list of files: a CSV, TSV or Parquet table, one row an utterance.

Columns, in any order, names in any case: ``path`` (or ``file``), ``label`` (or ``emotion``), and optionally
``speaker``, ``session``, ``sentence``, ``start`` and ``end`` (seconds); others are not used. A path is relative to
the table's folder. An absolute one, ``..`` or a link is followed too: whoever adds the corpus could read that file
anyway, and nothing is ever written to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from timnet.corpora.entries import ADVICE, Listing, entries_of
from timnet.corpora.findings import finding
from timnet.corpora.tables import Row, Table, open_table
from timnet.errors import CorpusError
from timnet.text import clean

COLUMNS = {
    "path": "path",
    "file": "path",
    "label": "label",
    "emotion": "label",
    "speaker": "speaker",
    "session": "session",
    "sentence": "sentence",
    "start": "start",
    "end": "end",
}
"""The name that a column may have: what it is."""


def read_manifest(path: Path) -> Listing:
    """Read a table. Raises :class:`CorpusError`, one line: the first fault, where it is, and how many there are."""
    table = open_table(path, COLUMNS.keys())
    _check_columns(table)
    entries = entries_of(table.name, _meant(table.rows))
    unused = [column or "(no name)" for column in table.columns if column not in COLUMNS]
    return Listing(entries, tuple(finding("columns not used", unused, ordinary=True)))


def _meant(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows by what their columns are."""
    for where, row in rows:
        yield where, {COLUMNS[column]: value for column, value in row.items()}


def _check_columns(table: Table) -> None:
    for needed in ("path", "label"):
        names = [column for column in table.columns if COLUMNS.get(column) == needed]
        if not names:
            have = ", ".join(clean(column[:30]) for column in table.columns[:8])
            raise CorpusError(f"{table.name} has no column {needed!r} (it has: {have}); {ADVICE}")
        if len(names) > 1:
            raise CorpusError(f"{table.name} has both {names[0]!r} and {names[1]!r} for one thing; {ADVICE}")
