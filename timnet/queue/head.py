"""The head: gives waiting runs to an engine of other machines and brings home what they write.

Everything it knows is in the registry and in the attempts' folders, so it may be killed at any moment: jobs live on,
and the next head goes on where this one was. There is one for each engine.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from timnet import settings as settings_module
from timnet.errors import BadInput, TimnetError, as_disk_full
from timnet.features.cache import FeatureCache
from timnet.notices.teller import Teller
from timnet.queue import liveness
from timnet.queue.attendant import Attendant
from timnet.queue.dispatch import Dispatch
from timnet.queue.engines.choose import ELSEWHERE, Asked
from timnet.queue.engines.engine import EngineAway, RemoteEngine
from timnet.queue.logs import say
from timnet.queue.presence import Presence
from timnet.registry import Registry
from timnet.settings import Settings

LOOK_SECONDS = 0.5
"""Between two looks at what users want, and at the folders that change."""

CHORE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How to work: ``shared`` is the folder that jobs see, ``jobs`` how many runs are handed over at most."""

    shared: Path
    jobs: int
    stay: bool = False


class Head:
    """One engine's head."""

    def __init__(self, registry: Registry, settings: Settings, engine: RemoteEngine, terms: Terms, uid: str) -> None:
        self.registry = registry
        self.settings = settings
        self.engine = engine
        self.terms = replace(terms, shared=terms.shared.absolute())
        self.uid = uid
        self._presence = Presence(registry, uid, engine.name)
        self._want: str | None = None
        self._next_chores = 0.0
        self._attendant = Attendant(registry, settings, engine, say)
        self._dispatch = Dispatch(registry, settings, engine, self.terms.shared, uid, say)
        self._teller = Teller(registry, settings.notify, say)

    def run(self) -> None:
        """Work until done. Raises :class:`BadInput` where this engine has a head already, or refuses for good."""
        only = liveness.try_lock(self.registry.paths.head_lock(self.engine.name))
        if only is None:
            raise BadInput(
                f"a head for {self.engine.name} works on {self.registry.paths.db} already; see: timnet workers ls"
            )
        try:
            self._make_shared()
            with self._presence.shown(self.terms.jobs):
                most = f"up to {self.terms.jobs} runs at once"
                say(f"head {self.uid} gives {self.engine.name} {most}, in {self.terms.shared}")
                try:
                    self._presence.work(self._turn, LOOK_SECONDS, _away_for_a_while)
                finally:
                    self._dispatch.close()
                    self._teller.close()
                    left = len(self.registry.elsewhere.open(self.engine.name))
                    say(f"head {self.uid} ended{f'; {left} runs go on without it' if left else ''}")
        finally:
            liveness.unlock(only)

    def _make_shared(self) -> None:
        """Make the shared folder, but not where runs are out in it: then it is only away, and will come back."""
        shared = self.terms.shared
        if any(errand.folder.shared == shared for errand in self.registry.elsewhere.open(self.engine.name)):
            return
        try:
            FeatureCache(shared).folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            full = as_disk_full(error, f"making {shared}")
            if full is not None:
                raise full from error
            reason = error.strerror or type(error).__name__
            raise BadInput(f"cannot make the shared folder {shared} ({reason}); name another with --shared") from error

    # one look at everything

    def _turn(self) -> bool:
        """False when it is time to end."""
        if time.monotonic() >= self._next_chores:
            self._next_chores = time.monotonic() + CHORE_SECONDS
            self._attendant.watch()
            self._want = self.registry.workers.seen(self.uid) or self._want
            self._teller.look()
        errands = self.registry.elsewhere.open(self.engine.name)
        over = self.registry.elsewhere.over(self.engine.name)
        away: EngineAway | None = None
        try:
            self._attendant.poll([*errands, *over])
        except EngineAway as error:  # what lies in the folders can be brought home all the same
            away = error
        for errand in errands:
            self._attendant.attend(errand)
        for errand in over:
            self._attendant.sweep(errand)
        if self._presence.ending or self._want == "stop":
            return False
        if away is not None:
            raise away
        if self._want == "drain":
            return bool(errands)
        free = self.terms.jobs - len(errands)
        given = self._dispatch.give(free) if free > 0 else 0
        return bool(self.terms.stay or errands or over or given or self.registry.runs.ls("state:queued", limit=1))


def _away_for_a_while(error: OSError) -> str:
    """Of a network file system, or of a disk that is full."""
    return str(as_disk_full(error, "giving runs to other machines") or error)


def main() -> int:
    """Parse the command line and be a head: what ``timnet work --engine slurm --detach`` starts."""
    parser = argparse.ArgumentParser(prog="python -m timnet.queue.head", description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--engine", choices=ELSEWHERE, required=True)
    parser.add_argument("--options", type=json.loads, default={}, help="the engine's, by name, as JSON")
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--stay", action="store_true")
    parser.add_argument(
        "--uid", default=liveness.new_worker_uid(), help="its name in the registry (default: a new one)"
    )
    arguments = parser.parse_args()
    try:
        settings = replace(settings_module.load(), db=arguments.db)
        asked = Asked.checked(arguments.engine, arguments.options, arguments.shared, arguments.jobs)
        with Registry.open(arguments.db) as registry:
            work(registry, settings, asked, arguments.uid, stay=arguments.stay)
    except TimnetError as error:
        sys.stderr.write(f"timnet: {error}\n")
        return error.exit_code
    return 0


def work(registry: Registry, settings: Settings, asked: Asked, uid: str, *, stay: bool) -> None:
    """Be the head of the engine that was ``asked`` for. Raises as :meth:`Head.run` and :meth:`Asked.ready` do."""
    out = registry.elsewhere.open(asked.engine)  # runs that are out are waited for, even while nothing answers
    engine = asked.ready(settings, patient=bool(out))
    Head(registry, settings, engine, Terms(asked.folder(settings), asked.at_most(settings), stay), uid).run()


if __name__ == "__main__":
    sys.exit(main())
