"""``python -m tests.ray_cluster.nodes FOLDER``: a Ray cluster of three nodes on this machine, a slot each.

The last of them claims to have a graphics card.

It says where it is in one line of JSON, then does what it is told, one line each: ``kill N``, ``add``, ``add bare``
(a node whose Python has no timnet). It ends the cluster when its standard input ends, so it cannot outlive the test.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.ray_cluster.onlooker.sitecustomize import BARE
from tests.support import REPOSITORY

NODES = 3
STORE_BYTES = 100 << 20
SYSTEM = {"health_check_period_ms": 1000, "health_check_timeout_ms": 60000}
"""A killed node is missed after five seconds, and one that is only slow, on a machine with much to do, is not."""

ONLOOKER = Path(__file__).parent / "onlooker"


def main() -> None:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    from ray.cluster_utils import Cluster

    folder = Path(sys.argv[1])
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    cluster: Any = Cluster()
    nodes: list[Any] = []

    def add(cards: int = 0, **environment: str) -> None:
        number, paths = len(nodes), f"{ONLOOKER}:{REPOSITORY}"
        place = folder / f"n{number}"
        place.mkdir()
        of_the_head = {} if number else {"temp_dir": str(folder / "ray"), "_system_config": SYSTEM}
        nodes.append(
            cluster.add_node(
                num_cpus=1,
                num_gpus=cards,
                include_dashboard=False,
                object_store_memory=STORE_BYTES,
                env_vars={"TMPDIR": str(place), "PYTHONPATH": paths, **environment},
                **of_the_head,
            )
        )

    def tell() -> None:
        ids = [node.node_id for node in nodes]
        pids = [[one.process.pid for kind in node.all_processes.values() for one in kind] for node in nodes]
        gcs = nodes[0].all_processes["gcs_server"][0].process.pid
        out.write(json.dumps({"address": cluster.address, "nodes": ids, "pids": pids, "gcs": gcs}) + "\n")

    try:
        for number in range(NODES):
            add(cards=1 if number == NODES - 1 else 0)
        tell()
        for line in sys.stdin:
            what, *more = line.split()
            if what == "kill":
                cluster.remove_node(nodes[int(more[0])], allow_graceful=False)
            else:
                add(**dict.fromkeys([BARE] * len(more), "yes"))
            tell()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
