"""No score leaves the command line without protocol, selection rule and, where it is so, ``optimistic``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

LABELS = {"protocol", "selection", "optimistic"}
AS_JSON = [
    "runs ls --json", "runs ls --group experiment --json", "runs show 2.1 --json", "runs compare 2 1 --json",
    "runs compare 2.1 1.1 --json", "queue ls --json", "export runs", "export table -f json",
    "export table --folds -f json", "export table --seed-table 1 -f json", "export table --rows seed -f json",
    "export table --seed-table 2 -f json",
]  # fmt: skip
AS_TEXT = [
    "runs ls id:2", "runs ls id:2 --group experiment", "runs show 2.1", "runs compare 2 1", "runs compare 2.1 1.1",
    "export table 2", "export table 2 -f csv", "export table 2 --folds -f csv", "export table 2 -f latex",
    *(f"export table 2 --rows {rows} --cols experiment" for rows in ("corpus", "source", "protocol", "preset", "seed")),
    *(f"export table --seed-table {number} -f {form}" for number in (1, 2) for form in ("csv", "markdown", "latex")),
]  # fmt: skip


def scores(value: Any, known: frozenset[str] = frozenset()) -> Iterator[frozenset[str]]:
    """For each score in ``value``, the keys of the objects around it; a difference's labels are those of its sides."""
    if isinstance(value, list):
        for one in value:
            yield from scores(one, known)
    if isinstance(value, dict):
        known |= value.keys()
        for name, inside in value.items():
            if name in ("uar", "war") and (inside if not isinstance(inside, dict) else inside.get("mean")) is not None:
                yield known
            elif name != "differences":
                yield from scores(inside, known)


@pytest.mark.parametrize("line", AS_JSON)
def test_every_score_in_json_stands_inside_its_labels(cli: Cli, filled: Path, line: str) -> None:
    found = cli(*line.split())
    assert found.status == 0, found.err
    around = list(scores(found.json))
    assert around or "queue ls" in line or "--seed-table 2" in line  # what waits has no score, settings have none
    assert all(keys >= LABELS for keys in around)


@pytest.mark.parametrize("line", AS_TEXT)
def test_every_text_with_an_optimistic_score_says_so(cli: Cli, filled: Path, line: str) -> None:
    found = cli(*line.split())
    assert found.status == 0, found.err
    assert "optimistic" in found.out
    assert "best-test" in found.out or "settings" in found.out.lower()
    shown = [text for text in found.out.splitlines() if text.startswith("2.") or "#2 " in text]
    if line.startswith("runs ls") or "csv" in line:
        assert all("best-test" in text for text in shown)
        assert shown or "experiment" in line or "seed-table" in line


@pytest.mark.parametrize("kind", ["curves", "tsne", "confusion"])
def test_every_file_of_an_optimistic_experiment_is_named_so(cli: Cli, filled: Path, kind: str) -> None:
    found = cli("export", kind, "2", "-o", "figures", "--format", "svg")
    assert found.status == 0, found.err
    names = [path.name for path in Path("figures").iterdir()]
    assert names
    assert all("random-best-test-optimistic" in name for name in names)
