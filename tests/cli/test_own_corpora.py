"""Corpora of one's own and published feature files, as a user types them, up to a trained and exported experiment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.features.published_files import arrays, saved, write
from timnet.corpora.synthetic import CLASSES, write_corpus
from timnet.registry import Registry
from timnet.training.data import load_corpus


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty synthetic recordings of five emotions by two speakers."""
    return write_corpus(tmp_path_factory.mktemp("own") / "wav", speakers=2, sentences=2, takes=1)


@pytest.fixture
def folders(recordings: Path, own_place: Path) -> Path:
    """The recordings in one folder an emotion, ``own``."""
    for wav in recordings.glob("*.wav"):
        folder = own_place / "own" / wav.stem.split("_")[2].capitalize()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(wav, folder / wav.name)
    return own_place / "own"


@pytest.fixture
def table(recordings: Path, own_place: Path) -> Path:
    """A manifest that lists the recordings where they are, the angry ones in two halves."""
    rows = ["path,label,speaker,start,end"]
    for wav in sorted(recordings.glob("*.wav")):
        speaker, _, label, _ = wav.stem.split("_")
        parts = ("0,0.6", "0.6,") if label == "angry" else (",",)
        rows += [f"{wav},{label},{speaker},{part}" for part in parts]
    path = own_place / "mine.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def published(own_place: Path) -> Path:
    """A feature file of 14 rows in EMODB's seven classes and 188 frames."""
    return write(own_place / "EMODB.npy", saved(arrays(n=14, frames=188, classes=7)))


def test_a_folder_an_emotion_becomes_a_corpus(cli: Cli, folders: Path) -> None:
    added = cli("corpora", "add", "Mine", folders)
    assert added.status == 0
    assert added.out == ""
    assert "Mine (laid out as folders): 20 utterances, 0 speakers, 5 classes" in added.err
    assert "signal length 44000 samples = 2.00 s = 86 frames" in added.err
    assert "8 TABs" in added.err
    assert "#" * 20 in added.err
    [listed] = cli("corpora", "ls", "--json").json
    assert (listed["corpus"], listed["utterances"], listed["speakers"], listed["tabs"]) == ("Mine", 20, 0, 8)
    assert listed["classes"] == list(CLASSES)
    shorter = cli("corpora", "add", "MINE", folders, "--length", "50%", "--json")
    assert (shorter.json["layout"], shorter.json["problems"]) == ("folders", [])
    [listed] = cli("corpora", "ls", "--json").json
    assert listed["corpus"] == "Mine"
    assert 20_000 < listed["signal_length"] < 44_000
    checked = cli("corpora", "check", "mine", "--json").json
    assert (checked["utterances"], checked["classes"], checked["problems"]) == (20, dict.fromkeys(CLASSES, 4), [])
    next((folders / "Sad").iterdir()).unlink()
    [problem] = cli("corpora", "check", "mine", "--json").json["problems"]
    assert problem.startswith("missing or unreadable since the corpus was added: 1 (Sad/")


def test_a_published_file_becomes_a_corpus_without_speakers(cli: Cli, published: Path, tmp_path: Path) -> None:
    added = cli("corpora", "add", "emodb", published, "--json")
    assert added.status == 0
    found = added.json
    assert (found["corpus"], found["layout"], found["utterances"], found["speakers"]) == (
        "EMODB",
        "published-features",
        14,
        0,
    )
    [listed] = cli("corpora", "ls", "--json").json
    assert (listed["signal_length"], listed["tabs"], listed["speakers"]) == (96_000, 8, 0)
    assert "class angry has 2 utterances, 127 are published" in found["problems"]
    made = cli("corpora", "features", "EMODB", "--json").json
    assert made["shape"] == [14, 188, 39]
    np.testing.assert_array_equal(np.load(made["path"]), arrays(n=14, frames=188, classes=7)["x"])
    with Registry.open(Path("runs.db")) as registry:
        data = load_corpus(registry.corpora.get("EMODB"), tmp_path / "cache")
    assert data.labels.tolist() == [row // 2 for row in range(14)]
    compared = cli("corpora", "features", "EMODB", "--check", "--json").json
    assert (compared["equal"], compared["largest"], compared["utterances"]) == (True, 0.0, 14)
    assert cli("queue", "add", "EMODB", "--folds", "2").status == 0
    write(published, saved(arrays(n=13, frames=188, classes=7)))
    assert any("has changed since" in line for line in cli("corpora", "check", "EMODB", "--json").json["problems"])


def test_what_cannot_be_added_is_one_line(cli: Cli, published: Path, folders: Path, table: Path) -> None:
    evil = write(published.with_name("evil.npy"), published.read_bytes()[:128] + b"cos\nsystem\n(Vtouch canary\ntR.")
    refused = {
        ("EMODB", evil): "asks for os.system, which could run code; nothing was run",
        ("RAVDE", published): "EMODB.npy has 7 classes, RAVDESS has 8",
        ("Mine", published): "unknown corpus 'Mine'",
        ("EMODB", published, "--length", "95%"): "--length is for corpora of your own",
        ("EMODB", table): "the name of a known corpus",
        ("my corpus", folders): "is no name for a corpus",
        ("../x", folders): "is no name for a corpus",
        ("Mine", folders, "--length", "long"): "no signal length",
        ("Mine", folders.parent / "none"): "there is no folder",
        ("Mine", folders / "Sad"): "has no folder with recordings in it",
    }
    for words, says in refused.items():
        done = cli("corpora", "add", *words)
        assert done.status == 2, words
        assert says in " ".join(done.err.split()), done.err
        assert len(done.err.strip().splitlines()) <= 8
    assert not Path("canary").exists()
    assert not Path("runs.db").exists()
    mistyped = " ".join(cli("corpora", "add", "EMDOB", folders / "Sad").err.split())
    assert "'EMDOB' is read as a corpus of your own; known by name are CASIA," in mistyped


def test_the_cache_is_listed_and_cleared(cli: Cli, published: Path) -> None:
    cli("corpora", "add", "EMODB", published)
    assert "nothing is cached" in cli("corpora", "features").err
    first = cli("corpora", "features", "EMODB", "--json").json
    write(published, saved(arrays(n=21, frames=188, classes=7)))
    cli("corpora", "add", "EMODB", published)
    cli("corpora", "features", "EMODB")
    listed = cli("corpora", "features", "--json").json
    assert sorted((one["utterances"], one["use"], one["stale"]) for one in listed) == [
        (14, "older version", True),
        (21, "current", False),
    ]
    stale = cli("corpora", "features", "--stale", "--json").json
    assert [one["key"] for one in stale] == [Path(first["path"]).stem]
    assert [one["utterances"] for one in cli("corpora", "features", "--stale", "--rm", "--json").json] == [14]
    assert not Path(first["path"]).exists()
    assert "nothing stale is cached" in cli("corpora", "features", "--stale").err
    [left] = cli("corpora", "features", "--json").json
    removed = cli("corpora", "features", left["key"][:10], "--rm", "--json").json
    assert removed["corpus"] == "EMODB"
    assert cli("corpora", "features", "EMODB", "--rm").status == 2
    for words in (("--check",), ("EMODB", "--stale"), ("EMODB", "--check", "--rm"), ("nothing", "--rm")):
        assert cli("corpora", "features", *words).status == 2
    assert "no features of EMODB" in cli("corpora", "features", "EMODB", "--check").err


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_an_own_corpus_is_trained_checked_and_exported(cli: Cli, table: Path, own_place: Path) -> None:
    added = cli("corpora", "add", "MINE", table, "--length", "8000", "--json").json
    assert (added["utterances"], added["speakers"]) == (24, 2)
    words = ("--folds", "3", "--only", "1", "--epochs", "2", "--seed", "7")
    trained = cli("train", "MINE", *words)
    assert trained.status == 0, trained.err
    [run] = [one for one in cli("runs", "ls", "--json").json if one["fold"] == 1]
    assert (run["corpus"], run["state"], run["epoch"]) == ("MINE", "done", 2)
    shown = cli("runs", "show", run["id"], "--json").json
    assert shown["confusion"]["labels"] == list(CLASSES)
    assert sum(map(sum, shown["confusion"]["matrix"])) == 8
    rows = json.loads(cli("export", "table", "--format", "json").out)
    assert any(row["corpus"] == "MINE" for row in rows)
