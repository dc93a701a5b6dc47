"""The engine on a real Ray cluster of three nodes, with attempts that pretend to train."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from tests.queue.processes import wait_until
from tests.ray_cluster.conftest import FEATURES, Cluster
from timnet.errors import BadInput
from timnet.paths import AttemptPaths
from timnet.queue.engines import ray
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.queue.engines.ray import RayEngine, RayOptions
from timnet.queue.engines.ray_check import check
from timnet.remote.spool import read_lines

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

PATIENCE = 120.0
LONG = 2000
"""Epochs that no test waits for."""

Write = Callable[..., AttemptPaths]


def epochs_of(folder: AttemptPaths) -> list[int]:
    """What all starts together have finished, in order."""
    lines = [line for spool in folder.spools() for line in read_lines(spool, 0)[0]]
    return [line.values["record"]["metrics"]["epoch"] for line in lines if line.do == "epoch"]


def attend(engine: RayEngine, jobs: dict[str, AttemptPaths]) -> dict[str, Status]:
    """One look as a head's."""
    statuses = dict(engine.poll(list(jobs)))
    for job, status in statuses.items():
        if status.phase is not Phase.PENDING:
            engine.exchange(job, jobs[job])
    return statuses


def until(engine: RayEngine, jobs: dict[str, AttemptPaths], holds: Callable[[dict[str, Status]], bool]) -> Status:
    """Attend to jobs until ``holds`` of what is said of them; the last's status."""
    deadline = time.monotonic() + PATIENCE
    while True:
        statuses = attend(engine, jobs)
        if holds(statuses):
            return list(statuses.values())[-1]
        assert time.monotonic() < deadline, statuses
        time.sleep(0.1)


def is_gone(statuses: dict[str, Status]) -> bool:
    return all(status.phase is Phase.GONE for status in statuses.values())


def begin(engine: RayEngine, folder: AttemptPaths) -> str:
    """Submit a long one and wait until it is at its third epoch."""
    (job,) = engine.submit([folder])
    until(engine, {job: folder}, lambda _: len(epochs_of(folder)) >= 3)
    return job


def training_process(folder: AttemptPaths) -> psutil.Process:
    (line,) = [one for one in read_lines(folder.spool(1), 0)[0] if one.do == "hello"]
    return psutil.Process(line.values["pid"])


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def end(engine: RayEngine, jobs: Sequence[str], folder: AttemptPaths) -> None:
    for job in jobs:
        engine.forget(job, folder)


def test_more_jobs_than_slots_come_to_their_end(engine: RayEngine, cluster: Cluster, attempt: Write) -> None:
    folders = [attempt(f"r{number}", 4) for number in range(6)]
    ids = engine.submit(folders)
    assert engine.submit(folders[:1]) == ids[:1]  # a head that died before it could note them asks again
    jobs, waited = dict(zip(ids, folders, strict=True)), set()

    def look(statuses: dict[str, Status]) -> bool:
        waited.update(status.reason for status in statuses.values() if status.phase is Phase.PENDING)
        for job, status in statuses.items():
            if status.phase is Phase.GONE and not jobs[job].engine.exists():
                assert (status.reason, status.exit_status, status.node) == (
                    "ended with status 0", 0, socket.gethostname()
                )  # fmt: skip
                engine.exchange(job, jobs[job])
                engine.forget(job, jobs[job])
                jobs[job].engine.mkdir()  # this one is over
        return all(folder.engine.exists() for folder in folders)

    until(engine, jobs, look)
    assert "Ray waits for 1 CPU: 0 CPU of 3 nodes free" in waited
    for folder in folders:
        assert epochs_of(folder) == [1, 2, 3, 4]
        assert read_lines(folder.spool(1), 0)[0][-1].do == "done"
        assert folder.run.final_weights.exists()
        assert folder.outcome.exists()
        assert "epoch 4/4" in folder.log.read_text()
    places = cluster.places(engine._registry)
    features = (folders[0].shared / "features" / f"{FEATURES}.npy").read_bytes()
    assert [(place / "features" / f"{FEATURES}.npy").read_bytes() == features for place in places] == [True] * 3
    assert [path.name for place in places for path in place.iterdir() if path.name not in ("features", ".lock")] == []


def test_a_card_is_shared_by_as_many_as_asked_for(cluster: Cluster, shared: Path, attempt: Write) -> None:
    engine = RayEngine(shared, RayOptions(cluster.address, cpus=0.1, gpus=0.5))
    folders = [attempt(f"r{number}", LONG) for number in range(3)]
    jobs = dict(zip(engine.submit(folders), folders, strict=True))
    until(engine, jobs, lambda _: sum(len(epochs_of(folder)) >= 3 for folder in folders) == 2)
    waits = [one.reason for one in engine.poll(list(jobs)).values() if one.phase is Phase.PENDING]
    assert waits == ["Ray waits for 0.1 CPU, 0.5 GPU: 2.8 CPU, 0 GPU of 3 nodes free"]
    cards = [training_process(folder).environ()["CUDA_VISIBLE_DEVICES"] for folder in folders if folder.spools()]
    assert cards == ["0", "0"]
    engine.cancel(list(jobs))
    until(engine, jobs, is_gone)
    for job, folder in jobs.items():
        engine.forget(job, folder)
    engine.close()


def test_jobs_are_cancelled_while_they_train_and_while_they_wait(engine: RayEngine, attempt: Write) -> None:
    folders = [attempt(f"r{number}", LONG) for number in range(4)]
    jobs = dict(zip(engine.submit(folders), folders, strict=True))
    until(engine, jobs, lambda _: sum(len(epochs_of(folder)) > 0 for folder in folders) == 3)
    processes = [training_process(folder) for folder in folders if folder.spools()]
    began = time.monotonic()
    engine.cancel([*jobs, "00" * 16])
    until(engine, jobs, is_gone)
    wait_until(lambda: all(map(ended, processes)), PATIENCE, "for the training processes")
    print(f"three running jobs and one waiting ended {time.monotonic() - began:.1f} s after they were cancelled")
    assert {(one.reason, one.blameless) for one in engine.poll(list(jobs)).values()} == {("ended by ray.kill", True)}
    assert engine.submit([]) == []
    for job, folder in jobs.items():
        engine.forget(job, folder)


def test_a_killed_training_process_and_a_killed_actor_are_told_apart(engine: RayEngine, attempt: Write) -> None:
    folder, other = attempt("process", LONG), attempt("actor", LONG)
    job = begin(engine, folder)
    training_process(folder).kill()
    status = until(engine, {job: folder}, is_gone)
    assert (status.reason, status.exit_status, status.blameless) == ("ended with status -9", -9, False)
    engine.exchange(job, folder)
    assert epochs_of(folder) == list(range(1, len(epochs_of(folder)) + 1))
    end(engine, [job], folder)

    job = begin(engine, other)
    process = training_process(other)
    actor = process.parent()
    assert actor is not None
    actor.kill()
    status = until(engine, {job: other}, is_gone)
    assert status.reason.startswith(f"its process on {socket.gethostname()} died: ")
    assert (status.exit_status, status.blameless) == (None, False)
    wait_until(lambda: ended(process), PATIENCE, "for the training process to end with its actor")
    assert epochs_of(other)
    end(engine, [job], other)


def test_what_is_wanted_is_heard(engine: RayEngine, attempt: Write) -> None:
    folder = attempt("one", LONG)
    job = begin(engine, folder)
    folder.want.write_text("cancel")
    began = time.monotonic()
    until(engine, {job: folder}, is_gone)
    print(f"a cancelled job ended by itself after {time.monotonic() - began:.1f} s")
    engine.exchange(job, folder)
    last = read_lines(folder.spool(1), 0)[0][-1]
    assert (last.do, last.values["to"]) == ("end", "cancelled")
    end(engine, [job], folder)


def test_jobs_go_on_without_a_head_and_the_next_one_finds_them(
    engine: RayEngine, cluster: Cluster, shared: Path, attempt: Write
) -> None:
    folder = attempt("one", LONG)
    job = begin(engine, folder)
    assert engine._bridge is not None
    engine._bridge._process.kill()
    with pytest.raises(EngineAway, match="the connection to Ray is lost"):
        engine.poll([job])
    assert attend(engine, {job: folder})[job].phase is Phase.RUNNING  # connected again
    engine.close()
    known = len(epochs_of(folder))
    process = training_process(folder)
    time.sleep(1.0)  # epochs of which no head knows
    after = RayEngine(shared, RayOptions(cluster.address))
    assert after.find(folder) == job
    assert after.find(AttemptPaths(shared / "another-a1")) is None
    until(after, {job: folder}, lambda _: len(epochs_of(folder)) > known + 10)
    assert epochs_of(folder) == list(range(1, len(epochs_of(folder)) + 1))
    assert training_process(folder) == process
    end(after, [job], folder)
    after.close()
    wait_until(lambda: ended(process), PATIENCE, "for the training process to end with its actor")


def test_what_was_handed_over_is_trained_without_a_head(
    engine: RayEngine, cluster: Cluster, shared: Path, attempt: Write
) -> None:
    first, more = [attempt(f"r{number}") for number in range(3)], [attempt(f"m{number}") for number in range(3)]
    jobs = dict(zip(engine.submit(first + more), first + more, strict=True))
    until(engine, jobs, lambda _: all(folder.outcome.exists() for folder in first))
    for job, folder in list(jobs.items())[:3]:
        engine.forget(job, folder)
    engine.close()

    def trained() -> bool:
        return all(list(cluster.folder.glob(f"n*/timnet-*/*/{folder.folder.name}/outcome.json")) for folder in more)

    wait_until(trained, PATIENCE, "for the ends of those that waited")
    last = attempt("last", LONG)
    after = RayEngine(shared, RayOptions(cluster.address))
    (job,) = after.submit([last])  # those that ended let it have a place
    until(after, {job: last}, lambda _: len(epochs_of(last)) >= 3)
    after.forget(job, last)
    rest = dict(list(jobs.items())[3:])
    until(after, rest, is_gone)
    assert {(one.reason, one.exit_status) for one in after.poll(list(rest)).values()} == {("ended with status 0", 0)}
    assert sorted(rest) == sorted(str(after.find(folder)) for folder in more)
    for one, folder in rest.items():
        after.exchange(one, folder)
        assert epochs_of(folder) == [1, 2, 3]
        assert folder.outcome.exists()
        after.forget(one, folder)
    after.close()
    assert [path.name for place in cluster.places(engine._registry) for path in place.glob("*-a1")] == []


def test_a_cluster_that_does_not_answer_tells_nothing_of_its_jobs(
    engine: RayEngine, cluster: Cluster, attempt: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = attempt("one", LONG)
    job = begin(engine, folder)
    monkeypatch.setattr(ray, "CALL_SECONDS", 3.0)
    monkeypatch.setattr(ray, "CONNECT_SECONDS", 3.0)
    control = psutil.Process(cluster.about["gcs"])
    control.suspend()
    try:
        for _ in range(2):  # the second has to connect first
            with pytest.raises(EngineAway, match="Ray has not answered within 3 s"):
                engine.poll([job])
    finally:
        control.resume()
    monkeypatch.undo()
    until(engine, {job: folder}, lambda found: found[job].phase is Phase.RUNNING)
    known = len(epochs_of(folder))
    until(engine, {job: folder}, lambda _: len(epochs_of(folder)) > known)
    end(engine, [job], folder)


def test_the_check_says_what_there_is(cluster: Cluster, tmp_path: Path) -> None:
    said: list[str] = []
    assert check(tmp_path, RayOptions(cluster.address), said.append) == []
    host = socket.gethostname()
    assert said[0].startswith("Ray ")
    assert said[0].endswith(f"at {cluster.address}; here, too")
    assert sorted(said[1:4]) == [f"node {host}: 1 CPU", f"node {host}: 1 CPU", f"node {host}: 1 CPU, 1 GPU"]
    assert sum("keeps attempts in" in line for line in said) == 3
    assert said[-1] == f"a tiny run with 1 CPU was placed on {host}"
    assert check(tmp_path, RayOptions(cluster.address, gpus=0.5), said.append) == []
    assert said[-1] == f"a tiny run with 1 CPU, 0.5 GPU was placed on {host}, card 0"
    (wrong,) = check(tmp_path, RayOptions(cluster.address, gpus=2), said.append)
    assert wrong.startswith("no node has 1 CPU, 2 GPU, which each run asks for")


def test_a_job_that_no_node_can_take_says_so(cluster: Cluster, shared: Path, attempt: Write) -> None:
    engine = RayEngine(shared, RayOptions(cluster.address, cpus=64))
    folder = attempt("one")
    (job,) = engine.submit([folder])
    reason = engine.poll([job])[job].reason
    assert reason == "Ray has no node with 64 CPU: the largest of 3 nodes has 1 CPU, 1 GPU; it waits until one joins"
    engine.cancel([job])
    engine.close()


@pytest.mark.parametrize(
    ("address", "kind", "line"),
    [
        ("127.0.0.1:1", EngineAway, "no Ray at 127.0.0.1:1 (Connection refused); start one with: ray start --head"),
        ("nowhere", BadInput, "'nowhere' is no address of a Ray; give HOST:PORT, or auto"),
        (
            "ray://127.0.0.1:10001",
            BadInput,
            "ray://127.0.0.1:10001 is an address of Ray Client, which timnet does not use",
        ),
    ],
)
def test_a_wrong_address_is_one_line(
    cluster: Cluster, shared: Path, address: str, kind: type[Exception], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(kind) as raised:
        RayEngine(shared, RayOptions(address)).poll(["00" * 16])
    assert str(raised.value).startswith(line)
    assert capfd.readouterr() == ("", "")


def test_another_ray_here_than_there_is_one_line(
    cluster: Cluster, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import ray\nray.__version__ = '2.0.1'\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(BadInput, match=r"^the Ray at .* is 2\.\d+\.\d+ on Python .*, timnet's here is 2\.0\.1 on .*"):
        RayEngine(shared, RayOptions(cluster.address)).ready()


def test_a_node_without_timnet_and_a_node_that_dies(
    engine: RayEngine, cluster: Cluster, tmp_path: Path, attempt: Write
) -> None:
    folders = [attempt(f"r{number}", LONG) for number in range(3)]
    jobs = dict(zip(engine.submit(folders), folders, strict=True))
    until(engine, jobs, lambda _: all(len(epochs_of(folder)) >= 3 for folder in folders))
    job, folder, node = next(
        (job, folder, node)
        for job, folder in jobs.items()
        for node in (1, 2)  # with the first node the cluster would end
        if (cluster.place(node) / engine._registry / folder.folder.name).exists()
    )
    process = training_process(folder)
    cluster.tell(f"kill {node}")
    status = until(engine, {job: folder}, is_gone)
    assert status.reason.startswith(f"the node {socket.gethostname()} died")
    assert status.blameless
    wait_until(lambda: ended(process), PATIENCE, "for the training process to end with its node")
    engine.exchange(job, folder)
    assert folder.run.checkpoints()
    for one, of in jobs.items():
        assert one == job or engine.poll([one])[one].phase is Phase.RUNNING
        engine.forget(one, of)
    cluster.tell("add bare")
    wrong = check(tmp_path, RayOptions(cluster.address), str)
    assert wrong == [
        f"the Python that Ray runs on {socket.gethostname()} has no timnet; install timnet for it as it is here"
    ]
    cluster.tell(f"kill {len(cluster.about['nodes']) - 1}")
    cluster.tell("add")
