from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import pytest
import soundfile

from tests.corpora.recordings import EMODB_WAVS, needs_emodb, write_wav
from timnet.corpora.emodb import EMODB
from timnet.corpora.scan import digest, scan
from timnet.errors import CorpusError


def refused(folder: Path) -> str:
    """The one line with which a scan refuses ``folder``."""
    with pytest.raises(CorpusError) as caught:
        scan(folder, EMODB)
    line = str(caught.value)
    assert line.isprintable(), "one line, and nothing that a terminal would obey"
    assert caught.value.exit_code == 2
    return line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small files named as EMODB names them."""
    for seed, name in enumerate(("03a01Wa.wav", "08a02Fb.wav", "16b10Td.wav")):
        write_wav(tmp_path / "corpus" / name, seed=seed)
    return tmp_path / "corpus"


@needs_emodb
def test_the_real_emodb_has_the_published_counts_in_the_published_order():
    told: list[tuple[int, int]] = []
    found = scan(EMODB_WAVS, EMODB, lambda done, total: told.append((done, total)))
    assert found.problems == ()
    assert len(found.utterances) == 535 == len({u.sha256 for u in found.utterances})
    assert {c: sum(u.label == c for u in found.utterances) for c in EMODB.classes} == EMODB.class_counts
    assert {s: sum(u.speaker == s for u in found.utterances) for s in EMODB.speaker_counts} == EMODB.speaker_counts
    assert not [u for u in found.utterances if (u.speaker, u.label) == ("08", "disgust")]
    labels = [u.label for u in found.utterances]
    assert labels == sorted(labels)
    assert [u.path for u in found.utterances[:3]] == ["03a01Wa.wav", "03a02Wb.wav", "03a02Wc.wav"]
    assert told == [(n, 535) for n in range(1, 536)]


def test_an_utterance_carries_what_its_name_and_bytes_tell(folder):
    (first, *_) = scan(folder, EMODB).utterances
    assert (first.path, first.label, first.speaker, first.sentence, first.take) == (
        "03a01Wa.wav",
        "angry",
        "03",
        "a01",
        "a",
    )
    assert len(first.sha256) == 64


def test_sub_folders_any_case_and_links_are_walked_but_hidden_files_are_not(folder):
    write_wav(folder / "deep" / "er" / "09a01Na.WAV", seed=5)
    write_wav(folder / ".trash" / "09a02Na.wav", seed=6)
    (folder / "._03a01Wa.wav").write_bytes(b"left by another system")
    elsewhere = write_wav(folder.parent / "elsewhere" / "10a01La.wav", seed=7).parent
    (folder / "linked").symlink_to(elsewhere)
    (folder / "loop").symlink_to(folder)
    found = scan(folder, EMODB)
    assert {u.path for u in found.utterances} == {
        "03a01Wa.wav",
        "08a02Fb.wav",
        "16b10Td.wav",
        "deep/er/09a01Na.WAV",
        "linked/10a01La.wav",
    }
    assert found.problems == ()


def test_the_digest_covers_paths_labels_order_and_audio(folder):
    before = scan(folder, EMODB).utterances
    assert digest(before, EMODB) == digest(scan(folder, EMODB).utterances, EMODB)
    assert digest(before[::-1], EMODB) != digest(before, EMODB)
    write_wav(folder / "03a01Wa.wav", seed=99)
    changed = digest(scan(folder, EMODB).utterances, EMODB)
    (folder / "03a01Wa.wav").rename(folder / "03a01Wb.wav")
    renamed = digest(scan(folder, EMODB).utterances, EMODB)
    assert len({digest(before, EMODB), changed, renamed}) == 3


def test_a_missing_folder_a_file_and_an_empty_folder_are_refused(folder, tmp_path):
    assert "there is no folder" in refused(tmp_path / "nowhere")
    assert "there is no folder" in refused(tmp_path / "nul\0byte")
    assert "is a file, not a folder" in refused(folder / "03a01Wa.wav")
    empty = tmp_path / "empty\x1b]0;title\x07\n"
    empty.mkdir()
    assert "holds no .wav file" in refused(empty)


def test_a_folder_of_another_corpus_is_refused_with_an_example(tmp_path):
    write_wav(tmp_path / "DC_a01.wav")
    line = refused(tmp_path)
    assert "03a01Fa.wav" in line
    assert "DC_a01.wav" in line
    assert "named as SAVEE names its files; add them with: timnet corpora add SAVEE" in line


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"RIFF", "is not readable as audio"),
        (b"this is a text, not a recording\n" * 40, "is not readable as audio"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0", "holds no sound"),
    ],
    ids=["empty", "stub", "text", "no samples"],
)
def test_a_file_that_is_no_recording_is_refused_by_name(folder, content, reason):
    (folder / "08a02Fb.wav").write_bytes(content)
    line = refused(folder)
    assert f"08a02Fb.wav {reason}" in line
    assert "first of" not in line
    (folder / "16b10Td.wav").write_bytes(content)
    assert "08a02Fb.wav" in refused(folder)
    assert "the first of 2" in refused(folder)


def test_other_audio_under_a_wav_name_is_refused(folder):
    samples, rate = soundfile.read(folder / "08a02Fb.wav")
    soundfile.write(folder / "08a02Fb.wav", samples, rate, format="FLAC")
    assert "08a02Fb.wav holds FLAC data, not WAV" in refused(folder)


def test_a_broken_link_and_a_pipe_are_refused_and_not_waited_for(folder):
    (folder / "09a01Na.wav").symlink_to(folder / "gone.wav")
    assert "09a01Na.wav cannot be read (No such file" in refused(folder)
    (folder / "09a01Na.wav").unlink()
    os.mkfifo(folder / "09a01Na.wav")
    assert "09a01Na.wav is not a regular file" in refused(folder)


def test_a_file_cut_short_is_a_problem(folder):
    whole = (folder / "08a02Fb.wav").read_bytes()
    (folder / "08a02Fb.wav").write_bytes(whole[: len(whole) // 2])
    (problem,) = scan(folder, EMODB).problems
    assert "cut short" in problem
    assert "08a02Fb.wav" in problem
    unknown_size = whole[:40] + struct.pack("<I", 0xFFFF_FFFF) + whole[44:]  # as a writer into a pipe leaves it
    (folder / "08a02Fb.wav").write_bytes(unknown_size)
    assert scan(folder, EMODB).problems == ()


def test_foreign_names_are_problems_while_others_fit(folder):
    for name in ("notes.wav", "evil\n\x1b[2Jname.wav", "\u202egpj.wav"):
        write_wav(folder / name)
    write_wav(Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")) / "09a01Na.wav")
    found = scan(folder, EMODB)
    assert len(found.utterances) == 3
    (problem,) = found.problems
    assert problem.isprintable()
    assert "left out" in problem
    assert "4 (" in problem
    assert "notes.wav" in problem


def test_many_foreign_names_are_counted_not_listed(folder):
    for n in range(40):
        write_wav(folder / f"foreign{n}.wav", seconds=0.01)
    (problem,) = scan(folder, EMODB).problems
    assert "40 (" in problem
    assert "and 32 more" in problem


def test_a_second_copy_of_a_name_counts_once(folder):
    shutil.copytree(folder, folder / "copy")
    found = scan(folder, EMODB)
    assert [u.path for u in found.utterances] == [u.path for u in scan(folder / "copy", EMODB).utterances]
    (problem,) = found.problems
    assert "further copies" in problem
    assert "copy/03a01Wa.wav" in problem
