"""A small disk that a test can fill and free: a real one where mounting is allowed, else one that is pretended."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support import REPOSITORY

MEGABYTES = 24


@dataclass
class SmallDisk:
    """``folder`` lies on it. ``environment`` is what processes need that are to meet it."""

    folder: Path
    mark: Path
    mounted: bool

    @classmethod
    def make(cls, scratch: Path, *, pretend: bool = False) -> SmallDisk:
        folder = scratch / "disk"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "small", str(folder)]
        mounted = False
        if not pretend and os.geteuid() == 0:
            mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        return cls(folder, scratch / "full", mounted)

    @property
    def environment(self) -> dict[str, str]:
        if self.mounted:
            return {}
        path = f"{REPOSITORY / 'tests' / 'faults' / 'narrow'}{os.pathsep}{REPOSITORY}"
        return {"PYTHONPATH": path, "TIMNET_TEST_FULL": str(self.mark)}

    def fill(self) -> None:
        """Leave no byte."""
        if not self.mounted:
            self.mark.touch()
            return
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while filler.write(b"x" * size):
                        pass

    def free(self) -> None:
        self.mark.unlink(missing_ok=True)
        (self.folder / "filler").unlink(missing_ok=True)

    def is_full(self) -> bool:
        if not self.mounted:
            return self.mark.exists()
        try:
            (self.folder / "one").write_bytes(b"x" * 5000)
        except OSError as error:
            return error.errno == errno.ENOSPC
        finally:
            (self.folder / "one").unlink(missing_ok=True)
        return False

    def end(self) -> None:
        """Take it away; nothing of the test's may run in it any more."""
        for _ in range(50 if self.mounted else 0):
            if subprocess.run(["umount", str(self.folder)], capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.1)
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)
