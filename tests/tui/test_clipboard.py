"""Copying through the terminal, and through a real tmux."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.steps import grid_of, toasts
from timnet_tui.clipboard import LARGEST, in_tmux, load_tmux


async def test_text_goes_to_the_terminal_as_osc_52(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        written: list[str] = []
        monkeypatch.setattr(app._driver, "write", written.append)
        app.copy_to_clipboard("UAR 84.1 ± 2.3\n\x1b[2J")
        [sequence] = written
        inside = sequence.removeprefix("\x1b]52;c;").removesuffix("\a")
        assert base64.b64decode(inside).decode() == "UAR 84.1 ± 2.3\n\x1b[2J"
        app.copy_to_clipboard("x" * (LARGEST + 1))
        assert len(written) == 1
        await until(pilot, lambda: "too long to copy: 74,995 bytes, and terminals take 74,994" in toasts(pilot))


@pytest.fixture
def tmux() -> Iterator[list[str]]:
    """A tmux server of the test's own, with its defaults."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    place = tempfile.mkdtemp(prefix="tn-")  # a socket's path must be short
    command = ["tmux", "-S", f"{place}/s", "-f", "/dev/null"]
    yield command
    subprocess.run([*command, "kill-server"], check=False, capture_output=True)
    shutil.rmtree(place)


def test_under_tmux_its_buffer_is_loaded(tmux: list[str], tmp_path: Path) -> None:
    done = str(tmp_path / "done")
    code = f"from timnet_tui.clipboard import load_tmux; open({done!r}, 'w').write(str(load_tmux('UAR ± 2')))"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([*tmux, "new-session", "-d", "-x", "80", "-y", "24", sys.executable, "-c", code + "; input()"],
                   check=True, env=environment)  # fmt: skip
    deadline = time.monotonic() + 20
    while not (tmp_path / "done").exists() or not (tmp_path / "done").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (tmp_path / "done").read_text() == "True"
    shown = subprocess.run([*tmux, "show-buffer"], check=True, capture_output=True, text=True)
    assert shown.stdout == "UAR ± 2"


def test_without_tmux_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not in_tmux({})
    assert in_tmux({"TMUX": "/tmp/tmux-0/default,1,0"})
    monkeypatch.setenv("PATH", "/nowhere")
    assert load_tmux("x") is False
