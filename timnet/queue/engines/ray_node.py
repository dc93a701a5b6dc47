"""On a node of a Ray cluster: one attempt's end there, which Ray runs as an actor.

It has a folder of its own on the node's disk, gets what it lacks from the head
(:mod:`timnet.queue.engines.ray_folder`), starts the training process and answers what the head asks. It outlives the
head; the training process ends with it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from timnet import __version__
from timnet.errors import OUT_OF_ROOM, BadInput, TimnetError, as_disk_full
from timnet.files import sync_folder, write_bytes, write_text
from timnet.paths import AttemptPaths
from timnet.queue.engines.ray_folder import Stamp, comes_home, disclose, source_of
from timnet.remote.carrier import Carrier, carry

FORM = 1
"""Of orders and answers: head and node may have different versions of timnet, and say so where they differ in this."""

CALLS_AT_ONCE = 4
KEEP_SECONDS = 10.0
"""How long an attempt that has ended waits for its head before it lets others have its place."""

END_SECONDS = 5.0
IN_USE = "in-use"
"""In the folder ``engine``: its lock is held for as long as the folder belongs to somebody who lives."""


def shared_folder(registry: str) -> Path:
    """The node's folder for the attempts of one registry and their features; ``TMPDIR`` decides where.

    It is made where it is not there, for this user alone. Raises :class:`BadInput` where it is somebody else's.
    """
    home = Path(tempfile.gettempdir()) / f"timnet-{os.getuid()}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = home.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise BadInput(f"{home} on {socket.gethostname()} is not this user's own folder; start Ray with another TMPDIR")
    folder = home / registry
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


class Attempt:
    """One attempt at one run.

    ``order`` has its folder's ``name``, the ``registry``, the ``files`` that it gets (bytes by name), those that are
    ``enclosed`` (:func:`timnet.queue.engines.ray_folder.enclose`), and the ``gpus`` that it may use. Where all is there
    it begins at once, and needs no head.

    What goes wrong is told in :meth:`look` and :meth:`state`; nothing is raised. All methods may be called at once.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._order = order
        self._trouble = ""
        self._status: int | None = None
        self._ended = False
        self._begun = False
        self._carrier: Carrier | None = None
        self._cleared = threading.Event()
        self._lock = threading.RLock()
        self._incoming: dict[str, _Incoming] = {}
        if order.get("form") != FORM:
            self._fail(
                BadInput(
                    f"timnet {__version__} there is no end for the head's, {order.get('timnet')}; install the same"
                )
            )
            return
        if not order["gpus"]:  # where none is asked for, Ray hides none
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        if "kept" in order:
            self._take_over(order["kept"])
            return
        try:
            self._folder, self._in_use = _begin_folder(shared_folder(order["registry"]), order["name"])
            for name, data in disclose(order["enclosed"]).items():
                write_bytes(source_of(self._folder, name), data)
        except (OSError, TimnetError) as error:
            self._fail(error)
        else:
            self.look("")

    def state(self) -> dict[str, Any]:
        """Where it is and how far: ``host``, ``begun``, ``ended``, ``status`` of the training process, ``trouble``."""
        return {
            "host": socket.gethostname(),
            "begun": self._begun,
            "ended": self._ended,
            "status": self._status,
            "trouble": self._trouble,
        }

    def look(self, want: str) -> dict[str, Any]:
        """Take note of what is wanted; :meth:`state`, what it ``lacks``, and the ``files`` that there are."""
        with self._lock:
            if self._trouble and not self._begun:
                return {**self.state(), "lacks": [], "files": {}}
            lacks = self._settle(want)
            state = self.state()  # first, so that with its end all files are told
            return {**state, "lacks": lacks, "files": self._files() if state["begun"] else {}}

    def read(self, name: str, offset: int, most: int, stamp: Stamp) -> bytes | None:
        """Bytes of a file; None where it is another one by now. Of one that grows only the inode is in ``stamp``."""
        if not comes_home(name):
            return None
        with suppress(OSError), (self._folder.folder / name).open("rb") as stream:
            now = _stamp(os.fstat(stream.fileno()))
            if now == tuple(stamp) or (stamp[0] < 0 and now[2] == stamp[2]):
                stream.seek(offset)
                return stream.read(most)
        return None

    def write(self, name: str, offset: int, data: bytes) -> int:
        """Bytes of a file that it lacks; how many it has then."""
        with self._lock:
            if name not in self._order["files"] or self._trouble:
                return offset
            try:
                return self._receive(name).take(offset, data)
            except BlockingIOError:  # another attempt gets it by now
                return offset
            except OSError as error:
                self._fail(error)
                return offset + len(data)

    def clear(self) -> None:
        """The attempt is over: the training process is ended, where it has not by itself, and its folder goes."""
        self._cleared.set()
        if self._carrier is not None and self._status is None:
            self._carrier.kill()
            self._carrier.wait(END_SECONDS)
        with self._lock, suppress(AttributeError):  # there is none where none could be made
            shutil.rmtree(self._folder.folder, ignore_errors=True)

    # on its way to begin

    def _settle(self, want: str) -> list[tuple[str, int]]:
        """Write down what is wanted, and begin once nothing is lacking; what is, otherwise."""
        try:
            if not self._folder.want.exists() or self._folder.want.read_text() != want:
                write_text(self._folder.want, want)
            lacks = [] if self._begun else self._lacking()
        except (OSError, TimnetError) as error:
            if not self._begun:
                self._fail(error)
            return []  # what is trained goes on
        if not self._begun and not lacks and not self._waits_for_features():
            self._begin()
        return lacks

    def _lacking(self) -> list[tuple[str, int]]:
        """What the head shall send, and from which byte on."""
        found = []
        for name, size in self._order["files"].items():
            if self._has(name, size):
                continue
            with suppress(BlockingIOError):  # another attempt on this node gets these features now
                found.append((name, self._receive(name).there))
        return found

    def _waits_for_features(self) -> bool:
        return not all(self._has(name, size) for name, size in self._order["files"].items())

    def _has(self, name: str, size: int) -> bool:
        if name in self._incoming and not self._incoming[name].whole:
            return False
        with suppress(OSError):
            return source_of(self._folder, name).stat().st_size == size
        return False

    def _receive(self, name: str) -> _Incoming:
        if name not in self._incoming:
            self._incoming[name] = _Incoming(source_of(self._folder, name), self._order["files"][name])
        return self._incoming[name]

    def _begin(self) -> None:
        self._begun = True
        threading.Thread(target=self._carry, name="carry", daemon=True).start()

    def _carry(self) -> None:
        """Train. All from one thread: on Linux a process may be told to end with the thread that has started it."""
        try:
            self._carrier = carry(self._folder, _own_id())
            self._status = self._carrier.wait()
        except (OSError, TimnetError) as error:
            self._fail(error)
        finally:
            self._ended = True
        if not self._cleared.wait(KEEP_SECONDS):  # no head fetches it now
            _have_kept({**self._order, "enclosed": {}, "kept": self.state()})

    def _take_over(self, kept: Mapping[str, Any]) -> None:
        """Keep what another has trained here, and let that one's place go to the next."""
        self._begun, self._ended = bool(kept["begun"]), True
        self._status, self._trouble = kept["status"], kept["trouble"]
        self._folder = AttemptPaths(shared_folder(self._order["registry"]) / self._order["name"])
        self._in_use = _hold(self._folder)
        _end_actor(self._order["name"])

    def _fail(self, error: OSError | TimnetError) -> None:
        full = as_disk_full(error, "getting ready to train")
        if full is not None:
            self._status = OUT_OF_ROOM
        self._trouble = f"{socket.gethostname()}: {full or error}"
        self._ended = True

    # what there is

    def _files(self) -> dict[str, Stamp]:
        """Everything that the head may fetch. The outcome and the spools are looked at before what they tell of."""
        folder = self._folder
        paths = [folder.outcome, *folder.spools(), folder.log]
        found = {path.name: status for path in paths if (status := _status(path))}
        for path in folder.run.folder.rglob("*"):
            name = path.relative_to(folder.folder).as_posix()
            status = _status(path)
            if status and comes_home(name):
                found[name] = status
        return found


class Probe:
    """Says of a node what has to be known before anything is trained there."""

    def tell(self) -> dict[str, Any]:
        """Host, versions, and the folder for attempts with its free bytes, or what is wrong with it."""
        told: dict[str, Any] = {
            "host": socket.gethostname(),
            "timnet": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        }
        try:
            folder = shared_folder("check")
            write_text(folder / "written", "")
            told |= {"folder": str(folder.parent), "free": shutil.disk_usage(folder).free}
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, TimnetError) as error:
            told["trouble"] = str(error)
        return told


class _Incoming:
    """A file that is being sent here. It appears when it is whole.

    One process of a node gets a file at a time: :class:`BlockingIOError` where another does.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self.there = 0
        self.whole = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.with_name(f".{path.name}.part")
        descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._stream: BinaryIO = os.fdopen(descriptor, "r+b")
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(self._stream, self._part):
                raise BlockingIOError("another process had it until now")
        except OSError:
            self._stream.close()
            raise
        self._stream.truncate(0)

    def take(self, offset: int, data: bytes) -> int:
        """Write ``data`` where it follows what there is; the bytes there are then. Raises :class:`OSError`."""
        if self.whole or offset != self.there:
            return self.there
        self._stream.write(data)
        self.there += len(data)
        if self.there >= self._size:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._part.replace(self._path)
            sync_folder(self._path.parent)
            self._stream.close()
            self.whole = True
        return self.there


def _begin_folder(shared: Path, name: str) -> tuple[AttemptPaths, int]:
    """An empty folder for an attempt, and the descriptor whose lock says that it is in use.

    Folders that nobody uses any more go: their attempts were killed, or their node was started again.
    """
    if not name or "/" in name or name.startswith("."):
        raise BadInput(f"an attempt's folder cannot be called {name!r}")
    descriptor = os.open(shared / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for other in shared.iterdir():
            if other.is_dir() and other.name != "features" and _is_left(other):
                shutil.rmtree(other, ignore_errors=True)
        folder = AttemptPaths(shared / name)
        if folder.folder.exists():
            raise BadInput(f"another process uses {folder.folder} already")
        folder.engine.mkdir(parents=True)
        return folder, _hold(folder)
    finally:
        os.close(descriptor)


def _hold(folder: AttemptPaths) -> int:
    """Hold the lock that says that it is in use; several may."""
    descriptor = os.open(folder.engine / IN_USE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _is_left(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / "engine" / IN_USE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # whoever made it was killed before it could lock it
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_at(stream: BinaryIO, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    return False


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _status(path: Path) -> Stamp | None:
    with suppress(OSError):
        status = path.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            return _stamp(status)
    return None


# what only Ray can tell and do


def kept_name(name: str) -> str:
    """The name of who keeps the files of an attempt that has ended while no head was there."""
    return f"{name}-kept"


def _own_id() -> str:
    """The id by which Ray knows the actor that this process is."""
    import ray

    return str(ray.get_runtime_context().get_actor_id())


def _have_kept(order: Mapping[str, Any]) -> None:
    """Have another actor on this node keep what was trained, which takes no place from those that train."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = ray.get_runtime_context().get_node_id()
    ray.remote(Attempt).options(
        name=kept_name(order["name"]),
        lifetime="detached",
        max_restarts=0,
        max_task_retries=0,
        max_concurrency=CALLS_AT_ONCE,
        num_cpus=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
    ).remote(order)


def _end_actor(name: str) -> None:
    import ray

    with suppress(ValueError):
        ray.kill(ray.get_actor(name))
