"""``timnet corpora add --skip-bad``, ``organise`` and ``fetch`` as a user types them."""

from __future__ import annotations

import json

import pytest

from tests.corpora.trees import TREES, write_iemocap, write_tree
from timnet.__main__ import main


@pytest.fixture
def timnet(tmp_path, monkeypatch, capsys):
    """Run a command line in a folder of its own; returns exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIMNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TIMNET_DB", raising=False)

    def run(*words):
        monkeypatch.setattr("sys.argv", ["timnet", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        done = capsys.readouterr()
        return end.value.code, done.out, done.err

    return run


@pytest.fixture
def savee(tmp_path):
    return write_tree(tmp_path / "SAVEE", TREES["SAVEE official"][2])


def test_add_says_what_it_found(timnet, savee, tmp_path):
    status, out, err = timnet("corpora", "add", "savee", savee)
    assert (status, out) == (0, "")
    assert err == "SAVEE (laid out as savee-official): 480 utterances, 4 speakers, 7 classes\n"
    status, out, _ = timnet("corpora", "check", "SAVEE", "--json")
    assert status == 0
    assert json.loads(out)["problems"] == []
    write_iemocap(tmp_path / "IEMOCAP")
    status, _, err = timnet("corpora", "add", "IEMOCAP", tmp_path / "IEMOCAP")
    assert status == 0
    assert "5531 utterances, 10 speakers, 4 classes" in err
    assert "  - left out, another emotion, fru (frustration): 1849\n" in err
    assert "!" not in err


def test_add_refuses_a_bad_file_unless_told_to_skip_it(timnet, savee, tmp_path):
    bad = savee / "AudioData" / "DC" / "a01.wav"
    bad.write_bytes(b"")
    status, _, err = timnet("corpora", "add", "SAVEE", savee)
    assert status == 2
    assert len(err.splitlines()) == 1
    assert "a01.wav is empty; restore or remove it, or leave such files out with --skip-bad" in err
    assert not (tmp_path / "runs.db").exists()
    status, out, err = timnet("corpora", "add", "SAVEE", savee, "--skip-bad", "--json")
    assert status == 0
    assert json.loads(out)["utterances"] == 479
    assert "cannot be used, is empty: 1 (AudioData/DC/a01.wav)" in json.loads(out)["problems"]


def test_a_folder_of_another_corpus_is_told_as_that(timnet, savee):
    status, _, err = timnet("corpora", "add", "EMODB", savee)
    assert status == 2
    assert "timnet corpora add SAVEE FOLDER" in err


def test_the_authors_name_for_ravdess(timnet, tmp_path):
    write_tree(tmp_path / "R", TREES["RAVDESS flat"][2])
    assert timnet("corpora", "add", "RAVDE", tmp_path / "R")[0] == 0
    status, out, _ = timnet("corpora", "check", "RAVDE", "--json")
    assert (status, json.loads(out)["corpus"]) == (0, "RAVDESS")


@pytest.mark.parametrize("registered", [True, False])
def test_organise_and_undo(timnet, savee, tmp_path, registered):
    source = () if registered else ("--from", savee)
    if registered:
        assert timnet("corpora", "add", "SAVEE", savee)[0] == 0
    status, out, _ = timnet("corpora", "organise", "savee", "sorted", *source, "--dry-run", "--json")
    told = json.loads(out)
    assert (status, told["dry_run"], len(told["done"])) == (0, True, 480)
    assert not (tmp_path / "sorted").exists()
    status, _, err = timnet("corpora", "organise", "SAVEE", "sorted", *source)
    assert status == 0
    assert "480 files copied" in err
    assert len(list((tmp_path / "sorted").glob("*/*.wav"))) == 480
    assert "480 were so already" in timnet("corpora", "organise", "SAVEE", "sorted", *source)[2]
    (tmp_path / "sorted" / "sad" / "JE_sa03.wav").write_bytes(b"mine")
    status, _, err = timnet("corpora", "organise", "SAVEE", "sorted", "--undo")
    assert status == 1
    assert "479 files removed" in err
    assert "! kept sad/JE_sa03.wav: it was changed" in err
    assert timnet("corpora", "organise", "SAVEE", "sorted", "--undo", "--link")[0] == 2


def test_organise_of_an_unknown_corpus_is_one_line(timnet):
    status, _, err = timnet("corpora", "organise", "SAVEE", "sorted")
    assert status == 2
    assert len(err.splitlines()) == 1


def test_fetch_says_where_to_ask(timnet, tmp_path):
    status, _, err = timnet("corpora", "fetch", "IEMOCAP", tmp_path / "f")
    assert status == 2
    assert "release form" in err
    assert not (tmp_path / "f").exists()


def test_fetch_from_a_local_repository(timnet, tmp_path, monkeypatch):
    audb = pytest.importorskip("audb", reason="audb is not installed (the extra fetch)")
    from tests.corpora.test_fetch import EMODB_NAMES, publish

    publish(tmp_path, "emodb", "1.4.1", list(EMODB_NAMES[:5]))
    monkeypatch.setattr(audb.config, "REPOSITORIES", [audb.Repository("local", str(tmp_path / "host"), "file-system")])
    status, _, err = timnet("corpora", "fetch", "EMODB", "my EMODB")
    assert status == 0
    assert "EMODB: 5 utterances in" in err
    assert f"timnet corpora add EMODB '{tmp_path}/my EMODB'" in err
    assert timnet("corpora", "add", "EMODB", "my EMODB")[0] == 0
