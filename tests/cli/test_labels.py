"""No number that the test fold has chosen leaves timnet without protocol, selection rule and ``optimistic``.

All commands of the command line and all kinds of exports are walked in a registry whose one experiment let the test
fold choose its epochs: they are taken from the command tree and from the table of exports, so that a new output
without its label fails here, and so does one that nobody has listed.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from tests.cli.conftest import Cli
from tests.cli.test_help import COMMANDS
from tests.corpora.recordings import write_wav
from tests.labels import SCORE, labelled, only_optimistic
from timnet.export.order import FORMATS, Order, carry_out
from timnet.export.table_files import TABLE_FORMATS, suffix_of
from timnet.notices.notice import notices_of
from timnet.prediction import service as prediction
from timnet.registry import Registry
from timnet.settings import OCCASIONS

LABELS = {"protocol", "selection", "optimistic"}
TABLES = ("csv", "markdown", "latex", "json")

#: for each command what is typed; the first lines show a score, those with ``-`` in front show none
WALKED: dict[str, tuple[str, ...]] = {
    "predict": ("sound.wav --experiment 1", "sound.wav --run 1.1"),
    "presets": ("-", "- paper", "- mine --from 1"),
    "doctor": ("-",),
    "settings": ("-",),
    "corpora ls": ("-", "- --json"),
    "corpora leakage": ("- EMODB",),
    "queue add": ("- EMODB --preset paper --dry-run",),
    "queue again": ("- 1 --dry-run",),
    "queue ls": ("-", "- --json"),
    "runs ls": (
        "", "--group experiment", "--json", "--group experiment --json", "id:1 --group corpus,preset", "--columns uar",
    ),
    "runs show": ("1.1", "1.1 --json"),
    "runs compare": ("1 2", "1.1 1.2 --json", "1 2 --folds", *(f"1 2 -o c.{form}" for form in ("md", "csv", "tex"))),
    "runs tag": ("- 1 mine",),
    "runs note": ("- 1 mine",),
    "runs pin": ("- 1",),
    "runs unpin": ("- 1",),
    "runs watch": ("1.1 1.2",),
    "runs wait": ("- 1.1 1.2",),
    "runs leakage": ("- 1",),
    "runs trash": ("-",),
    "export table": (
        *(f"-f {form}" for form in ("csv", "markdown", "json")), "--folds -f csv", "--folds -f json",
        *(f"--rows {rows} --cols experiment -f {form}" for rows in ("corpus", "source", "seed") for form in TABLES),
        *(f"--seed-table 1 -f {form}" for form in TABLES), *(f"- --seed-table 2 -f {form}" for form in TABLES),
    ),
    "export runs": ("",),
    "workers ls": ("-", "- --json"),
}  # fmt: skip
#: what shows no score of its own, and why
ELSEWHERE = {
    "demo": "prints the table of export table", "train": "is queue add and runs watch", "work": "prints the runs' logs",
    "tune": "reads inner validation sets alone (tests/tuning)", "serve": "shows the screens (tests/tui/test_labels.py)",
    **{f"corpora {name}": "knows no experiments" for name in
       ("add", "combine", "check", "rm", "features", "organise", "fetch")},
    **{f"queue {name}": "changes what waits" for name in ("pause", "resume", "cancel", "retry", "move", "rm")},
    **{f"runs {name}": "tells numbers of experiments alone" for name in ("rm", "restore")},
    **{f"export {what}": "is an order; all are walked below" for what in FORMATS if what not in ("table", "runs")},
    **{f"registry {name}": "tells of files and rows (tests/cli/test_registry.py)" for name in
       ("check", "backup", "restore", "vacuum", "gc")},
    **{f"import {what}": "is proved in tests/imports" for what in ("weights", "keras-log", "bundle")},
    "runs logs": "prints what a run's process printed (tests/training)",
    "workers stop": "knows no experiments", "engine check": "knows no experiments",
}  # fmt: skip


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("optimistic")
    only_optimistic(place / "runs.db")
    return place


@pytest.fixture
def walked(_made: Path, own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry, here; networks answer what is made up, as in test_predict.py."""
    shutil.copytree(_made, own_place, dirs_exist_ok=True)
    write_wav(own_place / "sound.wav")
    facts = {"sample_rate": 22_050, "channels": 1, "seconds": 2.0, "peak": 0.5, "rms_db": -20.0, "clipped": 0.0}
    shares = [0.4, *[0.1] * 6]

    def answer(_module: str, words: list[str], _report: object) -> dict[str, object]:
        [path] = json.loads(Path(words[0]).read_text())["files"]
        window = {"start": 0.0, "end": 4.35, "probabilities": shares}
        one = {"path": path, "sha256": "", "facts": facts, "slid": False, "windows": [window]}
        return {"networks": 2, "files": [{**one, "probabilities": shares, "error": None}]}

    monkeypatch.setattr(prediction, "run_task", answer)
    return own_place / "runs.db"


def test_every_command_is_listed() -> None:
    assert sorted([*WALKED, *ELSEWHERE]) == sorted(" ".join(path) for path in COMMANDS)


@pytest.mark.parametrize("path", WALKED)
def test_no_command_prints_an_unlabelled_score(cli: Cli, walked: Path, path: str) -> None:
    for line in WALKED[path]:
        words = line.removeprefix("-").split() if line == "-" or line.startswith("- ") else line.split()
        before = set(Path().rglob("*"))
        found = cli(*path.split(), *words)
        assert found.status == 0, (line, found.err)
        files = [one.read_text() for one in set(Path().rglob("*")) - before if one.suffix in (".md", ".csv", ".tex")]
        text = "\n".join([found.out, found.err, *files])
        if words != line.split():
            assert not SCORE.search(text), f"{path} {line} shows a score: list it among those that do"
            continue
        assert SCORE.search(text) or path == "predict", f"{path} {line} shows no score"
        assert labelled(text), f"{path} {line}:\n{text}"
        check_json(found.out)
        check_lines(path, text)


def check_json(text: str) -> None:
    """Each score stands inside objects that have all labels."""
    if text.startswith(("[", "{")):
        around = list(scores(json.loads(text)))
        assert around
        assert all(keys >= LABELS for keys in around)


def check_lines(path: str, text: str) -> None:
    """Where a line is a run or an experiment, it has its own label."""
    if path in ("runs ls", "runs watch"):
        assert all("best-test" in line for line in text.splitlines() if SCORE.search(line) and '"' not in line)


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


@pytest.mark.parametrize("what", FORMATS)
def test_no_export_has_an_unlabelled_score(walked: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Every kind in every format; what is drawn is read from the figures instead of their pixels."""
    drawn, formats = list[str](), FORMATS[what]

    def noted(figure: Figure, stream: Any, **how: Any) -> None:
        drawn.append(" ".join(text.get_text() for text in figure.findobj(Text)))  # type: ignore[arg-type]
        stream.write(b'<svg xmlns="http://www.w3.org/2000/svg"></svg>' if how["format"] == "svg" else b"x")

    monkeypatch.setattr(Figure, "savefig", noted)
    with Registry.open(walked) as registry:
        made = carry_out(registry, Order(what, formats, "out", (1,)), lambda _progress: None)
    assert {path.suffix for path in made} == {
        f".{suffix_of(form) if form in TABLE_FORMATS else form}" for form in formats
    }
    for figure in drawn:
        assert labelled(figure), figure
    for path in made:
        assert path.suffix in READERS or drawn, f"nobody reads {path.suffix}"
        for text in READERS.get(path.suffix, lambda _path: [])(path):
            assert not SCORE.search(text) or labelled(text), f"{path}: {text[:400]}"
    if what in ("curves", "tsne", "confusion", "recall", "page", "report", "bundle"):
        assert all("random-best-test-optimistic" in path.name for path in made)


def _workbook(path: Path) -> list[str]:
    book = openpyxl.load_workbook(path)
    return [" ".join(str(value) for row in sheet.iter_rows(values_only=True) for value in row) for sheet in book]


def _members(path: Path) -> list[str]:
    """The texts of a bundle: those of one experiment belong together."""
    with zipfile.ZipFile(path) as bundle:
        texts = {name: bundle.read(name).decode() for name in bundle.namelist() if name.endswith((".json", ".md"))}
    ours = "\n".join(text for name, text in texts.items() if name.startswith("experiments/"))
    return [ours, *(text for name, text in texts.items() if not name.startswith("experiments/"))]


READERS: dict[str, Callable[[Path], list[str]]] = {
    **{suffix: lambda path: [path.read_text()] for suffix in (".csv", ".md", ".tex", ".json", ".html")},
    ".xlsx": _workbook, ".zip": _members,
}  # fmt: skip


def test_no_notice_has_an_unlabelled_score(walked: Path) -> None:
    """Desktop, webhook, command and bell all get these texts."""
    with Registry.open(walked) as registry:
        told = notices_of(registry, registry.notices.since(0), OCCASIONS)
    assert {one.occasion for one in told} >= {"run", "finish"}
    for one in told:
        assert SCORE.search(one.text)
        assert labelled(one.text)
        assert not SCORE.search(one.title)
