"""Fetch a corpus in a process of its own: audb loads much, draws bars of its own and cannot be stopped inside ours.

``python -m timnet.corpora.fetching NAME FOLDER CACHE`` is that process; :func:`fetch_apart` starts it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from timnet.corpora.fetch import fetch, scratch_of
from timnet.corpora.spec import spec_of
from timnet.tasks import Progress, run_task, serve_task

#: seconds between two counts of what has come
COUNT_EVERY = 0.5


def fetch_apart(
    name: str,
    folder: Path,
    cache: Path,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Fetch as :func:`timnet.corpora.fetch.fetch` does; returns what came as plain values.

    Raises as that does, and :class:`timnet.errors.Stopped` where ``stop`` was set: the same call goes on there.
    """
    words = [name, str(folder.absolute()), str(cache.absolute())]
    found: dict[str, Any] = run_task("timnet.corpora.fetching", words, on_progress, stop=stop)
    return found


def main(arguments: list[str]) -> int:
    """The process: says how many recordings have come, then what they are."""
    name, folder, cache = arguments[0], Path(arguments[1]), Path(arguments[2])

    def work(report: Callable[[Progress], None]) -> dict[str, Any]:
        with _counting(spec_of(name).utterances, folder, report):
            return fetch(name, folder, cache).to_dict()

    return serve_task(work)


@contextmanager
def _counting(total: int, folder: Path, report: Callable[[Progress], None]) -> Iterator[None]:
    """Report how many recordings lie where audb puts them, now and then, and never after the work has ended."""
    ended = threading.Event()

    def count() -> None:
        while not ended.wait(COUNT_EVERY):
            with suppress(OSError):  # folders come and go while they are counted
                done = sum(1 for place in (folder, scratch_of(folder)) for _ in place.rglob("*.wav"))
                if not ended.is_set():
                    report(Progress(min(done, total), total, "recordings here"))

    counter = threading.Thread(target=count, daemon=True)
    counter.start()
    try:
        yield
    finally:
        ended.set()
        counter.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
