"""Two corpora put together, trained on one and tested on the other, through the queue and with real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_whole_way import Place
from tests.corpora.recordings import EMODB_WAVS, needs_emodb, write_wav

SHARED = ("angry", "fear", "happy", "neutral", "sad")


@pytest.mark.long
@pytest.mark.engine
@needs_emodb
def test_a_network_of_one_corpus_is_tested_on_another_and_its_label_goes_with_it(tmp_path: Path) -> None:
    """Real recordings of EMODB (two speakers) and noise of another corpus; the rule lets the test fold choose."""
    place = Place(tmp_path)
    for path in EMODB_WAVS.glob("0[39]*.wav"):
        (tmp_path / "emodb").mkdir(exist_ok=True)
        (tmp_path / "emodb" / path.name).symlink_to(path)
    for number, label in enumerate((*SHARED, "surprised") * 4):
        write_wav(tmp_path / "noise" / label / f"{number:02d}.wav", seconds=1.0, seed=number)
    place.run("corpora", "add", "EMODB", "emodb")
    place.run("corpora", "add", "NOISE", "noise")
    place.run("corpora", "combine", "CROSS", "EMODB", "NOISE")
    [cross] = [one for one in place.json("corpora", "ls") if one["corpus"] == "CROSS"]
    assert (sorted(cross["classes"]), cross["signal_length"]) == (sorted(SHARED), 100_000)
    leakage = place.json("corpora", "leakage", "CROSS", "--protocol", "cross")
    assert {one["share"] for one in leakage["leaks"] if "session" in one["what"]} == {0.0}
    place.run("train", "CROSS", "--protocol", "cross", "--epochs", "2", "--select", "best", "--monitor", "val_loss")
    runs = place.json("runs", "ls", "corpus:CROSS")
    assert [(run["protocol"], run["selection"], run["optimistic"], run["state"]) for run in runs] == [
        ("cross", "best-test", True, "done")
    ] * 2
    tested = [sum(map(sum, place.json("runs", "show", run["id"])["confusion"]["matrix"])) for run in runs]
    assert tested == [cross["utterances"] - 4 * len(SHARED), 4 * len(SHARED)]
    for form in ("markdown", "csv", "latex"):
        out, _ = place.run("export", "table", "--rows", "corpus", "--cols", "protocol", "-f", form)
        assert "cross" in out
        assert "best-test" in out
        assert "optimistic" in out
    [row] = json.loads(place.run("export", "table", "-f", "json")[0])
    assert (row["corpus"], row["protocol"], row["n"], row["optimistic"]) == ("CROSS", "cross", 2, True)
