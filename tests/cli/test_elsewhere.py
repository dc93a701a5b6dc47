"""Runs on other machines as the command line asks for them and tells of them; no cluster is needed for that."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.queue.handing import a_head, hand_over
from tests.support import add_corpus, add_experiment, epoch_record
from timnet.queue import liveness, service
from timnet.queue.engines.choose import ON_RAY, RAY, SLURM, Asked
from timnet.queue.engines.slurm_options import PARALLEL
from timnet.records import EventKind, RunState
from timnet.registry import Registry
from timnet.settings import Settings, load

WHY = "Slurm: Resources (all slots that fit are taken)"

BAD = [
    ("work --engine kubernetes", "there is no engine 'kubernetes'; there are: local, slurm, ray"),
    ("work --partition gpu", "--partition is an option of --engine slurm, not of local"),
    ("work --shared /tmp", "--shared is an option of --engine slurm or ray, not of local"),
    ("work --engine ray --partition gpu", "--partition is an option of --engine slurm, not of ray"),
    ("work --engine slurm --gpus 1", "--gpus is an option of --engine ray, not of slurm"),
    ("work --engine slurm --jobs auto", "--jobs auto is for this machine"),
    ("work --engine slurm --cpus 1.5", "Slurm gives whole cores"),
    ("work --engine slurm --time soon", "--time 'soon' is no time limit"),
    ("work --engine slurm --slurm wrap=reboot", "--slurm wrap: timnet sets this one itself"),
    ("work --engine slurm --array-parallelism 0", "array-parallelism"),
    ("work --engine ray --gpus 1.5", "Ray gives parts of one card, or whole ones"),
    ("engine check local", "the engine local needs no check of this kind"),
    ("engine check ray --mem 4G", "--mem is an option of --engine slurm, not of ray"),
]


@pytest.mark.parametrize(("words", "says"), BAD, ids=[words for words, _ in BAD])
def test_what_cannot_be_is_said_in_one_line(
    cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch, words: str, says: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())  # whatever is installed here
    found = cli(*words.split())
    assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
    assert says in found.err
    assert list(own_place.iterdir()) == []


@pytest.mark.parametrize("command", ["work --engine", "work --detach --engine", "engine check"])
@pytest.mark.parametrize(("engine", "library"), [(SLURM, "submitit"), (RAY, "ray")])
def test_a_missing_library_is_named_with_what_installs_it(
    cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch, command: str, engine: str, library: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else object())
    found = cli(*command.split(), engine)
    assert (found.status, found.err.count("\n")) == (2, 1)
    assert f"needs {library}, which is not installed" in found.err
    assert f'pip install "timnet[{engine}]"' in found.err
    assert list(own_place.iterdir()) == []


def test_a_head_that_cannot_begin_says_why_in_the_command_that_started_it(
    cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("submitit") is None:
        pytest.skip("submitit is not installed")
    monkeypatch.setenv("PATH", str(own_place / "nothing"))
    found = cli("work", "--engine", "slurm", "--detach")
    assert (found.status, found.err.count("\n")) == (2, 1)
    assert "sbatch" in found.err
    assert cli("engine", "check", "slurm", "--json").json["problems"] == [found.err.strip().removeprefix("timnet: ")]


def test_options_come_from_the_line_then_from_the_settings(own_place: Path, tmp_path: Path) -> None:
    mine = tmp_path / "config" / "timnet" / "timnet.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text('[slurm]\npartition = "gpu"\narray_parallelism = 8\nshared = "/scratch/me"\n[ray]\ngpus = 0.25\n')
    settings = load()
    asked = Asked.checked(SLURM, {"partition": "fast", "cpus": 4.0, "slurm": ["exclusive"]}, None, 0)
    options = asked.slurm(settings)
    assert (options.partition, options.cpus_per_task, options.extra) == ("fast", 4, (("exclusive", ""),))
    assert (asked.folder(settings), asked.at_most(settings)) == (Path("/scratch/me"), 8)
    ray = Asked.checked(RAY, {"address": "box:6379"}, None, 0)
    assert (ray.ray(settings).address, ray.ray(settings).gpus, ray.at_most(settings)) == ("box:6379", 0.25, ON_RAY)
    assert ray.folder(settings) == own_place / "cluster"
    plain = Asked.checked(SLURM, {}, Path("here"), 0)
    assert (plain.folder(settings), plain.at_most(Settings())) == (own_place / "here", PARALLEL)


@pytest.mark.parametrize("line", ['[slurm]\nshared = "/tmp/x"', '[ray]\naddress = "elsewhere:6379"'])
def test_a_working_directory_cannot_send_runs_elsewhere(cli: Cli, own_place: Path, line: str) -> None:
    (own_place / "timnet.toml").write_text(line)
    found = cli("runs", "ls")
    assert found.status == 2
    assert "is not read from a working directory's file" in found.err
    (own_place / "timnet.toml").write_text('[slurm]\npartition = "gpu"\n')
    assert cli("settings", "--json").json["slurm.partition"]["value"] == "gpu"


# what is told of runs elsewhere


@pytest.fixture
def elsewhere(own_place: Path) -> Iterator[Registry]:
    """1.1 trains as job 12_0 on node7, 1.2 waits in Slurm as 12_1, 1.3 waits here."""
    with Registry.open(own_place / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        trains, waits = hand_over(registry, "12_0"), hand_over(registry, "12_1")
        registry.elsewhere.runs_on(trains.run_id, trains.attempt, "node7", 4711, "12_0")
        registry.elsewhere.waits(waits.run_id, waits.attempt, WHY)
        yield registry


def test_lists_say_where_a_run_is_and_why_it_waits(cli: Cli, elsewhere: Registry) -> None:
    with a_head(elsewhere):
        found = cli("queue", "ls")
        one, two, three = found.out.splitlines()[1:]
        assert "running" in one
        assert "slurm job 12_0 on node7, pid 4711" in one
        assert two.split()[2:4] == ["▷", "submitted"]
        assert "slurm job 12_1  " in two
        assert two.endswith(WHY)
        assert three.endswith("its turn")
        assert found.err.endswith(f"2 of 20 runs are with {SLURM}, 1 of them wait there\n")
        told = {run["id"]: run for run in cli("queue", "ls", "--json").json}
        assert [told[key]["job"] for key in ("1.1", "1.2", "1.3")] == ["12_0", "12_1", None]
        assert [told[key]["host"] for key in ("1.1", "1.2")] == ["node7", None]
        assert (told["1.2"]["state"], told["1.2"]["waiting_for"]) == ("running", WHY)
        shown = cli("runs", "show", "1.2").out
        assert "▷ submitted" in shown
        assert WHY in shown
        assert "slurm job 12_1\n" in shown
        [head] = cli("workers", "ls", "--json").json
        assert (head["engine"], head["running"], head["submitted"]) == (SLURM, ["1.1", "1.2"], ["1.2"])
    for words, keys in (("job:12_1", ["1.2"]), ("engine:slurm", ["1.1", "1.2"]), ("-engine:slurm", ["1.3"])):
        assert [run["id"] for run in cli("runs", "ls", "--json", words).json] == keys
    assert cli("runs", "ls", "--columns", "engine,job,host").out.splitlines()[2].split() == [
        "1.2",
        "slurm",
        "12_1",
        "–",
    ]


def test_without_a_head_a_wish_waits_for_one_and_that_is_said(cli: Cli, elsewhere: Registry) -> None:
    found = cli("queue", "cancel", "1.1", "1.2")
    assert found.err.splitlines() == [
        "run 1.1 asked to cancel; it does so at its next step",
        "run 1.2 asked to cancel; it does so at its next step",
        "no head for slurm lives; 2 runs will hear of it when there is one: timnet work --engine slurm",
    ]
    assert "2 runs go on in slurm without a head" in cli("queue", "ls").err
    assert "when a head last looked" in cli("queue", "ls").out
    assert "2 runs go on in slurm, and no head brings in what they do" in cli("doctor").err
    assert "no head" in cli("runs", "show", "1.1").out
    with a_head(elsewhere):
        assert "no head" not in cli("runs", "show", "1.1").out
        assert "no head" not in cli("queue", "pause", "1.1").err
        assert "without a head" not in cli("queue", "ls").err
        stopped = cli("workers", "stop").err
        assert f"asked head {os.getpid()} of slurm to end; its 2 jobs go on without it" in stopped
        assert "timnet queue cancel" in stopped


def test_a_log_from_elsewhere_is_followed_to_the_end_of_its_run(elsewhere: Registry) -> None:
    run = elsewhere.runs.get("1.1")
    log = elsewhere.paths.run(run.uid).log
    log.write_text("attempt 1 on node7\n")
    command = [sys.executable, "-m", "timnet", "--db", str(elsewhere.paths.db), "runs", "logs", "1.1", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "attempt 1 on node7\n"
        with log.open("a") as stream:
            stream.write("epoch 1\n")
        assert follower.stdout.readline() == "epoch 1\n"
        journal = elsewhere.journal(run.id, run.attempt)
        journal.end(RunState.PAUSED, EventKind.PAUSED, "paused")
        assert follower.communicate(timeout=60)[0] == ""
        assert follower.returncode == 0


def test_what_is_submitted_does_not_count_as_training(elsewhere: Registry) -> None:
    from timnet.queue.forecast import at_once

    with a_head(elsewhere):
        [head] = liveness.workers(elsewhere)
        assert at_once([head]) == 1, "one waits in Slurm, so there is room for no more than the one that trains"
        load = elsewhere.pages.load()
        assert [share.runs for share in load.running] == [1]
        assert [share.runs for share in load.waiting] == [1, 1]
        assert elsewhere.runs.engines() == {SLURM: (2, 1)}
        left = elsewhere.lineup.left(RunState.RUNNING, 10)
        assert [one.submitted for one in left] == [False, True]


def test_files_that_come_home_later_are_not_missed_while_their_run_goes_on(cli: Cli, elsewhere: Registry) -> None:
    run = elsewhere.runs.get("1.1")
    journal, paths = elsewhere.journal(run.id, run.attempt), elsewhere.paths.run(run.uid)
    journal.begin([], "started")
    journal.epoch(epoch_record(1))
    journal.checkpoint("last", 1, paths.checkpoint(1), None, None, size=1000)
    found = cli("registry", "check", "--json")
    assert (found.status, found.json["busy"], found.json["findings"]) == (0, 2, [])
    journal.end(RunState.PAUSED, EventKind.PAUSED, "paused")
    [missing] = cli("registry", "check", "--json").json["findings"]
    assert "its resume point cannot be found" in missing["text"]


def test_where_a_head_takes_runs_no_worker_is_started(
    cli: Cli, elsewhere: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr(service, "start_worker", lambda *given, **_: started.append(given))
    with a_head(elsewhere):
        assert not service.ensure_worker(elsewhere, 1)
        cli("workers", "stop")  # what it has goes on; it takes no more
        assert service.ensure_worker(elsewhere, 1)
    assert len(started) == 1
