"""Which files of runs the registry names, and which runs have done with theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from timnet.errors import BadInput, TimnetError, UnknownName
from timnet.provenance import Code
from timnet.records import Experiment
from timnet.registry.copies import is_sqlite
from timnet.registry.database import Database
from timnet.registry.experiments import SELECT, experiment_of


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a row names. ``kind`` is that of a checkpoint (``last``, ``best``, ``final``) or of an artifact."""

    run_id: int
    run: str
    uid: str
    state: str
    kind: str
    checkpoint: bool
    epoch: int
    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is done. ``whole``: its rows hold all its epochs and its result, so nothing must be healed."""

    run_id: int
    run: str
    uid: str
    final: str | None
    best: str | None
    whole: bool


class Files:
    """What rows say of files."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def named(self) -> list[NamedFile]:
        """Every file that a row names, of removed experiments too, run by run."""
        return self._named("1")

    def named_by(self, run_id: int) -> list[NamedFile]:
        """The files that the rows of one run name."""
        return self._named("runs.id = ?", (run_id,))

    def uid(self, run_id: int) -> str:
        """The name of a run's folder. Raises :class:`UnknownName`."""
        row = self.db.row("SELECT uid FROM runs WHERE id = ?", (run_id,))
        if row is None:
            raise UnknownName(f"no run with row id {run_id} in {self.db.path}")
        return str(row["uid"])

    def experiment_of(self, run_id: int) -> Experiment:
        """The experiment of a run, also of one that was removed."""
        row = self.db.row(
            f"{SELECT} WHERE experiments.id = (SELECT experiment_id FROM runs WHERE runs.id = ?)", (run_id,)
        )
        if row is None:
            raise UnknownName(f"no run with row id {run_id} in {self.db.path}")
        return experiment_of(row)

    def _named(self, where: str, parameters: tuple[int, ...] = ()) -> list[NamedFile]:
        rows = self.db.tuples(
            "SELECT runs.id, runs.experiment_id || '.' || runs.fold, runs.uid, runs.state, f.kind, f.checkpoint, f.epoch, f.path, f.bytes "
            "FROM (SELECT run_id, kind, 1 AS checkpoint, epoch, path, bytes FROM checkpoints "
            "UNION ALL SELECT run_id, kind, 0, 0, path, bytes FROM artifacts) AS f JOIN runs ON runs.id = f.run_id "
            f"WHERE {where} ORDER BY runs.id, f.checkpoint DESC, f.kind",
            parameters,
        )
        return [
            NamedFile(run_id, run, uid, state, kind, bool(checkpoint), *rest)
            for run_id, run, uid, state, kind, checkpoint, *rest in rows
        ]

    def finished(self) -> list[Finished]:
        """The runs that are done, of removed experiments too, with where their weights lie."""
        rows = self.db.tuples(
            "SELECT runs.id, runs.experiment_id || '.' || runs.fold, runs.uid, "
            "(SELECT path FROM checkpoints WHERE run_id = runs.id AND kind = 'final'), "
            "(SELECT path FROM checkpoints WHERE run_id = runs.id AND kind = 'best'), "
            "runs.war IS NOT NULL AND runs.epoch = (SELECT count(*) FROM epochs WHERE run_id = runs.id) "
            "FROM runs WHERE runs.state = 'done' OR runs.hidden_from = 'done' ORDER BY runs.id"
        )
        return [Finished(run_id, run, uid, final, best, bool(whole)) for run_id, run, uid, final, best, whole in rows]

    def is_done(self, run_id: int) -> bool:
        """Whether a run is done now."""
        row = self.db.row("SELECT state = 'done' OR hidden_from = 'done' AS done FROM runs WHERE id = ?", (run_id,))
        return bool(row and row["done"])

    def corpora_to_train(self) -> list[int]:
        """The versions of corpora that have runs which wait, train, or may be tried again."""
        rows = self.db.tuples(
            "SELECT DISTINCT corpus_id FROM experiments WHERE id IN (SELECT experiment_id FROM runs "
            "WHERE coalesce(hidden_from, state) != 'done') ORDER BY corpus_id"
        )
        return [row[0] for row in rows]

    def forget(self, run_id: int, kind: str, path: str) -> None:
        """The weights of one kind that lay at ``path`` are gone, or about to go."""
        with self.db.write():
            self.db.connection.execute(
                "DELETE FROM checkpoints WHERE run_id = ? AND kind = ? AND path = ?", (run_id, kind, path)
            )

    def diffs(self) -> dict[str, int]:
        """The digests of changes that experiments were queued with, and the first of these; removed ones too."""
        if not self.db.number("SELECT count(*) FROM pragma_table_info('experiments') WHERE name = 'code'"):
            return {}  # an older registry
        found: dict[str, int] = {}
        rows = self.db.tuples("SELECT min(id), code FROM experiments WHERE code IS NOT NULL GROUP BY code ORDER BY 1")
        for experiment_id, told in rows:
            with suppress(ValueError, TypeError, RecursionError, BadInput):  # a damaged row names no file
                digest = Code.from_dict(json.loads(told)).diff
                if digest is not None:
                    found.setdefault(digest, experiment_id)
        return found

    def attempts_out(self) -> set[str]:
        """The names of the folders of attempts on other machines, as long as somebody may have to look into them."""
        if not self.db.number("SELECT count(*) FROM pragma_table_info('attempts') WHERE name = 'folder'"):
            return set()  # an older registry
        rows = self.db.tuples("SELECT folder FROM attempts WHERE folder IS NOT NULL")
        return {str(folder).rpartition("/")[2] for (folder,) in rows}

    def uids(self) -> set[str]:
        """The names of the folders of all runs, removed ones included."""
        return {row[0] for row in self.db.tuples("SELECT uid FROM runs")}


def known_beside(path: Path, what: Callable[[Files], Iterable[str]]) -> tuple[set[str], list[Path]]:
    """What any registry in the folder of ``path`` knows, backups too; and the databases that did not say.

    They share one folder of runs, and one of changes.
    """
    known: set[str] = set()
    silent: list[Path] = []
    for file in sorted(path.absolute().parent.iterdir()):
        if not (file.is_file() and is_sqlite(file)):
            continue
        try:
            with closing(Database.open_read_only(file, older=True)) as database:
                if database.number("SELECT count(*) FROM sqlite_master WHERE name = 'runs'"):
                    known.update(what(Files(database)))
        except TimnetError as error:
            if "not a timnet registry" not in str(error):
                silent.append(file)
    return known, silent
