"""How long an epoch takes here, by what decides it: the corpus and the settings that make an epoch longer."""

from __future__ import annotations

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

    What was imported tells of another machine and is left out.
    """
    columns = ", ".join(f"{column} AS {name}" for name, column in KIND_COLUMNS.items())
    rows = db.rows(
        f"""
        SELECT {columns}, sum(measured.seconds) / sum(measured.runs) AS pace
        FROM (
            SELECT experiment_id, sum(last_seconds) AS seconds, count(last_seconds) AS runs
            FROM (SELECT experiment_id, last_seconds FROM runs ORDER BY id DESC LIMIT ?)
            WHERE last_seconds IS NOT NULL GROUP BY experiment_id
        ) AS measured
        JOIN experiments ON experiments.id = measured.experiment_id
        WHERE source = 'trained'
        GROUP BY {", ".join(KIND_COLUMNS)}
        """,
        (NEWEST,),
    )
    return {kind_from(row): row["pace"] for row in rows}
