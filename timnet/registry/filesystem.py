"""Which filesystem a folder lies on: SQLite's WAL mode breaks on network filesystems."""

from __future__ import annotations

import re
from pathlib import Path

NETWORK = frozenset(
    {
        "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs",
        "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "webdav",
    }
)  # fmt: skip


#: where Linux lists what is mounted
MOUNTS = Path("/proc/self/mounts")


def network_filesystem(folder: Path) -> str | None:
    """The type of the network filesystem that ``folder`` lies on, or None for a local disk."""
    kind = filesystem_of(folder.resolve(), mounted())
    return kind if kind in NETWORK else None


def mounted() -> list[tuple[str, str]]:
    """What is mounted: mount point and type of each."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").split("\n")
    except OSError:  # not Linux; psutil knows, but takes half as long to load as runs take to list
        import psutil

        return [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    rows = [line.split(" ") for line in lines]
    return [(_unescaped(row[1]), row[2]) for row in rows if len(row) > 2]


def _unescaped(text: str) -> str:
    """Blanks and the like stand as octal numbers there."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def filesystem_of(folder: Path, mounts: list[tuple[str, str]]) -> str:
    """The filesystem type of the longest mount point above ``folder``; the later of equals wins."""
    best, kind = -1, ""
    for mountpoint, fstype in mounts:
        point = Path(mountpoint)
        if (folder == point or point in folder.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), fstype.lower()
    return kind
