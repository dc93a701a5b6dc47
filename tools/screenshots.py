"""Make the README's pictures from a registry: ``python tools/screenshots.py timnet-demo/runs.db docs/images``."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from textual.pilot import Pilot

from timnet.settings import Settings
from timnet_tui.app import TimnetApp

SIZE = (136, 34)
#: what is pressed for each picture, from the grid on; the demo's finished experiment is the last one
PICTURES = {
    "grid": ["G", "right"],
    "run": ["G", "a", "enter"],
    "runs": ["2"],
    "queue": ["3"],
    "results": ["4"],
    "new": ["n"],
    "compare": ["G", "a", "space", "up", "space", "C"],
}


async def picture(db: Path, keys: list[str]) -> str:
    """The screen that ``keys`` lead to, as SVG that fetches nothing."""
    app = TimnetApp(db, Settings(db=db))
    async with app.run_test(size=SIZE) as pilot:
        await _settled(pilot)
        for key in keys:
            await pilot.press(key)
            await _settled(pilot)
        return re.sub(r"@font-face \{.*?\}\s*", "", app.export_screenshot(), flags=re.DOTALL)


async def _settled(pilot: Pilot[None]) -> None:
    """Pictures of curves come from a thread of their own: give them time."""
    for _ in range(15):
        await pilot.pause(0.1)


def main(db: Path, folder: Path) -> None:
    """Write every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, keys in PICTURES.items():
        (folder / f"{name}.svg").write_text(asyncio.run(picture(db, keys)), encoding="utf-8")
        print(f"wrote {folder / name}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
