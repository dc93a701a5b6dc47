"""Corpora in the registry: immutable versions of lists of utterances."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from timnet.clock import later_than, now
from timnet.errors import UnknownName
from timnet.records import CORPUS_ALIASES, CorpusRecord, Utterance
from timnet.registry.database import Database, Row
from timnet.registry.trouble import clear_rows


class Corpora:
    """The tables ``corpora`` and ``utterances``."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def add(self, corpus: CorpusRecord) -> CorpusRecord:
        """Register ``corpus`` (its ``id`` and ``added`` are given here) and make it the current version.

        Adding the same data again only updates where it lies. Experiments keep the version they used.
        """
        with self.db.write():
            newest = self.db.row("SELECT max(added) AS added FROM corpora WHERE name = ?", (corpus.name,))
            found = self.db.changed(
                """
                INSERT INTO corpora (name, layout, path, digest, classes, signal_length, tabs, added)
                VALUES (:name, :layout, :path, :digest, :classes, :signal_length, :tabs, :added)
                ON CONFLICT (name, digest) DO UPDATE
                    SET path = excluded.path, layout = excluded.layout, classes = excluded.classes,
                        signal_length = excluded.signal_length, tabs = excluded.tabs,
                        added = excluded.added, removed = NULL
                RETURNING id
                """,
                {
                    "name": corpus.name,
                    "layout": corpus.layout,
                    "path": corpus.path,
                    "digest": corpus.digest,
                    "classes": json.dumps(corpus.classes),
                    "signal_length": corpus.signal_length,
                    "tabs": corpus.tabs,
                    # the newest is the current one, even where the clock was set back since the one before
                    "added": later_than(newest["added"] if newest else None),
                },
            )
            corpus_id = int(found[0]["id"])
            self.db.connection.execute("DELETE FROM utterances WHERE corpus_id = ?", (corpus_id,))
            self.db.table("utterances").insert_all(
                {"corpus_id": corpus_id, "item": item, **asdict(utterance)}
                for item, utterance in enumerate(corpus.utterances)
            )
        return self.by_id(corpus_id)

    def keep(self, corpus: CorpusRecord) -> CorpusRecord:
        """Store a version for experiments alone: nothing lists it and nothing new can be trained on it.

        A version with the same name and digest that is here already is returned as it is.
        """
        with self.db.write():
            known = (corpus.name, corpus.digest)
            found = self.db.row("SELECT id FROM corpora WHERE name = ? AND digest = ?", known)
            if found is not None:
                return self.by_id(int(found["id"]))
            added = self.add(corpus)
            self.db.connection.execute("UPDATE corpora SET removed = ? WHERE id = ?", (now(), added.id))
        return added

    def get(self, name: str) -> CorpusRecord:
        """The current version of the corpus ``name`` (any case, or an alias), with its utterances.

        Raises :class:`UnknownName` that lists the corpora there are.
        """
        name = CORPUS_ALIASES.get(name.upper(), name)
        row = self.db.row(
            "SELECT * FROM corpora WHERE name = ? COLLATE NOCASE AND removed IS NULL ORDER BY added DESC, id DESC",
            (name,),
        )
        if row is None:
            known = ", ".join(corpus.name for corpus in self.ls()) or "none yet"
            raise UnknownName(
                f"no corpus {name!r} here (there are: {known}); add it with: timnet corpora add {name} FOLDER"
            )
        return self.by_id(_corpus(row).id)

    def by_id(self, corpus_id: int) -> CorpusRecord:
        """One version of a corpus, with its utterances in row order."""
        row = self.db.row("SELECT * FROM corpora WHERE id = ?", (corpus_id,))
        if row is None:
            raise UnknownName(f"no corpus version {corpus_id} in {self.db.path}")
        return replace(_corpus(row), utterances=self.utterances(corpus_id))

    def utterances(self, corpus_id: int) -> tuple[Utterance, ...]:
        """The utterances of a corpus version, in row order: position = item."""
        rows = self.db.rows(
            'SELECT path, label, speaker, sentence, take, sha256, session, start, utterances."end" FROM utterances '
            "WHERE corpus_id = ? ORDER BY item",
            (corpus_id,),
        )
        return tuple(Utterance(**row) for row in rows)

    def ls(self) -> list[CorpusRecord]:
        """The current version of every corpus, by name, without utterances."""
        rows = self.db.rows("SELECT * FROM corpora WHERE removed IS NULL ORDER BY added, id")
        current = {one.name: one for one in map(_corpus, rows)}  # later versions replace earlier ones
        return [current[name] for name in sorted(current)]

    def sizes(self) -> dict[int, tuple[int, int]]:
        """For each corpus version, ``(utterances, speakers)``; who is not named is no speaker."""
        rows = self.db.rows(
            "SELECT corpus_id, count(*) AS n, count(DISTINCT nullif(speaker, '')) AS s FROM utterances GROUP BY 1"
        )
        return {row["corpus_id"]: (row["n"], row["s"]) for row in rows}

    def uses(self) -> dict[str, int]:
        """For each corpus that has any, how many experiments there are of it, of all its versions together."""
        rows = self.db.rows(
            "SELECT corpora.name AS name, count(*) AS n FROM experiments JOIN corpora ON corpora.id = corpus_id "
            "WHERE experiments.deleted IS NULL GROUP BY 1"
        )
        return {row["name"]: row["n"] for row in rows}

    def remove(self, name: str) -> None:
        """Forget the corpus ``name``; its experiments stay. The user's files are never touched."""
        corpus = self.get(name)
        with self.db.write():
            self.db.connection.execute(
                "UPDATE corpora SET removed = ? WHERE name = ? AND removed IS NULL", (now(), corpus.name)
            )


def _corpus(row: Row) -> CorpusRecord:
    with clear_rows(f"corpus {row.get('id')}"):
        classes = tuple(json.loads(row["classes"]))
        if not all(isinstance(one, str) for one in classes):
            raise TypeError("classes that are no texts")
        return CorpusRecord(
            id=row["id"],
            name=row["name"],
            layout=row["layout"],
            path=row["path"],
            digest=row["digest"],
            classes=classes,
            signal_length=row["signal_length"],
            tabs=row["tabs"],
            added=row["added"],
        )
