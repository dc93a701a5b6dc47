"""The options that say which experiments to make, shared by ``queue add`` and ``train``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from timnet.cli import complete
from timnet.cli.option_group import with_options

if TYPE_CHECKING:
    from timnet.queue.plan import Request


@dataclass(frozen=True, slots=True)
class ExperimentOptions:
    """What the user gave on the command line; None means: as the preset has it."""

    corpora: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS", help="Registered corpora, e.g. EMODB SAVEE.", show_default=False,
            autocompletion=complete.corpora,
        ),
    ]  # fmt: skip
    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Named settings: github, fast, seed, demo; several with commas.",
            autocompletion=complete.presets,
        ),
    ] = "github"  # fmt: skip
    folds: Annotated[int | None, typer.Option(metavar="N", help="How many folds.")] = None
    only: Annotated[str, typer.Option(metavar="FOLDS", help="Only these folds, e.g. 1,2 or 1-3.")] = ""
    protocol: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How folds are made, e.g. random.", autocompletion=complete.protocols),
    ] = None
    seed: Annotated[list[int] | None, typer.Option(metavar="N", help="Seed of folds and weights; may be repeated.")] = (
        None
    )
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Epochs of each run.")] = None
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A setting, e.g. lr=5e-4; values with commas make a grid.",
            autocompletion=complete.settings,
        ),
    ] = None  # fmt: skip
    validate_every: Annotated[
        int | None,
        typer.Option(metavar="N", help="Ask test fold and inner set every N epochs, and at the last."),
    ] = None
    check_every: Annotated[int | None, typer.Option(metavar="N", help="Check for improvement every N epochs.")] = None
    check_from: Annotated[int | None, typer.Option(metavar="N", help="... from epoch N on.")] = None
    monitor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What is checked: [val_|inner_]loss, accuracy, or val_uar, inner_uar.",
            autocompletion=complete.monitors,
        ),
    ] = None  # fmt: skip
    min_delta: Annotated[
        float | None, typer.Option(metavar="X", help="The least change that counts as an improvement.")
    ] = None
    patience: Annotated[int | None, typer.Option(metavar="N", help="Stop early after N checks in vain; 0: never.")] = (
        None
    )
    select: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Whose weights count: last, best (by val_... that is optimistic) or average (of the last epochs).",
            autocompletion=complete.one_of("last", "best", "average"),
        ),
    ] = None
    average: Annotated[int | None, typer.Option(metavar="N", help="How many epochs --select average takes.")] = None
    inner: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Keep a share of the training data out, to choose epochs by, e.g. 0.1."),
    ] = None
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag; may be repeated.")] = None
    note: Annotated[str, typer.Option(metavar="TEXT", help="A note.")] = ""
    priority: Annotated[int, typer.Option(metavar="N", help="Higher runs first.")] = 0

    def request(self) -> Request:
        """The same as the core understands it."""
        from timnet.queue.plan import Request, chosen_sequence, parse_folds

        return Request(
            corpora=chosen_sequence(self.corpora),
            presets=chosen_sequence([self.preset]),
            protocol=self.protocol,
            folds=self.folds,
            only=parse_folds(self.only),
            seeds=tuple(self.seed or ()),
            epochs=self.epochs,
            changes=tuple(self.changes or ()),
            rule=self._rule(),
            tags=tuple(self.tag or ()),
            note=self.note,
            priority=self.priority,
        )

    def again(self, request: Request) -> Request:
        """``request`` once more, but for what was given; tags come on top of those it has."""
        from timnet.queue.plan import parse_folds, with_changes

        epochs = () if self.epochs is None else (f"epochs={self.epochs}",)
        rule = tuple(f"{name}={value}" for name, value in self._rule())
        return replace(
            with_changes(request, (*(self.changes or ()), *epochs, *rule)),
            only=parse_folds(self.only) or request.only,
            seeds=tuple(self.seed or request.seeds),
            tags=tuple(dict.fromkeys((*request.tags, *(self.tag or ())))),
            note=self.note,
            priority=self.priority,
        )

    def _rule(self) -> tuple[tuple[str, Any], ...]:
        """What was given of the checkpoint rule."""
        names = (
            "validate_every", "check_every", "check_from", "monitor", "min_delta", "patience",
            "select", "average", "inner",
        )  # fmt: skip
        return tuple((name, getattr(self, name)) for name in names if getattr(self, name) is not None)


def with_experiment_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a Typer command the fields of :class:`ExperimentOptions`; it gets them as ``options``."""
    return with_options(command, ExperimentOptions, {})


def with_options_again(command: Callable[..., None]) -> Callable[..., None]:
    """As :func:`with_experiment_options`, without what an experiment that is there has settled already."""
    return with_options(
        command, ExperimentOptions, {"corpora": [], "preset": "github", "folds": None, "protocol": None}
    )
