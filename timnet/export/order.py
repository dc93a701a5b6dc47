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
from timnet.export.tables import TableRequest, build_for_export
from timnet.registry import Registry
from timnet.tasks import Progress, run_task, serve_task
from timnet.text import clean

TABLE, CURVES, TSNE, CONFUSION, RECALL = "table", "curves", "tsne", "confusion", "recall"
PAGE, REPORT, BUNDLE, RUNS = "page", "report", "bundle", "runs"
#: what can be exported, and the formats of each
FORMATS: dict[str, tuple[str, ...]] = {
    TABLE: TABLE_FORMATS,
    CURVES: IMAGES,
    TSNE: IMAGES,
    CONFUSION: IMAGES,
    RECALL: IMAGES,
    PAGE: IMAGES,
    REPORT: ("html", "md"),
    BUNDLE: ("zip",),
    RUNS: ("json", *(form for form in TABLE_FORMATS if form != "json")),
}
#: what is one figure an experiment
DRAWN = (CURVES, TSNE, CONFUSION, RECALL)
#: what can be drawn light on dark
INKED = (*DRAWN, PAGE)


@dataclass(frozen=True, slots=True)
class Order:
    """``what`` is a key of :data:`FORMATS`, ``formats`` are among those of it.

    ``experiments`` none: all that have a finished fold (a page: the newest of each corpus). ``fold`` is for t-SNE,
    confusion and recall. ``dark``: light ink on a dark ground, for what is drawn. ``rows``, ``cols`` and ``metrics``
    are a table's; ``drawing`` is what a page shows. Files that are there already are refused unless ``replace``.
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
    drawing: str = TSNE
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
    if order.what in DRAWN:
        parts = ("accuracy", "loss") if order.what == CURVES else (service.part_of(order.what, order.fold),)
        return tuple(
            path
            for one in registry.experiments.ls(_experiments(registry, order))
            for part in parts
            for path in service.files_of(one, part, folder, formats)
        )
    suffixes = [suffix_of(form) if order.what in (TABLE, RUNS) else form for form in formats]
    stem = _name(registry, order)
    return tuple(folder / f"{stem}.{suffix}" for suffix in suffixes)


def _name(registry: Registry, order: Order) -> str:
    """What the one thing that is made is called, without a suffix."""
    if order.what == TABLE:
        return _stem(f"results-{order.rows}-{order.cols}", order)
    if order.what == RUNS:
        return _stem("runs", order)
    if order.what == PAGE:
        from timnet.export.page import page_stem

        return page_stem(registry, order.drawing, order.experiments)
    from timnet.export.report import report_stem

    stem = report_stem(registry.experiments.ls(_experiments(registry, order)))
    return stem if order.what == REPORT else _renamed(stem)


def _renamed(stem: str) -> str:
    """A bundle is named as the report of the same experiments is."""
    return stem.removesuffix("report") + "bundle" if stem.endswith("report") else "bundle" + stem.removeprefix("report")


def carry_out(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    """Make the files of an order and return them. Raises :class:`BadInput`; each file is there whole or not at all."""
    there = [path for path in files_of(registry, order) if path.exists()]
    if there and not order.replace:
        raise BadInput(f"{clean(str(there[0]))} is there already; replace it or name another folder")
    if order.what in DRAWN:
        return _figures(registry, order, report)
    return _MAKERS[order.what](registry, order, report)


def _runs(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    from timnet.export.run_tables import write_runs

    wanted = ",".join(map(str, order.experiments))
    paths = files_of(registry, order)
    for done, path in enumerate(paths):
        report(Progress(done, len(paths), path.name))
        # JSON is that of the command line, with every epoch
        write = service.export_runs if path.suffix == ".json" else write_runs
        write(registry, f"experiment:{wanted}" if wanted else "", path)
    return list(paths)


def _page(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    from timnet.export.page import export_page

    report(Progress(0, 1, f"a page of {order.drawing}"))
    return export_page(
        registry,
        Path(order.folder),
        order.formats,
        what=order.drawing,
        experiments=order.experiments,
        dark=order.dark,
    )


def _report(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    """The files of the report themselves; pictures beside a Markdown one go without saying."""
    from timnet.export.report import export_report

    paths = files_of(registry, order)
    report(Progress(0, 1, paths[0].name))
    export_report(registry, _experiments(registry, order), paths)
    return list(paths)


def _bundle(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    from timnet.export.bundle import export_bundle

    [path] = files_of(registry, order)
    report(Progress(0, 1, path.name))
    return [export_bundle(registry, _experiments(registry, order), path)]


def _table(registry: Registry, order: Order, report: Callable[[Progress], None]) -> list[Path]:
    made = build_for_export(registry, TableRequest(order.rows, order.cols, order.metrics, order.experiments))
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
    if order.what == TSNE:
        return service.export_tsne(registry, experiment, folder, formats, fold=order.fold, dark=order.dark)
    make = service.export_confusion if order.what == CONFUSION else service.export_recall
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


_MAKERS = {TABLE: _table, RUNS: _runs, PAGE: _page, REPORT: _report, BUNDLE: _bundle}


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
