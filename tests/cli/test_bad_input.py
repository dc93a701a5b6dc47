"""Whatever a user gets wrong is one line on standard error and status 2, and nothing has changed."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome
from tests.corpora.recordings import EMODB_WAVS, needs_emodb, write_wav
from tests.support import SHARED


def everything(folder: Path) -> dict[str, object]:
    """All files below ``folder`` with their bytes; a registry by its rows: SQLite has files of its own beside it."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("runs.db"):
            found[str(path)] = path.read_bytes()
    registry = folder / "runs.db"
    if registry.exists():
        with closing(sqlite3.connect(registry)) as connection:
            found["rows"] = list(connection.iterdump())
    return found


def assert_refused(outcome: Outcome, *words: str) -> None:
    assert outcome.status == 2, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("timnet: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith("\n")
    for word in words:
        assert word in outcome.err


QUEUE_ADD = [
    (["EMODBB"], "'EMODBB'"),
    (["--folds", "1"], "2 folds or more"),
    (["--folds", "0"], "2 folds or more"),
    (["--folds", "-3"], "2 folds or more"),
    (["--folds", "71"], "70 utterances"),
    (["--folds", "many"], "--folds"),
    (["--only", "11"], "no fold 11"),
    (["--only", "0"], "no fold 0"),
    (["--only", "1,x"], "'x'"),
    (["--only", "3-1"], "1-3"),
    (["--only", ","], "names no fold"),
    (["--only", "1-999999999"], "names no fold"),
    (["--preset", "nature"], "github"),
    (["--set", "speed=9"], "'speed=9'"),
    (["--set", "lr"], "name=value"),
    (["--set", "lr=fast"], "'fast'"),
    (["--set", "lr="], "learning_rate"),
    (["--set", "lr=nan"], "learning_rate"),
    (["--set", "lr=-1"], "learning_rate"),
    (["--set", "epochs=1.5"], "whole number"),
    (["--monitor", "f1"], "val_uar"),
    (["--select", "worst"], "last, best, average"),
    (["--protocol", "lucky"], "random"),
    (["--seed", "-1"], "seed"),
    (["--seed", "4294967296"], "seed"),
    (["--epochs", "0"], "epochs"),
    (["--min-delta", "nan"], "min_delta"),
    (["--min-delta", "inf"], "min_delta"),
    (["--check-every", "0"], "check_every"),
    (["--patience", "-1"], "patience"),
    (["--priority", "9" * 30], ""),
    (["--tag", "two words"], "tag"),
    (["--tag", ""], "tag"),
    (["--sett", "lr=1"], "--sett"),
    (["--set"], "--set"),
]


@pytest.mark.parametrize(("words", "says"), QUEUE_ADD, ids=lambda value: " ".join(value)[:40] or "-")
@pytest.mark.parametrize("command", [("queue", "add"), ("train",)], ids=" ".join)
def test_what_cannot_be_queued(
    cli: Cli, filled: Path, command: tuple[str, ...], words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `train` extracts features between planning and queueing: this corpus has no files, so it must not come to that
    monkeypatch.setattr("timnet.cli.work._features", lambda *_: None)
    monkeypatch.setattr("timnet.queue.service.start_worker", lambda *_, **__: pytest.fail("a worker was started"))
    before = everything(filled.parent)
    corpus = [] if words == ["EMODBB"] else ["EMODB"]
    assert_refused(cli(*command, *corpus, *words), says)
    assert everything(filled.parent) == before


OTHERS = [
    ("runs ls colour:red", "'colour'"),
    ("runs ls uar>high", "'high'"),
    ("runs ls corpus:", "no value"),
    ("runs ls '", "quotation"),
    ("runs ls id:seven", "'seven'"),
    ("runs ls --sort size", "'size'"),
    ("runs ls --group size", "'size'"),
    ("runs ls --limit 0", "--limit"),
    ("runs ls --limit -1", "--limit"),
    ("runs ls --limit x", "--limit"),
    ("runs show 9.1", "no run 9.1"),
    ("runs show 1.99", "no run 1.99"),
    ("runs show 1", "'1'"),
    ("runs show one", "'one'"),
    ("runs show 1.1.1", "'1.1.1'"),
    ("runs show -1.1", ""),
    (f"runs show 1.{'9' * 30}", ""),
    ("runs show", "missing argument"),
    ("runs show ²", "'²'"),
    ("runs logs 1.1", "no log"),
    ("runs logs 7.7", "no run 7.7"),
    ("runs logs 1.1 -n -4", "--lines"),
    ("runs compare 1", "two experiments"),
    ("runs compare 1 1", "two experiments"),
    ("runs compare 1 9", "no experiment 9"),
    ("runs compare 1 x", "'x' names no experiment"),
    ("runs compare 1 1.", "'1.' names no experiment"),
    ("runs compare 1 1.9", "no run 1.9"),
    ("runs compare " + " ".join(str(number) for number in range(1, 22)), "21 are too many"),
    (f"runs compare 1 {'9' * 30}", ""),
    ("runs tag 9 paper", "no experiment 9"),
    ("runs tag 1 a:b", "'a:b'"),
    ("runs tag one paper", "EXPERIMENT"),
    ("runs note 9 text", "no experiment 9"),
    ("runs watch 9", "no experiment 9"),
    ("runs wait 9", "no experiment 9"),
    ("runs wait 1.9", "no run 1.9"),
    ("runs wait 2 --timeout -1", "--timeout"),
    ("runs rm 9 --yes", "no experiment 9"),
    ("runs rm 1 9 --yes", "no experiment 9"),
    ("runs rm 1 2 --yes", "running"),
    ("runs rm 1.1 --yes", "'1.1'"),
    ("runs rm 1 --now", "--yes"),
    ("runs rm 1 2 --now --yes", "running"),
    ("runs restore 1", "experiment 1 was not removed"),
    ("runs restore 9", "no experiment 9"),
    ("runs pin 1.2", "'1.2'"),
    ("runs unpin 9", "no experiment 9"),
    ("runs ls --columns corpus,colour", "'colour'"),
    ("runs ls --group colour", "'colour'"),
    ("runs ls created>yesterday", "needs a date"),
    ("workers stop nobody", "'nobody' names no living workers"),
    ("queue move 2.6 --up --down", "--up"),
    ("queue move 2.6 --before 1.1", "it is done"),
    ("queue rm", "name the experiments"),
    ("queue cancel", "name the runs"),
    ("queue cancel 9", "no experiment 9"),
    ("queue cancel 1.1", "it is done"),
    ("queue cancel 1", "it is done"),
    ("queue cancel 1.1-", "'1.1-'"),
    ("queue cancel 2.20-30", "no folds"),
    ("queue cancel 2.6 --all", "not both"),
    ("queue pause 1.1", "it is done"),
    ("queue resume 2.6", "it is queued"),
    ("queue retry 1.2", "it is done"),
    ("queue retry 2.6", "it is queued"),
    ("queue retry 99.1", "no run 99.1"),
    ("queue move 2.6", "--top"),
    ("queue move 2.6 --top --priority 2", "--top"),
    ("queue move --top", "name the runs"),
    ("queue move 1.1 --top", "it is done"),
    (f"queue move 2.6 --priority {'9' * 30}", ""),
    ("corpora check SAVE", "EMODB, SAVEE"),
    ("corpora rm SAVE", "EMODB, SAVEE"),
    ("corpora features SAVE", "EMODB, SAVEE"),
    ("corpora features --rm", "name the corpus"),
    ("corpora features EMODB --rm", "no features"),
    ("corpora features EMODB --jobs -1", "--jobs"),
    ("export table 9", "no experiment 9"),
    ("export table --format xls", "'xls'"),
    ("export table --rows colour", "'colour'"),
    ("export table --rows corpus --cols corpus", "two different"),
    ("export table --rows corpus --metric f1", "'f1'"),
    ("export table --rows corpus --metric ,", "nothing"),
    ("export table --format png", "name a file: -o table.png"),
    ("export table --seed-table 3", "not 3"),
    ("export table 1 --seed-table 1", "give it alone"),
    ("export table --folds --rows seed", "--folds belongs to the list"),
    ("export table x", "EXPERIMENT"),
    ("export curves 9", "no experiment 9"),
    ("export curves 1 --format gif", "'gif'"),
    ("export curves 1 --format ,", "no image format"),
    ("export tsne 1 --fold 4", "no run 1.4"),
    ("export tsne 2 --fold 3", "is running"),
    ("export confusion 1 --fold 0", "no run 1.0"),
    ("export runs colour:red", "'colour'"),
    ("work --jobs -1", "--jobs"),
    ("import weights none.zip --corpus EMODB", "none.zip"),
    ("nothing", "'nothing'"),
    ("queue nothing", "'nothing'"),
    ("--nothing", "--nothing"),
    ("runs ls --nothing", "--nothing"),
    ("--db", "--db"),
]


@pytest.mark.parametrize(("line", "says"), OTHERS, ids=[line[:50] for line, _ in OTHERS])
def test_what_is_asked_wrongly(cli: Cli, filled: Path, line: str, says: str) -> None:
    before = everything(filled.parent)
    assert_refused(cli(*line.split()), says)
    assert everything(filled.parent) == before


def test_a_corpus_folder_that_is_none(cli: Cli, own_place: Path) -> None:
    (own_place / "empty").mkdir()
    (own_place / "others").mkdir()
    write_wav(own_place / "others" / "holiday.wav")
    (own_place / "file").touch()
    for folder, says in (
        ("missing", "no folder missing"), ("empty", "no .wav"), ("others", "holiday.wav"), ("file", "is a file"),
    ):  # fmt: skip
        assert_refused(cli("corpora", "add", "EMODB", folder), says)
    assert_refused(cli("corpora", "add", "OTHER", "others"), "'OTHER'", "EMODB")
    assert not list(own_place.glob("runs*")), "a registry was made for nothing"


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"This is text.\n", "not readable"), (b"RIFF$\0\0\0WAVEfmt ", "not readable")],
    ids=["empty", "text", "cut in its header"],
)
def test_a_recording_that_is_none(cli: Cli, filled: Path, content: bytes, says: str) -> None:
    write_wav(filled.parent / "wav" / "03a01Fa.wav")
    (filled.parent / "wav" / "03a01Wa.wav").write_bytes(content)
    before = everything(filled.parent)
    assert_refused(cli("corpora", "add", "EMODB", "wav"), "03a01Wa.wav", says)
    assert everything(filled.parent) == before


def test_a_recording_cut_in_its_sound_is_a_named_problem(cli: Cli, own_place: Path) -> None:
    path = write_wav(own_place / "wav" / "03a01Fa.wav")
    path.write_bytes(path.read_bytes()[:-500])
    found = cli("corpora", "add", "EMODB", "wav", "--json")
    assert found.status == 0
    assert any("cut short" in problem and "03a01Fa.wav" in problem for problem in found.json["problems"])


def test_bad_recordings_can_be_left_out(cli: Cli, own_place: Path) -> None:
    write_wav(own_place / "wav" / "03a01Fa.wav")
    (own_place / "wav" / "03a01Wa.wav").touch()
    found = cli("corpora", "add", "EMODB", "wav", "--skip-bad", "--json")
    assert (found.status, found.json["utterances"]) == (0, 1)
    assert any("03a01Wa.wav" in problem for problem in found.json["problems"])


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9999")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")
        connection.commit()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (newer, "newer timnet"),
        (foreign, "not a timnet registry"),
        (lambda path: path.write_text("Dear diary,\n" * 100), "not a readable registry"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "not a readable registry"),
    ],
    ids=["newer", "foreign SQLite", "text", "folder", "truncated"],
)
def test_a_registry_that_is_none(cli: Cli, filled: Path, spoil: object, says: str) -> None:
    shutil.rmtree(filled.parent / "runs")
    for extra in filled.parent.glob("runs.db-*"):
        extra.unlink()
    assert callable(spoil)
    spoil(filled)
    before = filled.read_bytes() if filled.is_file() else None
    for words in (("runs", "ls"), ("runs", "ls", "--json"), ("queue", "add", "EMODB"), ("runs", "tag", "1", "x")):
        assert_refused(cli(*words), says, "runs.db")
    assert (filled.read_bytes() if filled.is_file() else None) == before
    assert not list(filled.parent.glob("runs.db-wal"))
    found = cli("doctor")
    assert (found.status, says in found.err) == (1, True)


def test_a_registry_in_a_missing_folder(cli: Cli, own_place: Path) -> None:
    write_wav(own_place / "wav" / "03a01Fa.wav")
    for words in (
        ("runs", "ls"),
        ("queue", "ls", "--json"),
        ("queue", "add", "EMODB"),
        ("corpora", "add", "EMODB", "wav"),
    ):
        assert_refused(cli("--db", "missing/runs.db", *words), "missing")
        assert_refused(cli(*words, "--db", "missing/runs.db"), "missing")
        assert_refused(cli(*words, "--db=missing/runs.db"), "missing")
    assert not Path("missing").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"jobs = ", "timnet.toml"),
        (b"\xff\xfe", "timnet.toml"),
        (b"jbos = 2", "'jbos'"),
        (b"jobs = [1]", "jobs"),
        (b"jobs = -1", "jobs"),
        (b"jobs = 1.5", "jobs"),
        (b"db = 3", "db"),
        (b"device = 'tpu'", "device"),
        (b'db = "a\\u0000b"', "db"),
    ],
)
def test_settings_that_are_none(cli: Cli, filled: Path, text: bytes, says: str) -> None:
    (filled.parent / "timnet.toml").write_bytes(text)
    before = everything(filled.parent)
    for words in (("runs", "ls", "--json"), ("queue", "add", "EMODB"), ("doctor",)):
        assert_refused(cli(*words), says)
    assert everything(filled.parent) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOBS", "many"),
        ("JOBS", "-1"),
        ("THREADS", "0"),
        ("MAX_CRASHES", "1e3"),
        ("DEVICE", "tpu"),
        ("DB", "no/such.db"),
    ],
)
def test_variables_that_are_none(
    cli: Cli, filled: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TIMNET_{name}", value)
    assert_refused(cli("queue", "add", "EMODB"), value.partition("/")[0])


@pytest.mark.parametrize("words", [("table",), ("curves", "1"), ("tsne", "1"), ("confusion", "1"), ("runs",)], ids=str)
def test_an_output_that_cannot_be_written(cli: Cli, filled: Path, words: tuple[str, ...]) -> None:
    (filled.parent / "file").write_text("mine")
    (filled.parent / "folder").mkdir()
    target = "file/below" if words[0] in ("table", "runs") else "file"
    before = everything(filled.parent)
    assert_refused(cli("export", *words, "-o", target), "cannot write", "file")
    if words[0] in ("table", "runs"):
        assert_refused(cli("export", *words, "-o", "folder"), "cannot write folder")
        assert_refused(cli("export", *words, "-o", "x" * 300), "cannot write")
    assert everything(filled.parent) == before


def test_a_demo_into_a_file(cli: Cli, own_place: Path) -> None:
    Path("file").write_text("mine")
    assert_refused(cli("demo", "--into", "file", "--no-tui"), "file")
    assert_refused(cli("demo", "--into", "new", "--no-tui", "--epochs", "0"), "--epochs")
    assert not Path("new").exists()
    assert Path("file").read_text() == "mine"


@pytest.mark.engine
@needs_emodb
@pytest.mark.skipif(not (SHARED / "upstream" / "EMODB_46.zip").is_file(), reason="no published weights in ../shared")
def test_weights_that_do_not_fit(cli: Cli, own_place: Path, tmp_path: Path) -> None:
    weights = SHARED / "upstream" / "EMODB_46.zip"
    assert cli("corpora", "add", "EMODB", EMODB_WAVS).status == 0
    with zipfile.ZipFile(weights) as archive:
        archive.extractall(tmp_path / "EMODB_46")
    first = sorted(path for path in (tmp_path / "EMODB_46").rglob("*") if path.suffix in (".h5", ".hdf5"))[0]
    first.write_bytes(first.read_bytes()[:10_000])
    cut = own_place / "EMODB_46.zip"
    cut.write_bytes(weights.read_bytes()[:100_000])
    other = shutil.copy(weights, own_place / "CASIA_46.zip")
    before = everything(own_place)
    assert_refused(cli("import", "weights", tmp_path / "EMODB_46", "--corpus", "EMODB"), "truncated")
    assert_refused(cli("import", "weights", cut, "--corpus", "EMODB"), "zip")
    assert_refused(cli("import", "weights", other, "--corpus", "EMODB"), "CASIA")
    assert_refused(cli("import", "weights", weights, "--corpus", "EMODB", "--seed", "47"), "47")
    assert everything(own_place) == before
