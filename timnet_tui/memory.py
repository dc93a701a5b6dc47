"""Where you were: what each screen wants to find again the next time the same registry is opened.

One small JSON file a registry in the user's state folder, written whole by a thread of its own, never by the event
loop. A file that is damaged, foreign or too large counts as none: everything then begins as it does the first time.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from timnet import files

VERSION = 1
LARGEST = 2**18
"""Bytes; a larger file was not written by this."""
PATIENCE_SECONDS = 1.0

Value = TypeVar("Value")
Values = Mapping[str, Any]


class Memory:
    """What is remembered of the registry ``db``, by place (``grid``, ``runs``): values that JSON can hold.

    ``folder`` is where the files lie (default: the user's state folder); None with ``keep=False`` keeps nothing.
    """

    def __init__(self, db: Path, folder: Path | None = None, *, keep: bool = True) -> None:
        self._db = str(db.absolute())
        self._path = _path(self._db, folder) if keep else None
        self._places: dict[str, dict[str, Any]] = _read(self._path, self._db) if self._path else {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def of(self, place: str) -> Values:
        """All that is remembered of a place."""
        return dict(self._places.get(place, {}))

    def get(self, place: str, name: str, kind: type[Value]) -> Value | None:
        """One value, None where there is none of this kind: whoever asks need not check what a file holds."""
        found = self._places.get(place, {}).get(name)
        right = isinstance(found, kind) and not (isinstance(found, bool) and kind is not bool)
        return found if right else None

    def put(self, place: str, values: Values) -> None:
        """Remember all of a place in place of what was remembered of it. Returns at once; a thread writes."""
        if self._places.get(place, {}) == values:
            return
        with self._lock:
            self._places[place] = dict(values)
        if self._path is not None:
            self._start()
            self._wake.set()

    def close(self) -> None:
        """Write what is not yet written, but do not hang on a disk that does."""
        self._ended = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_SECONDS)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._writing, name="memory", daemon=True)
            self._thread.start()

    def _writing(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            last = self._ended
            with self._lock:
                told = {"version": VERSION, "registry": self._db, "places": self._places}
                text = json.dumps(told, ensure_ascii=False, indent=1, default=str)
            with suppress(Exception):  # a full disk or a read-only home: it is a comfort, no more
                if self._path is not None:
                    files.write_text(self._path, text + "\n")
            if last:
                return


def folder_of_states() -> Path:
    """Where the files lie: the platform's folder for what programs remember of their state."""
    import platformdirs

    return Path(platformdirs.user_state_dir("timnet", appauthor=False))


def _path(db: str, folder: Path | None) -> Path:
    name = hashlib.sha256(db.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return (folder or folder_of_states()) / f"{name}.json"


def _read(path: Path, db: str) -> dict[str, dict[str, Any]]:
    try:
        if path.stat().st_size > LARGEST:
            return {}
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("version") != VERSION or found.get("registry") != db:
        return {}
    places = found.get("places")
    if not isinstance(places, dict):
        return {}
    return {place: values for place, values in places.items() if isinstance(values, dict)}
