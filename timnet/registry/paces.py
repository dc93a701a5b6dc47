"""How long an epoch takes here, by what decides it: the corpus and the settings that make an epoch longer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from timnet.records import TrainingConfig
from timnet.registry.database import Database, Row

#: how many of the newest runs are asked
NEWEST = 5000


@dataclass(frozen=True, slots=True)
class Kind:
    """Experiments whose epochs take about as long: one corpus version, and settings that cost time."""

    corpus_id: int
    batch_size: int
    filters: int
    kernel_size: int
    tabs: int


#: a kind's fields -> what gives them of a row of ``experiments``
KIND_COLUMNS = {
    "corpus_id": "experiments.corpus_id",
    **{
        name: f"json_extract(experiments.config, '$.{name}')"
        for name in ("batch_size", "filters", "kernel_size", "tabs")
    },
}


def kind_from(row: Row) -> Kind:
    """The kind in a row with the names of :data:`KIND_COLUMNS`."""
    return Kind(*(row[name] for name in KIND_COLUMNS))


def kind_of(corpus_id: int, config: TrainingConfig) -> Kind:
    """The kind that an experiment is of."""
    return Kind(corpus_id, config.batch_size, config.filters, config.kernel_size, config.tabs)


def paces(db: Database) -> Mapping[Kind, float]:
    """The mean seconds of an epoch for each kind, from the newest runs that were trained here.

    An epoch takes longer where more are trained beside it: of the runs of a kind, those count whose worker trained as
    many at once as the newest worker does, or else most nearly so. What was imported tells of another machine and is
    left out.
    """
    columns = ", ".join(f"{column} AS {name}" for name, column in KIND_COLUMNS.items())
    rows = db.rows(
        f"""
        SELECT {columns}, measured.jobs AS jobs, sum(measured.seconds) / sum(measured.runs) AS pace
        FROM (
            SELECT experiment_id, jobs, sum(last_seconds) AS seconds, count(last_seconds) AS runs
            FROM (SELECT id, experiment_id, attempt, last_seconds FROM runs ORDER BY id DESC LIMIT ?) AS newest
            LEFT JOIN attempts ON attempts.run_id = newest.id AND attempts.attempt = newest.attempt
            LEFT JOIN workers ON workers.uid = attempts.worker
            WHERE last_seconds IS NOT NULL GROUP BY experiment_id, jobs
        ) AS measured
        JOIN experiments ON experiments.id = measured.experiment_id
        WHERE source = 'trained'
        GROUP BY {", ".join(KIND_COLUMNS)}, measured.jobs
        """,
        (NEWEST,),
    )
    row = db.row("SELECT jobs FROM workers ORDER BY id DESC LIMIT 1")
    at_once = row["jobs"] if row else None
    nearest = sorted(rows, key=lambda row: _apart(row["jobs"], at_once), reverse=True)
    return {kind_from(row): row["pace"] for row in nearest}


def _apart(jobs: int | None, at_once: int | None) -> float:
    """How unlike it is to train ``jobs`` at once: twice as many is as far as half as many."""
    return math.inf if jobs is None or at_once is None else abs(math.log(jobs / at_once))
