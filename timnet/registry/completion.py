"""What could come next in a filter while it is typed. Pure: the values that are there are read beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from timnet.records import RunState
from timnet.registry.database import Database
from timnet.registry.filters import DATE_FIELDS, EXPERIMENT_FLAGS, FIELDS, NUMBER_FIELDS

#: how many tags and hosts are read at most
MOST = 200

COMPARISONS = (">", ">=", "<", "<=", ":")

_FIELD = re.compile(r"(?P<field>[a-z_]+)(?P<op>>=|<=|[:=<>])(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Values:
    """The values that text fields have in a registry: field -> values, in the order they are to be offered."""

    of: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """``text`` to put in the place of what stands between ``start`` and ``end``; ``about`` says what it is."""

    text: str
    start: int
    end: int
    about: str = ""

    def applied(self, to: str) -> str:
        """The filter with the candidate in its place."""
        return to[: self.start] + self.text + to[self.end :]


def values_of(db: Database) -> Values:
    """Read the values there are now. Cheap: from indexes, never the runs themselves."""

    def found(sql: str) -> tuple[str, ...]:
        return tuple(str(row[0]) for row in db.tuples(sql))

    of = {name: found(f"SELECT DISTINCT {name} FROM experiments WHERE deleted IS NULL ORDER BY 1") for name in
          ("preset", "protocol", "selection", "source")}  # fmt: skip
    of["corpus"] = found("SELECT DISTINCT name FROM corpora ORDER BY 1")
    of["tag"] = found(f"SELECT tag FROM tags GROUP BY tag ORDER BY count(*) DESC, tag LIMIT {MOST}")
    of["host"] = found(f"SELECT DISTINCT host FROM workers ORDER BY 1 LIMIT {MOST}")
    of["engine"] = found(f"SELECT DISTINCT engine FROM workers ORDER BY 1 LIMIT {MOST}")
    return Values(of)


def complete(text: str, cursor: int, values: Values) -> list[Candidate]:
    """What the word at ``cursor`` could become, the likeliest first.

    At the start of a word these are fields; after ``field:`` its values, also after a comma; after the full name of
    a field of numbers or dates the comparisons.
    """
    start = _word_start(text, cursor)
    end = cursor
    while end < len(text) and not text[end].isspace() and text[end] not in ",":
        end += 1
    word = text[start:cursor]
    if word.startswith("-"):
        start, word = start + 1, word[1:]
    match = _FIELD.fullmatch(word)
    if match is None:
        return [Candidate(one, start, end, about) for one, about in _fields(word)]
    if match["op"] not in ":=":
        return []
    typed = match["value"].rpartition(",")[2]
    offered = _values(match["field"], values)
    return [
        Candidate(_quoted(value), cursor - len(typed), end, match["field"])
        for value in _beginning(offered, typed.lstrip("'\""))
    ]


def _word_start(text: str, cursor: int) -> int:
    """Where the word that ends at ``cursor`` begins; blanks inside quotes do not end a word."""
    start, quote = 0, ""
    for place, character in enumerate(text[:cursor]):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            start = place + 1
    return start


def _fields(word: str) -> Iterable[tuple[str, str]]:
    if word in NUMBER_FIELDS or word in DATE_FIELDS:
        about = "a date" if word in DATE_FIELDS else "a number"
        for comparison in COMPARISONS:
            yield f"{word}{comparison}", about
    for name in FIELDS:
        if name.startswith(word) and name != word:
            compared = name in NUMBER_FIELDS or name in DATE_FIELDS
            yield (name, "compare with > or <") if compared else (f"{name}:", "")
    if word in FIELDS and word not in NUMBER_FIELDS and word not in DATE_FIELDS:
        yield f"{word}:", ""


def _values(name: str, values: Values) -> tuple[str, ...]:
    if name == "state":
        return tuple(state.value for state in RunState)
    if name in EXPERIMENT_FLAGS:
        return ("yes", "no")
    return values.of.get(name, ())


def _beginning(offered: Iterable[str], typed: str) -> list[str]:
    return [value for value in offered if value.lower().startswith(typed.lower())]


def _quoted(value: str) -> str:
    if any(character.isspace() or character in "'\"\\" for character in value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value
