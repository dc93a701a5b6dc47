"""``timnet engine check ray``: what there is, then a tiny actor on each node and one as runs are placed, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from timnet import __version__
from timnet.errors import BadInput
from timnet.queue.engines import ray_words
from timnet.queue.engines.engine import EngineAway
from timnet.queue.engines.ray import RayEngine, RayOptions
from timnet.text import clean

PATIENCE = 20.0
"""Seconds that a tiny actor has to start and answer."""

AT_ONCE = 8
"""Nodes that are asked, of larger clusters."""

LITTLE_ROOM = 1 << 30

Say = Callable[[str], None]


def check(shared: Path, options: RayOptions, say: Say, patience: float = PATIENCE) -> list[str]:
    """Say line by line what there is; returns what is wrong, each with what to do, nothing where runs could train.

    ``patience``: seconds for the tiny actors.
    """
    engine = RayEngine(shared, options)
    try:
        about = engine.ready()
        say(f"Ray {about['ray']} on Python {about['python']} at {clean(about['address'])}; here, too")
        nodes = engine.nodes()
        for node in nodes:
            say(f"node {clean(node['host'])}: {ray_words.resources(node['resources'])}")
        wrong = _nodes(engine, nodes, say, patience)
        if not wrong:
            wrong += _placed(engine, options, nodes, say, patience)
        return wrong
    except (BadInput, EngineAway) as error:
        return [str(error)]
    finally:
        engine.close()


def _nodes(engine: RayEngine, nodes: Sequence[Mapping[str, Any]], say: Say, patience: float) -> list[str]:
    """Have each node say which timnet it has, and where it would keep attempts."""
    wrong = []
    for told in engine.probe([node["id"] for node in nodes[:AT_ONCE]], patience):
        if "wrong" in told:
            wrong.append(clean(told["wrong"]))
            continue
        host = clean(told["host"])
        say(f"{host} has timnet {clean(told['timnet'])}, {_room(told)}")
        if told["timnet"] != __version__:
            wrong.append(f"{host} has timnet {clean(told['timnet'])}, here it is {__version__}; install this one there")
        if "trouble" in told:
            wrong.append(f"{host} cannot keep attempts: {clean(told['trouble'])}")
    if len(nodes) > AT_ONCE:
        say(f"{len(nodes) - AT_ONCE} more nodes were not asked")
    return wrong


def _room(told: Mapping[str, Any]) -> str:
    if "folder" not in told:
        return "and no folder for attempts"
    little = "; that is little" if told["free"] < LITTLE_ROOM else ""
    return f"and keeps attempts in {clean(told['folder'])}, {told['free'] / 2**30:.1f} GiB free{little}"


def _placed(
    engine: RayEngine, options: RayOptions, nodes: Sequence[Mapping[str, Any]], say: Say, patience: float
) -> list[str]:
    """Have a tiny actor placed that asks for what a run does."""
    wanted = {"CPU": options.cpus, "GPU": options.gpus}
    asked = ray_words.resources(wanted)
    if not any(all(node["resources"][unit] >= number for unit, number in wanted.items()) for node in nodes):
        return [f"no node has {asked}, which each run asks for; ask for less (--cpus, --gpus), or let such a node join"]
    (told,) = engine.probe(None, patience)
    if "late" in told:
        say(f"no room for a run at the moment: {told['wrong']}")
        return []
    if "wrong" in told:
        return [clean(told["wrong"])]
    card = f", card {clean(told['gpus'])}" if options.gpus and told["gpus"] else ""
    say(f"a tiny run with {asked} was placed on {clean(told['host'])}{card}")
    return []
