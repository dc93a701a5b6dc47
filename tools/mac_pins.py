"""Print, for Linux, the pins of requirements.lock that a Mac with Apple silicon gets.

Their markers are judged as that Mac would; tensorflow-macos and tensorflow-metal, which exist nowhere else,
are left out (tensorflow-macos 2.16.2 is itself only a name for tensorflow 2.16.2, which is in the lock).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from packaging.requirements import Requirement

LEFT_OUT = ("tensorflow-macos", "tensorflow-metal")
MAC = {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin"}


def main(lock: Path) -> None:
    """Print the pins with their hashes and without their markers."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8")):
        lines = [line.rstrip(" \\") for line in block.splitlines() if not line.strip().startswith("#")]
        if not lines or "==" not in lines[0]:
            continue
        pin = Requirement(lines[0])
        if pin.name not in LEFT_OUT and (pin.marker is None or pin.marker.evaluate(dict(MAC))):
            hashes = [line.strip() for line in lines[1:] if "--hash=" in line]
            print(" \\\n    ".join([f"{pin.name}{pin.specifier}", *hashes]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
