from __future__ import annotations

import csv
import os
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora.recordings import write_wav
from timnet.corpora.entries import label_of, seconds_of
from timnet.corpora.own import AUDFORMAT, FOLDERS, MANIFEST, check_own, layout_of, read_own
from timnet.errors import CorpusError
from timnet.records import CorpusRecord


@pytest.fixture
def folder(tmp_path):
    """Three recordings of 1, 2 and 3 seconds below ``wav``."""
    for number in (1, 2, 3):
        write_wav(tmp_path / "wav" / f"{number}.wav", seconds=number, seed=number)
    return tmp_path


def manifest(
    folder: Path, *rows: str, header: str = "path,label,speaker,start,end,sentence", name: str = "m.csv"
) -> Path:
    path = folder / name
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def refusal(source: Path, **options: bool) -> str:
    """The one line that refuses ``source``."""
    with pytest.raises(CorpusError) as caught:
        read_own(source, **options)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    return str(caught.value)


def test_a_folder_an_emotion_is_read_in_published_row_order(tmp_path):
    for path in (
        "sad/10.wav",
        "sad/9.WAV",
        "Angry/deep/er/b.wav",
        "Angry/a.wav",
        "loose.wav",
        ".git/x.wav",
        "Angry/._a.wav",
    ):
        write_wav(tmp_path / path, seed=len(path) + path.count("a"))
    (tmp_path / "Angry" / "notes.txt").write_text("no sound")
    soundfile.write(tmp_path / "sad" / "11.flac", np.zeros(800), 8000)
    told = []
    found = read_own(tmp_path, lambda done, total: told.append((done, total)))
    assert layout_of(tmp_path) == found.layout == FOLDERS
    assert [(u.label, u.path) for u in found.utterances] == [
        ("angry", "Angry/a.wav"),
        ("angry", "Angry/deep/er/b.wav"),
        ("sad", "sad/9.WAV"),
        ("sad", "sad/10.wav"),
        ("sad", "sad/11.flac"),
    ]
    assert found.classes == ("angry", "sad")
    assert {u.speaker for u in found.utterances} == {""}
    assert found.seconds == pytest.approx([0.1] * 5)
    assert [str(one) for one in found.findings] == ["left out, in no class folder: 1 (loose.wav)"]
    assert told == [(n, 5) for n in range(1, 6)]


def test_a_manifest_names_speakers_sentences_and_parts_of_files(folder):
    path = manifest(
        folder,
        "wav/3.wav,Sad,Ann,1.5,2.5,two words",
        "wav/3.wav,sad,Ann,0,0 days 00:00:01.500,=cmd()",
        'wav/1.wav, ANGRY ,"Bob, jr".,,,',
        header="PATH, Label,speaker,start,end,sentence",
    )
    assert "m.csv line 4 is no row of a table" in refusal(path)
    path.write_text(path.read_text().replace('"Bob, jr".', "Bob"))
    found = read_own(path)
    assert found.layout == MANIFEST
    assert found.folder == folder
    assert [(u.label, u.speaker, u.path, u.start, u.end, u.sentence) for u in found.utterances] == [
        ("angry", "Bob", "wav/1.wav", 0.0, None, ""),
        ("sad", "Ann", "wav/3.wav", 0.0, 1.5, "=cmd()"),
        ("sad", "Ann", "wav/3.wav", 1.5, 2.5, "two words"),
    ]
    assert found.seconds == pytest.approx([1, 1.5, 1])
    assert found.utterances[1].sha256 == found.utterances[2].sha256 != found.utterances[0].sha256


@pytest.mark.parametrize(("name", "separator"), [("m.csv", ","), ("m.csv", ";"), ("m.tsv", "\t"), ("M.TSV", "\t")])
def test_separators_line_ends_and_a_byte_order_mark(folder, name, separator):
    with (folder / name).open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerows(
            [("label", "file", "colour"), ("fröhlich", "wav/1.wav", "a\nb"), ("sad", "wav/2.wav", "c"), ()]
        )
    found = read_own(folder / name)
    assert [(u.label, u.path) for u in found.utterances] == [("fröhlich", "wav/1.wav"), ("sad", "wav/2.wav")]
    assert [str(one) for one in found.findings] == ["columns not used: 1"]


def test_files_anywhere_may_be_named_and_are_only_read(folder, tmp_path_factory):
    other = write_wav(tmp_path_factory.mktemp("other") / "far.wav", seconds=0.2, seed=9)
    (folder / "lists").mkdir()
    (folder / "linked.wav").symlink_to(other)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (other, folder / "wav" / "1.wav")}
    path = manifest(
        folder / "lists", f"{other},a", "../wav/1.wav,b", "../wav\\2.wav,b", "../linked.wav,b", header="path,label"
    )
    found = read_own(path)
    assert {u.path for u in found.utterances} == {str(other), "../wav/1.wav", "../wav/2.wav", "../linked.wav"}
    assert any("byte-identical" in str(one) for one in found.findings)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("wav/9.wav,b", r"wav/9\.wav cannot be read \(No such file or directory\)"),
        ("wav,b", r"wav is not a regular file"),
        ("/dev/zero,b", r"/dev/zero is not a regular file"),
        ("pipe.wav,b", r"pipe\.wav is not a regular file"),
        ("text.wav,b", r"text\.wav is not readable as audio"),
        ("empty.wav,b", r"empty\.wav (is not readable|cannot be read)"),
        ("silent.wav,b", r"silent\.wav holds no sound"),
        ("../../../../../../etc/passwd,b", r"passwd is not readable as audio"),
        (",b", r"it names no file"),
        ("wav/2.wav,", r"it has no label"),
        ("wav/2.wav,   ", r"it has no label"),
        ("wav/2.wav,=1+1", r"the label '=1\+1' is no name"),
        ("wav/2.wav,-x", r"the label '-x' is no name"),
        ("wav/2.wav,a/b", r"the label 'a/b' is no name"),
        ("wav/2.wav,a\x1b[2J", r"the label .* is no name"),
        ("wav/2.wav,a\u202eb", r"the label .* is no name"),
        ("wav/2.wav," + "x" * 65, r"the label 'x{40}' is no name"),
        ("wav/2.wav,b,@SUM(A1)", r"the speaker '@sum\(a1\)' is no name|the speaker '@SUM\(A1\)' is no name"),
        ("wav/2.wav,b,,-1", r"start is '-1'; it has to be a time"),
        ("wav/2.wav,b,,inf", r"start is 'inf'; it has to be a time"),
        ("wav/2.wav,b,,soon", r"start is 'soon'"),
        ("wav/2.wav,b,,1e400", r"start is '1e400'"),
        ("wav/2.wav,b,,1,0.5", r"it ends \(0\.5 s\) before it starts \(1 s\)"),
        ("wav/2.wav,b,,1,1", r"it ends \(1 s\) before it starts \(1 s\) or is shorter than 10 ms"),
        ("wav/2.wav,b,,2.5", r"start 2\.5 s lies behind the end of wav/2\.wav \(2\.000 s\)"),
        ("wav/2.wav,b,,1,2.5", r"end 2\.5 s lies behind the end of wav/2\.wav \(2\.000 s\)"),
        ("wav/1.wav,b", r"wav/1\.wav is listed already \(m\.csv line 2\)"),
        ("wav/2.wav,b,c,0,1,s,more", r"has 7 values for 6 columns"),
    ],
)
def test_a_faulty_row_is_named_by_its_line(folder, row, line):
    os.mkfifo(folder / "pipe.wav")
    (folder / "text.wav").write_text("no sound " * 20)
    (folder / "empty.wav").touch()
    soundfile.write(folder / "silent.wav", np.zeros(0), 8000)
    row += "," * max(0, 5 - row.count(","))
    path = manifest(folder, "wav/1.wav,a,,,,", row)
    import re

    said = refusal(path)
    assert said.startswith("m.csv line 3")
    assert re.search(line, said), said
    again = manifest(folder, "wav/1.wav,a,,,,", row, row.replace("wav/2", "wav/3"))
    if "values" not in line and "listed" not in line and ".wav," in row:
        assert "m.csv line 3" in refusal(again)


def test_several_faults_are_counted(folder):
    path = manifest(folder, "wav/1.wav,a", "wav/2.wav,", "wav/3.wav,", "wav/4.wav,", header="path,label")
    assert refusal(path) == (
        "m.csv line 3: it has no label; every utterance needs one (the first of 3 such faults);"
        " correct it and add the corpus again"
    )


def test_files_that_cannot_be_used_are_left_out_when_asked(folder):
    path = manifest(folder, "wav/1.wav,a", "wav/2.wav,b", "wav/4.wav,b", "wav/5.wav,c", header="path,label")
    assert "wav/4.wav cannot be read (No such file or directory) (the first of 2 such faults)" in refusal(path)
    found = read_own(path, skip_bad=True)
    assert [u.path for u in found.utterances] == ["wav/1.wav", "wav/2.wav"]
    assert [one.paths for one in found.findings] == [("wav/4.wav", "wav/5.wav")]
    assert found.classes == ("a", "b")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "has no column 'path'"),
        (b"\n\n", "has no column 'path'"),
        (b"path,speaker\na,b\n", r"has no column 'label' \(it has: path, speaker\)"),
        (b"label,speaker\na,b\n", "has no column 'path'"),
        (b"path,label,Label\na,b,c\n", "more than one column 'label'"),
        (b"path,file,label\na,b,c\n", "both 'path' and 'file'"),
        (b"path,label\n", "lists no recording"),
        (b"path,label\n\xff\xfe,b\n", r"no UTF-8 text \(byte 12\)"),
        ("path,label\nä,b\n".encode("latin-1"), "no UTF-8 text"),
        ("path,label\na,b\n".encode("utf-16"), "no UTF-8 text"),
        ("path,label\na,b\n".encode("utf-16-le"), "holds NUL"),
        (b"path,label\na\0b,c\n", "holds NUL"),
        pytest.param(b"path,label\n" + b'"' + b"x" * 200_000, "line 2 is no row of a table", id="open quote"),
        pytest.param(b"path,label\n" + b"x" * 200_000 + b",a\n", "larger than field limit", id="long field"),
        pytest.param(b"path,label" + b",x" * 999 + b"\n", "has 1001 columns", id="many columns"),
    ],
)
def test_what_is_no_table_is_one_line(folder, content, line):
    import re

    (folder / "m.csv").write_bytes(content)
    assert re.search(line, refusal(folder / "m.csv"))


def test_a_million_columns_are_one_line(folder):
    (folder / "m.csv").write_text(",".join(f"c{n}" for n in range(1_000_000)) + "\n")
    assert "has 1000000 columns, more than 1000" in refusal(folder / "m.csv")


def test_sources_that_are_not_there_or_hold_nothing(tmp_path):
    assert "there is no table" in refusal(tmp_path / "none.csv")
    assert "there is no folder" in refusal(tmp_path / "none")
    assert "holds" in refusal(tmp_path) or "no folder with recordings" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    assert "there is no table" in refusal(tmp_path / "pipe.csv")
    with (tmp_path / "huge.csv").open("wb") as stream:
        stream.truncate(2**30)
    assert "is larger than 256 MiB" in refusal(tmp_path / "huge.csv")
    write_wav(tmp_path / "angry" / "a.wav")
    assert "has 1 classes (angry)" in refusal(tmp_path)
    write_wav(tmp_path / "=cmd" / "a.wav")
    assert "folder =cmd: the label '=cmd' is no name" in refusal(tmp_path)


def test_segments_that_overlap_and_cut_files_are_told(folder):
    data = (folder / "wav" / "3.wav").read_bytes()
    (folder / "wav" / "3.wav").write_bytes(data[:-4000])
    path = manifest(
        folder,
        "wav/2.wav,a,,0,1.2",
        "wav/2.wav,b,,1,2",
        "wav/3.wav,b,,,1",
        "wav/3.wav,b,,1,",
        header="path,label,speaker,start,end",
    )
    said = [str(one) for one in read_own(path).findings]
    assert said == [
        "cut short, the header promises more sound than there is: 1 (wav/3.wav)",
        "segments overlap, the same sound can be in training and in the test fold: 1 (wav/2.wav)",
    ]


def test_parquet_is_read_like_csv(folder):
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    table = {
        "Path": ["wav/3.wav", "wav/3.wav", "wav/1.wav"],
        "label": ["sad", "sad", "angry"],
        "speaker": ["1", None, "2"],
        "start": [0.0, 1.0, None],
        "end": [1.0, float("nan"), None],
        "weight": [1, 2, 3],
    }
    parquet.write_table(pyarrow.table(table), folder / "m.parquet")
    found = read_own(folder / "m.parquet")
    assert [(u.label, u.speaker, u.start, u.end) for u in found.utterances] == [
        ("angry", "2", 0.0, None),
        ("sad", "1", 0.0, 1.0),
        ("sad", "", 1.0, None),
    ]
    parquet.write_table(pyarrow.table({**table, "end": [0.5, 3.5, None]}), folder / "m.parquet")
    assert refusal(folder / "m.parquet").startswith("m.parquet row 2: end 3.5 s lies behind")
    whole = (folder / "m.parquet").read_bytes()
    for damaged in (b"", b"PAR1", whole[:200], whole[:-4] + b"XXXX", b"PAR1" + bytes(64) + b"PAR1"):
        (folder / "m.parquet").write_bytes(damaged)
        assert "is no readable Parquet file" in refusal(folder / "m.parquet")


def test_parquet_without_its_library_says_what_to_install(folder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (folder / "m.parquet").write_bytes(b"PAR1")
    assert (
        refusal(folder / "m.parquet") == "reading Parquet needs pyarrow; install it with: pip install 'timnet[parquet]'"
    )


DATABASE = """
name: toy
tables:
  emotion:
    type: filewise
    columns:
      emotion: {scheme_id: emotion}
      emotion.confidence: {scheme_id: confidence}
  files:
    type: filewise
    columns:
      speaker: {scheme_id: speaker}
"""


def database(folder: Path, header: str = DATABASE) -> Path:
    (folder / "db.yaml").write_text(header)
    (folder / "db.emotion.csv").write_text(
        "file,emotion,emotion.confidence\nwav/1.wav,anger,1\nwav/2.wav,,\nwav/3.wav,sadness,.9\n"
    )
    (folder / "db.files.csv").write_text("file,speaker\nwav/1.wav,3\nwav/2.wav,4\nwav/3.wav,11\n")
    return folder


def test_audformat_databases_are_read_from_their_tables(folder):
    pytest.importorskip("yaml", reason="the extra audformat is not installed")
    found = read_own(database(folder))
    assert layout_of(folder) == found.layout == AUDFORMAT
    assert [(u.path, u.label, u.speaker) for u in found.utterances] == [
        ("wav/1.wav", "anger", "3"),
        ("wav/3.wav", "sadness", "11"),
    ]
    assert [(one.what, one.paths) for one in found.findings] == [("left out, without a label", ("wav/2.wav",))]


def test_segmented_audformat_tables_of_several_splits(folder):
    pytest.importorskip("yaml", reason="the extra audformat is not installed")
    columns = "{type: segmented, columns: {emotion: {}, speaker: {}}}"
    database(folder, f"tables:\n  test: {columns}\n  train: {columns}\n  empty: {{}}\n")
    head = "file,start,end,emotion,speaker\n"
    (folder / "db.test.csv").write_text(head + "wav/3.wav,0 days 00:00:00,0 days 00:00:01.25,anger,a\n")
    (folder / "db.train.csv").write_text(
        head + "wav/3.wav,0 days 00:00:01.25,NaT,fear,b\nwav/3.wav,0 days 00:00:00,0 days 00:00:01.25,anger,a\n"
    )
    found = read_own(folder)
    assert [(u.label, u.speaker, u.start, u.end) for u in found.utterances] == [
        ("anger", "a", 0.0, 1.25),
        ("fear", "b", 1.25, None),
    ]


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_audformat_s_pickled_tables_are_not_touched(folder):
    pytest.importorskip("yaml", reason="the extra audformat is not installed")
    import pickle

    database(folder)
    (folder / "db.emotion.pkl").write_bytes(pickle.dumps(Trap()))
    assert len(read_own(folder).utterances) == 2


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("", "names no tables"),
        ("[]", "names no tables"),
        ("tables: 3", "names no tables"),
        ("tables: {a: {columns: {x: 1}}}", "has no table with a column 'emotion'"),
        ("tables: {gone: {columns: {emotion: 1}}}", "there is no table .*db.gone.csv"),
        ("tables: {'../x': {columns: {emotion: 1}}}", r"a table of the name '\.\./x'"),
        ("tables: !!python/object/apply:os.system ['touch canary']", "cannot read"),
        pytest.param("tables: [" + "[" * 5000, "nested more than 40 times", id="deep"),
        ("\tx: : :", "cannot read"),
        (
            "a: &a [x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else '*a'] * 9)}]\n" for n in range(12)),
            "names no tables",
        ),
        pytest.param("# " + "x" * 5_000_000, "is larger than 4 MiB", id="large"),
    ],
)
def test_audformat_headers_that_are_none(folder, header, line, monkeypatch):
    import re

    pytest.importorskip("yaml", reason="the extra audformat is not installed")
    monkeypatch.chdir(folder)
    assert re.search(line, refusal(database(folder, header)))
    assert not (folder / "canary").exists()


def test_what_became_of_the_files_is_told(folder):
    found = read_own(manifest(folder, "wav/1.wav,a", "wav/2.wav,b", "wav/3.wav,b", header="path,label"))
    corpus = CorpusRecord(1, "MINE", found.layout, str(folder), "", found.classes, 1, 8, "", found.utterances)
    assert check_own(corpus).problems == ()
    (folder / "wav" / "1.wav").unlink()
    write_wav(folder / "wav" / "2.wav", seed=77)
    (folder / "wav" / "3.wav").write_text("text")
    check = check_own(corpus)
    assert check.problems == (
        "missing or unreadable since the corpus was added: 2 (wav/1.wav, wav/3.wav)",
        "changed since the corpus was added: 1 (wav/2.wav)",
    )
    assert (check.utterances, check.speakers, check.classes) == (3, 0, {"a": 1, "b": 2})
    shutil.rmtree(folder)
    assert len(check_own(corpus).problems) == 1


@given(st.text(max_size=80))
def test_any_text_is_a_clean_label_or_refused(text):
    try:
        label = label_of(text.strip(), "here")
    except CorpusError as error:
        assert str(error).isprintable()  # noqa: PT017 - either outcome is right
    else:
        assert label.isprintable()
        assert label[0].isalnum()
        assert label_of(label, "here") == label


@given(st.one_of(st.text(max_size=30), st.floats(), st.integers(), st.none()))
def test_any_value_is_a_time_or_refused(value):
    try:
        seconds = seconds_of(value, "here", "start")
    except CorpusError as error:
        assert str(error).isprintable()  # noqa: PT017 - either outcome is right
    else:
        assert seconds is None or 0 <= seconds < float("inf")


def test_times_as_text():
    told = {
        "1.5": 1.5,
        " 2 ": 2.0,
        "0 days 00:01:02.5": 62.5,
        "1 day 00:00:01": 86401.0,
        "00:00:03": 3.0,
        "NaT": None,
        "": None,
    }
    assert {text: seconds_of(text, "here", "start") for text in told} == told


def test_a_wave_file_of_one_frame_is_too_short(folder):
    with wave.open(str(folder / "wav" / "one.wav"), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(48_000)
        stream.writeframes(b"\1\0")
    assert "lies behind the end" in refusal(manifest(folder, "wav/1.wav,a", "wav/one.wav,b", header="path,label"))
