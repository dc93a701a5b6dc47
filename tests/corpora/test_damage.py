"""Copies of the real EMODB with damaged files: each is named, and the rest works."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.corpora.recordings import EMODB_WAVS, needs_emodb
from timnet.corpora.check import check
from timnet.corpora.scan import scan
from timnet.corpora.service import add_corpus, check_corpus
from timnet.corpora.spec import KNOWN
from timnet.errors import CorpusError
from timnet.registry import Registry

pytestmark = needs_emodb
EMODB = KNOWN["EMODB"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The whole corpus; files are links until a test damages its own copy of one."""
    place = tmp_path / "wav"
    place.mkdir()
    for path in EMODB_WAVS.glob("*.wav"):
        (place / path.name).symlink_to(path)
    return place


def own(path: Path) -> Path:
    """Make a real copy of the linked recording."""
    source = path.resolve()
    path.unlink()
    shutil.copyfile(source, path)
    return path


@dataclass
class Damage:
    """What was done to which file, and the words by which it must be named."""

    said: dict[str, str] = field(default_factory=dict)


def damage(folder: Path) -> Damage:
    done = Damage()
    (folder / "03a01Fa.wav").unlink()
    done.said["03a01Fa.wav"] = "published, but not here"
    (folder / "again").mkdir()
    shutil.copy(folder / "03a01Nc.wav", folder / "again" / "03a01Nc.wav")
    done.said["again/03a01Nc.wav"] = "further copies"
    path = own(folder / "03a02Fc.wav")
    path.write_bytes(path.read_bytes()[:9000])
    done.said["03a02Fc.wav"] = "cut short"
    (folder / "03a02Nc.wav").rename(folder / "neutral 3.wav")
    done.said["neutral 3.wav"] = "not named as EMODB names its files"
    done.said["03a02Nc.wav"] = "published, but not here"
    path = own(folder / "03a02Ta.wav")
    samples, rate = soundfile.read(path)
    soundfile.write(path, np.repeat(np.column_stack([samples, samples]), 48_000 // rate, axis=0), 48_000)
    done.said["03a02Ta.wav"] = "48000 Hz stereo, where most files are 16000 Hz mono"
    own(folder / "03a04Fd.wav").write_bytes(b"")
    done.said["03a04Fd.wav"] = "cannot be used, is empty"
    own(folder / "03a04Ad.wav").write_text("not a sound at all\n" * 90)
    done.said["03a04Ad.wav"] = "cannot be used, is not readable as audio"
    shutil.copy(folder / "03a04Lc.wav", folder / "03a04Lf.wav")
    done.said["03a04Lf.wav"] = "the same bytes as a published recording"
    return done


def test_each_damaged_file_is_named_and_the_rest_works(folder):
    done = damage(folder)
    found = scan(folder, EMODB, skip_bad=True)
    verdict = check(found.utterances, EMODB, folder)
    for name, words in done.said.items():
        lines = [line for line in verdict.problems if f"({name}" in line or f" {name}" in line]
        assert any(words in line for line in lines), (name, words, lines)
        named = [found for found in verdict.to_dict()["files"] if name in found["paths"]]
        assert any(words in found["what"] for found in named)
    used = {u.path for u in found.utterances}
    unused = set(done.said) - {"03a02Ta.wav"}
    assert len(used) == 535 - 5
    assert not used & unused
    assert "03a02Ta.wav" in used, "stereo of any rate is read as librosa reads it"
    named = {path for entry in verdict.to_dict()["files"] for path in entry["paths"]}
    missing = {"03a01Fa.wav", "03a02Nc.wav", "03a02Fc.wav", "03a04Fd.wav", "03a04Ad.wav"}
    assert named == set(done.said) | missing, "and no other file is named"


def test_by_default_such_a_folder_is_refused_in_one_line_and_nothing_is_registered(folder, tmp_path):
    damage(folder)
    with Registry.open(tmp_path / "runs.db") as registry:
        with pytest.raises(CorpusError) as caught:
            add_corpus(registry, "EMODB", folder)
        line = str(caught.value)
        assert line.isprintable()
        assert "03a04Ad.wav is not readable as audio (the first of 2 such files)" in line
        assert "--skip-bad" in line
        assert registry.corpora.ls() == []
        record, verdict = add_corpus(registry, "emodb", folder, skip_bad=True)
        assert len(record.utterances) == 530
        assert check_corpus(registry, "EMODB").problems == verdict.problems


def test_a_folder_in_which_nothing_can_be_used_is_refused_also_then(tmp_path):
    for name in ("03a01Fa.wav", "03a01Nc.wav"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(CorpusError, match="none of 2 recordings can be used"):
        scan(tmp_path, EMODB, skip_bad=True)


def test_a_sound_copy_stands_in_for_a_bad_one(folder):
    (folder / "copy").mkdir()
    shutil.copy(folder / "16b10Wb.wav", folder / "copy" / "16b10Wb.wav")
    own(folder / "16b10Wb.wav").write_bytes(b"")
    found = scan(folder, EMODB, skip_bad=True)
    assert len(found.utterances) == 535
    assert found.utterances[126].path == "copy/16b10Wb.wav"


def test_a_damaged_folder_is_read_and_not_changed(folder):
    damage(folder)
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in folder.rglob("*")}
    scan(folder, EMODB, skip_bad=True)
    assert {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in folder.rglob("*")} == before
