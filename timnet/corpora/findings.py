"""What a user should know about the files of a corpus, named file by file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from timnet.text import clean

NAMED = 8
"""How many files a line names before it only counts; JSON names them all, but for what is ordinary."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found about some files. ``ordinary`` where it is so in every whole copy of the corpus."""

    what: str
    paths: tuple[str, ...] = ()
    ordinary: bool = False

    def __str__(self) -> str:
        if self.ordinary:
            return f"{self.what}: {len(self.paths)}"
        return f"{self.what}: {several(self.paths)}" if self.paths else self.what

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold, every file named."""
        return {"what": self.what, "paths": [clean(path) for path in self.paths]}


def finding(what: str, paths: Iterable[str], *, ordinary: bool = False) -> Iterator[Finding]:
    """One finding about ``paths``, or none where there are no paths."""
    listed = tuple(paths)
    if listed:
        yield Finding(what, listed, ordinary)


def several(names: Iterable[str]) -> str:
    """``names`` for a message: a count, and the first few of them."""
    listed = [clean(name) for name in names]
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return f"{len(listed)} ({', '.join(listed[:NAMED])}{more})"
