"""Every Python process below a folder with this file on its path meets a full disk while a certain file exists.

For machines where a test may not mount a small disk. SQLite is really full: its file may not grow by a page.
"""

import errno
import os
from pathlib import Path

MARK = Path(os.environ["TIMNET_TEST_FULL"])


def _narrow() -> None:
    from timnet import files
    from timnet.registry.database import Database

    sync, write = os.fsync, Database.write

    def fsync(descriptor: int) -> None:
        if MARK.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    def narrowed(self: Database):  # type: ignore[no-untyped-def]
        if not self.connection.in_transaction:
            pages = self.connection.execute("PRAGMA page_count").fetchone()[0] if MARK.exists() else 1 << 30
            self.connection.execute(f"PRAGMA max_page_count = {pages}")
        return write(self)

    files.os = type("os", (), {**vars(os), "fsync": staticmethod(fsync)})  # type: ignore[assignment,attr-defined]
    Database.write = narrowed  # type: ignore[method-assign]


_narrow()
