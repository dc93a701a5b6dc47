"""What is printed: tables that fit, nothing that a terminal would obey, the right stream and status."""

from __future__ import annotations

import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.corpora.recordings import write_wav
from tests.support import REPOSITORY, add_experiment, finish, start_next
from timnet.cli.output import cells
from timnet.records import TrainingConfig
from timnet.registry import Registry
from timnet.states import Command

ESCAPE = "\x1b]0;owned\x07\x1b[31m\u202e\u2028"


def timnet(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as users run it: a process of its own."""
    command = [sys.executable, "-m", "timnet", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment, **PYTHON}
    )


PYTHON = {"PYTHONPATH": str(REPOSITORY)}


def in_terminal(*words: str, columns: int, **environment: str) -> str:
    """What a terminal of this width gets to see of standard output."""
    master, slave = pty.openpty()
    shown = []
    with subprocess.Popen(
        [sys.executable, "-m", "timnet", *words],
        stdin=slave, stdout=slave, stderr=subprocess.DEVNULL,
        env={**os.environ, **PYTHON, "COLUMNS": str(columns), "TERM": "xterm-256color", **environment},
    ) as child:  # fmt: skip
        os.close(slave)
        while True:
            try:
                found = os.read(master, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not found:
                break
            shown.append(found)
        child.wait(60)
    os.close(master)
    return b"".join(shown).decode()


def test_a_table_in_a_pipe_is_whole_and_plain(filled: Path) -> None:
    found = timnet("runs", "ls", COLUMNS="40", FORCE_COLOR="1")
    lines = found.stdout.splitlines()
    assert len(lines) == 14
    assert lines[0].split() == [
        "run",
        "corpus",
        "preset",
        "protocol",
        "selection",
        "state",
        "epoch",
        "UAR",
        "%",
        "WAR",
        "%",
        "why",
    ]
    assert "no worker takes runs; start one: timnet work" in found.stdout
    assert "\x1b" not in found.stdout
    assert not any(line.endswith(" ") for line in lines)
    assert found.stderr == ""


@pytest.mark.parametrize("words", ["runs ls", "runs ls --group experiment", "queue ls", "runs compare 1 2"])
def test_a_table_fits_a_terminal_of_80_columns(filled: Path, words: str) -> None:
    shown = in_terminal(*words.split(), columns=80, NO_COLOR="1")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(cells(line) for line in plain.splitlines()) <= 80
    assert "EMODB" in plain
    assert words == "queue ls" or ("best-test" in plain and "optimistic" in plain)
    assert "…" not in plain, "a column is left out or a cell is wrapped, but nothing is cut"
    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])", shown), "NO_COLOR is honoured"


def test_a_reader_that_has_enough_is_no_error(filled: Path) -> None:
    command = f"{sys.executable} -m timnet export runs | head -c 10"
    found = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **PYTHON},
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_a_terminal_without_unicode_gets_question_marks(filled: Path) -> None:
    found = timnet("runs", "ls", PYTHONIOENCODING="ascii")
    assert (found.returncode, found.stderr) == (0, "")
    assert "? done" in found.stdout


def test_nothing_foreign_reaches_the_terminal(cli: Cli, filled: Path) -> None:
    with Registry.open(filled) as registry:
        registry.experiments.note(1, ESCAPE)
        registry.experiments.tag(1, [f"a{ESCAPE[:1]}b"])
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("UPDATE corpora SET path = ?", (ESCAPE,))
        connection.execute("UPDATE runs SET error = ? WHERE state = 'failed'", (ESCAPE,))
        connection.execute("UPDATE events SET text = ? WHERE run_id = 1", (ESCAPE,))
        connection.commit()
    with Registry.open(filled) as registry:
        log = registry.paths.run(registry.runs.get("1.1").uid).log
        log.write_text(f"loss 0.5 {ESCAPE}\n")
    folder = Path(f"wavs{ESCAPE}")
    write_wav(folder / f"03a01Fa{ESCAPE}.wav")
    bad = f"bad{ESCAPE}"
    for words in (
        ["runs", "ls"], ["runs", "ls", "--group", "experiment"], ["runs", "show", "1.1"], ["runs", "show", "2.4"],
        ["runs", "logs", "1.1"], ["runs", "compare", "1", "2"], ["runs", "ls", "--json"],
        ["runs", "show", "2.4", "--json"], ["corpora", "ls"], ["corpora", "check", "EMODB"],
        ["corpora", "add", "EMODB", folder], ["corpora", "add", bad, "x"], ["corpora", "check", bad],
        ["corpora", "add", "EMODB", bad], ["runs", "show", bad], ["runs", "ls", f"state:{bad}"],
        ["runs", "ls", bad], ["runs", "ls", f"{bad}:x"], ["runs", "ls", "--sort", bad], ["runs", "tag", "1", bad],
        ["queue", "cancel", bad], ["queue", "add", "EMODB", "--preset", bad], ["queue", "add", "EMODB", "--set", bad],
        ["queue", "add", "EMODB", "--set", f"lr={bad}"], ["queue", "add", "EMODB", "--protocol", bad],
        ["queue", "add", "EMODB", "--monitor", bad], ["queue", "add", "EMODB", "--only", bad], [bad], [f"--{bad}"],
        ["export", "table"], ["export", "table", "--format", bad], ["export", "curves", "1", "--format", bad],
        ["export", "table", "-o", f"{bad}/x.md"], ["--db", bad, "runs", "ls"], ["--db", f"{bad}/x", "runs", "ls"],
        ["import", "weights", f"none{bad}", "--corpus", "EMODB"], ["doctor"],
    ):  # fmt: skip
        found = cli(*words)
        for stream in (found.out, found.err):
            unsafe = [one for one in stream if one != "\n" and (ord(one) < 32 or one in "\x7f\x9b\u202e\u2028")]
            assert not unsafe, (words, stream)


def test_a_bad_settings_file_is_named_harmlessly(cli: Cli, own_place: Path) -> None:
    (own_place / "timnet.toml").write_text('"\\u001b[31m" = 1')
    found = cli("runs", "ls")
    assert found.status == 2
    assert "\x1b" not in found.err


def test_experiments_side_by_side(cli: Cli, filled: Path) -> None:
    with Registry.open(filled) as registry:
        registry.runs.command(Command.CANCEL, ["2.6", "2.7", "2.8", "2.9", "2.10"])
        config = TrainingConfig(epochs=20, dropout=0.3, select="best", monitor="val_loss", check_every=5)
        add_experiment(registry, registry.corpora.get("EMODB"), config=config)
        for wrong in (3, 1, 2):  # folds 1 to 3; experiment 2 has finished folds 1 and 2, with 1 and 2 wrong of 7
            finish(registry, start_next(registry), wrong=wrong)
    found = cli("runs", "compare", "2", "3", "1", "--json").json
    assert [one["experiment"] for one in found["experiments"]] == [2, 3, 1]
    assert [one["n"] for one in found["experiments"]] == [2, 3, 3]
    assert found["settings"]["dropout"] == [0.1, 0.3, 0.1]
    assert found["settings"].keys() == {"dropout", "check_every", "select"}
    against, other = found["differences"]
    assert (against["first"], against["later"], against["why_not"], against["n"]) == (2, 3, None, 2)
    assert [fold["fold"] for fold in against["folds"]] == [1, 2]
    assert [fold["war"] for fold in against["folds"]] == pytest.approx([-2 / 7, 1 / 7])
    assert against["war"]["mean"] == pytest.approx(-1 / 14)
    assert against["war"]["sd"] == pytest.approx(3 / 7 / 2**0.5)
    assert (other["n"], other["folds"], other["war"]) == (0, [], {"mean": None, "sd": None, "n": 0})
    assert "EMODB, SAVEE" in other["why_not"]
    assert "without a test" in other["weaker"]
    assert (other["uar_test"], other["mcnemar"]) == (None, None)

    words = cli("runs", "compare", "2", "3", "--folds")
    assert re.search(r"dropout +0\.1 +0\.3", words.out)
    assert "filters" not in words.out
    assert re.search(r"UAR, fold 1 +-28\.6", words.out)
    assert re.search(r"WAR, fold 2 +\+14\.3", words.out)
    assert re.search(r"selection +best-test optimistic +best-test optimistic", words.out)
    assert "3 minus 2 over n = 2 folds" in words.err
    assert re.search(
        r"#3: WAR -7\.1 ± 30\.3 \(n 2\) points; corrected resampled t-test: p = 0\.\d{3}, 95 % interval \[", words.err
    )
    assert (
        "McNemar's test over 14 utterances that both predicted: p = 1.000 (exact); only the first right 2" in words.err
    )
    assert re.search(r"pooled UAR % +\S+ \[\S+, \S+\]", words.out)
    assert "#3: [...] is a 95 % bootstrap interval, 2000 draws of 3 speakers; only 3 speakers" in words.err
    assert "UAR, fold" not in cli("runs", "compare", "2", "3").out


def test_another_seed_is_not_compared_fold_by_fold(cli: Cli, filled: Path) -> None:
    cli("queue", "add", "EMODB", "--seed", "47")
    cli("queue", "add", "EMODB", "--folds", "5")
    found = cli("runs", "compare", "2", "3", "4", "--json").json
    assert [one["why_not"] for one in found["differences"]] == [
        "their folds are not the same: seed 46 and 47", "their folds are not the same: number of folds 10 and 5",
    ]  # fmt: skip


def test_the_doctor(cli: Cli, filled: Path) -> None:
    before = filled.read_bytes()
    found = cli("doctor", "--json")
    assert (found.status, found.json["problems"]) == (0, [])
    assert found.json["libraries"]["numpy"]
    assert found.json["registry"]["path"] == str(filled)
    assert found.json["registry"]["schema"] == found.json["registry"]["newest_schema"] >= 1
    assert found.json["registry"]["bytes"] >= len(before)
    assert {place["for"] for place in found.json["disk"]} == {"registry", "cache"}
    assert found.json["sqlite"] == sqlite3.sqlite_version
    assert found.json["workers"] == []
    assert "devices" not in found.json
    assert filled.read_bytes() == before
    assert "all is well" in cli("doctor").err


def test_the_doctor_of_an_empty_place(cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cli("doctor", "--json")
    assert (found.status, found.json["registry"]["exists"]) == (0, False)
    assert not list(own_place.iterdir())
    monkeypatch.setattr("timnet.doctor.LIBRARIES", ("numpy", "tensorflow", "no-such-library"))
    monkeypatch.setattr("timnet.doctor.LITTLE_ROOM", 2**70)
    found = cli("--db", "missing/runs.db", "doctor")
    assert found.status == 1
    assert "no-such-library is not installed" in found.err
    assert "missing" in found.err
    assert found.err.count("MiB are free") == 2


def test_logs(cli: Cli, filled: Path) -> None:
    with Registry.open(filled) as registry:
        log = registry.paths.run(registry.runs.get("1.2").uid).log
    log.write_bytes(b"one\ntwo\r\nthr\xc3\xa9e\nlast, cut \xff")
    assert (
        cli("runs", "logs", "1.2").out
        == "one\ntwo\N{REPLACEMENT CHARACTER}\nthrée\nlast, cut \N{REPLACEMENT CHARACTER}\n"
    )
    assert cli("runs", "logs", "1.2", "-n", "2").out.startswith("thrée\n")
    assert cli("runs", "logs", "1.2", "--follow").out == cli("runs", "logs", "1.2").out


def test_waiting_for_runs(cli: Cli, filled: Path) -> None:
    assert cli("runs", "wait", "1").status == 0
    assert cli("runs", "wait", "2.4").status == 1
    found = cli("runs", "wait", "2.6", "--timeout", "0.1")
    assert found.status == 1
    assert "2.6" in found.err
    assert "timnet work" in found.err


def test_watching_what_has_ended(cli: Cli, filled: Path) -> None:
    found = cli("runs", "watch", "1")
    assert found.status == 0
    assert found.out == ""
    found = cli("runs", "watch", "2.4", "2.8")
    assert found.status == 1
    assert "the loss is not finite (epoch 4); its log: timnet runs logs 2.4" in found.err
    assert "run 2.8 is paused" in found.err


def test_commands_to_the_queue(cli: Cli, filled: Path) -> None:
    assert cli("queue", "retry", "2.4").err == "run 2.4 is queued\n"
    found = cli("queue", "cancel", "2.3", "2.4", "2.1")
    assert found.status == 0
    assert "run 2.3 asked to cancel" in found.err
    assert "run 2.4 is cancelled" in found.err
    assert "1 passed over: cannot cancel run 2.1: it is done" in found.err
    assert cli("queue", "retry", "--failed").err == "there is no run to retry\n"
    assert cli("queue", "move", "2.10", "--top").err == "moved 1 run\n"
    assert cli("queue", "ls", "--json").json[2]["id"] == "2.10"
    assert cli("queue", "pause", "--all").status == 0
    assert {run["state"] for run in cli("queue", "ls", "--json").json} == {"running", "paused"}


def test_a_removed_experiment_comes_back_with_everything(cli: Cli, filled: Path) -> None:
    before = cli("runs", "show", "1.2", "--json").json
    table = cli("export", "table", "--format", "json").json
    found = cli("runs", "rm", "1")
    assert found.err == (
        "removed experiment 1 (SAVEE): 3 runs, 3 of them done; bring back with: timnet runs restore 1\n"
    )
    assert {run["experiment"] for run in cli("runs", "ls", "--json").json} == {2}
    assert len(cli("export", "table", "--format", "json").json) < len(table)
    assert cli("runs", "show", "1.2").status == 2
    [gone] = cli("runs", "trash", "--json").json
    assert (gone["experiment"], gone["corpus"], gone["runs"], gone["done"]) == (1, "SAVEE", 3, 3)
    assert "SAVEE" in cli("runs", "trash").out
    assert cli("runs", "restore", "1").err == "restored experiment 1 (SAVEE): 3 runs, 3 of them done\n"
    assert cli("runs", "trash").err == "nothing was removed\n"
    assert cli("runs", "show", "1.2", "--json").json == before
    assert cli("export", "table", "--format", "json").json == table


def test_emptying_the_trash_takes_the_files(cli: Cli, filled: Path) -> None:
    with Registry.open(filled) as registry:
        folders = [registry.paths.run(run.uid).folder for run in registry.runs.of_experiment(1)]
    cli("queue", "rm", "1")
    assert all(folder.is_dir() for folder in folders)
    assert cli("runs", "trash", "--empty").status == 2, "nobody to ask"
    assert cli("runs", "trash", "--empty", "--yes").err == "deleted 1 removed experiment with 3 runs\n"
    assert not any(folder.exists() for folder in folders)
    assert cli("runs", "restore", "1").status == 2
    assert cli("runs", "trash", "--empty", "--yes").err == "nothing was removed\n"


def test_removing_an_experiment_at_once_takes_its_files(cli: Cli, filled: Path) -> None:
    with Registry.open(filled) as registry:
        folders = [registry.paths.run(run.uid).folder for run in registry.runs.of_experiment(1)]
    assert all(folder.is_dir() for folder in folders)
    found = cli("runs", "rm", "1", "--now", "--yes")
    assert found.err == "deleted experiment 1 (SAVEE): 3 runs, 3 of them done\n"
    assert not any(folder.exists() for folder in folders)
    assert {run["experiment"] for run in cli("runs", "ls", "--json").json} == {2}


def test_a_filter_with_blanks_and_a_minus(cli: Cli, filled: Path) -> None:
    cli("runs", "note", "1", "first try")
    assert len(cli("runs", "ls", "note:first try", "--json").json) == 3
    assert len(cli("runs", "ls", "-note:first try", "--json").json) == 10
    assert len(cli("runs", "ls", "-state:done", "-tag:paper", "--json").json) == 8
    assert len(cli("runs", "ls", "--json", "--", "-EMODB").json) == 3
    assert [run["id"] for run in cli("runs", "ls", "--sort", "uar", "-r", "--limit", "1", "--json").json] == ["1.1"]


def limited(bytes_at_most: int, *words: str) -> subprocess.CompletedProcess[str]:
    """The command where no file may grow beyond a size, which is what a full disk looks like to it."""
    blocks = max(1, bytes_at_most // 1024)
    shell = f'ulimit -f {blocks}; exec {sys.executable} -m timnet "$@"'
    return subprocess.run(
        ["bash", "-c", shell, "timnet", *words], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **PYTHON},
    )  # fmt: skip


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Path:
    """A filesystem of 2 MiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small filesystem")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no small filesystem here: {made.stderr.decode().strip()}")
    try:
        yield place  # type: ignore[misc]
    finally:
        subprocess.run(["umount", place], check=True)


def fill(place: Path) -> None:
    with (place / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(4096))


def test_a_full_disk(cli: Cli, filled: Path, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = tiny_disk / "runs.db"
    for path in filled.parent.glob("runs.db*"):
        shutil.copy(path, tiny_disk)
    write_wav(filled.parent / "wav" / "03a01Fa.wav")
    assert cli("--db", registry, "runs", "ls").status == 0
    rows = cli("--db", registry, "runs", "ls", "--json").json
    fill(tiny_disk)
    ballast = tiny_disk / "ballast"
    full = ballast.stat().st_size
    many = ("queue", "add", "EMODB", *(word for seed in range(400) for word in ("--seed", seed)))
    for free, words in (
        (0, many),  # not even room for the files that SQLite keeps beside it
        (0, ("corpora", "add", "EMODB", "wav")),
        (128 * 1024, many),  # room to begin, not to finish
        (128 * 1024, ("runs", "note", "1", "x" * 10**6)),
    ):
        os.truncate(ballast, full - free)
        found = cli("--db", registry, *words)
        assert (found.status, found.out, found.err.count("\n")) == (2, "", 1), found
        assert found.err.startswith("timnet: ")
        assert ("no space left on the disk" if free else "room") in found.err
    assert cli("--db", registry, "runs", "ls", "--json").json == rows
    fill_again = tiny_disk / "more"
    fill_again.mkdir()
    fill(fill_again)
    found = cli("export", "runs", "-o", tiny_disk / "runs.json")
    assert found.status == 2
    assert "no space left" in found.err
    monkeypatch.setenv("TIMNET_CACHE", str(tiny_disk / "cache"))
    cli("corpora", "add", "EMODB", "wav")
    found = cli("corpora", "features", "EMODB")
    assert found.status == 2
    assert found.err.startswith("timnet: ")
    assert "space" in found.err
    assert [path.name for path in tiny_disk.iterdir() if path.name.endswith(".tmp")] == []


def test_files_that_may_not_grow(filled: Path) -> None:
    found = limited(40 * 1024, "export", "runs", "-o", "all.json")
    assert found.returncode == 2, found
    assert found.stderr.startswith("timnet: cannot write all.json")
    assert found.stderr.count("\n") == 1
    assert not list(filled.parent.glob("*.json"))
    assert not list(filled.parent.glob(".*.tmp"))
