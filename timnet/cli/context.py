"""What every command starts from: the settings with the flags applied, and the registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from timnet.settings import Settings, load

if TYPE_CHECKING:
    from timnet.registry import Registry


def settings_of(context: typer.Context) -> Settings:
    """The settings of this command: files, environment, then the global flags."""
    settings = load()
    db: Path | str | None = context.find_root().params.get("db")  # text in some versions of Typer
    return settings if db is None else replace(settings, db=Path(db))


@contextmanager
def reading(context: typer.Context) -> Iterator[tuple[Registry, Settings]]:
    """A registry that is there, to look at or to change; where there is none, an empty one that writes no file.

    So a command that names something unknown says so, and leaves no registry behind.
    """
    from timnet.registry import Registry

    settings = settings_of(context)
    with Registry.open_or_empty(settings.db) as registry:
        yield registry, settings


@contextmanager
def creating(context: typer.Context) -> Iterator[tuple[Registry, Settings]]:
    """A registry to change, created where there is none yet."""
    from timnet.registry import Registry

    settings = settings_of(context)
    with Registry.open(settings.db) as registry:
        yield registry, settings
