"""The registry as one object: the stores over one open database."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Self

from timnet.errors import RegistryError
from timnet.paths import RegistryPaths
from timnet.registry.corpora import Corpora
from timnet.registry.database import Database
from timnet.registry.elsewhere import Elsewhere
from timnet.registry.experiments import Experiments
from timnet.registry.journal import Journal
from timnet.registry.lineup import Lineup
from timnet.registry.notices import Notices
from timnet.registry.pages import Pages
from timnet.registry.results import Results
from timnet.registry.runs import Runs
from timnet.registry.workers import Workers


class Registry:
    """``runs.db``, open. Use one a thread; it is a context manager."""

    def __init__(self, db: Database) -> None:
        self.db = db

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for reading and writing, creating or migrating it as needed (:meth:`Database.open`)."""
        return cls(Database.open(path))

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open an existing registry for reading alone (:meth:`Database.open_read_only`)."""
        return cls(Database.open_read_only(path))

    @classmethod
    def open_or_empty(cls, path: Path) -> Self:
        """Open an existing registry, or an empty stand-in that writes no file when there is none.

        One on a read-only disk, or that is somebody else's, is opened for reading alone.
        """
        if path.exists():
            return cls(Database.open(path) if os.access(path, os.W_OK) else Database.open_read_only(path))
        if not path.absolute().parent.is_dir():
            raise RegistryError(f"no folder {path.absolute().parent} for {path.name}; name another registry with --db")
        return cls(Database.empty(path))

    @property
    def paths(self) -> RegistryPaths:
        """Where everything of this registry lies."""
        return self.db.paths

    @cached_property
    def corpora(self) -> Corpora:
        """Corpora and their utterances."""
        return Corpora(self.db)

    @cached_property
    def experiments(self) -> Experiments:
        """Experiments, tags and notes."""
        return Experiments(self.db)

    @cached_property
    def runs(self) -> Runs:
        """Runs, commands and claims."""
        return Runs(self.db)

    @cached_property
    def pages(self) -> Pages:
        """Pages of long lists, counts and groups."""
        return Pages(self.db)

    @cached_property
    def lineup(self) -> Lineup:
        """The queue as a line, and its order."""
        return Lineup(self.db)

    @cached_property
    def results(self) -> Results:
        """What runs measured."""
        return Results(self.db)

    @cached_property
    def workers(self) -> Workers:
        """Worker processes."""
        return Workers(self.db)

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """Attempts on other machines."""
        return Elsewhere(self.db)

    @cached_property
    def notices(self) -> Notices:
        """What is worth telling, and what has been told."""
        return Notices(self.db)

    def journal(self, run_id: int, attempt: int) -> Journal:
        """The fenced writer of one attempt."""
        return Journal(self.db, run_id, attempt)

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
