"""Which filesystem a folder lies on: SQLite's WAL mode breaks on network filesystems."""

from __future__ import annotations

from pathlib import Path

NETWORK = frozenset(
    {
        "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs",
        "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "webdav",
    }
)  # fmt: skip


def network_filesystem(folder: Path) -> str | None:
    """The type of the network filesystem that ``folder`` lies on, or None for a local disk."""
    import psutil

    mounts = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    kind = filesystem_of(folder.resolve(), mounts)
    return kind if kind in NETWORK else None


def filesystem_of(folder: Path, mounts: list[tuple[str, str]]) -> str:
    """The filesystem type of the longest mount point above ``folder``; the later of equals wins."""
    best, kind = -1, ""
    for mountpoint, fstype in mounts:
        point = Path(mountpoint)
        if (folder == point or point in folder.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), fstype.lower()
    return kind
