"""Sorting a corpus into one folder an emotion, and taking it back."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora.recordings import write_wav
from tests.corpora.trees import TREES, write_tree
from timnet.corpora import organise as module
from timnet.corpora.organise import MANIFEST, PART, organise, read_manifest, undo
from timnet.corpora.placing import place
from timnet.corpora.scan import scan
from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput, CorpusError, DiskFull
from timnet.records import Utterance


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Corpus:
    """A generated SAVEE in the official layout, where all names repeat."""

    def __init__(self, folder: Path, count: int = 40) -> None:
        every = TREES["SAVEE official"][2]
        self.folder = write_tree(folder, every[:: len(every) // count])
        self.utterances = scan(self.folder, KNOWN["SAVEE"]).utterances
        self.placements = place(self.utterances)
        self.before = files_of(folder)

    def sort(self, target: Path, **options):
        return organise("SAVEE", self.folder, self.placements, target, **options)

    def is_untouched(self) -> bool:
        return files_of(self.folder) == self.before


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path / "SAVEE")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "sorted"


def wanted(corpus: Corpus) -> dict[str, bytes]:
    return {file.target: corpus.before[file.source] for file in corpus.placements}


def made(target: Path) -> dict[str, bytes]:
    return {name: data for name, data in files_of(target).items() if name != MANIFEST}


@pytest.mark.parametrize("tree", ["SAVEE official", "CASIA folders"])
def test_a_corpus_that_repeats_names_loses_no_file(tree, tmp_path, target):
    name, _, paths = TREES[tree]
    folder = write_tree(tmp_path / "c", paths)
    utterances = scan(folder, KNOWN[name]).utterances
    organise(name, folder, place(utterances), target)
    found = made(target)
    assert len(found) == len(set(found.values())) == KNOWN[name].utterances
    for label, count in KNOWN[name].class_counts.items():
        assert sum(path.startswith(f"{label}/") for path in found) == count
    assert ("sad/DC_sa01.wav" if name == "SAVEE" else "sad/liuchanhg_201.wav") in found


@pytest.mark.parametrize("link", [False, True])
def test_what_is_made_holds_the_same_bytes_and_is_taken_back_whole(corpus, target, link):
    told: list[tuple[int, int]] = []
    outcome = corpus.sort(target, link=link, on_progress=lambda *step: told.append(step))
    assert made(target) == wanted(corpus)
    assert (len(outcome.done), outcome.before) == (len(corpus.placements), ())
    assert told[-1] == (len(corpus.placements),) * 2
    first = corpus.placements[0]
    assert (target / first.target).samefile(corpus.folder / first.source) == link
    again = corpus.sort(target, link=link)
    assert (again.done, len(again.before)) == ((), len(corpus.placements))
    back = undo("savee", target)
    assert (len(back.done), back.kept) == (len(corpus.placements), ())
    assert not target.exists()
    assert corpus.is_untouched()


def test_a_link_to_another_filesystem_is_symbolic(corpus, target, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(module.os, "link", refuse)
    corpus.sort(target, link=True)
    assert all((target / file.target).is_symlink() for file in corpus.placements)
    assert made(target) == wanted(corpus)
    assert corpus.sort(target, link=True).done == ()
    assert undo("SAVEE", target).kept == ()
    assert not target.exists()
    assert corpus.is_untouched()


def test_a_dry_run_tells_all_and_writes_nothing(corpus, target):
    outcome = corpus.sort(target, dry_run=True)
    assert outcome.done == tuple(file.target for file in corpus.placements)
    assert not target.exists()
    corpus.sort(target)
    before = files_of(target)
    assert len(undo("SAVEE", target, dry_run=True).done) == len(corpus.placements)
    assert files_of(target) == before


def test_interrupted_it_is_finished_by_the_same_command(corpus, target):
    def stop(done, _total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.sort(target, on_progress=stop)
    assert len(made(target)) == 7
    outcome = corpus.sort(target)
    assert (len(outcome.before), len(outcome.done)) == (7, len(corpus.placements) - 7)
    assert made(target) == wanted(corpus)


def _slowly(folder: Path, target: Path) -> None:
    corpus = Corpus(folder)
    copy = module._digest

    def slow(source, stream=None):
        if stream is not None:
            stream.write(b"half of a")
            stream.flush()
            time.sleep(0.05)
            stream.seek(0)
            stream.truncate()
        return copy(source, stream)

    module._digest = slow
    corpus.sort(target)


def test_killed_in_the_middle_of_a_file_it_leaves_no_half_of_one(corpus, target):
    process = multiprocessing.get_context("spawn").Process(target=_slowly, args=(corpus.folder, target))
    process.start()
    deadline = time.monotonic() + 60
    while len(list(target.glob("*/*.wav"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    found = {name: data for name, data in made(target).items() if not name.endswith(PART)}
    assert 3 <= len(found) < len(corpus.placements)
    assert found.items() <= wanted(corpus).items(), "what has its final name is whole"
    corpus.sort(target)
    assert made(target) == wanted(corpus)
    undo("SAVEE", target)
    assert not target.exists()


def test_an_interrupted_one_can_be_taken_back(corpus, target):
    def stop(done, _total):
        if done == 7:
            (target / corpus.placements[6].folder / PART).write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.sort(target, on_progress=stop)
    assert len(undo("SAVEE", target).done) == 7
    assert not target.exists()


def test_undo_keeps_what_was_changed_or_added_or_has_lost_its_original(corpus, target):
    corpus.sort(target)
    changed, replaced, orphan, *_ = corpus.placements
    write_wav(target / changed.target, seed=5)
    (target / replaced.target).unlink()
    (target / replaced.target).symlink_to("/etc/hostname")
    (corpus.folder / orphan.source).unlink()
    mine = target / changed.folder / "notes.txt"
    mine.write_text("precious")
    outcome = undo("SAVEE", target)
    assert set(outcome.kept) == {
        f"{changed.target}: it was changed",
        f"{replaced.target}: it is a link to something else",
        f"{orphan.target}: its original is gone",
    }
    assert mine.read_text() == "precious"
    assert {file.target for file in read_manifest(target).files} == {
        file.target for file in (changed, replaced, orphan)
    }
    assert len(undo("SAVEE", target).kept) == 3, "it can be asked again"


def test_a_target_that_holds_anything_else_is_refused(corpus, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("mine", "file"):
        with pytest.raises(BadInput, match="is not empty"):
            corpus.sort(tmp_path / name)
    for inside in (corpus.folder, corpus.folder / "sorted"):
        with pytest.raises(BadInput, match="lies in the corpus itself"):
            corpus.sort(inside)
    corpus.sort(tmp_path / "links", link=True)
    with pytest.raises(BadInput, match=r"holds another sorting \(SAVEE, 40 links\)"):
        corpus.sort(tmp_path / "links")
    with pytest.raises(BadInput, match="holds SAVEE sorted, not EMODB"):
        undo("EMODB", tmp_path / "links")
    with pytest.raises(BadInput, match="nothing was organised there"):
        undo("SAVEE", tmp_path / "mine")
    assert corpus.is_untouched()


def test_links_in_the_target_lead_nothing_out_of_it(corpus, target, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()

    def stop(*_step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.sort(target, on_progress=stop)
    later = next(file for file in corpus.placements if file.folder != corpus.placements[0].folder)
    (target / later.folder).symlink_to(outside)
    with pytest.raises(BadInput, match=r"in the way|is a link"):
        corpus.sort(target)
    assert list(outside.iterdir()) == []
    (outside / later.name).write_bytes((corpus.folder / later.source).read_bytes())
    assert undo("SAVEE", target).kept
    assert (outside / later.name).exists()


def test_a_file_in_the_way_is_neither_overwritten_nor_taken_for_ours(corpus, target):
    def stop(*_step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.sort(target, on_progress=stop)
    second = corpus.placements[1]
    (target / second.target).parent.mkdir(exist_ok=True)
    (target / second.target).write_text("mine")
    with pytest.raises(BadInput, match="is in the way"):
        corpus.sort(target)
    assert (target / second.target).read_text() == "mine"


@pytest.mark.parametrize(
    "change",
    [
        {"folder": ".."},
        {"folder": "a/b"},
        {"name": "../../precious.txt"},
        {"name": ".."},
        {"name": ""},
        {"folder": "/etc"},
        {"name": 3},
    ],
)
def test_a_hostile_manifest_removes_nothing(corpus, target, tmp_path, change):
    (tmp_path / "precious.txt").write_text("precious")
    corpus.sort(target)
    values = json.loads((target / MANIFEST).read_text())
    values["files"][0].update(change)
    (target / MANIFEST).write_text(json.dumps(values))
    before = files_of(target)
    with pytest.raises(BadInput, match="nothing was touched"):
        undo("SAVEE", target)
    assert files_of(target) == before
    assert (tmp_path / "precious.txt").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', '{"files": [], "version": 9}', "\udcff{"])
def test_a_broken_manifest_is_one_line(tmp_path, text):
    (tmp_path / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match="nothing was touched"):
        undo("SAVEE", tmp_path)


def test_a_recording_that_changed_or_vanished_stops_it(corpus, target):
    write_wav(corpus.folder / corpus.placements[3].source, seed=9)
    for link in (False, True):
        with pytest.raises(CorpusError, match="has changed since the corpus was added"):
            corpus.sort(target.with_name(f"t{link}"), link=link)
    (corpus.folder / corpus.placements[3].source).unlink()
    with pytest.raises(CorpusError, match="is gone"):
        corpus.sort(target)
    assert not list(target.rglob(PART))


def test_a_full_disk_is_told_before_anything_is_copied_and_half_a_file_is_taken_away(corpus, target, monkeypatch):
    usage = shutil.disk_usage(target.parent)
    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=10))
        with pytest.raises(DiskFull):
            corpus.sort(target)
    assert list(target.iterdir()) == []

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(DiskFull):
        corpus.sort(target)
    assert made(target) == {}


def test_a_corpus_without_recordings_has_nothing_to_sort(corpus, target, tmp_path):
    (tmp_path / "CASIA.npy").write_bytes(b"features")
    for source in (tmp_path / "CASIA.npy", tmp_path / "gone"):
        with pytest.raises(CorpusError, match="is no folder of recordings"):
            organise("CASIA", source, corpus.placements, target)
    assert not target.exists()


def test_two_at_once_do_not_meet(corpus, target):
    target.mkdir()
    with module._locked(target), pytest.raises(BadInput, match="another timnet is at work"):
        corpus.sort(target)


def an_utterance(path: str, label: str = "angry", speaker: str = "s", **more) -> Utterance:
    return Utterance(path, label, speaker, sha256="0" * 64, **more)


@pytest.mark.parametrize(
    "bad",
    [
        an_utterance("../outside.wav"),
        an_utterance("/etc/passwd"),
        an_utterance("a/.."),
        an_utterance("a.wav", label=".."),
        an_utterance("a.wav", label="a/b"),
        an_utterance("a.wav", label=""),
        an_utterance("a/.hidden.wav"),
        an_utterance("a.wav", start=1.0),
        an_utterance("a.wav", end=1.0),
    ],
)
def test_names_that_lead_elsewhere_are_refused(bad):
    with pytest.raises(CorpusError):
        place([an_utterance("good.wav"), bad])


NAMES = st.text("aAbé/.-_ \x1b", min_size=1, max_size=6)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.text("xyz/", max_size=3), NAMES, st.sampled_from(["sad", "Sad", "angry"]), NAMES), max_size=12
    )
)
def test_every_file_gets_a_place_of_its_own_inside_the_target(rows):
    utterances = [
        an_utterance(f"{folder}/{name}.wav".lstrip("/"), label, speaker) for folder, name, label, speaker in rows
    ]
    try:
        placements = place(utterances)
    except CorpusError:
        return
    targets = [file.target.casefold() for file in placements]
    assert len(set(targets)) == len(targets) == len({(u.label, u.path, u.speaker) for u in utterances})
    for file in placements:
        parts = Path("/t", file.target).parts
        assert parts == ("/", "t", file.folder, file.name)
        assert ".." not in parts


def test_names_are_prefixed_only_where_they_meet():
    placements = place(
        [an_utterance("x/1.wav", speaker="A"), an_utterance("y/1.WAV", speaker="B"), an_utterance("2.wav")]
    )
    assert [file.target for file in placements] == ["angry/A_1.wav", "angry/B_1.WAV", "angry/2.wav"]
    placements = place(
        [an_utterance("x/1.wav", speaker=""), an_utterance("y/1.wav", speaker=""), an_utterance("1-2.wav")]
    )
    assert [file.target for file in placements] == ["angry/1.wav", "angry/1-3.wav", "angry/1-2.wav"]
