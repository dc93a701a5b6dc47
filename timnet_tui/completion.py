"""Completing a path while it is typed. Pure but for listing one folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

#: entries of a folder that are looked at, and names that are offered
LOOKED_AT, OFFERED = 5000, 50


@dataclass(frozen=True, slots=True)
class Completion:
    """``value``: the text as far as it is certain how it goes on. ``names``: what it could go on with."""

    value: str
    names: tuple[str, ...] = ()


def complete(text: str, suffixes: Sequence[str] = (), *, folders_only: bool = False) -> Completion:
    """Go on with ``text``, a path in which ``~`` is the home folder; folders end with a slash.

    Offered are folders and, unless ``folders_only``, files (of ``suffixes`` alone, where any are given). What is
    hidden is offered once its dot is typed. A folder that cannot be listed offers nothing.
    """
    head, slash, start = text.rpartition("/")
    if text == "~":
        return Completion("~/")
    try:
        folder = Path(f"{head}{slash}" or ".").expanduser()
    except RuntimeError:  # ~somebody who is not known here
        return Completion(text)
    names = sorted(name for name in _names(folder, suffixes, folders_only=folders_only) if _begins(name, start))
    if not names:
        return Completion(text)
    first, last = names[0], names[-1]
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return Completion(f"{head}{slash}{first[:same]}", tuple(names[:OFFERED]))


def _begins(name: str, start: str) -> bool:
    return name.startswith(start) and (start.startswith(".") or not name.startswith("."))


def _names(folder: Path, suffixes: Sequence[str], *, folders_only: bool) -> list[str]:
    fitting = tuple(suffixes) or ("",)
    try:
        with os.scandir(folder) as entries:
            listed = [(entry.name, entry.is_dir()) for entry in islice(entries, LOOKED_AT) if _is_text(entry.name)]
    except (OSError, ValueError):
        return []
    files = [] if folders_only else [name for name, is_folder in listed if not is_folder]
    return [
        *(f"{name}/" for name, is_folder in listed if is_folder),
        *(name for name in files if name.lower().endswith(fitting)),
    ]


def _is_text(name: str) -> bool:
    """Whether a name can be typed and shown as it is; others cannot be chosen here."""
    return name.isprintable()
