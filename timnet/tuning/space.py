"""What is searched: for each setting a range or a few values, from texts such as ``lr=1e-4..1e-2,log``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from timnet.errors import BadInput
from timnet.presets import ALIASES, parse_changes
from timnet.records import TrainingConfig
from timnet.text import clean
from timnet.toml_file import read_toml

DEFAULT = ("lr=1e-4..1e-2,log", "dropout=0..0.5", "batch=16,32,64,128", "smoothing=0..0.3")
"""What is searched where nothing is said."""

HOW_JUDGED = ("inner", "monitor", "select", "average")
"""Settings by which trials are judged: they are the tuner's own."""
ALIKE = ("epochs", "validate_every", "check_every", "check_from", "min_delta", "patience")
"""Settings that have to be alike in all trials, or their scores could not be compared."""


@dataclass(frozen=True, slots=True)
class Range:
    """Every value from ``low`` to ``high``; ``log``: as many between 1 and 10 as between 10 and 100."""

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.name}={self.low:g}..{self.high:g}{',log' if self.log else ''}"

    def holds(self, value: Any) -> bool:
        """Whether ``value`` is one of them."""
        return bool(self.low <= value <= self.high)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Its lowest and its highest value."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values."""

    name: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(str, self.values))}"

    def holds(self, value: Any) -> bool:
        """Whether ``value`` is one of them."""
        return value in self.values

    @property
    def ends(self) -> tuple[Any, ...]:
        """All of them."""
        return self.values


@dataclass(frozen=True, slots=True)
class Space:
    """What varies, and what is set to one value in every trial."""

    parameters: tuple[Range | Choice, ...]
    fixed: Mapping[str, Any]

    @property
    def grid(self) -> Mapping[str, tuple[Any, ...]] | None:
        """Every value of every setting; None where one has a range."""
        if any(isinstance(one, Range) for one in self.parameters):
            return None
        return {one.name: one.ends for one in self.parameters}

    @property
    def combinations(self) -> int | None:
        """How many there are; None where a setting has a range."""
        return None if self.grid is None else math.prod(len(values) for values in self.grid.values())

    def check(self, config: TrainingConfig) -> None:
        """Raise :class:`BadInput` where an end of the space is out of a setting's range; ``config`` is the rest."""
        for one in self.parameters:
            for value in one.ends:
                replace(config, **{**self.fixed, one.name: value})


def parse_space(texts: Sequence[str]) -> Space:
    """A space from ``["lr=1e-4..1e-2,log", "batch=16,32", "epochs=50"]``; one value alone is set in all trials.

    Raises :class:`BadInput` naming the first that cannot be.
    """
    parameters: list[Range | Choice] = []
    fixed: dict[str, Any] = {}
    for text in texts:
        one = _range(text) if ".." in text else _choice(text)
        if any(one.name == other.name for other in parameters) or one.name in fixed:
            raise BadInput(f"{one.name} is set twice; write all its values in one: {one.name}=first,second")
        if one.name in HOW_JUDGED:
            raise BadInput(
                f"{one.name} is how trials are judged and cannot be searched or set; see --inner and --metric"
            )
        if isinstance(one, Choice) and len(one.values) == 1:
            fixed[one.name] = one.values[0]
        elif one.name in ALIKE:
            raise BadInput(
                f"{one.name} has to be alike in all trials, or they could not be compared; give it one value"
            )
        else:
            parameters.append(one)
    if not parameters:
        raise BadInput("nothing is searched: give a setting a range or values, e.g. --set lr=1e-4..1e-2,log")
    return Space(tuple(parameters), fixed)


def read_space(file: Path) -> tuple[str, ...]:
    """The texts of a TOML file with a line for each setting: ``lr = "1e-4..1e-2,log"``, ``batch = [16, 32]``.

    Raises :class:`BadInput`, one line.
    """
    if not file.exists():
        raise BadInput(f"cannot read the space in {clean(str(file))}: there is no such file")
    table = read_toml(file, f"the space in {file}")
    texts = []
    for name, value in table.items():
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in values):
            raise BadInput(
                f'{clean(name)} in {file} is no range and no list of values; write e.g. lr = "1e-4..1e-2,log"'
            )
        texts.append(f"{name}={','.join(map(str, values))}")
    return tuple(texts)


def _choice(text: str) -> Choice:
    grid = parse_changes([text])
    [name] = grid[0]
    return Choice(name, tuple(dict.fromkeys(change[name] for change in grid)))


def _range(text: str) -> Range:
    name, equals, rest = text.partition("=")
    name = ALIASES.get(name.strip(), name.strip())
    kind = type(getattr(TrainingConfig(), name, None)) if name in TrainingConfig.__dataclass_fields__ else None
    if not equals or kind not in (int, float):
        raise BadInput(
            f"cannot search {clean(text)!r}; a range is of a number: name=low..high, and ,log if it has to be"
        )
    span, comma, word = rest.partition(",")
    low, _, high = span.partition("..")
    if comma and word.strip() != "log":
        raise BadInput(f"{clean(word.strip())!r} in {clean(text)!r} is not known; after a range may stand: log")
    ends = [parse_changes([f"{name}={one}"])[0][name] for one in (low, high)]
    if not all(map(math.isfinite, ends)) or ends[0] >= ends[1]:
        raise BadInput(f"{clean(text)!r} is no range: it goes from a lower to a higher number")
    if comma and ends[0] <= 0:
        raise BadInput(f"{clean(text)!r}: a logarithmic range begins above 0")
    return Range(name, ends[0], ends[1], bool(comma), kind is int)
