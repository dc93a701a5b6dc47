"""How an experiment is known for a trial of a study: by its tag and by the note it was queued with."""

from __future__ import annotations

import re
from dataclasses import dataclass

TAG = "tune-"

_NOTE = re.compile(r"trial (\d+) of study \S+ \((\w+)\)")


@dataclass(frozen=True, slots=True)
class TrialNote:
    """What the note of a trial's experiment says; ``token`` tells its study from another of the same name."""

    number: int
    token: str


def note_of(number: int, study: str, token: str) -> str:
    """The note that a trial's experiment is queued with."""
    return f"trial {number} of study {study} ({token})"


def read_note(note: str) -> TrialNote | None:
    """What a note says of its trial; None where it is not one that a tuner wrote."""
    found = _NOTE.fullmatch(note)
    return TrialNote(int(found[1]), found[2]) if found else None


def is_trial(tags: tuple[str, ...], note: str) -> bool:
    """Whether an experiment was queued by a tuner: a tag alone could be a user's own."""
    return any(tag.startswith(TAG) for tag in tags) and read_note(note) is not None
