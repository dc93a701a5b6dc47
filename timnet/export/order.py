"""An export as one order: what, of which experiments, in which formats, where to. And carrying it out elsewhere.

``python -m timnet.export.order DB ORDER`` carries an order (JSON) out in a process of its own, as
:mod:`timnet.tasks` says, so that whoever draws a screen neither waits for a figure nor loads matplotlib.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from timnet.errors import BadInput
from timnet.export import service
from timnet.export.figures.style import FORMATS as IMAGES
from timnet.export.table_files import TABLE_FORMATS, suffix_of
from timnet.export.tables import TableRequest, build
from timnet.registry import Registry
from timnet.tasks import Progress, run_task, serve_task
from timnet.text import clean

TABLE, CURVES, TSNE, CONFUSION, RUNS = "table", "curves", "tsne", "confusion", "runs"
#: what can be exported, and the formats of each
FORMATS: dict[str, tuple[str, ...]] = {
    TABLE: TABLE_FORMATS,
    CURVES: IMAGES,
    TSNE: IMAGES,
    CONFUSION: IMAGES,
    RUNS: ("json",),
}


@dataclass(frozen=True, slots=True)
class Order:
    """``what`` is a key of :data:`FORMATS`, ``formats`` are among those of it.

    ``experiments`` none: all that have a finished fold. ``fold`` is for t-SNE and confusion. ``dark``: light ink on
    a dark ground, for curves, t-SNE and confusion. ``rows``, ``cols`` and ``metrics`` are a table's. Files that are
    there already are refused unless ``replace``.
    """

    what: str
    formats: tuple[str, ...]
    folder: str
    experiments: tuple[int, ...] = ()
    fold: int | None = None
    dark: bool = False
    rows: str = "corpus"
    cols: str = "source"
    metrics: tuple[str, ...] = ("uar", "war")
    replace: bool = False


def files_of(registry: Registry, order: Order) -> tuple[Path, ...]:
    """The files that an order makes. Raises :class:`BadInput` where it cannot be meant so."""
    if order.what not in FORMATS:
        raise BadInput(f"no export {order.what!r}; there are: {', '.join(FORMATS)}")
    formats = tuple(dict.fromkeys(order.formats))
    wrong = [form for form in formats if form not in FORMATS[order.what]]
    if wrong or not formats:
        raise BadInput(f"choose a format of {order.what}: {', '.join(FORMATS[order.what])}")
    folder = Path(order.folder)
    if order.what == RUNS:
        return (folder / f"{_stem('runs', order)}.json",)
    if order.what == TABLE:
        stem = _stem(f"results-{order.rows}-{order.cols}", order)
        return tuple(folder / f"{stem}.{suffix_of(form)}" for form in formats)
    parts = ("accuracy", "loss") if order.what == CURVES else (service.part_of(order.what, order.fold),)
    experiments = registry.experiments.ls(_experiments(registry, order))
    return tuple(path for one in experiments for part in parts for path in service.files_of(one, part, folder, formats))


def carry_out(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    """Make the files of an order and return them. Raises :class:`BadInput`; each file is there whole or not at all."""
    there = [path for path in files_of(registry, order) if path.exists()]
    if there and not order.replace:
        raise BadInput(f"{clean(str(there[0]))} is there already; replace it or name another folder")
    if order.what == RUNS:
        wanted = ",".join(map(str, order.experiments))
        [path] = files_of(registry, order)
        report(Progress(0, 1, path.name))
        service.export_runs(registry, f"experiment:{wanted}" if wanted else "", path)
        return [path]
    return _table(registry, order, report) if order.what == TABLE else _figures(registry, order, report)


def _table(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    made = build(registry, TableRequest(order.rows, order.cols, order.metrics, order.experiments))
    paths = files_of(registry, order)
    for done, path in enumerate(paths):
        report(Progress(done, len(paths), path.name))
        service.write_table(made, path)
    return list(paths)


def _figures(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    experiments = _experiments(registry, order)
    paths: list[Path] = []
    for done, one in enumerate(experiments):
        report(Progress(done, len(experiments), f"experiment {one}"))
        paths += _figure(registry, order, one)
    return paths


def _figure(registry: Registry, order: Order, experiment: int) -> list[Path]:
    folder, formats = Path(order.folder), order.formats
    if order.what == CURVES:
        return service.export_curves(registry, experiment, folder, formats, dark=order.dark)
    make = service.export_tsne if order.what == TSNE else service.export_confusion
    return make(registry, experiment, folder, formats, fold=order.fold, dark=order.dark)


def _experiments(registry: Registry, order: Order) -> tuple[int, ...]:
    """The experiments named, or all that have a finished fold."""
    if order.experiments:
        return order.experiments
    done = tuple(sorted(registry.experiments.ids("state:done")))
    if not done:
        raise BadInput("no experiment here has a finished fold yet, so there is nothing to export")
    return done


def _stem(name: str, order: Order) -> str:
    """With the experiments' numbers where only some are meant, so that two exports do not take each other's place."""
    few = order.experiments[:4]
    more = [f"and-{len(order.experiments) - len(few)}-more"] if len(order.experiments) > len(few) else []
    return "-".join([name, *map(str, few), *more])


# in a process of its own


def carry_out_apart(
    db: Path, order: Order, on_progress: Callable[[Progress], None] | None = None, stop: threading.Event | None = None
) -> tuple[Path, ...]:
    """As :func:`carry_out`, in a child process; :class:`timnet.errors.Stopped` where ``stop`` was set."""
    order = replace(order, folder=str(Path(order.folder).absolute()))
    made = run_task("timnet.export.order", [str(db.absolute()), json.dumps(asdict(order))], on_progress, stop=stop)
    return tuple(Path(path) for path in made)


def main(arguments: list[str]) -> int:
    """The process."""
    db, values = Path(arguments[0]), json.loads(arguments[1])
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

    def work(report: Callable[[Progress], None]) -> Any:
        fields: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in values.items()}
        order = Order(**fields)
        with Registry.open_read_only(db) as registry:
            return [str(path) for path in carry_out(registry, order, report)]

    return serve_task(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
