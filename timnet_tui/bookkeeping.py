"""What screens ask the registry about its own records: what passes a filter, tags, notes, pins, removal.

Called in a worker thread; each call opens its own connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.errors import BadInput
from timnet.queue import service
from timnet.records import Run, RunState
from timnet.registry import Registry
from timnet.registry.completion import Values, values_of
from timnet.text import clean
from timnet_tui.attempts import attempt, failed, reason
from timnet_tui.messages import CommandEnded, Undo

if TYPE_CHECKING:
    from timnet.export.comparison import Comparison

#: so many runs are marked at once at most
MARKED_AT_MOST = 10_000
NAMED_AT_MOST = 4


@dataclass(frozen=True, slots=True)
class Passing:
    """The runs that pass a filter; ``more`` where they are not all. ``problem`` says why they could not be read."""

    runs: tuple[Run, ...] = ()
    more: bool = False
    problem: str = ""


def passing(db: Path, filter_text: str, most: int = MARKED_AT_MOST) -> Passing:
    """The first ``most`` runs that pass, the newest first."""
    try:
        with Registry.open_read_only(db) as registry:
            page = registry.pages.runs(filter_text, sort="created", descending=True, limit=most)
    except Exception as error:  # told to the user; the screen stays
        return Passing(problem=reason(error))
    return Passing(page.runs, more=page.after)


def words(db: Path) -> Values | None:
    """What there is to filter by; None where it cannot be read."""
    try:
        with Registry.open_read_only(db) as registry:
            return values_of(registry.db)
    except Exception:  # then only fields are offered
        return None


def named(ids: Sequence[int]) -> str:
    """``experiment 7``, ``experiments 7, 8 and 2 more``."""
    if len(ids) == 1:
        return f"experiment {ids[0]}"
    more = len(ids) - NAMED_AT_MOST
    return f"experiments {', '.join(map(str, ids[:NAMED_AT_MOST]))}" + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison, or why there is none."""

    comparison: Comparison | None = None
    problem: str = ""


def compared(db: Path, keys: Sequence[str]) -> Compared:
    """Set experiments or runs side by side. The first time takes a moment, as the statistics are loaded then."""
    from timnet.export.comparison import compare

    try:
        with Registry.open_read_only(db) as registry:
            return Compared(compare(registry, keys))
    except Exception as error:  # told to the user; the screen stays
        return Compared(problem=reason(error))


def check_file(text: str) -> None:
    """Raise :class:`BadInput` where a comparison cannot be written to this path."""
    from timnet.export.table_files import check_target, table_format

    table_format(Path(text).suffix)
    check_target(Path(text))


def export_comparison(db: Path, keys: Sequence[str], path: Path) -> CommandEnded:
    """Write a comparison to a file, and say where it is."""
    from timnet.export.comparison_file import write_comparison

    try:
        with Registry.open_read_only(db) as registry:
            return CommandEnded(f"wrote {clean(str(write_comparison(registry, keys, path).absolute()))}")
    except Exception as error:  # told to the user; the screen stays
        return failed(error)


# tags, notes, pins


def tags_of(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tags to add and those to take away (a minus in front). Raises :class:`BadInput` for what is no tag."""
    words = text.split()
    for word in words:
        if not word.removeprefix("-") or any(character in ":," for character in word):
            raise BadInput(f"{word!r} cannot be a tag; a tag is one word without ':' or ','")
    add = tuple(word for word in words if not word.startswith("-"))
    return add, tuple(word[1:] for word in words if word.startswith("-"))


def tag(db: Path, ids: Sequence[int], text: str) -> CommandEnded:
    """Add and take away tags."""

    def change(registry: Registry) -> CommandEnded:
        add, remove = tags_of(text)
        registry.experiments.tag_all(ids, add, remove)
        done = [f"{what} {' '.join(tags)}" for what, tags in (("added", add), ("took away", remove)) if tags]
        return CommandEnded(f"{named(ids)}: {', '.join(done) or 'nothing to do'}")

    return attempt(db, change)


def note_of(db: Path, ids: Sequence[int]) -> str:
    """The note of a single experiment; empty for several, or where it cannot be read."""
    try:
        with Registry.open_read_only(db) as registry:
            return registry.experiments.get(ids[0]).note if len(ids) == 1 else ""
    except Exception:  # then the line begins empty
        return ""


def note(db: Path, ids: Sequence[int], text: str) -> CommandEnded:
    """Write a note on experiments; what stood there can be brought back."""

    def change(registry: Registry) -> CommandEnded:
        with registry.db.write():
            before = {experiment_id: registry.experiments.get(experiment_id).note for experiment_id in ids}
            registry.experiments.note_all(ids, text)
        undo = Undo("the note", partial(_notes_back, db, before)) if any(before.values()) else None
        return CommandEnded(f"noted on {named(ids)}", undo=undo)

    return attempt(db, change)


def _notes_back(db: Path, notes: dict[int, str]) -> CommandEnded:
    def change(registry: Registry) -> CommandEnded:
        with registry.db.write():
            for experiment_id, text in notes.items():
                registry.experiments.note(experiment_id, text)
        return CommandEnded(f"{named(tuple(notes))}: the earlier note is back")

    return attempt(db, change)


def pin(db: Path, ids: Sequence[int], *, pinned: bool) -> CommandEnded:
    """Pin experiments, or unpin them."""

    def change(registry: Registry) -> CommandEnded:
        registry.experiments.pin(ids, pinned=pinned)
        return CommandEnded(f"{'pinned' if pinned else 'unpinned'} {named(ids)}")

    return attempt(db, change)


# removal


def remove_question(db: Path, ids: Sequence[int]) -> tuple[str, str]:
    """What to ask before experiments are removed: title and text."""
    runs: list[Run] = []
    with suppress(Exception), Registry.open_read_only(db) as registry:  # then the numbers are missing from the question
        runs = registry.runs.of_experiments(ids)
    done = sum(run.state is RunState.DONE for run in runs)
    what = f"With all {len(runs)} runs, {done} of them done. " if runs else ""
    return f"Remove {named(ids)}?", f"{what}Nothing is lost yet: u brings back what was removed."


def remove(db: Path, ids: Sequence[int]) -> CommandEnded:
    """Hide experiments until they are brought back, or deleted for good by ``timnet runs trash --empty``."""

    def change(registry: Registry) -> CommandEnded:
        service.remove_experiments(registry, ids)
        return CommandEnded(f"removed {named(ids)}", undo=Undo(named(ids), partial(_restore, db, tuple(ids))))

    return attempt(db, change)


def _restore(db: Path, ids: Sequence[int]) -> CommandEnded:
    def change(registry: Registry) -> CommandEnded:
        service.restore_experiments(registry, ids)
        return CommandEnded(f"{named(ids)}: back again")

    return attempt(db, change)
