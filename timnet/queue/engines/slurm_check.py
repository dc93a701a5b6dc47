"""``timnet engine check slurm``: what there is, then a tiny job over the same way that runs take, all in words."""

from __future__ import annotations

import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from timnet import __version__
from timnet.bounded import read_json
from timnet.errors import BadInput, TimnetError
from timnet.files import write_text
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.queue.engines.slurm import SlurmEngine, tail
from timnet.queue.engines.slurm_call import COMMANDS, ask, need_commands
from timnet.queue.engines.slurm_job import Probe
from timnet.queue.engines.slurm_options import SlurmOptions
from timnet.queue.engines.slurm_words import Partition, complaint, in_hours
from timnet.text import clean

PATIENCE = 60.0
"""Seconds that the tiny job has to start and answer."""

SETTLE_SECONDS = 5.0
"""How long a network file system may take to show what a job wrote before it ended."""

LITTLE_ROOM = 1 << 30

_MOST_BYTES = 1 << 16

Say = Callable[[str], None]


def check(shared: Path, options: SlurmOptions, say: Say, patience: float = PATIENCE) -> list[str]:
    """Say line by line what there is; returns what is wrong, each with what to do, nothing where runs could train.

    ``patience``: seconds for the tiny job.
    """
    engine = SlurmEngine(shared, options)
    try:
        need_commands()
        say(_commands())
        for partition in engine.partitions():
            say(_partition(partition))
        minutes = engine.ready()
        say(_folder(shared))
        say(f"each job asks for {in_hours(minutes)}; it is told to leave before that, and goes on where it was")
        return _try_out(engine, minutes, say, patience)
    except (BadInput, EngineAway) as error:
        return [str(error)]


def _commands() -> str:
    found = {str(Path(path).parent) for name in COMMANDS if (path := shutil.which(name))}
    version = clean(ask("sbatch", "--version").strip())
    return f"{version}: {', '.join(COMMANDS)} in {', '.join(sorted(found))}"


def _partition(one: Partition) -> str:
    name = f"{one.name} (default)" if one.default else one.name
    longest = "no time limit" if one.longest is None else f"at most {in_hours(one.longest)}"
    usual = f", {in_hours(one.usual)} where nothing is asked for" if one.usual is not None else ""
    return f"partition {name}: {one.state.lower()}, nodes: {one.nodes}, {longest}{usual}"


def _folder(shared: Path) -> str:
    free = shutil.disk_usage(shared).free
    little = "; that is little" if free < LITTLE_ROOM else ""
    return f"the shared folder {clean(str(shared))} can be written here, {free / 2**30:.1f} GiB free{little}"


# the tiny job


def _try_out(engine: SlurmEngine, minutes: int, say: Say, patience: float) -> list[str]:
    token, nonce = secrets.token_hex(8), secrets.token_hex(16)
    folder = engine.folder_of(token)
    write_text(folder / "nonce", nonce)
    try:
        (job,) = engine.submit_calls([Probe(str(folder), nonce)], minutes, token)
        say(f"a tiny job is on its way: {job}")
        return _judge(engine, job, folder, _wait(engine, job, folder, say, patience), say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(engine: SlurmEngine, job: str, folder: Path, say: Say, patience: float) -> Status:
    """Until the job is gone or time is up; says each new reason for waiting."""
    deadline, said = time.monotonic() + patience, ""
    while True:
        status = engine.poll([job])[job]
        if status.phase is Phase.GONE or time.monotonic() > deadline:
            return status
        if _answer(folder):  # all but its end, which is not worth a wait as long
            deadline = min(deadline, time.monotonic() + SETTLE_SECONDS)
        where = f"it waits: {status.reason}" if status.phase is Phase.PENDING else f"it runs on {status.node}"
        if where != said:
            say(where)
        said = where
        time.sleep(0.5)


def _judge(engine: SlurmEngine, job: str, folder: Path, status: Status, say: Say) -> list[str]:
    answer = _answer(folder)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not answer and status.phase is Phase.GONE and time.monotonic() < deadline:
        time.sleep(0.25)
        answer = _answer(folder)
    if answer:
        return _compare(answer, say)
    if status.phase is not Phase.GONE:
        with suppress(TimnetError):
            engine.cancel([job])
        if status.phase is Phase.PENDING:
            why = f"Slurm says {status.reason}; ask for less, or see when it could start: squeue --start"
            return [f"the tiny job did not start in time: {why}"]
        return [f"the tiny job runs on {status.node or 'a node'}, but nothing of it is seen here: {_unseen(folder)}"]
    where = f" on {status.node}" if status.node else ""
    words = _last_words(folder)
    if words:
        return [f"the tiny job failed{where} ({status.reason}): {words}"]
    return [f"the tiny job ended{where} without a word ({status.reason}): {_unseen(folder)}"]


def _unseen(folder: Path) -> str:
    shared = clean(str(folder.parent.parent))
    return f"most likely that node does not see {shared}; choose a folder on the cluster's file system"


def _compare(answer: Mapping[str, Any], say: Say) -> list[str]:
    """What the node has told, and what of it is wrong."""
    told = {key: clean(str(value)) for key, value in answer.items()}
    node = told["node"] or told["host"]
    devices = f", devices {told['devices']}" if told["devices"] else ", no device"
    say(f"it ran on {node} ({told['host']}): cores {told['cores']}{devices}")
    say(f"it has {told['python']} with timnet {told['timnet']}; here is {sys.executable} with {__version__}")
    problems = []
    if answer["sees"] is True:
        say("both sides see what the other one writes in the shared folder")
    else:
        problems.append(f"{node} does not see what is written here in the shared folder; is it the same file system?")
    if told["timnet"] != __version__:
        problems.append(f"{node} has timnet {told['timnet']}, here is {__version__}; install the same on both")
    if answer["tensorflow"] is not True:
        problems.append(f"{node} finds no TensorFlow with {told['python']}; install timnet where all nodes see it")
    return problems


def _answer(folder: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError, BadInput):
        told = read_json(folder / "answer.json", _MOST_BYTES)
        if isinstance(told, dict) and told.keys() >= {
            "sees",
            "node",
            "host",
            "cores",
            "devices",
            "python",
            "timnet",
            "tensorflow",
        }:
            return told
    return None


def _last_words(folder: Path) -> str:
    """The last line that the job has printed, of what it complains first."""
    paths = [*folder.glob("*_log.err"), *folder.glob("*_log.out")]
    return next((words for words in map(complaint, map(tail, paths)) if words), "")
