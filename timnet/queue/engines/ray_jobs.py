"""What the head asks of Ray, in the process that is connected to it (:mod:`timnet.queue.engines.ray_bridge`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray._private import state as cluster
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from timnet import __version__
from timnet.errors import BadInput
from timnet.paths import AttemptPaths
from timnet.queue.engines import ray_folder, ray_words
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.queue.engines.ray_folder import Known, Unheard, enclose, to_send
from timnet.queue.engines.ray_node import CALLS_AT_ONCE, FORM, Attempt, Probe, kept_name
from timnet.remote.carrier import LEFT

POLL_SECONDS = 2.0
"""How long a look at all attempts waits for their answers; what comes later counts at the next look."""

LOOK_SECONDS, ANSWER_SECONDS = 3.0, 10.0
"""How long an actor has to answer a question, and one with bytes of files. The head does nothing else meanwhile."""

FIRST_REST, LONGEST_REST = 2.0, 30.0
"""How long one that did not answer is left alone: twice as long each time in a row."""

NOT_PLACED = ("DEPENDENCIES_UNREADY", "PENDING_CREATION", "RESTARTING")
UNKNOWN = "Ray does not know it: it ended long ago, or Ray was started anew since"


class Jobs:
    """The attempts of one registry as detached actors, an id each as Ray gives it.

    ``registry`` names the folder that nodes keep for them, ``wanted`` the CPUs and GPUs that each gets.
    """

    def __init__(self, registry: str, wanted: Mapping[str, float]) -> None:
        self._registry = registry
        self._wanted = {unit: number for unit, number in wanted.items() if number}
        self._gpus = wanted.get("GPU", 0.0)
        self._ends: dict[str, _Actor] = {}
        self._known: dict[str, Known] = {}
        self._kind = ray.remote(Attempt)

    def submit(self, folders: Sequence[AttemptPaths]) -> list[str]:
        """Make an actor for each; none where one cannot be made."""
        made: list[str] = []
        try:
            for folder in folders:
                made.append(self._make(folder))  # noqa: PERF401  # those that were made must be known
        except BaseException:
            self.cancel(made)
            raise
        return made

    def poll(self, ids: Sequence[str]) -> dict[str, Status]:
        """Where each is."""
        found = {job: cluster.actors(job) for job in ids}
        waits, asked = None, {}
        statuses: dict[str, Status] = {}
        for job, about in found.items():
            state = about.get("State") if about else None
            if state in NOT_PLACED:
                waits = waits or ray_words.why_it_waits(self._wanted, *self._room())
                statuses[job] = Status(Phase.PENDING, waits)
            elif not about:
                statuses[job] = Status(Phase.GONE, UNKNOWN, blameless=True)
            elif (end := self._end(job, about["Name"], alive=state == "ALIVE")) is not None:
                asked[job] = end
            else:
                statuses[job] = self._died(about)
        statuses |= self._states(asked)
        return {job: statuses[job] for job in ids}

    def cancel(self, ids: Sequence[str]) -> None:
        """Kill them, waiting or running."""
        for job in ids:
            about = cluster.actors(job)
            end = self._end(job, about["Name"]) if about and about["State"] != "DEAD" else None
            if end is not None:
                ray.kill(end.handle)

    def find(self, folder: AttemptPaths) -> str | None:
        """The actor of this folder's name, also one that has died already."""
        found = _actor(folder.folder.name)
        if found is not None:
            return str(found._actor_id.hex())
        dead = [
            job for job, about in cluster.actors(actor_state_name="DEAD").items() if about["Name"] == folder.folder.name
        ]
        return dead[-1] if dead else None

    def exchange(self, job: str, folder: AttemptPaths) -> None:
        """Bring the two folders together; an actor that does not answer has time until it is asked again."""
        end = self._end(job, folder.folder.name)
        if end is not None:
            with suppress(Unheard):
                ray_folder.exchange(end, folder, self._known.setdefault(job, Known()))

    def forget(self, job: str, folder: AttemptPaths) -> None:
        """Remove the folder on the node, and the actor."""
        end = self._end(job, folder.folder.name, alive=False) or self._end(job, folder.folder.name)
        if end is not None:
            with suppress(Unheard, EngineAway):
                end.clear()
            ray.kill(end.handle)
        self._ends.pop(job, None)
        self._known.pop(job, None)

    def _make(self, folder: AttemptPaths) -> str:
        name = folder.folder.name
        try:
            files = to_send(folder)
            enclosed = enclose(folder, files)
        except OSError as error:
            raise BadInput(f"cannot submit {name}: {error}") from error
        order = {
            "form": FORM,
            "timnet": __version__,
            "name": name,
            "registry": self._registry,
            "files": files,
            "enclosed": enclosed,
            "gpus": self._gpus,
        }
        options = self._kind.options(
            name=name,
            lifetime="detached",
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=CALLS_AT_ONCE,
            num_cpus=self._wanted.get("CPU", 0),
            num_gpus=self._gpus or None,
            scheduling_strategy="SPREAD",
        )
        try:
            handle = options.remote(order)
        except ValueError:  # a head has submitted it and died before it could note that
            handle = ray.get_actor(name)
        job = str(handle._actor_id.hex())
        self._ends[job] = _Actor(handle)
        return job

    def _end(self, job: str, name: str, *, alive: bool = True) -> _Actor | None:
        """The far end of ``job``: its actor, or where that is not ``alive``, who keeps its files, if anybody."""
        known = self._ends.get(job)
        if known is not None and (alive or known.keeps):
            return known
        found = _actor(name) if alive else None
        if found is not None and found._actor_id.hex() == job:
            self._ends[job] = _Actor(found)
        elif (keeper := _actor(kept_name(name))) is not None:
            self._ends[job] = _Actor(keeper, keeps=True)
        else:
            self._ends.pop(job, None)
        return self._ends.get(job)

    def _room(self) -> tuple[list[Mapping[str, float]], Mapping[str, float]]:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return nodes, ray.available_resources()

    def _died(self, about: Mapping[str, Any]) -> Status:
        host = host_of(about["Address"]["NodeID"])
        reason, blameless = ray_words.why_it_died(about["DeathCause"], host)
        return Status(Phase.GONE, reason, host, blameless=blameless)

    def _states(self, asked: Mapping[str, _Actor]) -> dict[str, Status]:
        """Where those are that Ray believes alive, asked all at once."""
        refs = [end.ask_state() for end in asked.values()]
        if refs:
            ray.wait(refs, num_returns=len(refs), timeout=POLL_SECONDS)
        return {job: _status(end) for job, end in asked.items()}


class _Actor:
    """The far end of one attempt, as :class:`timnet.queue.engines.ray_folder.FarEnd` has it."""

    def __init__(self, handle: Any, *, keeps: bool = False) -> None:
        self.handle = handle
        self.keeps = keeps
        self._rest = 0.0
        self._rests_until = 0.0
        self._state: Any = None
        self._asked_at = 0.0
        self._told: Mapping[str, Any] | None = None

    def ask_state(self) -> Any:
        """What stands for the answer to come: to the question of now, or to the last one that was not answered yet."""
        if self._state is None:
            self._state, self._asked_at = self.handle.state.remote(), time.monotonic()
        return self._state

    def state(self) -> tuple[Mapping[str, Any] | None, bool]:
        """The latest answer that there is, and whether the next one comes late."""
        try:
            self._told, self._state = ray.get(self._state, timeout=0), None
        except ray.exceptions.GetTimeoutError:
            return self._told, time.monotonic() - self._asked_at > ANSWER_SECONDS
        except ray.exceptions.RayError:  # it has died since, which the next question to Ray shows
            self._state = None
        return self._told, False

    def look(self, want: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._ask(LOOK_SECONDS, self.handle.look, want)
        return found

    def read(self, name: str, offset: int, most: int, stamp: ray_folder.Stamp) -> bytes | None:
        data: bytes | None = self._ask(ANSWER_SECONDS, self.handle.read, name, offset, most, stamp)
        return data

    def write(self, name: str, offset: int, data: bytes) -> int:
        return int(self._ask(ANSWER_SECONDS, self.handle.write, name, offset, data))

    def clear(self) -> None:
        self._ask(ANSWER_SECONDS, self.handle.clear)

    def _ask(self, seconds: float, method: Any, *arguments: Any) -> Any:
        if time.monotonic() < self._rests_until:
            raise Unheard("it did not answer a moment ago")
        try:
            answer = ray.get(method.remote(*arguments), timeout=seconds)
        except ray.exceptions.GetTimeoutError as error:
            self._rest = min(LONGEST_REST, 2 * self._rest or FIRST_REST)
            self._rests_until = time.monotonic() + self._rest
            raise Unheard("it does not answer") from error
        except ray.exceptions.RayTaskError as error:  # its own code failed
            raise EngineAway(f"its end on the node fails: {ray_words.first_line(str(error.cause))}") from error
        except ray.exceptions.RayError as error:  # it died, or its object was lost with its node
            raise Unheard(ray_words.first_line(str(error))) from error
        self._rest = 0.0
        return answer


def _status(end: _Actor) -> Status:
    """What an actor says of itself, where it does."""
    told, late = end.state()
    if late:
        return Status(Phase.RUNNING, "its node does not answer now", told["host"] if told else "")
    if told is None:
        return Status(Phase.RUNNING)
    if not told["ended"]:
        return Status(Phase.RUNNING, "" if told["begun"] else "it gets its files", told["host"])
    status = told["status"]
    reason = told["trouble"] or ("left its node for a while" if status == LEFT else f"ended with status {status}")
    return Status(Phase.GONE, reason, told["host"], status, blameless=status == LEFT)


def _actor(name: str) -> Any | None:
    """The handle of a named actor that lives."""
    with suppress(ValueError):
        return ray.get_actor(name)
    return None


def host_of(node: str) -> str:
    """The name of the machine with Ray's id ``node``, dead or alive; empty where it is not known."""
    return next((str(one["NodeManagerHostname"]) for one in ray.nodes() if one["NodeID"] == node), "")


def nodes() -> list[dict[str, Any]]:
    """The nodes that are alive: ``id``, ``host``, and the CPUs and GPUs of each."""
    return [
        {"id": node["NodeID"], "host": node["NodeManagerHostname"], "resources": _units(node["Resources"])}
        for node in ray.nodes()
        if node["Alive"]
    ]


def _units(found: Mapping[str, float]) -> dict[str, float]:
    return {unit: found.get(unit, 0.0) for unit in ray_words.UNITS}


def probe(nodes: Sequence[str] | None, wanted: Mapping[str, float], seconds: float) -> list[dict[str, Any]]:
    """What a tiny actor on each of ``nodes`` tells, or for None one that wants so much, wherever Ray places it.

    Where one tells nothing, ``wrong`` says why; with ``late`` as well where it found no place in time.
    """
    places: list[str | None] = [*nodes] if nodes is not None else [None]
    actors = [_probe(place, wanted) for place in places]
    refs = [actor.tell.remote() for actor in actors]
    ray.wait(refs, num_returns=len(refs), timeout=seconds)
    told = [_told(ref, place, wanted, seconds) for ref, place in zip(refs, places, strict=True)]
    for actor in actors:
        ray.kill(actor)
    return told


def _probe(place: str | None, wanted: Mapping[str, float]) -> Any:
    affinity = NodeAffinitySchedulingStrategy(place, soft=False) if place else "SPREAD"
    options = {"max_restarts": 0, "scheduling_strategy": affinity, "num_cpus": wanted.get("CPU", 0)}
    return ray.remote(Probe).options(**options, num_gpus=wanted.get("GPU", 0) or None).remote()


def _told(ref: Any, place: str | None, wanted: Mapping[str, float], seconds: float) -> dict[str, Any]:
    where = host_of(place) if place else ""
    try:
        return dict(ray.get(ref, timeout=0))
    except ray.exceptions.GetTimeoutError:
        if place:
            return {"wrong": f"{where} has not started a tiny actor within {seconds:.0f} s; see its Ray's logs"}
        alive = [one["Resources"] for one in ray.nodes() if one["Alive"]]
        return {"wrong": ray_words.why_it_waits(wanted, alive, ray.available_resources()), "late": True}
    except ray.exceptions.RayError as error:
        return {"wrong": ray_words.why_it_never_began(str(error), where)}


def calls(jobs: Jobs) -> Mapping[str, Callable[..., Any]]:
    """What may be asked by name, with plain values in and out."""

    def attempt(folder: str) -> AttemptPaths:
        return AttemptPaths(Path(folder))

    return {
        "submit": lambda folders: jobs.submit([attempt(one) for one in folders]),
        "poll": lambda ids: {job: _plain(status) for job, status in jobs.poll(ids).items()},
        "cancel": jobs.cancel,
        "find": lambda folder: jobs.find(attempt(folder)),
        "exchange": lambda job, folder: jobs.exchange(job, attempt(folder)),
        "forget": lambda job, folder: jobs.forget(job, attempt(folder)),
        "nodes": nodes,
        "probe": probe,
    }


def _plain(status: Status) -> dict[str, Any]:
    return {name: getattr(status, name) for name in ("phase", "reason", "node", "exit_status", "blameless")}


def as_away(error: Exception) -> EngineAway | None:
    """``error`` where it is Ray that failed, not timnet."""
    module = type(error).__module__.partition(".")[0]
    if module in ("ray", "grpc") or isinstance(error, ConnectionError | TimeoutError):
        return EngineAway(f"Ray does not do as asked: {ray_words.first_line(str(error))}")
    return None
