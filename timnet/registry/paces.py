"""How long an epoch takes here, by what decides it: the corpus and the settings that make an epoch longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from timnet.records import TrainingConfig
from timnet.registry.database import Database

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


def kind_of(corpus_id: int, config: TrainingConfig) -> Kind:
    """The kind that an experiment is of."""
    return Kind(corpus_id, config.batch_size, config.filters, config.kernel_size, config.tabs)


def paces(db: Database) -> Mapping[Kind, float]:
    """The mean seconds of an epoch for each kind, from the newest runs that were trained here.

    What was imported tells of another machine and is left out.
    """
    rows = db.rows(
        """
        SELECT corpus_id, json_extract(config, '$.batch_size') AS batch_size, json_extract(config, '$.filters') AS filters,
               json_extract(config, '$.kernel_size') AS kernel_size, json_extract(config, '$.tabs') AS tabs,
               sum(seconds) / sum(runs) AS pace
        FROM (
            SELECT experiment_id, sum(last_seconds) AS seconds, count(last_seconds) AS runs
            FROM (SELECT experiment_id, last_seconds FROM runs ORDER BY id DESC LIMIT ?)
            WHERE last_seconds IS NOT NULL GROUP BY experiment_id
        ) AS measured
        JOIN experiments ON experiments.id = measured.experiment_id
        WHERE source = 'trained'
        GROUP BY 1, 2, 3, 4, 5
        """,
        (NEWEST,),
    )
    return {
        Kind(row["corpus_id"], row["batch_size"], row["filters"], row["kernel_size"], row["tabs"]): row["pace"]
        for row in rows
    }
