"""Terminals that are closed and front ends that are killed: training goes on, and nothing of them goes on."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil

from tests.queue.processes import wait_until
from tests.support import REPOSITORY, filled_registry
from timnet.queue import liveness
from timnet.queue.service import stop_workers
from timnet.registry import Registry

PATIENCE = 60.0
ASK = "from timnet.tasks import run_task; run_task('tests.faults.spinning', [])"


class Terminal:
    """A program on a pseudo terminal of its own, as ssh and terminal windows give it one."""

    def __init__(self, folder: Path, *words: str, nohup: bool = False) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(
                TERM="xterm-256color", TIMNET_DB=str(folder / "runs.db"), XDG_STATE_HOME=str(folder / "state"),
                PYTHONPATH=str(REPOSITORY),
            )  # fmt: skip
            signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
            os.execv(sys.executable, [sys.executable, "-m", "timnet", *words])
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))

    def until_it_says(self, words: bytes) -> None:
        said, deadline = b"", time.monotonic() + PATIENCE
        while words not in said:
            assert time.monotonic() < deadline, said
            if select.select([self.master], [], [], 0.2)[0]:
                said += os.read(self.master, 1 << 16)

    def close(self) -> None:
        """What a closed window and a connection that is found dead both do."""
        os.close(self.master)

    def status(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError("it is still there without its terminal")
            time.sleep(0.05)


def test_the_interface_ends_with_its_terminal_also_where_a_hang_up_is_ignored(tmp_path: Path) -> None:
    filled_registry(tmp_path / "runs.db").close()
    terminal = Terminal(tmp_path, nohup=True)
    terminal.until_it_says(b"EMODB")
    terminal.close()
    assert terminal.status() == 129


def test_a_worker_outlives_the_terminal_and_the_command_that_started_it(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        background = Terminal(tmp_path, "work", "--stay", "--detach")
        wait_until(lambda: liveness.workers(registry), PATIENCE)
        os.kill(background.pid, signal.SIGKILL)  # in the middle of waiting for it, or just after
        background.close()
        background.status()
        foreground = Terminal(tmp_path, "work", "--stay")
        wait_until(lambda: len(liveness.workers(registry)) == 2, PATIENCE)
        foreground.close()
        time.sleep(2)  # two rounds of chores, in which it would meet what is gone
        pids = {worker.pid for worker in liveness.workers(registry)}
        assert len(pids) == 2
        assert foreground.pid in pids
        assert len(stop_workers(registry)) == 2
        assert foreground.status() == 0
        wait_until(lambda: not liveness.workers(registry), PATIENCE)


def test_work_that_a_front_end_asked_for_ends_with_it(tmp_path: Path) -> None:
    asking = subprocess.Popen(
        [sys.executable, "-c", ASK], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    began = tmp_path / "began"
    wait_until(began.exists, PATIENCE)
    child = psutil.Process(int(began.read_text()))
    assert child.ppid() == asking.pid
    asking.kill()
    asking.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, PATIENCE)
