"""Fetching, against a repository of audb's that the tests publish themselves on this disk."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.corpora.trees import TREES, write_tree
from timnet.corpora import extras
from timnet.corpora.fetch import RECEIPT, SOURCES, WHERE_TO_ASK, fetch
from timnet.corpora.fetching import fetch_apart
from timnet.corpora.scan import scan
from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput, DiskFull, Stopped, TimnetError

EMODB_NAMES = tuple(f"wav/{name}" for name in KNOWN["EMODB"].layouts[0].open(Path()).names)[::9]
ALL = len(EMODB_NAMES)


def publish(place: Path, name: str, version: str, paths: list[str]) -> None:
    """Publish tiny recordings as the database ``name`` in the repository at ``place``."""
    audb = pytest.importorskip("audb", reason="audb is not installed (the extra fetch)")
    audformat = pytest.importorskip("audformat")
    build = write_tree(place / f"build-{name}", paths)
    database = audformat.Database(name, source="a test", usage="research")
    database["files"] = audformat.Table(audformat.filewise_index(sorted(paths)))
    database["files"]["speaker"] = audformat.Column()
    database["files"]["speaker"].set(["?"] * len(paths))
    database.save(str(build))
    (place / "host" / "local").mkdir(parents=True, exist_ok=True)
    repository = audb.Repository("local", str(place / "host"), "file-system")
    with pytest.MonkeyPatch.context() as patch:  # publishing looks for earlier versions: here, not in the network
        patch.setattr(audb.config, "REPOSITORIES", [repository])
        audb.publish(str(build), version, repository, verbose=False)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    place = tmp_path_factory.mktemp("audb")
    _, _, speech = TREES["RAVDESS folders"]
    publish(place, "emodb", "1.4.1", list(EMODB_NAMES))
    publish(
        place,
        "ravdess",
        "1.1.3",
        [f"speech/{path.lower()}" for path in speech[:20]] + ["songs/03-02-01-01-01-01-01.wav"],
    )
    return place


@pytest.fixture
def repository(published, monkeypatch):
    import audb

    place = audb.Repository("local", str(published / "host"), "file-system")
    monkeypatch.setattr(audb.config, "REPOSITORIES", [place])
    monkeypatch.setattr(audb.config, "CACHE_ROOT", str(published / "cache"))
    return place


def test_a_published_corpus_comes_whole_and_can_be_added(repository, tmp_path):
    found = fetch("emodb", tmp_path / "EMODB", tmp_path / "cache")
    assert (found.corpus, found.version, found.utterances, found.findings) == ("EMODB", "1.4.1", ALL, ())
    assert json.dumps(found.to_dict())
    assert scan(tmp_path / "EMODB", KNOWN["EMODB"]).problems == ()
    assert json.loads((tmp_path / "EMODB" / RECEIPT).read_text())["complete"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == ["EMODB", "cache"]


def test_songs_come_along_and_are_told(repository, tmp_path):
    found = fetch("RAVDE", tmp_path / "r", tmp_path / "cache")
    assert (found.corpus, found.utterances) == ("RAVDESS", 20)
    assert [str(finding) for finding in found.findings] == [
        "left out, song, not speech (vocal channel 02): 1 (songs/03-02-01-01-01-01-01.wav)"
    ]


def test_fetching_again_restores_what_was_lost_and_leaves_the_rest(repository, tmp_path):
    folder = tmp_path / "EMODB"
    fetch("EMODB", folder, tmp_path / "cache")
    wavs = sorted(folder.rglob("*.wav"))
    wavs[0].unlink()
    wavs[1].write_bytes(b"damaged")
    kept = wavs[2].stat().st_mtime_ns
    assert fetch("EMODB", folder, tmp_path / "cache").utterances == ALL
    assert scan(folder, KNOWN["EMODB"]).problems == ()
    assert wavs[2].stat().st_mtime_ns == kept


def test_an_interrupted_fetch_goes_on(repository, tmp_path, monkeypatch):
    import audb

    whole = audb.load_to

    def broken(folder, *args, **options):
        (Path(folder) / "wav").mkdir()
        raise ConnectionError("the line\nbroke")

    monkeypatch.setattr(audb, "load_to", broken)
    with pytest.raises(TimnetError, match=r"failed: the line.broke; run the same command again") as caught:
        fetch("EMODB", tmp_path / "e", tmp_path / "cache")
    assert caught.value.exit_code == 1
    assert json.loads((tmp_path / "e" / RECEIPT).read_text())["complete"] is False
    monkeypatch.setattr(audb, "load_to", whole)
    assert fetch("EMODB", tmp_path / "e", tmp_path / "cache").utterances == ALL


def test_a_full_disk_is_told_as_that(repository, tmp_path, monkeypatch):
    import audb

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audb, "load_to", full)
    with pytest.raises(DiskFull):
        fetch("EMODB", tmp_path / "e", tmp_path / "cache")


def test_what_the_repositories_do_not_hold_leaves_no_trace(repository, tmp_path):
    for name, version in (("EMOVO", None), ("EMODB", "9.9.9"), ("EMOVO", "1.0.0")):
        with pytest.raises(BadInput, match=r"audb finds no emo.* in its repositories \(local at "):
            fetch(name, tmp_path / "f", tmp_path / "cache", version=version)
        assert not (tmp_path / "f").exists()
        assert not (tmp_path / "f~").exists()


def test_a_folder_with_anything_else_in_it_is_left_alone(repository, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "03a01Fa.wav").write_bytes(b"precious")
    with pytest.raises(BadInput, match="is not empty"):
        fetch("EMODB", folder, tmp_path / "cache")
    assert [path.name for path in folder.iterdir()] == ["03a01Fa.wav"]
    (tmp_path / "new~").mkdir()
    (tmp_path / "new~" / "mine").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "new")
    for name in ("new", "link"):
        with pytest.raises(BadInput, match="new~ is not empty"):
            fetch("EMODB", tmp_path / name, tmp_path / "cache")
    fetch("EMODB", tmp_path / "e", tmp_path / "cache")
    with pytest.raises(BadInput, match="holds EMODB, fetched before"):
        fetch("RAVDESS", tmp_path / "e", tmp_path / "cache")
    (tmp_path / "e" / RECEIPT).write_text("[]")
    with pytest.raises(BadInput, match="not timnet's"):
        fetch("EMODB", tmp_path / "e", tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "words"),
    [("SAVEE", "register"), ("IEMOCAP", "release form"), ("CASIA", "not public"), ("DEMO", "timnet demo")],
)
def test_for_what_needs_a_licence_it_says_where_to_ask(tmp_path, name, words):
    with pytest.raises(BadInput, match=f"{name} cannot be fetched: .*{words}"):
        fetch(name, tmp_path / "f", tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_every_corpus_can_be_fetched_or_asked_for():
    assert SOURCES.keys() | WHERE_TO_ASK.keys() == KNOWN.keys()
    assert not SOURCES.keys() & WHERE_TO_ASK.keys()


def test_without_audb_it_says_what_to_install(tmp_path, monkeypatch):
    def gone(name):
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", gone)
    with pytest.raises(BadInput, match=r"pip install 'timnet\[fetch\]'"):
        fetch("EMODB", tmp_path / "f", tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_a_process_of_its_own_fetches_and_says_how_much_has_come(published, tmp_path, monkeypatch):
    config = tmp_path / "home" / ".config" / "audb.yaml"
    config.parent.mkdir(parents=True)
    place = f"  - name: local\n    backend: file-system\n    host: {published / 'host'}\n"
    config.write_text(f"cache_root: {published / 'cache'}\nrepositories:\n{place}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    told = []
    found = fetch_apart("EMODB", tmp_path / "EMODB", tmp_path / "cache", told.append)
    assert (found["corpus"], found["utterances"], found["findings"]) == ("EMODB", ALL, [])
    assert scan(tmp_path / "EMODB", KNOWN["EMODB"]).problems == ()
    assert all(one.total == 535 and 0 <= one.done <= 535 for one in told)


def test_what_a_process_cannot_fetch_is_its_callers_error(tmp_path):
    with pytest.raises(BadInput, match="SAVEE cannot be fetched: register"):
        fetch_apart("SAVEE", tmp_path / "f", tmp_path / "cache")
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        fetch_apart("EMODB", tmp_path / "f", tmp_path / "cache", stop=stop)
