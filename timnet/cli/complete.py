"""What the shell offers when the user presses Tab. Cheap, read-only, and silent whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from timnet.registry import Registry

MOST = 100
"""How many experiments are offered at most: the newest."""

Offer = tuple[str, str]


def corpora(context: typer.Context, incomplete: str) -> list[Offer]:
    """The registered corpora."""
    return _from_registry(context, incomplete, lambda registry: [(c.name, c.path) for c in registry.corpora.ls()])


def known_or_registered(context: typer.Context, incomplete: str) -> list[Offer]:
    """The registered corpora, and those that can be registered."""
    return list(dict([*known_corpora(incomplete), *corpora(context, incomplete)]).items())


def known_corpora(incomplete: str) -> list[Offer]:
    """The corpora that can be registered."""
    from timnet.corpora.spec import KNOWN

    return [(name, "") for name in KNOWN if name.startswith(incomplete.upper())]


def experiments(context: typer.Context, incomplete: str) -> list[Offer]:
    """The experiments there are."""
    return _from_registry(context, incomplete, _experiments)


def runs(context: typer.Context, incomplete: str) -> list[Offer]:
    """Experiments; after a dot the folds of that experiment."""
    experiment, dot, _ = incomplete.partition(".")
    if not dot or not experiment.isdecimal():
        return experiments(context, incomplete)
    return _from_registry(
        context,
        incomplete,
        lambda registry: [
            (run.key, f"{run.corpus} {run.state}") for run in registry.runs.of_experiment(int(experiment))
        ],
    )


def presets(context: typer.Context, incomplete: str) -> list[Offer]:
    """The presets, the user's own among them, with their source."""
    from timnet.cli.context import settings_of
    from timnet.paths import RegistryPaths
    from timnet.preset_file import presets_or_shipped

    found = presets_or_shipped(RegistryPaths(settings_of(context).db.absolute()).presets)
    return [(name, preset.source) for name, preset in found.items() if name.startswith(incomplete)]


def protocols(incomplete: str) -> list[Offer]:
    """The protocols, with what they do."""
    from timnet.protocols import PROTOCOLS

    return [(name, protocol.description) for name, protocol in PROTOCOLS.items() if name.startswith(incomplete)]


def settings(incomplete: str) -> list[Offer]:
    """The settings that ``--set`` can change, by their short and full names."""
    from timnet.presets import ALIASES
    from timnet.records import TrainingConfig

    names = [*ALIASES, *TrainingConfig.__dataclass_fields__]
    return [(f"{name}=", "") for name in names if name.startswith(incomplete)]


def monitors(incomplete: str) -> list[str]:
    """What the checkpoint rule can watch."""
    from timnet.records import MONITORS

    return [name for name in MONITORS if name.startswith(incomplete)]


def removed(context: typer.Context, incomplete: str) -> list[Offer]:
    """The experiments that can be restored."""
    return _from_registry(
        context,
        incomplete,
        lambda registry: [
            (str(one.experiment.id), f"{one.experiment.corpus} {one.experiment.preset}, {one.runs} runs")
            for one in registry.experiments.removed()[:MOST]
        ],
    )


def workers(context: typer.Context, incomplete: str) -> list[Offer]:
    """The workers that have not been seen to end."""
    return _from_registry(
        context,
        incomplete,
        lambda registry: [(row["uid"], f"pid {row['pid']} on {row['host']}") for row in registry.workers.open()],
    )


def filter_terms(context: typer.Context, incomplete: str) -> list[Offer]:
    """What a term of a filter could become."""
    from timnet.registry.completion import complete

    return _from_registry(
        context,
        incomplete,
        lambda registry: [
            (one.applied(incomplete), one.about)
            for one in complete(incomplete, len(incomplete), registry.pages.values())
        ],
    )


def sorts(incomplete: str) -> list[str]:
    """What runs can be sorted by."""
    from timnet.registry.order import SORTS

    return [name for name in SORTS if name.startswith(incomplete)]


def groups(incomplete: str) -> list[str]:
    """What runs can be put together by, also after a comma."""
    from timnet.registry.groups import BY

    before, comma, start = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in BY if name.startswith(start)]


def one_of(*words: str) -> Callable[[str], list[str]]:
    """A fixed choice."""

    def offers(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return offers


def _experiments(registry: Registry) -> Iterator[Offer]:
    for one in registry.experiments.newest(MOST):
        yield str(one.id), f"{one.corpus} {one.preset} seed {one.seed}"


def _from_registry(
    context: typer.Context, incomplete: str, find: Callable[[Registry], Iterator[Offer] | list[Offer]]
) -> list[Offer]:
    """What ``find`` reads from the registry; nothing where that fails: a shell must never show a traceback."""
    from timnet.cli.context import settings_of
    from timnet.registry import Registry
    from timnet.text import clean

    with suppress(Exception), Registry.open_read_only(settings_of(context).db) as registry:
        return [(word, clean(about)) for word, about in find(registry) if word.startswith(incomplete)]
    return []
