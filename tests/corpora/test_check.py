from __future__ import annotations

import json
import shutil

import pytest

from tests.corpora.recordings import EMODB_WAVS, needs_emodb, write_wav
from timnet.corpora.check import check
from timnet.corpora.emodb import EMODB
from timnet.corpora.scan import scan


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
    }


@pytest.fixture
def registered(tmp_path):
    """A folder of four recordings, and the list made of it."""
    for seed, name in enumerate(("03a01Wa.wav", "03a01Wb.wav", "08a02Fb.wav", "16b10Td.wav")):
        write_wav(tmp_path / "corpus" / name, seed=seed)
    return tmp_path / "corpus", scan(tmp_path / "corpus", EMODB).utterances


def about_files(registered):
    folder, utterances = registered
    return [p for p in check(utterances, EMODB, folder).problems if not p.startswith(("class ", "speaker "))]


def test_counts_that_differ_from_the_published_ones_are_told_by_class_and_speaker(registered):
    folder, utterances = registered
    verdict = check(utterances, EMODB, folder)
    assert verdict.classes == {"angry": 2, "boredom": 0, "disgust": 0, "fear": 0, "happy": 1, "neutral": 0, "sad": 1}
    assert (verdict.utterances, verdict.speakers) == (4, 3)
    assert "class angry has 2 utterances, 127 are published" in verdict.problems
    assert "speaker 09 has 0 utterances, 43 are published" in verdict.problems
    assert len(verdict.problems) == 7 + 10


def test_an_untouched_folder_has_no_problem_with_its_files(registered):
    assert about_files(registered) == []


def test_a_file_gone_changed_or_new_is_named(registered):
    folder, _ = registered
    (folder / "03a01Wa.wav").unlink()
    write_wav(folder / "08a02Fb.wav", seed=77)
    write_wav(folder / "09a01Na.wav", seed=78)
    assert about_files(registered) == [
        "missing since the corpus was added: 1 (03a01Wa.wav)",
        "changed since the corpus was added: 1 (08a02Fb.wav)",
        "new since the corpus was added, not used: 1 (09a01Na.wav)",
    ]


def test_a_folder_that_is_gone_is_one_problem(registered):
    folder, _ = registered
    shutil.rmtree(folder)
    (problem,) = about_files(registered)
    assert "there is no folder" in problem


def test_byte_identical_recordings_are_named_together(registered):
    folder, _ = registered
    shutil.copy(folder / "03a01Wa.wav", folder / "12a05Ac.wav")
    problems = about_files((folder, scan(folder, EMODB).utterances))
    assert problems == ["byte-identical: 03a01Wa.wav, 12a05Ac.wav"]
