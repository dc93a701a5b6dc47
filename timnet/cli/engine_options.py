"""The options that say what runs on other machines get there, shared by ``work`` and ``engine check``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from timnet.cli.option_group import with_options

if TYPE_CHECKING:
    from timnet.queue.engines.choose import Asked


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the user gave on the command line; None means: as the settings say."""

    shared: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Slurm, Ray: the folder in which runs are handed over; default: cluster/ beside the registry. "
            "Slurm's nodes must all see it at the same path.",
        ),
    ] = None
    cpus: Annotated[
        float | None, typer.Option(metavar="N", min=0, help="Slurm, Ray: cores of each run (default: 1).")
    ] = None
    partition: Annotated[str | None, typer.Option(metavar="NAME", help="Slurm: the partition.")] = None
    gres: Annotated[str | None, typer.Option(metavar="LIST", help="Slurm: what each run gets, e.g. gpu:1.")] = None
    time: Annotated[
        str | None,
        typer.Option(
            metavar="LIMIT",
            help="Slurm: how long a job may take, e.g. 2:00:00; a longer run waits again, and goes on from its "
            "checkpoint.",
        ),
    ] = None
    array_parallelism: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Slurm: runs at once (default: 256).")
    ] = None
    mem: Annotated[str | None, typer.Option(metavar="SIZE", help="Slurm: memory of each run, e.g. 4G.")] = None
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Slurm: who pays.")] = None
    qos: Annotated[str | None, typer.Option(metavar="NAME", help="Slurm: quality of service.")] = None
    constraint: Annotated[str | None, typer.Option(metavar="LIST", help="Slurm: features of nodes, e.g. a100.")] = None
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Slurm: another option of sbatch, e.g. reservation=course; may be repeated.",
        ),
    ] = None
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Ray: the cluster (default: auto, the one here).")
    ] = None
    gpus: Annotated[
        float | None, typer.Option(metavar="N", min=0, help="Ray: cards of each run, or a part of one, e.g. 0.25.")
    ] = None

    def given(self) -> dict[str, Any]:
        """What was given, by name, ``shared`` aside."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if name != "shared" and value not in (None, [])}

    def asked(self, engine: str, jobs: int = 0) -> Asked:
        """For one of the engines. Raises :class:`timnet.errors.BadInput` where there is no such engine, or the option.

        Nothing but what was given is checked here.
        """
        from timnet.queue.engines.choose import Asked

        return Asked.checked(engine, self.given(), self.shared, jobs)


def with_engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a Typer command the fields of :class:`EngineOptions`; it gets them as ``options``."""
    return with_options(command, EngineOptions, {}, last=True)
