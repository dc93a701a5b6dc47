"""Sort a corpus into one folder an emotion, as copies or links, and take that back.

The user's recordings are only read. Everything is written below one target folder, which must be new or
empty: first ``organised.json``, the manifest of what is to be made, then file by file, each under its
name only when it is whole. So an interrupted run is continued by the same command, and undoing removes
exactly what the manifest lists, where it is still what was made. All names are resolved against open
folders without following links, so nothing in the target can lead a write or a removal elsewhere.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from timnet.bounded import read_json
from timnet.corpora.placing import Placement, is_plain
from timnet.errors import BadInput, CorpusError, as_disk_full
from timnet.files import write_text
from timnet.text import clean

MANIFEST = "organised.json"
VERSION = 1
LONGEST_MANIFEST = 512 * 2**20  # a million recordings with their digests
PART = ".timnet-part"
"""What a file is called in its folder while it is being written."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was to be made, as written in the target: enough to finish it and to take it back."""

    corpus: str
    source: str
    link: bool
    made_folder: bool
    files: tuple[Placement, ...]
    version: int = VERSION

    def to_json(self) -> str:
        """The text of ``organised.json``."""
        return json.dumps(asdict(self), indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What organising or undoing did: ``done`` now, ``before`` already so, ``kept`` with the reason."""

    target: str
    done: tuple[str, ...]
    before: tuple[str, ...]
    kept: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def organise(
    corpus: str,
    source: Path,
    placements: Sequence[Placement],
    target: Path,
    *,
    link: bool = False,
    dry_run: bool = False,
    on_progress: Progress | None = None,
) -> Outcome:
    """Make ``placements`` of the corpus folder ``source`` below ``target``; run again, it finishes.

    With ``link``, hard links (symbolic ones where the target lies on another filesystem, or on one that has
    none): they take no room, and whoever changes one changes the recording. Otherwise copies. Raises
    :class:`BadInput` where the target holds anything else, :class:`CorpusError` for a recording that is
    gone or changed, and :class:`timnet.errors.DiskFull`.
    """
    wanted = Manifest(corpus, str(source.resolve()), link, not target.exists(), tuple(placements))
    manifest = _agreed(wanted, target)
    if dry_run:
        there = tuple(file.target for file in placements if os.path.lexists(target / file.target))
        return Outcome(str(target), tuple(f.target for f in placements if f.target not in set(there)), there)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _locked(target) as root:
            if not (target / MANIFEST).exists():
                _check_room(manifest, target)
                write_text(target / MANIFEST, manifest.to_json())
            return _make_all(manifest, target, root, on_progress)
    except OSError as error:
        raise as_disk_full(error, f"organising into {clean(str(target))}") or BadInput(
            f"cannot write to {clean(str(target))} ({error.strerror}); name another folder"
        ) from error


def undo(corpus: str, target: Path, *, dry_run: bool = False, on_progress: Progress | None = None) -> Outcome:
    """Remove from ``target`` what :func:`organise` made there, where it is unchanged and its original exists.

    What is kept stays in the manifest, and is named with the reason.
    """
    manifest = read_manifest(target)
    if manifest.corpus.casefold() != corpus.casefold():
        raise BadInput(f"{clean(str(target))} holds {clean(manifest.corpus)} sorted, not {clean(corpus)}")
    try:
        with _locked(target) as root:
            return _remove_all(manifest, target, root, dry_run, on_progress)
    except OSError as error:
        raise BadInput(f"cannot remove from {clean(str(target))} ({error.strerror}); check its permissions") from error


def read_manifest(target: Path) -> Manifest:
    """The manifest in ``target``. Raises :class:`BadInput` where there is none, or one that is not ours."""
    path = target / MANIFEST
    try:
        values = read_json(path, LONGEST_MANIFEST)
        files = tuple(Placement(**file) for file in values.pop("files"))
        manifest = Manifest(files=files, **values)
    except FileNotFoundError as error:
        raise BadInput(f"{clean(str(target))} holds no {MANIFEST}: nothing was organised there") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{clean(str(path))} is no manifest of timnet's; nothing was touched") from error
    if not _is_sane(manifest):
        raise BadInput(f"{clean(str(path))} is not of timnet's making; nothing was touched")
    return manifest


def _is_sane(manifest: Manifest) -> bool:
    """Whether a manifest can only mean files two steps below the target, and says of what they were made."""
    texts = (manifest.corpus, manifest.source)
    plain = all(
        all(_is_text(value) for value in asdict(file).values()) and is_plain(file.folder) and is_plain(file.name)
        for file in manifest.files
    )
    kinds = all(isinstance(flag, bool) for flag in (manifest.link, manifest.made_folder))
    return plain and kinds and all(_is_text(text) for text in texts) and manifest.version == VERSION


def _is_text(value: Any) -> bool:
    """Whether a value is a text that a filesystem could take; names of files that are no UTF-8 are among them."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _agreed(wanted: Manifest, target: Path) -> Manifest:
    """The manifest to work by: the one already in ``target`` if it is of the same work, or else ``wanted``."""
    source = Path(wanted.source)
    if not source.is_dir():  # gone, or a published feature file
        raise CorpusError(f"{clean(wanted.source)} is no folder of recordings; there is nothing to sort")
    if target.resolve() == source or source in target.resolve().parents:
        raise BadInput(f"{clean(str(target))} lies in the corpus itself; name a folder outside it")
    if os.path.lexists(target / MANIFEST):
        there = read_manifest(target)
        if replace(there, made_folder=wanted.made_folder) != wanted:
            what = f"{clean(there.corpus)}, {len(there.files)} {'links' if there.link else 'copies'}"
            raise BadInput(f"{clean(str(target))} holds another sorting ({what}); undo it or name another folder")
        return there
    if target.exists() and not (target.is_dir() and next(target.iterdir(), None) is None):
        raise BadInput(f"{clean(str(target))} is not empty; name a new or an empty folder")
    return wanted


def _check_room(manifest: Manifest, target: Path) -> None:
    """Refuse at once what could not be finished."""
    if manifest.link:
        return
    need = sum(
        (Path(manifest.source) / file.source).stat().st_size for file in manifest.files if _exists(manifest, file)
    )
    if need > shutil.disk_usage(target).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))


def _exists(manifest: Manifest, file: Placement) -> bool:
    return (Path(manifest.source) / file.source).is_file()


@contextmanager
def _locked(target: Path) -> Iterator[int]:
    """A descriptor of ``target``, held by nobody else who organises or undoes there."""
    root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(f"another timnet is at work in {clean(str(target))}; wait for it") from error
        yield root
    finally:
        os.close(root)


@contextmanager
def _folder(root: int, name: str, *, make: bool) -> Iterator[int]:
    """A descriptor of the folder ``name`` in ``root``: itself, never what a link of that name points to."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=root)
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
    try:
        yield folder
    finally:
        os.close(folder)


def _make_all(manifest: Manifest, target: Path, root: int, on_progress: Progress | None) -> Outcome:
    done: list[str] = []
    before: list[str] = []
    for number, file in enumerate(manifest.files, start=1):
        try:
            with _folder(root, file.folder, make=True) as folder:
                (done if _make(manifest, file, folder) else before).append(file.target)
        except NotADirectoryError as error:
            raise BadInput(f"{clean(str(target / file.folder))} is in the way: it is no folder; remove it") from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise BadInput(f"{clean(str(target / file.folder))} is a link; remove it") from error
            raise
        if on_progress is not None:
            on_progress(number, len(manifest.files))
    return Outcome(str(target), tuple(done), tuple(before))


def _make(manifest: Manifest, file: Placement, folder: int) -> bool:
    """Make one file whole, or find it made; True if it was made now."""
    source = Path(os.path.realpath(Path(manifest.source) / file.source))
    with suppress(FileNotFoundError):
        os.unlink(PART, dir_fd=folder)
    if _lexists(file.name, folder):
        if _kept_why(manifest, file, folder):
            raise BadInput(f"{clean(file.target)} is in the way: it is not what is to be made; remove it")
        return False
    try:
        if manifest.link:
            _verify(source, file)
            _link(source, folder)
        else:
            _copy(source, file, folder)
        os.rename(PART, file.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(PART, dir_fd=folder)
        raise
    return True


def _copy(source: Path, file: Placement, folder: int) -> None:
    descriptor = os.open(PART, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor has no path
        _verify(source, file, stream)
        stream.flush()
        os.fsync(stream.fileno())


def _link(source: Path, folder: int) -> None:
    """A hard link; a symbolic one where the filesystem, or the border of two, allows none."""
    try:
        os.link(source, PART, dst_dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES):
            raise
        os.symlink(source, PART, dir_fd=folder)


def _verify(source: Path, file: Placement, stream: BinaryIO | None = None) -> None:
    """Read the recording, into ``stream`` if there is one; raises :class:`CorpusError` if it is not as registered."""
    try:
        sha256 = _digest(source, stream)
    except FileNotFoundError as error:
        raise CorpusError(f"{clean(str(source))} is gone; add the corpus again") from error
    if sha256 != file.sha256:
        raise CorpusError(f"{clean(str(source))} has changed since the corpus was added; add it again")


def _digest(source: Path, stream: BinaryIO | None = None) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as recording:
        if not stat.S_ISREG(os.fstat(recording.fileno()).st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
        while block := recording.read(1 << 20):
            digest.update(block)
            if stream is not None:
                stream.write(block)
    return digest.hexdigest()


def _remove_all(manifest: Manifest, target: Path, root: int, dry_run: bool, on_progress: Progress | None) -> Outcome:
    done: list[str] = []
    gone: list[str] = []
    kept: dict[str, str] = {}
    for number, file in enumerate(manifest.files, start=1):
        try:
            with _folder(root, file.folder, make=False) as folder:
                if not _lexists(file.name, folder):
                    gone.append(file.target)
                elif why := _kept_why(manifest, file, folder):
                    kept[file.target] = why
                else:
                    done.append(file.target)
                    if not dry_run:
                        os.unlink(file.name, dir_fd=folder)
        except FileNotFoundError:
            gone.append(file.target)
        except OSError as error:
            kept[file.target] = f"it cannot be reached ({error.strerror})"
        if on_progress is not None:
            on_progress(number, len(manifest.files))
    if not dry_run:
        _tidy(manifest, target, root, kept)
    reasons = tuple(f"{name}: {why}" for name, why in kept.items())
    return Outcome(str(target), tuple(done), tuple(gone), reasons)


def _kept_why(manifest: Manifest, file: Placement, folder: int) -> str | None:
    """Why the file under its final name is not, or not only, what was made; None where it is."""
    source = Path(os.path.realpath(Path(manifest.source) / file.source))
    status = os.stat(file.name, dir_fd=folder, follow_symlinks=False)
    if not source.is_file():
        return "its original is gone"
    if stat.S_ISLNK(status.st_mode):
        same = manifest.link and os.readlink(file.name, dir_fd=folder) == str(source)
        return None if same else "it is a link to something else"
    if not stat.S_ISREG(status.st_mode):
        return "it is no file any more"
    descriptor = os.open(file.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor has no path
        same = hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    return None if same else "it was changed"


def _tidy(manifest: Manifest, target: Path, root: int, kept: dict[str, str]) -> None:
    """Remove the folders that are empty now, and the manifest unless it still lists something."""
    for name in {file.folder for file in manifest.files}:
        with suppress(OSError):
            with _folder(root, name, make=False) as folder, suppress(FileNotFoundError):
                os.unlink(PART, dir_fd=folder)
            os.rmdir(name, dir_fd=root)
    if kept:
        left = tuple(file for file in manifest.files if file.target in kept)
        write_text(target / MANIFEST, replace(manifest, files=left).to_json())
        return
    os.unlink(MANIFEST, dir_fd=root)
    if manifest.made_folder:
        with suppress(OSError):
            target.rmdir()


def _lexists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
