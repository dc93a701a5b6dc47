"""The three walls of the house: who may load what, and who may speak SQL."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import REPOSITORY, filled_registry

ENGINE = {"tensorflow", "keras", "librosa", "matplotlib", "sklearn"}
COMMANDS = sorted({path.stem for path in (REPOSITORY / "timnet" / "cli").glob("*.py")} - {"__init__"})
CORE = (
    "timnet.training.fold", "timnet.training.process", "timnet.training.published", "timnet.queue.worker",
    "timnet.registry", "timnet.features.build", "timnet.model.network", "timnet.export.service", "timnet.doctor",
)  # fmt: skip


def python(code: str, place: Path) -> list[str]:
    """The top-level modules that a fresh process has loaded after ``code``; what the code prints is put aside."""
    script = (
        f"{code}\nimport sys; sys.stderr.write(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=place, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TIMNET_CACHE": str(place / "cache")},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return found.stderr.splitlines()[-1].split()


def running(*words: str) -> str:
    """Code that runs one command line to its end."""
    return f"from timnet.cli.app import run\nassert run({list(words)!r}) == 0"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walls")
    filled_registry(folder / "runs.db").close()
    return folder


def test_importing_the_command_line_loads_no_engine(place: Path) -> None:
    assert {"app", "runs", "queue", "work"} <= set(COMMANDS)
    loaded = python("\n".join(f"import timnet.cli.{name}" for name in COMMANDS), place)
    assert not ENGINE & set(loaded)
    assert not {"numpy", "textual", "pandas", "scipy"} & set(loaded)


@pytest.mark.parametrize(
    "words",
    [
        ("--help",), ("runs", "ls"), ("runs", "ls", "--json"), ("runs", "ls", "--group", "experiment"),
        ("corpora", "ls"), ("queue", "ls"), ("doctor",),
        ("workers", "ls"), ("export", "table"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_commands_that_look_load_no_engine_and_no_arrays(place: Path, words: tuple[str, ...]) -> None:
    loaded = set(python(running(*words), place))
    assert not (ENGINE | {"numpy", "textual", "scipy"}) & loaded


@pytest.mark.parametrize("words", [("queue", "add", "EMODB", "--dry-run"), ("runs", "compare", "1", "2")], ids=" ".join)
def test_queueing_and_testing_load_no_engine(place: Path, words: tuple[str, ...]) -> None:
    assert not ENGINE & set(python(running(*words), place))


@pytest.mark.engine
def test_the_core_loads_no_front_end(place: Path) -> None:
    loaded = python("\n".join(f"import {name}" for name in CORE), place)
    assert not {"textual", "textual_plotext", "timnet_tui", "typer"} & set(loaded)


def test_the_import_contracts_are_kept() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 broken" in found.stdout


def sources() -> Iterator[Path]:
    for package in ("timnet", "timnet_tui"):
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            if "registry" not in path.relative_to(REPOSITORY).parts[:2]:
                yield path


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_only_the_registry_speaks_sql(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Attribute) and node.attr in ("execute", "executemany", "executescript"):
            pytest.fail(f"{path.name} line {node.lineno} executes SQL")
    assert not imported & {"sqlite3", "sqlite_utils"}
