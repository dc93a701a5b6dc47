"""From rows to what stays: a JSON file a run, and the table in ``docs/performance.md`` between its two marks."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.bench import ROOT, Row
from timnet.cores import cores

HISTORY = ROOT / "benchmarks" / "history"
PAGE = ROOT / "docs" / "performance.md"
FIRST_MARK, LAST_MARK = "<!-- what make bench measured: begin -->", "<!-- what make bench measured: end -->"
LIBRARIES = ("tensorflow", "keras", "numpy", "librosa", "scikit-learn", "openTSNE")


def machine(peers: dict[str, str]) -> dict[str, Any]:
    """What was measured on: processor, cores, memory, how busy it was, and versions, the ``peers`` among them."""
    versions = {name: version(name) for name in LIBRARIES if _there(name)}
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": cores(),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {**versions, **peers},
    }


def keep(rows: Sequence[Row], about: dict[str, Any]) -> Path:
    """Write all there is to know of a run of the benchmarks into the history; returns the file."""
    HISTORY.mkdir(exist_ok=True)
    path = HISTORY / f"{about['time'].replace(':', '')[:17]}.json"
    path.write_text(json.dumps({**about, "rows": [{**asdict(row), "kept": row.kept} for row in rows]}, indent=1) + "\n")
    return path


def table(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """The rows as Markdown, below a line that says what they were measured on."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        f"{about['time'][:10]}, {about['processor']}, {about['cores']} cores, load at the start {about['load']},"
        f" Python {about['python']}, {versions}. Medians of n, ours and the peer in turn.",
        "",
        "| what | unit | ours | peer | ratio | asked | n |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    return "\n".join(lines) + "\n" + "".join(map(line, rows))


def line(row: Row) -> str:
    """A row of the table."""
    peer = "" if not row.peer_name else f"{row.peer_name}" + ("" if row.peer is None else f": {_shown(row.peer)}")
    what = row.what + (f" ({row.note})" if row.note else "")
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    cells = (what, row.unit, _shown(row.ours), peer, ratio, _asked(row), row.n)
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def put_into_page(text: str) -> None:
    """Replace what stands between the two marks of the page, and nothing else of it."""
    page = PAGE.read_text()
    before, found, rest = page.partition(FIRST_MARK)
    _, ended, after = rest.partition(LAST_MARK)
    if not (found and ended):
        raise RuntimeError(f"{PAGE} lacks the marks {FIRST_MARK} and {LAST_MARK}")
    PAGE.write_text(f"{before}{FIRST_MARK}\n\n{text}\n{LAST_MARK}{after}")


def _asked(row: Row) -> str:
    if row.kept is None:
        return ""
    bound = f"at least {row.asked:g}" if row.asked is not None else f"at most {row.most:g}"
    return bound if row.kept else f"**{bound}: not met**"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _there(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
