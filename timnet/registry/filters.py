"""The filter language, one for CLI and TUI: ``corpus:EMODB protocol:loso uar>0.8 -state:failed tag:paper``.

Terms are separated by blanks and all must hold. A term is ``field:value`` (``=`` for ``:``),
``field>number`` (also ``<``, ``>=``, ``<=``), or a bare word looked for in corpus, preset and note; ``-``
in front negates it. ``a,b`` as a value means a or b. Values may be quoted: ``note:"first try"``. ``created`` and
``updated`` take dates: ``created>=2026-01-31``, ``updated<2026-01-31T18:00`` (UTC).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from timnet.errors import BadInput
from timnet.registry.smoothed import METRICS

#: fields of a run's experiment -> column of ``experiments``
EXPERIMENT_TEXT = {
    "protocol": "protocol",
    "preset": "preset",
    "selection": "selection",
    "source": "source",
    "note": "note",
}
EXPERIMENT_NUMBERS = {"experiment": "id", "folds": "folds", "seed": "seed"}
#: yes or no
EXPERIMENT_FLAGS = {"optimistic": "optimistic", "pinned": "pinned"}
#: fields of a run's latest attempt -> column of ``attempts``
ATTEMPT_TEXT = {"host": "host", "engine": "engine", "job": "job"}
TEXT_FIELDS = ("corpus", *EXPERIMENT_TEXT, "state", *ATTEMPT_TEXT)
#: fields of the run itself -> column of ``runs``
RUN_NUMBERS = {
    "fold": "fold",
    "priority": "priority",
    "attempt": "attempt",
    "epoch": "epoch",
    "epochs": "epochs",
    "seconds": "last_seconds",
    "uar": "uar",
    "war": "war",
    "best": "best_value",
    **{metric: f"last_{metric}" for metric in METRICS},
    **{f"smoothed_{metric}": f"smooth_{metric}" for metric in METRICS},
}
NUMBER_FIELDS = (*EXPERIMENT_NUMBERS, *RUN_NUMBERS)
DATE_FIELDS = {"created": "created", "updated": "updated"}
# SQLite refuses deep conditions: these limits keep clear of it
MAX_LENGTH = 1000
MAX_TERMS = 100
FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS, *DATE_FIELDS, "id", "tag", *EXPERIMENT_FLAGS)

_TERM = re.compile(r"(?P<negated>-?)(?P<field>[a-z_]+)(?P<op>>=|<=|[:=<>])(?P<value>.*)", re.DOTALL)
_DATES = (("%Y-%m-%d", timedelta(days=1)), ("%Y-%m-%dT%H:%M", timedelta(minutes=1)))


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. It is about a row of ``experiments`` or, where ``of_run``, of ``runs``.

    ``column`` is the column of ``runs`` whose index finds the rows that pass, where there is one.
    """

    sql: str
    parameters: tuple[Any, ...] = ()
    of_run: bool = False
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What a filter asks for: every term must hold."""

    terms: tuple[Term, ...] = field(default=())

    @property
    def of_runs(self) -> tuple[Term, ...]:
        """The terms about the run itself."""
        return tuple(term for term in self.terms if term.of_run)

    @property
    def of_experiments(self) -> tuple[Term, ...]:
        """The terms about the run's experiment."""
        return tuple(term for term in self.terms if not term.of_run)

    @property
    def sql(self) -> str:
        """One SQL condition about a row of ``runs``; ``"1"`` when everything passes."""
        parts = [term.sql for term in self.of_runs]
        inner = " AND ".join(term.sql for term in self.of_experiments)
        if inner:
            # a subquery for each run that is looked at: as a join, SQLite would first read all experiments
            parts.append(f"EXISTS (SELECT 1 FROM experiments WHERE experiments.id = runs.experiment_id AND {inner})")
        return " AND ".join(parts) or "1"

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The parameters of :attr:`sql`."""
        return tuple(value for term in (*self.of_runs, *self.of_experiments) for value in term.parameters)


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
    if len(words) > MAX_TERMS:
        raise BadInput(f"a filter of {len(words)} terms is too long; {MAX_TERMS} is the most")
    return Condition(tuple(_term(word) for word in words))


def _term(word: str) -> Term:
    match = _TERM.fullmatch(word)
    if match is None:
        negated, word = word.startswith("-") and len(word) > 1, word.removeprefix("-") or word
        term = _anywhere(word)
    else:
        negated = bool(match["negated"])
        term = _field_term(match["field"], match["op"], match["value"], word)
    return Term(f"NOT coalesce({term.sql}, 0)", term.parameters, term.of_run) if negated else term


def _anywhere(word: str) -> Term:
    like = r"LIKE ? ESCAPE '\'"
    sql = (
        f"(experiments.corpus_id IN (SELECT id FROM corpora WHERE name {like}) OR experiments.preset {like} "
        f"OR experiments.note {like})"
    )
    return Term(sql, (f"%{_escaped(word)}%",) * 3)


def _field_term(name: str, op: str, value: str, word: str) -> Term:
    if not value:
        raise BadInput(f"{word!r} in the filter has no value; write it like corpus:EMODB or uar>0.8")
    if name in RUN_NUMBERS:
        return _number_term(RUN_NUMBERS[name], op, value, word, of_run=True)
    if name in EXPERIMENT_NUMBERS:
        return _number_term(EXPERIMENT_NUMBERS[name], op, value, word, of_run=False)
    if name in DATE_FIELDS:
        return _date_term(DATE_FIELDS[name], op, value, word)
    if name not in FIELDS:
        raise BadInput(f"no field {name!r} to filter by; there are: {', '.join(FIELDS)}")
    if op not in ":=":
        raise BadInput(f"{name} is text, so {word!r} needs ':' instead of {op!r}")
    values = [choice for choice in value.split(",") if choice]
    if not values:
        return Term("0")
    if name == "tag":
        places = ", ".join("?" * len(values))
        return Term(f"experiments.id IN (SELECT experiment_id FROM tags WHERE tag IN ({places}))", tuple(values))
    choices = [_choice(name, choice) for choice in values]
    sql = " OR ".join(choice.sql for choice in choices)
    parameters = tuple(p for choice in choices for p in choice.parameters)
    return Term(f"({sql})", parameters, choices[0].of_run, choices[0].column)


def _choice(name: str, value: str) -> Term:
    """One of the values that a text field may have."""
    if name == "id":
        return _id_term(value)
    if name in EXPERIMENT_FLAGS:
        if value.lower() not in ("yes", "no", "true", "false"):
            raise BadInput(f"{name} is yes or no, not {value!r}")
        return Term(f"experiments.{EXPERIMENT_FLAGS[name]} = ?", (int(value.lower() in ("yes", "true")),))
    if name == "corpus":
        return Term("runs.corpus = ? COLLATE NOCASE", (value,), of_run=True, column="corpus")
    if name == "state":
        return Term("runs.state = lower(?)", (value,), of_run=True, column="state")
    if name in ATTEMPT_TEXT:
        return Term(
            "EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.id AND attempts.attempt = runs.attempt "
            f"AND attempts.{ATTEMPT_TEXT[name]} = ? COLLATE NOCASE)",
            (value,),
            of_run=True,
        )
    if name == "note":
        return Term(r"experiments.note LIKE ? ESCAPE '\'", (f"%{_escaped(value)}%",))
    return Term(f"experiments.{EXPERIMENT_TEXT[name]} = ? COLLATE NOCASE", (value,))


def _id_term(value: str) -> Term:
    experiment, _, fold = value.partition(".")
    if not experiment.isdecimal() or (fold and not fold.isdecimal()):
        raise BadInput(f"{value!r} is no id; ids look like 7 (an experiment) or 7.3 (its fold 3)")
    if fold:
        parameters = (int(experiment), int(fold))
        return Term("(runs.experiment_id = ? AND runs.fold = ?)", parameters, of_run=True, column="id")
    return Term("runs.experiment_id = ?", (int(experiment),), of_run=True, column="id")


def _number_term(column: str, op: str, value: str, word: str, *, of_run: bool) -> Term:
    try:
        numbers = tuple(float(choice) for choice in value.split(","))
    except ValueError:
        raise BadInput(f"{word!r} in the filter needs a number, not {value!r}") from None
    if op not in ":=" and len(numbers) != 1:
        raise BadInput(f"{word!r} in the filter compares with more than one number")
    test = f"IN ({', '.join('?' * len(numbers))})" if op in ":=" else f"{op} ?"
    table = "runs" if of_run else "experiments"
    return Term(f"{table}.{column} {test}", numbers, of_run, column if of_run else None)


def _date_term(column: str, op: str, value: str, word: str) -> Term:
    """Compare with a day or a minute as a whole: ``>`` is after it, ``>=`` from its start, ``:`` within it."""
    first, after = _period(value, word)
    tests = {
        ">": ("{0} >= ?", (after,)),
        ">=": ("{0} >= ?", (first,)),
        "<": ("{0} < ?", (first,)),
        "<=": ("{0} < ?", (after,)),
    }
    sql, parameters = tests.get(op, ("({0} >= ? AND {0} < ?)", (first, after)))
    return Term(sql.format(f"runs.{column}"), parameters, of_run=True, column=column)


def _period(value: str, word: str) -> tuple[str, str]:
    """The first moment of a day or minute and the first after it, as the registry writes times."""
    for form, length in _DATES:
        try:
            start = datetime.strptime(value, form)
            return start.isoformat(timespec="seconds"), (start + length).isoformat(timespec="seconds")
        except (ValueError, OverflowError):
            continue
    raise BadInput(f"{word!r} in the filter needs a date like 2026-01-31 or 2026-01-31T18:00, not {value!r}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
