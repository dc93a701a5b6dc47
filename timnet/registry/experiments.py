"""Experiments in the registry: creating them with their runs, tags and notes, and deleting them."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.clock import now
from timnet.errors import BadInput, UnknownName
from timnet.records import CorpusRecord, EventKind, Experiment, TrainingConfig, is_optimistic
from timnet.registry.database import Database, Row
from timnet.registry.search import experiments as passing
from timnet.registry.trouble import clear_rows, strange

if TYPE_CHECKING:
    from timnet.provenance import Code

SELECT = """
    SELECT experiments.*, corpora.name AS corpus,
           (SELECT group_concat(tag, ' ') FROM tags WHERE experiment_id = experiments.id) AS tags
    FROM experiments JOIN corpora ON corpora.id = experiments.corpus_id
"""


@dataclass(frozen=True, slots=True)
class NewExperiment:
    """What is asked for: ``only`` are the fold numbers to queue, all of them when empty.

    ``id`` and ``uid`` are given here, unless they come with an experiment from another registry. ``code`` is what it is
    queued with (:mod:`timnet.queue.enqueue`), None where that is not known.
    """

    corpus: CorpusRecord
    config: TrainingConfig
    protocol: str
    preset: str
    seed: int
    folds: int
    only: tuple[int, ...] = ()
    source: str = "trained"
    selection: str = ""
    priority: int = 0
    note: str = ""
    tags: tuple[str, ...] = ()
    id: int | None = None
    uid: str = ""
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """A removed experiment (``experiment.deleted`` says when), with its ``runs``, ``done`` of which have a result."""

    experiment: Experiment
    runs: int
    done: int


class Experiments:
    """The tables ``experiments`` and ``tags``, and the birth of rows in ``runs``."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def create(self, new: Sequence[NewExperiment]) -> list[Experiment]:
        """Insert experiments and queue their runs: all of them or, on any error, none."""
        with self.db.write():
            ids = [self._insert(one) for one in new]
        return [self.get(experiment_id) for experiment_id in ids]

    def _insert(self, new: NewExperiment) -> int:
        time = now()
        uid = new.uid or f"{_plain(new.corpus.name)}-{secrets.token_hex(6)}"
        selection = new.selection or new.config.selection
        inserted = self.db.table("experiments").insert(
            {
                **({} if new.id is None else {"id": new.id}),
                "uid": uid,
                "corpus_id": new.corpus.id,
                "protocol": new.protocol,
                "preset": new.preset,
                "selection": selection,
                "optimistic": int(is_optimistic(selection)),
                "config": json.dumps(new.config.to_dict()),
                "seed": new.seed,
                "folds": new.folds,
                "source": new.source,
                "created": time,
                "note": new.note,
                "code": None if new.code is None else json.dumps(new.code.to_dict()),
            }
        )
        experiment_id = int(str(inserted.last_pk))
        for fold in chosen_folds(new.only, new.folds):
            run = self.db.changed(
                "INSERT INTO runs (uid, experiment_id, fold, state, priority, epochs, created, updated, corpus) "
                "VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?) RETURNING id",
                (
                    f"{uid}-f{fold:02d}",
                    experiment_id,
                    fold,
                    new.priority,
                    new.config.epochs,
                    time,
                    time,
                    new.corpus.name,
                ),
            )[0]
            self.db.connection.execute(
                "INSERT INTO events (run_id, time, kind, text) VALUES (?, ?, ?, 'queued')",
                (run["id"], time, EventKind.QUEUED),
            )
        self.db.connection.execute("UPDATE runs SET place = id WHERE experiment_id = ?", (experiment_id,))
        self._add_tags(experiment_id, new.tags)
        return experiment_id

    def get(self, experiment_id: int) -> Experiment:
        """One experiment. Raises :class:`UnknownName`, also for one that was removed."""
        return experiment_of(self._check_there(experiment_id))

    def ls(self, ids: Iterable[int] | None = None) -> list[Experiment]:
        """Experiments, oldest first: all, or those named."""
        if ids is None:
            rows = self.db.rows(f"{SELECT} WHERE experiments.deleted IS NULL ORDER BY experiments.id")
            return [experiment_of(row) for row in rows]
        return [self.get(experiment_id) for experiment_id in sorted(set(ids))]

    def newest(self, limit: int) -> list[Experiment]:
        """The newest experiments, the newest first."""
        rows = self.db.rows(
            f"{SELECT} WHERE experiments.deleted IS NULL ORDER BY experiments.id DESC LIMIT ?", (limit,)
        )
        return [experiment_of(row) for row in rows]

    def ids(self, filter_text: str = "") -> list[int]:
        """The ids of all experiments, or of those with a run that passes the filter: pinned ones, then the newest first."""
        return [experiment_id for some in passing(self.db, filter_text) for experiment_id in some]

    def code(self, experiment_id: int) -> Code | None:
        """What an experiment was queued with; None where that is not known. Raises :class:`UnknownName`."""
        from timnet.provenance import Code

        told = self._check_there(experiment_id)["code"]
        what = f"the code of experiment {experiment_id}"
        if told is None:
            return None
        with clear_rows(what):
            values = json.loads(told)
        try:
            return Code.from_dict(values)
        except BadInput as error:
            raise strange(what, error) from error

    # what users keep on experiments

    def tag(self, experiment_id: int, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Experiment:
        """Add and remove tags. A tag is one word without ``:``."""
        self.tag_all([experiment_id], add, remove)
        return self.get(experiment_id)

    def tag_all(self, ids: Iterable[int], add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove tags of several experiments: of all or, on any error, of none."""
        with self.db.write():
            for experiment_id in ids:
                self._check_there(experiment_id)
                self._add_tags(experiment_id, add)
                self.db.connection.executemany(
                    "DELETE FROM tags WHERE experiment_id = ? AND tag = ?", [(experiment_id, tag) for tag in remove]
                )

    def note(self, experiment_id: int, text: str) -> Experiment:
        """Replace the note of an experiment."""
        self.note_all([experiment_id], text)
        return self.get(experiment_id)

    def note_all(self, ids: Iterable[int], text: str) -> None:
        """Write the same note on several experiments."""
        self._set_all(ids, "note", text)

    def pin(self, ids: Iterable[int], *, pinned: bool = True) -> None:
        """Keep experiments at the head of lists, or no longer."""
        self._set_all(ids, "pinned", int(pinned))

    def _set_all(self, ids: Iterable[int], column: str, value: str | int) -> None:
        with self.db.write():
            for experiment_id in ids:
                self._check_there(experiment_id)
                self.db.connection.execute(f"UPDATE experiments SET {column} = ? WHERE id = ?", (value, experiment_id))

    # removing

    def remove(self, ids: Iterable[int]) -> None:
        """Hide experiments from every list, all or none, until they are restored or deleted for good.

        Their waiting runs leave the queue. Raises :class:`BadInput` while a run of one is running.
        """
        with self.db.write():
            for experiment_id in ids:
                self._check_there(experiment_id)
                self._runs_at_rest(experiment_id)
                self.db.connection.execute(
                    "UPDATE experiments SET deleted = ?, pinned = 0 WHERE id = ?", (now(), experiment_id)
                )
                self.db.connection.execute(
                    "UPDATE runs SET hidden = 1, hidden_from = state, state = iif(state = 'queued', 'cancelled', state) "
                    "WHERE experiment_id = ?",
                    (experiment_id,),
                )

    def restore(self, ids: Iterable[int]) -> list[Experiment]:
        """Bring removed experiments back, all or none, each run in the state it had; what had waited waits again."""
        ids = list(dict.fromkeys(ids))
        with self.db.write():
            for experiment_id in ids:
                row = self._row(experiment_id)
                if row.get("deleted") is None:
                    raise BadInput(f"experiment {experiment_id} was not removed")
                self.db.connection.execute("UPDATE experiments SET deleted = NULL WHERE id = ?", (experiment_id,))
                try:
                    self.db.connection.execute(
                        "UPDATE runs SET hidden = 0, state = hidden_from, hidden_from = NULL WHERE experiment_id = ?",
                        (experiment_id,),
                    )
                except sqlite3.IntegrityError as error:  # what was kept is no state
                    raise strange(f"the runs' states of experiment {experiment_id}", error) from error
        return [self.get(experiment_id) for experiment_id in ids]

    def removed(self) -> list[Removed]:
        """The experiments that can still be restored, the last removed first."""
        rows = self.db.rows(
            "SELECT experiments.id, count(runs.id) AS runs, coalesce(sum(runs.state = 'done'), 0) AS done "
            "FROM experiments LEFT JOIN runs ON runs.experiment_id = experiments.id "
            "WHERE experiments.deleted IS NOT NULL GROUP BY experiments.id ORDER BY experiments.deleted DESC, 1 DESC"
        )
        return [Removed(experiment_of(self._row(row["id"])), row["runs"], row["done"]) for row in rows]

    def delete(self, experiment_id: int) -> list[str]:
        """Delete an experiment for good with all its runs and return the runs' uids, whose folders may now go.

        Raises :class:`BadInput` while one of its runs is running.
        """
        with self.db.write():
            self._row(experiment_id)
            uids = self._runs_at_rest(experiment_id)
            self.db.connection.execute("DELETE FROM experiments WHERE id = ?", (experiment_id,))
        return uids

    def taken(self) -> dict[str, int]:
        """The uid and id of every experiment there is, removed ones included."""
        return dict(self.db.tuples("SELECT uid, id FROM experiments"))

    def _row(self, experiment_id: int) -> Row:
        """The row of an experiment, removed or not. Raises :class:`UnknownName`."""
        row = self.db.row(f"{SELECT} WHERE experiments.id = ?", (experiment_id,))
        if row is None:
            raise UnknownName(f"no experiment {experiment_id} here; list them with: timnet runs ls --group experiment")
        return row

    def _check_there(self, experiment_id: int) -> Row:
        """The same, but one that was removed is not there. Raises :class:`UnknownName`."""
        row = self._row(experiment_id)
        if row.get("deleted") is not None:
            raise UnknownName(
                f"experiment {experiment_id} was removed; bring it back with: timnet runs restore {experiment_id}"
            )
        return row

    def _runs_at_rest(self, experiment_id: int) -> list[str]:
        """The uids of an experiment's runs. Raises :class:`BadInput` while one is running."""
        runs = self.db.changed(
            "SELECT uid, state, fold FROM runs WHERE experiment_id = ? ORDER BY fold", (experiment_id,)
        )
        running = [f"{experiment_id}.{run['fold']}" for run in runs if run["state"] == "running"]
        if running:
            raise BadInput(f"run {running[0]} is running; cancel it first: timnet queue cancel {running[0]}")
        return [run["uid"] for run in runs]

    def _add_tags(self, experiment_id: int, tags: Sequence[str]) -> None:
        for tag in tags:
            check_tag(tag)
            self.db.connection.execute(
                "INSERT INTO tags (experiment_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING", (experiment_id, tag)
            )


def _plain(name: str) -> str:
    """A corpus's name as a part of a folder's name; one from a bundle can be any text."""
    return re.sub(r"[^a-z0-9._-]", "_", name.lower())[:64].lstrip(".")


def check_tag(tag: str) -> None:
    """Raise :class:`BadInput` for what cannot be a tag."""
    if not tag or any(character.isspace() or character in ":," for character in tag):
        raise BadInput(f"{tag!r} cannot be a tag; a tag is one word without ':' or ','")


def chosen_folds(only: Sequence[int], folds: int) -> list[int]:
    """The folds to queue: those in ``only``, each once, or all of 1 to ``folds`` when it is empty.

    Raises :class:`BadInput` naming the first that is outside.
    """
    outside = [fold for fold in only if not 1 <= fold <= folds]
    if outside:
        raise BadInput(f"no fold {outside[0]}: this experiment has folds 1 to {folds}")
    return sorted(set(only)) or list(range(1, folds + 1))


def experiment_of(row: Row) -> Experiment:
    """An experiment from a row of :data:`SELECT`."""
    with clear_rows(f"experiment {row.get('id')}"):
        config = TrainingConfig.from_dict(json.loads(row["config"]))
        return Experiment(
            id=row["id"],
            uid=row["uid"],
            corpus_id=row["corpus_id"],
            corpus=row["corpus"],
            protocol=row["protocol"],
            preset=row["preset"],
            selection=row["selection"],
            optimistic=bool(row["optimistic"]),
            config=config,
            seed=row["seed"],
            folds=row["folds"],
            source=row["source"],
            created=row["created"],
            note=row["note"],
            tags=tuple((row["tags"] or "").split()),
            pinned=bool(row["pinned"]),
            deleted=row["deleted"],
        )
