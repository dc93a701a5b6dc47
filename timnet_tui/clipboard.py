"""Copying text to where the user sits, which may be another machine: the terminal does it (OSC 52).

Not every terminal does: macOS's own Terminal and older VTE ones (GNOME) ignore the sequence, some ask first, and
tmux drops what programs send unless its ``set-clipboard`` is ``on``. So under tmux its own buffer is loaded as well,
from where it goes to the terminal. GNU screen passes nothing on.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

LARGEST = 74_994
"""Bytes; xterm and those that follow it take no more in one sequence (100,000 characters in base64)."""
TMUX_SECONDS = 2.0


def problem_of(text: str) -> str | None:
    """Why ``text`` cannot be copied, None where it can."""
    size = len(text.encode("utf-8", "replace"))
    return f"too long to copy: {size:,} bytes, and terminals take {LARGEST:,}" if size > LARGEST else None


def in_tmux(environment: Mapping[str, str] | None = None) -> bool:
    """Whether this process runs under tmux."""
    return bool((os.environ if environment is None else environment).get("TMUX"))


def load_tmux(text: str) -> bool:
    """Put ``text`` into tmux's buffer and, where its terminal takes it, into the clipboard (tmux 3.2 and later)."""
    try:
        done = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=TMUX_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
