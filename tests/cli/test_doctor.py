"""``timnet doctor``: what it notices, what ``--fix`` sets right, and the figures of ``--benchmark``."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path

import pytest

from tests.care_support import whole_registry
from tests.cli.conftest import Cli
from tests.registry.test_care_backup import garble
from timnet.machine import benchmark, places
from timnet.machine.known import PROBE, DeviceSpeed, Rate
from timnet.queue.liveness import boot_id
from timnet.records import ProcessProof
from timnet.registry import Registry
from timnet.registry.about import sqlite_defects


@pytest.fixture
def db(own_place: Path) -> Path:
    whole_registry(own_place / "runs.db").close()
    return own_place / "runs.db"


def test_the_doctor_sets_right_what_is_safe_and_says_each(cli: Cli, db: Path) -> None:
    here = ProcessProof(socket.gethostname(), boot_id(), 2**22 + 1, 1.0)
    with Registry.open(db) as registry:
        registry.workers.add("dead", "local", here, 1)
        claimed = registry.runs.claim(lambda _uid: 0, here, "local", "dead")
        assert claimed is not None
        registry.runs.started(claimed[0], here)
        leftover = registry.paths.run(claimed[0].uid).folder / f".final.npz.{2**31 - 1}.tmp"
    leftover.write_text("half")
    os.utime(leftover, (time.time() - 7200,) * 2)
    found = cli("doctor", "--json").json
    condition = found["condition"]
    assert (condition["dead_runs"], condition["dead_workers"], condition["sound"]) == (["1.2"], ["dead"], True)
    assert [one["path"] for one in condition["leftovers"]] == [str(leftover)]
    assert (found["problems"], found["fixed"]) == ([], [])
    assert sum("timnet doctor --fix" in line for line in found["notes"]) == 3
    assert leftover.exists(), "looking changes nothing"
    said = cli("doctor", "--fix")
    assert said.status == 0
    assert "fixed: run 1.2: its process is gone; it is queued now" in said.err
    assert "fixed: worker dead: noted as ended" in said.err
    assert f"fixed: removed {leftover}" in said.err
    found = cli("doctor", "--fix", "--json").json
    assert (found["fixed"], found["condition"]["dead_workers"], found["condition"]["leftovers"]) == ([], [], [])


def test_a_damaged_registry_and_a_gate_that_is_kept_shut_are_problems(
    cli: Cli, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timnet.care.condition.GATE_SECONDS", 0.1)
    with db.with_name("runs.db-gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        found = cli("doctor")
    assert found.status == 1
    assert "! all writers wait for" in found.err
    if Path("/proc/locks").exists():
        assert f"process {os.getpid()}; if it hangs" in found.err
    garble(db, 25)
    found = cli("doctor", "--fix")
    assert found.status == 1
    assert "timnet registry check" in found.err
    assert "all is well" not in found.err


def test_what_a_version_of_sqlite_is_known_for() -> None:
    for version in ("3.37.0", "3.44.5", "3.50.6", "3.51.2", "3.46.1"):
        [told] = sqlite_defects(version)
        assert "one at a time" in told
    for version in ("3.44.6", "3.50.7", "3.51.3", "3.53.0", "4.0.0"):
        assert sqlite_defects(version) == []


@pytest.mark.parametrize("busy", [0.0, 0.9])
def test_a_benchmark_prints_its_figures_and_remembers_them_on_a_quiet_machine(
    cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch, busy: float
) -> None:
    asked = []

    def measure(shape: object, devices: object, threads: int, precisions: object) -> tuple[DeviceSpeed, ...]:
        asked.append((devices, threads, precisions))
        return (DeviceSpeed("cpu", "float32", threads, 12.5 * threads, 300 * 2**20),)

    monkeypatch.setattr(benchmark, "measure", measure)
    monkeypatch.setattr(benchmark, "cores", lambda: 2)
    monkeypatch.setattr(
        places, "probe", lambda *_: (Rate(1, 2, 1.5, PROBE, 600 * 2**20), Rate(2, 1, 2.25, PROBE, 600 * 2**20))
    )
    monkeypatch.setattr(places, "busy", lambda: busy)
    monkeypatch.setattr(places, "free_memory", lambda: 8 * 2**30)
    found = cli("doctor", "--benchmark")
    assert found.status == 0
    rows = [line.split() for line in found.out.splitlines()]
    assert ["cpu", "float32", "1", "12.5", "300.0", "MiB"] in rows
    assert ["cpu", "float32", "2", "25.0", "300.0", "MiB"] in rows
    assert ["2", "1", "2.250", "600.0", "MiB"] in rows
    assert [threads for _, threads, _ in asked] == [1, 2]
    assert len(asked[0][2]) == 3, "all precisions, once"
    assert ("are not remembered" in found.err) == (busy > 0.5)
    later = cli("doctor", "--json").json["places"]
    assert later.startswith("not measured yet") == (busy > 0.5)
    told = cli("doctor", "--benchmark", "--json").json["benchmark"]
    assert [rate["per_second"] for rate in told["rates"]] == [1.5, 2.25]
