"""Whole corpora in every raw layout, as generated trees with the right names."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.corpora.trees import SONGS, TREES, evaluation, write_iemocap, write_tree
from timnet.corpora.check import check_fresh
from timnet.corpora.scan import scan
from timnet.corpora.spec import KNOWN
from timnet.errors import CorpusError

PUBLISHED = {
    "CASIA": ({"angry": 200, "fear": 200, "happy": 200, "neutral": 200, "sad": 200, "surprise": 200}, 4),
    "EMOVO": (dict.fromkeys(("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"), 84), 6),
    "RAVDESS": (
        {**dict.fromkeys(("angry", "calm", "disgust", "fear", "happy", "sad", "surprise"), 192), "neutral": 96},
        24,
    ),
    "SAVEE": ({**dict.fromkeys(("angry", "disgust", "fear", "happy", "sad", "surprise"), 60), "neutral": 120}, 4),
}


def read(folder, corpus):
    found = scan(folder, KNOWN[corpus])
    return found, check_fresh(found, KNOWN[corpus], folder)


@pytest.mark.parametrize("tree", TREES)
def test_a_whole_corpus_has_the_published_counts_and_no_problem(tree, tmp_path):
    corpus, layout, paths = TREES[tree]
    found, verdict = read(write_tree(tmp_path, paths), corpus)
    classes, speakers = PUBLISHED[corpus]
    assert (verdict.problems, verdict.notes, found.layout) == ((), (), layout)
    assert verdict.classes == dict(sorted(classes.items()))
    assert verdict.speakers == speakers
    assert Counter(u.speaker for u in found.utterances) == KNOWN[corpus].speaker_counts


@pytest.mark.parametrize("corpus", ["CASIA", "EMOVO", "RAVDESS", "SAVEE"])
def test_rows_stand_in_one_order_whatever_the_layout(corpus, tmp_path):
    orders = set()
    for number, (name, _, paths) in enumerate(TREES.values()):
        if name == corpus:
            found, _ = read(write_tree(tmp_path / str(number), paths), corpus)
            orders.add(tuple((u.label, u.speaker, u.sentence, u.take) for u in found.utterances))
    assert len(orders) == 1


def test_ravdess_with_every_file_twice_counts_each_once_and_songs_are_refused_by_name(tmp_path):
    _, _, paths = TREES["RAVDESS folders"]
    write_tree(tmp_path, paths)
    write_tree(tmp_path / "audio_speech_actors_01-24", paths)
    write_tree(tmp_path, SONGS, first=50_000)
    (tmp_path / "Actor_01" / "01-01-03-01-01-01-01.mp4").write_bytes(b"a film")
    found, verdict = read(tmp_path, "RAVDESS")
    assert len(found.utterances) == 1440
    copies, song, video = verdict.problems[2], verdict.problems[0], verdict.problems[1]
    assert song.startswith(f"left out, song, not speech (vocal channel 02): {len(SONGS)} (")
    assert video == "left out, video, not audio alone (modality 01 or 02): 1 (Actor_01/01-01-03-01-01-01-01.mp4)"
    assert copies.startswith("left out, further copies of a file name: 1440 (")
    assert len(verdict.problems) == 3


def test_a_folder_of_songs_alone_is_refused_as_such(tmp_path):
    write_tree(tmp_path, SONGS[:40])
    with pytest.raises(CorpusError, match=r"none of them RAVDESS's: song, not speech \(vocal channel 02\): 40 \("):
        scan(tmp_path, KNOWN["RAVDESS"])


def test_two_layouts_in_one_folder_count_once_and_are_told(tmp_path):
    write_tree(tmp_path / "official", TREES["SAVEE official"][2])
    write_tree(tmp_path / "flat", TREES["SAVEE flat"][2][:100])
    found, verdict = read(tmp_path, "SAVEE")
    assert (len(found.utterances), found.layout) == (480, "savee-official")
    assert verdict.problems[0] == "laid out in several ways: savee-flat 100, savee-official 480"
    assert verdict.problems[1].startswith("left out, further copies of a file name: 100 (")


def test_the_same_utterance_with_another_sound_in_its_copy_is_told(tmp_path):
    write_tree(tmp_path, TREES["SAVEE flat"][2])
    write_tree(tmp_path, ["z/DC_a01.wav"], first=9999)
    _, verdict = read(tmp_path, "SAVEE")
    assert verdict.problems[-1] == (
        "left out, another sound under the name of a recording that is used: 1 (z/DC_a01.wav)"
    )


@pytest.mark.parametrize(("tree", "claimed"), [("CASIA folders", "SAVEE"), ("EMOVO folders", "RAVDESS")])
def test_a_folder_of_another_known_corpus_is_told_as_that(tree, claimed, tmp_path):
    corpus, _, paths = TREES[tree]
    write_tree(tmp_path, paths[:50])
    with pytest.raises(CorpusError, match=f"none of them {claimed}'s by name .* timnet corpora add {corpus} FOLDER"):
        scan(tmp_path, KNOWN[claimed])


@pytest.fixture(scope="module")
def iemocap(tmp_path_factory):
    return write_iemocap(tmp_path_factory.mktemp("iemocap") / "IEMOCAP_full_release")


@pytest.mark.parametrize("above", [False, True], ids=["the release", "the folder above"])
def test_the_whole_of_iemocap(iemocap, above):
    found, verdict = read(iemocap.parent if above else iemocap, "IEMOCAP")
    assert verdict.problems == ()
    assert verdict.classes == {"angry": 1103, "happy": 1636, "neutral": 1708, "sad": 1084}
    assert verdict.utterances == 5531
    assert Counter(u.session for u in found.utterances) == {
        "Ses01": 1085,
        "Ses02": 1023,
        "Ses03": 1151,
        "Ses04": 1031,
        "Ses05": 1241,
    }
    assert verdict.speakers == 10
    assert sum(int(note.rpartition(": ")[2]) for note in verdict.notes if "another emotion" in note) == 10_039 - 5531
    assert "left out, another emotion, fru (frustration): 1849" in verdict.notes
    assert "left out, whole dialogues, not utterances: 30" in verdict.notes
    swapped = [u for u in found.utterances if u.take[0] != u.take[2]]
    assert len(swapped) > 2000, "the wearer of the motion capture often is not the speaker"
    for utterance in found.utterances:
        name = utterance.path.rpartition("/")[2]
        assert utterance.speaker == name[:5] + name.split("_")[-1][0]
        assert utterance.session == name[:5]
        assert utterance.sentence.startswith(("impro", "script"))


def test_iemocap_names_missing_unlabelled_and_contradicted_utterances(tmp_path):
    session = tmp_path / "Session1"
    dialogue = "Ses01M_impro01"
    evaluation(session, dialogue, {f"{dialogue}_F000": "hap", f"{dialogue}_M000": "exc", f"{dialogue}_F001": "neu"})
    path = evaluation(session, "Ses01M_other", {f"{dialogue}_F001": "sad"})
    assert path.is_file()
    wavs = [f"sentences/wav/{dialogue}/{dialogue}_{name}.wav" for name in ("F000", "F001", "M009")]
    write_tree(session, wavs)
    (session / f"sentences/wav/{dialogue}/._{dialogue}_F000.wav").write_bytes(b"left by another system")
    found, verdict = read(tmp_path, "IEMOCAP")
    assert [(u.path, u.label, u.speaker) for u in found.utterances] == [(f"Session1/{wavs[0]}", "happy", "Ses01F")]
    assert f"published, but not here: 1 (Session1/sentences/wav/{dialogue}/{dialogue}_M000.wav)" in verdict.problems
    lines = "\n".join(verdict.problems)
    assert f"labelled twice, and not alike, in dialog/EmoEvaluation: 1 (Session1/{wavs[1]})" in lines
    assert f"without a label in dialog/EmoEvaluation/Ses*.txt: 1 (Session1/{wavs[2]})" in lines


def test_iemocap_without_its_tables_says_so(tmp_path):
    write_tree(tmp_path, ["Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"])
    with pytest.raises(CorpusError, match=r"none of them IEMOCAP's: without a label in dialog/EmoEvaluation"):
        scan(tmp_path, KNOWN["IEMOCAP"])


def test_iemocap_s_session_folder_alone_can_be_read(iemocap):
    found, verdict = read(iemocap / "Session2", "IEMOCAP")
    assert len(found.utterances) == 1023
    assert "session Ses01 has 0 utterances, 1085 are published" in verdict.problems
