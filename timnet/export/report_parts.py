"""What a report is made of, before it is HTML or Markdown. Texts are as they came; who prints them escapes them."""

from __future__ import annotations

from dataclasses import dataclass

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """``level`` 2 for a chapter, 3 for a section of it."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph; ``warning`` where it must not be overlooked."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. ``numeric`` names the columns that are set to the right, ``notes`` are lines below it."""

    header: Cells
    rows: tuple[Cells, ...]
    numeric: Cells = ()
    notes: Cells = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing under the file name ``name`` (without suffix), as image files' bytes for light and dark pages.

    ``form`` is ``svg`` or ``png``; ``about`` says in words what it shows.
    """

    name: str
    form: str
    light: bytes
    dark: bytes
    about: str


Part = Heading | Words | Sheet | Picture


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report."""

    title: str
    parts: tuple[Part, ...]
