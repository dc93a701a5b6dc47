"""Which device trains: the faster one, timed once; and that measuring really trains, on devices that differ."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from timnet.errors import TimnetError
from timnet.machine import device
from timnet.machine.device import chosen, fastest
from timnet.machine.known import DeviceSpeed, Known
from timnet.machine.shape import EMODB

CPU, GPU = DeviceSpeed("cpu", "float32", 1, 200.0, 10), DeviceSpeed("gpu", "float32", 1, 2000.0, 10)


def test_the_faster_device_trains_and_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(device, "measure", lambda _shape, _devices, threads, _: asked.append(threads) or (CPU, GPU))
    said: list[str] = []
    for _ in range(2):
        assert chosen(EMODB, Known(tmp_path), 1, "gpu", said.append) == "cpu"
    assert asked == [1]
    assert said[-1] == "a step takes: CPU 200 ms, GPU 2e+03 ms; training on the CPU"
    chosen(EMODB, Known(tmp_path), 4, "gpu", said.append)
    assert asked == [1, 4], "with other threads the CPU is another"


def test_another_precision_does_not_decide() -> None:
    assert fastest((CPU, GPU, DeviceSpeed("gpu", "mixed_float16", 1, 1.0, 10))) == "cpu"
    assert fastest(()) is None


def test_where_it_cannot_be_measured_the_usual_device_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> object:
        raise TimnetError("no room")

    said: list[str] = []
    monkeypatch.setattr(device, "run_task", dies)
    assert chosen(EMODB, Known(tmp_path), 1, "gpu", said.append) == "gpu"
    assert said[-1] == "that could not be measured (no room); taking the GPU"


MEASURE = """
import json, os, sys
from pathlib import Path
from timnet.machine.device import fastest
from timnet.machine.known import DeviceSpeed, Known
from timnet.machine.shape import WorkShape
from timnet.training import probe
from timnet.training.engine import load_engine
from timnet.training.warm import threads_beside_the_first

load_engine()
hidden = [name for name in ("sklearn", "pandas", "matplotlib") if name in sys.modules]
shape = WorkShape(rows=8, frames=9, coefficients=3, classes=2, batch_size=4, filters=3, tabs=1)
question = {"shape": shape.to_dict(), "device": "cpu", "free": 2**31, "ways": [[2, 1], [4096, 1]], "seconds": 60}
rates = probe.rates({**question, "each": 0.1}, lambda _: None)
strange = sys.platform == "linux" and threads_beside_the_first()

import tensorflow as tf
[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
speeds = []
for device, place, waits in (("cpu", "/CPU:0", 0.0), ("gpu", "/CPU:1", 0.02)):
    with tf.device(place):
        trainer = probe.trainer_of(shape)
        where = trainer.model.kernel.value.device
        step = trainer._step
        trainer._step = lambda *given: (__import__("time").sleep(waits), step(*given))[1]
        steps, seconds = probe.count_steps(trainer, shape.rows, 0.1)
        speeds.append(DeviceSpeed(device, "float32", 1, 1000 * seconds / steps, probe.peak_memory()))
    assert where.endswith(place.lstrip("/").replace("CPU:", "device:CPU:")), where
known = Known(Path(sys.argv[1]))
known.note_devices(shape, "auto", tuple(speeds))
print(json.dumps({"hidden": hidden, "strange": strange, "rates": rates,
                  "fastest": fastest(known.of(shape, "auto").devices), "ms": [one.ms for one in speeds],
                  "memory": [one.memory for one in speeds]}))
"""


@pytest.mark.engine
def test_steps_are_timed_in_processes_of_their_own_and_on_devices_that_differ(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["hidden"] == [], "the engine is loaded without them"
    assert not found["strange"], "it may be forked from afterwards"
    [rate] = found["rates"]
    assert (rate["jobs"], rate["threads"]) == (2, 1), "4096 do not fit"
    assert rate["per_second"] > 0
    assert rate["memory"] > 50 * 2**20
    assert found["fastest"] == "cpu"
    assert found["ms"][1] > 20 > 0 < found["ms"][0]
    assert all(memory > 50 * 2**20 for memory in found["memory"])
