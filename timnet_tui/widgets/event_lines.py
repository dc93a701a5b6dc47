"""Events as lines, and the kinds by which they are filtered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from rich.text import Text

from timnet.records import CHECK_KINDS, Event, EventKind
from timnet.text import clean
from timnet_tui.palette import RGB, Palette
from timnet_tui.render import style

PROBLEMS = frozenset({EventKind.FAILED, EventKind.CRASHED, EventKind.STALLED, EventKind.DIVERGED, EventKind.CANCELLED})
INTENTS = frozenset({EventKind.INTENT, EventKind.PAUSED, EventKind.CANCELLED, EventKind.REQUEUED, EventKind.STALLED})


class Kinds(StrEnum):
    """Which events are shown."""

    ALL = "all"
    CHECKS = "checks"
    ATTEMPTS = "attempts"
    PROBLEMS = "problems"


def chosen(events: Sequence[Event], kinds: Kinds) -> Sequence[Event]:
    """The events of some kinds. Epochs that were not checked are among none: they say nothing."""
    if kinds is Kinds.ALL:
        return tuple(event for event in events if event.kind != EventKind.CHECK_SKIPPED)
    if kinds is Kinds.CHECKS:
        return tuple(e for e in events if e.kind in CHECK_KINDS and e.kind != EventKind.CHECK_SKIPPED)
    if kinds is Kinds.ATTEMPTS:
        return tuple(event for event in events if event.kind not in CHECK_KINDS)
    return tuple(event for event in events if event.kind in PROBLEMS)


def event_line(event: Event, colours: Palette, folds: Mapping[int, int] | None = None) -> Text:
    """``12:03:41  12  val_loss improved …``, with the fold before it where ``folds`` (of each run) is given."""
    epoch = "" if event.epoch is None else str(event.epoch)
    text = Text(no_wrap=True).append(f"{clean(event.time[11:19])} ", style(colours.faint))
    if folds:
        text.append(f"f{folds.get(event.run_id, 0):<2} ", style(colours.accent))
    text.append(f"{epoch:>4} ", style(colours.faint))
    text.append(clean(event.text), style(event_colour(event.kind, colours)))
    return text


def event_colour(kind: str, colours: Palette) -> RGB:
    """What failed stands out, what did not improve steps back."""
    if kind in (EventKind.CHECK_SKIPPED, EventKind.CHECK_NOT_IMPROVED):
        return colours.faint
    if kind in (EventKind.FAILED, EventKind.CRASHED, EventKind.DIVERGED):
        return colours.error
    return colours.warning if kind in INTENTS or kind == EventKind.CODE_CHANGED else colours.text
