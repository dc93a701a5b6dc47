from __future__ import annotations

import json
import shutil

import pytest

from tests.corpora.recordings import EMODB_WAVS, needs_emodb, write_wav
from tests.corpora.trees import TREES, write_tree
from timnet.corpora.check import check
from timnet.corpora.emodb import EMODB
from timnet.corpora.scan import scan
from timnet.sources import name_of


@needs_emodb
def test_the_whole_emodb_has_no_problem_and_the_contract_s_keys():
    utterances = scan(EMODB_WAVS, EMODB).utterances
    verdict = json.loads(json.dumps(check(utterances, EMODB, EMODB_WAVS).to_dict()))
    assert verdict == {
        "corpus": "EMODB",
        "path": str(EMODB_WAVS),
        "utterances": 535,
        "speakers": 10,
        "classes": {"angry": 127, "boredom": 81, "disgust": 46, "fear": 69, "happy": 71, "neutral": 79, "sad": 62},
        "problems": [],
        "layout": "emodb",
        "notes": [],
        "files": [],
    }


@pytest.fixture
def registered(tmp_path):
    """A folder of four recordings, and the list made of it."""
    for seed, name in enumerate(("03a01Wa.wav", "03a02Wb.wav", "08a04Ff.wav", "16b10Td.wav")):
        write_wav(tmp_path / "corpus" / name, seed=seed)
    return tmp_path / "corpus", scan(tmp_path / "corpus", EMODB).utterances


def about_files(registered):
    folder, utterances = registered
    counts = ("class ", "speaker ", "published, but not here")
    return [p for p in check(utterances, EMODB, folder).problems if not p.startswith(counts)]


def test_counts_that_differ_from_the_published_ones_are_told_by_class_and_speaker(registered):
    folder, utterances = registered
    verdict = check(utterances, EMODB, folder)
    assert verdict.classes == {"angry": 2, "boredom": 0, "disgust": 0, "fear": 0, "happy": 1, "neutral": 0, "sad": 1}
    assert (verdict.utterances, verdict.speakers) == (4, 3)
    assert "class angry has 2 utterances, 127 are published" in verdict.problems
    assert "speaker 09 has 0 utterances, 43 are published" in verdict.problems
    assert verdict.problems[-1].startswith("published, but not here: 531 (03a01Fa.wav, 03a01Nc.wav, ")
    assert len(verdict.problems) == 7 + 10 + 1
    (missing,) = verdict.to_dict()["files"]
    assert len(missing["paths"]) == 531, "JSON names them all"


def test_an_untouched_folder_has_no_problem_with_its_files(registered):
    assert about_files(registered) == []


def test_a_file_gone_changed_or_new_is_named(registered):
    folder, _ = registered
    (folder / "03a01Wa.wav").unlink()
    write_wav(folder / "08a04Ff.wav", seed=77)
    write_wav(folder / "09a01Nb.wav", seed=78)
    assert about_files(registered) == [
        "missing since the corpus was added: 1 (03a01Wa.wav)",
        "changed since the corpus was added: 1 (08a04Ff.wav)",
        "new since the corpus was added, not used: 1 (09a01Nb.wav)",
    ]


def test_a_folder_that_is_gone_is_one_problem(registered):
    folder, _ = registered
    shutil.rmtree(folder)
    (problem,) = about_files(registered)
    assert "there is no folder" in problem


def test_recordings_that_are_one_sound_under_two_published_names_are_named_together(registered):
    folder, _ = registered
    shutil.copy(folder / "03a01Wa.wav", folder / "12a05Nd.wav")
    problems = about_files((folder, scan(folder, EMODB).utterances))
    assert problems == ["byte-identical, yet named as different utterances: 2 (03a01Wa.wav, 12a05Nd.wav)"]


def test_a_published_sound_under_an_unpublished_name_is_left_out(registered):
    folder, utterances = registered
    shutil.copy(folder / "03a01Wa.wav", folder / "12a05Ac.wav")
    assert scan(folder, EMODB).utterances == utterances
    assert about_files(registered) == [
        "left out, the same bytes as a published recording under a name that is not published: 1 (12a05Ac.wav)"
    ]


def test_a_name_that_fits_but_was_never_published_is_used_and_told(registered):
    folder, _ = registered
    write_wav(folder / "12a05Ac.wav", seed=80)
    problems = about_files((folder, scan(folder, EMODB).utterances))
    assert problems == ["used, but of no name that is published: 1 (12a05Ac.wav)"]


def test_a_registered_file_that_became_useless_is_told_with_its_fault(registered):
    folder, _ = registered
    (folder / "08a04Ff.wav").write_bytes(b"")
    assert about_files(registered) == [
        "cannot be used, is empty: 1 (08a04Ff.wav)",
        "changed since the corpus was added: 1 (08a04Ff.wav)",
    ]


def test_checking_says_how_many_files_of_how_many_it_has_read(registered):
    folder, utterances = registered
    told = []
    check(utterances, EMODB, folder, lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_whose_recordings_lie_in_a_folder_is_told_by_their_names(tmp_path, tree):
    name, paths = tree[0], tree[-1]
    write_tree(tmp_path / "there", paths[:40])
    assert name_of(tmp_path / "there") == name


def test_a_folder_of_other_recordings_is_no_known_corpus(tmp_path):
    write_tree(tmp_path / "mine", ["angry/a.wav", "sad/b.wav"])
    assert name_of(tmp_path / "mine") is None
    assert name_of(tmp_path / "nowhere") is None
    (tmp_path / "empty").mkdir()
    assert name_of(tmp_path / "empty") is None
