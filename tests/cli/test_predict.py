"""``timnet predict`` on the command line: bars, lines, JSON, misuse. The engine's answers are made up here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.corpora.recordings import write_wav
from timnet.cli.app import run
from timnet.cli.output import cells
from timnet.errors import BadInput
from timnet.prediction import service

FACTS = {"sample_rate": 16_000, "channels": 1, "seconds": 2.0, "peak": 0.5, "rms_db": -20.0, "clipped": 0.0}
SHARES = [0.02, 0.03, 0.05, 0.1, 0.6, 0.15, 0.05]
LONG = "a-very-long-name-" * 8 + ".wav"


def answer(path: str) -> dict[str, object]:
    """An answer for any recording: ``long*`` has three windows, ``bad*`` an error."""
    name = Path(path).name
    if name.startswith("bad"):
        return {"path": path, "error": f"{name} is empty"}
    other = [0.7, *SHARES[1:4], 0.02, 0.05, 0.05]
    starts = (0.0, 2.2, 4.4) if name.startswith("long") else (0.0,)
    windows = [{"start": start, "end": start + 4.35, "probabilities": other if start else SHARES} for start in starts]
    facts = {**FACTS, "sample_rate": 8_000} if name.startswith("low") else FACTS
    return {
        "path": path, "sha256": "", "facts": facts, "slid": len(starts) > 1, "windows": windows,
        "probabilities": SHARES, "error": None,
    }  # fmt: skip


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """Run ``timnet predict`` with the weights of EMODB on recordings of these names; returns status, out, err."""
    orders: list[dict] = []

    def run_task(module, words, report):
        orders.append(json.loads(Path(words[0]).read_text()))
        return {"networks": 10, "files": [answer(path) for path in orders[-1]["files"]]}

    monkeypatch.setattr(service, "run_task", run_task)
    monkeypatch.chdir(tmp_path)

    def ask(names: list[str], *words: str):
        for name in names:
            write_wav(tmp_path / name)
        sources = (
            [] if {"--run", "--experiment", "--weights"} & {*words} else ["--weights", "w.zip", "--corpus", "EMODB"]
        )
        status = run(["predict", *names, *sources, *words])
        return status, *capsys.readouterr()

    ask.orders = orders
    return ask


def test_every_class_has_its_bar_within_80_columns(ask):
    status, out, err = ask(["a.wav", LONG])
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "a.wav  2.00 s"
    assert [line[:9].strip() for line in lines[1:8]] == [
        "angry", "boredom", "disgust", "fear", "> happy", "neutral", "sad",
    ]  # fmt: skip
    assert "0.600  " + "█" * 37 in lines[5]
    assert max(map(cells, lines)) <= 80
    assert lines[9].startswith("…")
    assert "the mean of all folds in w.zip (EMODB), n = 10" in err
    assert ask.orders[0]["slide"] == "auto"


def test_a_long_recording_has_a_timeline(ask):
    _, out, _ = ask(["long.wav"], "--slide")
    tail = out.splitlines()[-3:]
    assert tail[0] == "  timeline, 3 windows:"
    assert tail[1].split()[:5] == ["0:00.0", "-", "0:02.2", "happy", "0.600"]
    assert tail[2].split()[:5] == ["0:02.2", "-", "0:08.8", "angry", "0.700"]
    assert ask.orders[0]["slide"] == "always"


def test_many_recordings_have_a_line_each(ask):
    _, out, _ = ask([f"{n:02}.wav" for n in range(11)])
    lines = out.splitlines()
    assert len(lines) == 11
    assert lines[3].startswith("03.wav    happy    0.600  █")
    assert max(map(cells, lines)) <= 80


def test_json_tells_everything(ask):
    status, out, err = ask(["low.wav", "bad.wav"], "--json")
    assert status == 1
    good, bad = json.loads(out)
    keys = ["path", "corpus", "networks", "label", "probabilities", "seconds", "sample_rate", "channels", "rms_db"]
    assert list(good) == list(bad) == [*keys, "windows", "warnings", "error"]
    assert (good["label"], good["networks"], good["probabilities"]["fear"]) == ("happy", 10, 0.1)
    assert good["windows"][0]["label"] == "happy"
    assert good["warnings"] == ["recorded at 8000 Hz: nothing above 4 kHz can be heard"]
    assert (bad["label"], bad["probabilities"], bad["error"]) == (None, None, "bad.wav is empty")
    assert "! bad.wav is empty" in err


def test_what_cannot_be_read_is_named_and_the_rest_is_told(ask):
    status, out, err = ask(["bad1.wav", "good.wav", "bad2.wav"])
    assert (status, "good.wav" in out) == (1, True)
    assert [line for line in err.splitlines() if line.startswith("!")] == ["! bad1.wav is empty", "! bad2.wav is empty"]
    status, out, err = ask(["bad1.wav", "bad2.wav"])
    assert (status, out, err.count("\n")) == (2, "", 2)
    with pytest.raises(BadInput, match=r"bad1.wav is empty"):
        ask(["bad1.wav"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run", "1.1", "--experiment", "1"], "one of --run, --experiment or --weights"),
        (["--run", "1.1", "--corpus", "EMODB"], "--weights and --corpus go together"),
        (["--weights", "w.zip"], "--weights and --corpus go together"),
        (["--run", "1.1"], "no run 1.1 here"),
        (["--run", "x"], "is no run id"),
        (["--experiment", "3"], "no experiment 3 here"),
    ],
)
def test_misuse_is_refused_before_any_engine_starts(ask, words, said):
    with pytest.raises(BadInput, match=said):
        ask(["a.wav"], *words)
    assert ask.orders == []
    assert not Path("runs.db").exists()


def test_a_file_that_is_not_there_is_refused_first(ask):
    with pytest.raises(BadInput, match=r"absent.wav does not exist"):
        run(["predict", "absent.wav", "--weights", "w.zip", "--corpus", "EMODB"])
    assert ask.orders == []
