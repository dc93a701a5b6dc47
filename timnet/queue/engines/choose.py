"""Which engine works on the queue, what a user asks of it, and the engine made of that.

Nothing of an engine is loaded before it is chosen.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from timnet.errors import BadInput
from timnet.paths import RegistryPaths
from timnet.queue.engines.engine import EngineAway, RemoteEngine
from timnet.settings import Settings

LOCAL, SLURM, RAY = "local", "slurm", "ray"
ELSEWHERE = (SLURM, RAY)
ENGINES = (LOCAL, *ELSEWHERE)
LIBRARIES = {SLURM: "submitit", RAY: "ray"}

ON_RAY = 64
"""Runs handed to Ray at most where nothing else is asked for: what has no place yet waits there."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    LOCAL: (),
    SLURM: (
        "partition", "gres", "time", "cpus", "mem", "account", "qos", "constraint", "array_parallelism", "slurm",
    ),
    RAY: ("address", "cpus", "gpus"),
}  # fmt: skip


class Engine(RemoteEngine, Protocol):
    """One that can also be asked at once whether it is there."""

    def ready(self) -> object:
        """Raises :class:`BadInput` where it can never take a run, :class:`EngineAway` where it may later."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody has asked for: an engine and its options by name, and the folder and the number of runs.

    ``jobs`` 0: as many as are usual for the engine. ``shared`` None: as the settings say, else beside the registry.
    """

    engine: str
    options: Mapping[str, Any]
    shared: Path | None = None
    jobs: int = 0

    @classmethod
    def checked(cls, engine: str, options: Mapping[str, Any], shared: Path | None, jobs: int) -> Self:
        """Raises :class:`BadInput` for an unknown engine, or an option of another."""
        if engine not in ENGINES:
            raise BadInput(f"there is no engine {engine!r}; there are: {', '.join(ENGINES)}")
        others = [name for name in options if name not in OPTIONS[engine]]
        if shared is not None and engine == LOCAL:
            others.append("shared")
        if others:
            of = " or ".join(one for one in ELSEWHERE if others[0] == "shared" or others[0] in OPTIONS[one])
            raise BadInput(f"{_flag(others[0])} is an option of --engine {of}, not of {engine}")
        return cls(engine, options, shared, jobs)

    def folder(self, settings: Settings) -> Path:
        """The folder that the engine's jobs see."""
        as_set = settings.slurm.shared if self.engine == SLURM else ""
        chosen = self.shared or (Path(as_set) if as_set else RegistryPaths(settings.db.absolute()).cluster)
        return chosen.expanduser().absolute()

    def at_most(self, settings: Settings) -> int:
        """How many runs are handed over at most.

        To Slurm no more than may run at once: an array's limit is that array's alone, and runs are submitted in
        several, as others end.
        """
        if self.jobs:
            return self.jobs
        if self.engine == RAY:
            return ON_RAY
        from timnet.queue.engines.slurm_options import PARALLEL

        return int(self.options.get("array_parallelism") or settings.slurm.array_parallelism or PARALLEL)

    def need_library(self) -> None:
        """Raises :class:`BadInput` where what the engine needs is not installed."""
        library = LIBRARIES[self.engine]
        if importlib.util.find_spec(library) is None:
            raise BadInput(
                f"the engine {self.engine} needs {library}, which is not installed; install it with: "
                f'pip install "timnet[{self.engine}]"'
            )

    def engine_for(self, settings: Settings) -> Engine:
        """The engine, which was not asked anything yet.

        Raises :class:`BadInput` where its library is not installed or an option makes no sense.
        """
        self.need_library()
        if self.engine == SLURM:
            from timnet.queue.engines.slurm import SlurmEngine

            return SlurmEngine(self.folder(settings), self.slurm(settings))
        from timnet.queue.engines.ray import RayEngine

        return RayEngine(self.folder(settings), self.ray(settings))

    def ready(self, settings: Settings, *, patient: bool) -> Engine:
        """The engine, seen to be there; where one is ``patient``, it need not answer now.

        Raises :class:`BadInput` where it can never take a run.
        """
        engine = self.engine_for(settings)
        try:
            engine.ready()
        except EngineAway as error:
            if not patient:
                raise BadInput(str(error)) from error
        return engine

    def slurm(self, settings: Settings) -> Any:
        """What each job asks of Slurm (:class:`timnet.queue.engines.slurm_options.SlurmOptions`)."""
        from timnet.queue.engines.slurm_options import PARALLEL, SlurmOptions

        values = {**asdict(settings.slurm), **self.options}
        extra = values.pop("slurm", ())
        del values["shared"]
        cpus = values.pop("cpus")
        if cpus != int(cpus):
            raise BadInput(f"--cpus {cpus:g}: Slurm gives whole cores")
        values["array_parallelism"] = values["array_parallelism"] or PARALLEL
        return SlurmOptions.checked(extra=extra, cpus_per_task=int(cpus) or None, **values)

    def ray(self, settings: Settings) -> Any:
        """Where Ray is, and what each run gets of it (:class:`timnet.queue.engines.ray.RayOptions`)."""
        from timnet.queue.engines.ray import RayOptions

        return RayOptions(**{**asdict(settings.ray), **self.options})


def check(asked: Asked, settings: Settings, say: Callable[[str], None]) -> list[str]:
    """Send a tiny run over the way that runs take, telling line by line what there is; returns what is wrong.

    Raises :class:`BadInput` where it cannot be tried.
    """
    if asked.engine not in ELSEWHERE:
        raise BadInput(f"the engine {asked.engine} needs no check of this kind; see: timnet doctor")
    asked.need_library()
    if asked.engine == SLURM:
        from timnet.queue.engines.slurm_check import check as check_slurm

        return check_slurm(asked.folder(settings), asked.slurm(settings), say)
    from timnet.queue.engines.ray_check import check as check_ray

    return check_ray(asked.folder(settings), asked.ray(settings), say)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
