"""What Ray tells of nodes and actors, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from timnet.text import clean

LONGEST = 400
_VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")
_NO_TIMNET = re.compile(r"No module named '(timnet[\w.]*)'")
UNITS = ("CPU", "GPU")
NODE_DIED, RAY_KILL = "NODE_DIED", "RAY_KILL"


def amount(number: float) -> str:
    """A number of cores or graphics cards, which may be a part of one."""
    return f"{number:.4g}"


def resources(found: Mapping[str, float]) -> str:
    """``4 CPU, 0.5 GPU``; what is none is left out, CPUs are always told."""
    told = [f"{amount(found.get(unit, 0))} {unit}" for unit in UNITS if unit == "CPU" or found.get(unit, 0)]
    return ", ".join(told)


def why_it_waits(wanted: Mapping[str, float], nodes: Sequence[Mapping[str, float]], free: Mapping[str, float]) -> str:
    """Why an actor was not placed yet: ``nodes`` tell what each has in all, ``free`` what all of them have left."""
    many = f"{len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    asked = resources(wanted)
    if not any(all(node.get(unit, 0) >= number for unit, number in wanted.items()) for node in nodes):
        most = resources({unit: max((node.get(unit, 0) for node in nodes), default=0) for unit in UNITS})
        return f"Ray has no node with {asked}: the largest of {many} has {most}; it waits until one joins"
    has = {unit: free.get(unit, 0) for unit in wanted}
    if all(has[unit] >= number for unit, number in wanted.items()):
        return f"Ray is starting it on one of {many}"
    told = ", ".join(f"{amount(number)} {unit}" for unit, number in has.items())
    return f"Ray waits for {asked}: {told} of {many} free"


def first_line(text: str) -> str:
    """The first sentence that a long message of Ray's begins with, harmless to print."""
    line = next((one.strip() for one in text.splitlines() if one.strip()), "no reason told")
    return clean(line)[:LONGEST]


def why_it_died(cause: Any, host: str) -> tuple[str, bool]:
    """How an actor ended, from Ray's own ``ActorDeathCause``, and whether that was no fault of its run."""
    kind = cause.WhichOneof("context")
    if kind == "actor_died_error_context":
        context = cause.actor_died_error_context
        reason = context.DESCRIPTOR.fields_by_name["reason"].enum_type.values_by_number[context.reason].name
        if reason == NODE_DIED:
            told = first_line(context.node_death_info.reason_message) if context.HasField("node_death_info") else ""
            return f"the node {host or context.node_ip_address} died{f' ({told})' if told else ''}", True
        if reason == RAY_KILL:
            return "ended by ray.kill", True
        exit_detail = re.search(r"Worker exit detail: (.*)", context.error_message)
        told = first_line(exit_detail[1] if exit_detail else context.error_message)
        return f"its process on {host or context.node_ip_address} died: {told.split(' Some common causes')[0]}", False
    if kind == "creation_task_failure_context":
        text = cause.creation_task_failure_context.formatted_exception_string
        return why_it_never_began(text, host), False
    if kind == "oom_context":
        return f"Ray ended it because {host or 'its node'} ran out of memory", False
    if kind == "actor_unschedulable_context":
        return f"Ray cannot place it: {first_line(cause.actor_unschedulable_context.error_message)}", True
    if kind == "runtime_env_failed_context":
        return f"Ray could not start it: {first_line(cause.runtime_env_failed_context.error_message)}", False
    return "Ray does not say why it ended", False


def why_it_never_began(text: str, host: str) -> str:
    """From the traceback of an actor that could not be made."""
    missing = _NO_TIMNET.search(text)
    where = f"on {host}" if host else "on its node"
    if missing:
        return f"the Python that Ray runs {where} has no {missing[1]}; install timnet for it as it is here"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"it could not begin {where}: {clean(lines[-1] if lines else 'no reason told')[:LONGEST]}"


def of_skew(text: str, address: str) -> str | None:
    """Ray's many lines about versions that differ as one; None where ``text`` is about something else."""
    told = _VERSIONS.findall(text)
    if len(told) < 2 or "mismatch" not in text.lower():
        return None
    (theirs, their_python), (ours, our_python) = told[:2]
    return clean(
        f"the Ray at {address} is {theirs} on Python {their_python}, timnet's here is {ours} on Python {our_python}; "
        "Ray needs the same of both everywhere: install one where the other is"
    )
