"""``timnet runs ls --group``: runs put together by what they have in common, with every mean's n, spread and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from timnet.cli.output import print_json, print_table, say, score
from timnet.records import RunState, is_optimistic
from timnet.selection import selection_text

if TYPE_CHECKING:
    from timnet.evaluation.summary import Summary
    from timnet.registry import Registry
    from timnet.registry.groups import Group


def fields_of(text: str) -> tuple[str, ...]:
    """The fields named in ``text``, separated by commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def list_groups(registry: Registry, filter_text: str, fields: Sequence[str], *, as_json: bool) -> None:
    """Print the groups. Raises :class:`timnet.errors.BadInput` for a field that there is not."""
    groups = registry.pages.groups(filter_text, tuple(fields))
    if as_json:
        print_json([_object(group, fields) for group in groups])
        return
    if not groups:
        say("no run matches")
        return
    rows = [
        (
            *("–" if value is None else str(value) for value in group.key),
            *_labels(group),
            _mean(group.uar),
            _mean(group.war),
            str(group.war.n),
            str(group.experiments),
            ", ".join(f"{n} {state}" for state, n in group.states if n),
        )
        for group in groups
    ]
    headings = (*fields, "protocols", "selections", "UAR %", "WAR %", "n", "experiments", "states")
    print_table(headings, rows, right=("UAR %", "WAR %", "n", "experiments"), optional=("states",))
    if any(group.mixed and group.war.n for group in groups):
        say("means marked 'mixed' are over several protocols or selections; add them to --group to set them apart")


def _labels(group: Group) -> tuple[str, str]:
    mixed = " (mixed)" if group.mixed and group.war.n else ""
    selections = ", ".join(selection_text(name, is_optimistic(name)) for name in group.selections)
    return ", ".join(group.protocols) + mixed, selections


def _mean(summary: Summary) -> str:
    return score(summary.mean) if summary.n < 2 else f"{score(summary.mean)} ± {score(summary.sd)}"


def _object(group: Group, fields: Sequence[str]) -> dict[str, Any]:
    """One group as JSON: the fields asked for, and what ``--group experiment`` has too."""
    states = dict(group.states)
    return {
        "key": dict(zip(fields, group.key, strict=True)),
        "protocols": list(group.protocols),
        "selections": list(group.selections),
        "optimistic": group.optimistic,
        "mixed": group.mixed,
        "n": group.war.n,
        "runs": group.runs,
        "experiments": group.experiments,
        "uar": {"mean": group.uar.mean, "sd": group.uar.sd, "n": group.uar.n},
        "war": {"mean": group.war.mean, "sd": group.war.sd, "n": group.war.n},
        "best": group.best_uar,
        "states": {state.value: states[state] for state in RunState},
    }
