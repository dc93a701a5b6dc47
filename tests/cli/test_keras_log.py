"""``timnet import keras-log`` on the command line: what it prints where, its exit status, what it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.imports.logs import CLASSES, ending, fold_text, needs_seed_run, rows_of, steady
from tests.imports.test_service import HITS, SEED_RUN, TRUE, sheet_matrix
from tests.imports.test_sheet import workbook


def timnet(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timnet", "--db", str(folder / "runs.db"), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_log_and_its_sheet_become_an_experiment(tmp_path):
    log = tmp_path / "EMODB.txt"
    log.write_text("".join(fold_text(steady(4)) + ending(n, 0.5, rows_of(HITS, TRUE)) for n in (1, 2)))
    book = workbook(tmp_path / "EMODB.xlsx", {"0": sheet_matrix(), "1": sheet_matrix()}, CLASSES)
    made = timnet(
        tmp_path, "import", "keras-log", str(log), "--corpus", "EMODB", "--results", str(book), "--folds", "2", "--json"
    )
    assert made.returncode == 0, made.stderr
    assert [(run["id"], run["state"], run["epoch"]) for run in json.loads(made.stdout)] == [
        ("1.1", "done", 4), ("1.2", "done", 4),
    ]  # fmt: skip
    assert "transposed, rows are now the truth" in made.stderr
    assert "experiment 1: 2 folds, 8 epochs, 4 checks" in made.stderr
    shown = json.loads(timnet(tmp_path, "runs", "show", "1.2", "--json").stdout)
    assert (len(shown["metrics"]), shown["optimistic"], shown["confusion"]["labels"]) == (4, True, list(CLASSES))


@needs_seed_run
def test_the_report_of_the_seed_stands_beside_its_published_figures(tmp_path):
    made = timnet(tmp_path, "import", "keras-log", str(SEED_RUN / "EMODB.txt"), "--corpus", "EMODB")
    assert made.returncode == 0, made.stderr
    assert "| EMODB | keras-log #1 seed | random | best-test (optimistic) | 10 | 83.77" in made.stdout
    assert "85.23" in made.stdout


def test_a_mistake_is_one_line_and_leaves_no_registry(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    for words, said in (
        (["absent.txt", "--corpus", "EMODB"], "no such file: absent.txt"),
        ([str(Path(__file__)), "--corpus", "EMODB"], "no whole epoch"),
    ):
        found = timnet(folder, "import", "keras-log", *words)
        assert (found.returncode, found.stdout, found.stderr.count("\n")) == (2, "", 1)
        assert said in found.stderr
    assert list(folder.iterdir()) == []
