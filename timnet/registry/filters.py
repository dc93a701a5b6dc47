"""The filter language, one for CLI and TUI: ``corpus:EMODB protocol:loso uar>0.8 -state:failed tag:paper``.

Terms are separated by blanks and all must hold. A term is ``field:value`` (``=`` for ``:``),
``field>number`` (also ``<``, ``>=``, ``<=``), or a bare word looked for in corpus, preset and note; ``-``
in front negates it. ``a,b`` as a value means a or b. Values may be quoted: ``note:"first try"``.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from timnet.errors import BadInput

#: field -> SQL expression, over the tables that :mod:`timnet.registry.runs` joins
TEXT_FIELDS = {
    "corpus": "corpora.name",
    "protocol": "experiments.protocol",
    "preset": "experiments.preset",
    "selection": "experiments.selection",
    "source": "experiments.source",
    "state": "runs.state",
    "host": "attempts.host",
    "note": "experiments.note",
}
NUMBER_FIELDS = {
    "experiment": "experiments.id",
    "fold": "runs.fold",
    "folds": "experiments.folds",
    "seed": "experiments.seed",
    "priority": "runs.priority",
    "attempt": "runs.attempt",
    "epoch": "runs.epoch",
    "epochs": "runs.epochs",
    "uar": "runs.uar",
    "war": "runs.war",
    "loss": "runs.last_loss",
    "accuracy": "runs.last_accuracy",
    "val_loss": "runs.last_val_loss",
    "val_accuracy": "runs.last_val_accuracy",
    "val_uar": "runs.last_val_uar",
}
#: the tables that a condition is about
RUN_SOURCE = """
    FROM runs
    JOIN experiments ON experiments.id = runs.experiment_id
    JOIN corpora ON corpora.id = experiments.corpus_id
    LEFT JOIN attempts ON attempts.run_id = runs.id AND attempts.attempt = runs.attempt
"""
MAX_LENGTH = 1000  # SQLite refuses deep conditions: this many characters cannot make one
FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS, "id", "tag", "optimistic")

_TERM = re.compile(r"(?P<negated>-?)(?P<field>[a-z_]+)(?P<op>>=|<=|[:=<>])(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """A SQL condition (``"1"`` when everything passes) and its parameters."""

    sql: str = "1"
    parameters: tuple[Any, ...] = field(default=())


def parse(text: str) -> Condition:
    """The condition that ``text`` asks for.

    Raises :class:`BadInput` naming the term that cannot be understood.
    """
    if len(text) > MAX_LENGTH:
        raise BadInput(f"a filter of {len(text)} characters is too long; {MAX_LENGTH} is the most")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadInput(f"cannot read the filter {text!r}: {error}") from None
    terms = [_term(word) for word in words]
    if not terms:
        return Condition()
    return Condition(" AND ".join(term.sql for term in terms), tuple(p for term in terms for p in term.parameters))


def _term(word: str) -> Condition:
    match = _TERM.fullmatch(word)
    if match is None:
        negated, word = word.startswith("-") and len(word) > 1, word.removeprefix("-") or word
        condition = _anywhere(word)
    else:
        negated = bool(match["negated"])
        condition = _field_term(match["field"], match["op"], match["value"], word)
    return Condition(f"NOT coalesce({condition.sql}, 0)", condition.parameters) if negated else condition


def _anywhere(word: str) -> Condition:
    places = ("corpora.name", "experiments.preset", "experiments.note")
    sql = " OR ".join(rf"{place} LIKE ? ESCAPE '\'" for place in places)
    return Condition(f"({sql})", (f"%{_escaped(word)}%",) * len(places))


def _field_term(name: str, op: str, value: str, word: str) -> Condition:
    if not value:
        raise BadInput(f"{word!r} in the filter has no value; write it like corpus:EMODB or uar>0.8")
    if name in NUMBER_FIELDS:
        return _number_term(NUMBER_FIELDS[name], op, value, word)
    if name not in FIELDS:
        raise BadInput(f"no field {name!r} to filter by; there are: {', '.join(FIELDS)}")
    if op not in ":=":
        raise BadInput(f"{name} is text, so {word!r} needs ':' instead of {op!r}")
    choices = [choice for choice in value.split(",") if choice]
    terms = [_choice(name, choice) for choice in choices]
    return Condition(
        f"({' OR '.join(term.sql for term in terms) or '0'})", tuple(p for term in terms for p in term.parameters)
    )


def _choice(name: str, value: str) -> Condition:
    if name == "tag":
        return Condition("EXISTS (SELECT 1 FROM tags WHERE tags.experiment_id = experiments.id AND tag = ?)", (value,))
    if name == "optimistic":
        if value.lower() not in ("yes", "no", "true", "false"):
            raise BadInput(f"optimistic is yes or no, not {value!r}")
        return Condition("experiments.optimistic = ?", (int(value.lower() in ("yes", "true")),))
    if name == "id":
        experiment, _, fold = value.partition(".")
        if not experiment.isdecimal() or (fold and not fold.isdecimal()):
            raise BadInput(f"{value!r} is no id; ids look like 7 (an experiment) or 7.3 (its fold 3)")
        if fold:
            return Condition("(experiments.id = ? AND runs.fold = ?)", (int(experiment), int(fold)))
        return Condition("experiments.id = ?", (int(experiment),))
    return Condition(f"{TEXT_FIELDS[name]} = ? COLLATE NOCASE", (value,)) if name != "note" else _in_note(value)


def _in_note(value: str) -> Condition:
    return Condition(r"experiments.note LIKE ? ESCAPE '\'", (f"%{_escaped(value)}%",))


def _number_term(expression: str, op: str, value: str, word: str) -> Condition:
    try:
        numbers = [float(choice) for choice in value.split(",")]
    except ValueError:
        raise BadInput(f"{word!r} in the filter needs a number, not {value!r}") from None
    if op in ":=":
        return Condition(f"{expression} IN ({', '.join('?' * len(numbers))})", tuple(numbers))
    if len(numbers) != 1:
        raise BadInput(f"{word!r} in the filter compares with more than one number")
    return Condition(f"{expression} {op} ?", (numbers[0],))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
