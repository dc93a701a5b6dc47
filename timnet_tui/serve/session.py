"""One visitor's interface: a process of its own, spoken to by textual-serve's protocol, ended on every way out."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

PATIENCE_SECONDS = 2.0
#: cells; a browser could ask for any size, and every cell takes memory
WIDEST, HIGHEST = 500, 200
SECRET = "TIMNET_SERVE_TOKEN"  # noqa: S105 - the variable's name


class Session(AppService):
    """The child runs ``python -m timnet_tui.serve.child`` on ``db``, without a shell."""

    def __init__(
        self,
        db: Path,
        *,
        write_bytes: Callable[[bytes], Awaitable[None]],
        write_str: Callable[[str], Awaitable[None]],
        close: Callable[[], Awaitable[Any]],
        downloads: DownloadManager,
    ) -> None:
        super().__init__(
            "timnet", write_bytes=write_bytes, write_str=write_str, close=close, download_manager=downloads
        )
        self._db = db

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        environment = self._build_environment(*bounded(width, height))
        environment.pop(SECRET, None)
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "timnet_tui.serve.child",
            f"--db={self._db}",
            f"--parent={os.getpid()}",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
        )
        assert process.stdin is not None
        self._stdin = process.stdin
        return process

    async def set_terminal_size(self, width: int, height: int) -> None:
        """Tell the process about another size, within bounds."""
        await super().set_terminal_size(*bounded(width, height))

    async def stop(self) -> None:
        """Ask the process to end, then make it end."""
        task, process = self._task, self._process
        self._task = None
        if task is None or process is None:
            return
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        with suppress(Exception):
            await asyncio.wait_for(self.send_meta({"type": "quit"}), PATIENCE_SECONDS)
        for end in (process.terminate, process.kill):
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
            if process.returncode is not None:
                break
            with suppress(ProcessLookupError):
                end()
        await process.wait()
        with suppress(asyncio.CancelledError, Exception):  # it passes on the last words, and is cancelled if it cannot
            await asyncio.wait_for(task, PATIENCE_SECONDS)


def bounded(width: int, height: int) -> tuple[int, int]:
    """A terminal size within what is served."""
    return min(max(20, int(width)), WIDEST), min(max(5, int(height)), HIGHEST)
