"""Tables of results: two things across, one cell for each pair, and every number with its label.

A cell holds one entry for each set of results that may be averaged: folds of experiments that differ in nothing but
their seed. Results that differ in protocol, selection rule, settings or version of the corpus stand beside each other
as entries of their own (the cell is then ``mixed``); they are never averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from timnet.errors import BadInput
from timnet.evaluation.statistics import SeedScores, over_seeds
from timnet.export.evidence import notes_on_missing
from timnet.export.published import SOURCES, Published, published
from timnet.export.results import TRAINED, finished, in_order, maker_of
from timnet.protocols import PROTOCOLS
from timnet.records import Experiment, Run, RunState
from timnet.registry import Registry
from timnet.selection import selection_text

MINE, IMPORTED = "mine", "imported"
METRICS = ("uar", "war")
NOT_KNOWN = SeedScores(None, None, None, 0, 0)


@dataclass(frozen=True, slots=True)
class TableRequest:
    """What to put down the side (``rows``), across (``cols``: both of :data:`AXES`) and into the cells.

    ``experiments``: which of ours; all that have a finished fold where it is empty. ``corpora``: rows or columns
    that are wanted even where nothing of ours is known of them.
    """

    rows: str = "corpus"
    cols: str = "source"
    metrics: tuple[str, ...] = METRICS
    experiments: tuple[int, ...] = ()
    corpora: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One result that may stand alone: the folds of experiments that differ only in their seed, or a published one.

    ``source`` is as in other tables (``timnet #7 github``), ``origin`` is :data:`MINE`, :data:`IMPORTED` or the
    published source. ``n`` of ``folds`` folds are finished, over all seeds. ``uar`` and ``war`` are fractions, each
    with its own n (``SeedScores.folds``). ``best`` names the metrics in which no comparable entry is better.
    """

    corpus: str
    source: str
    origin: str
    protocol: str
    selection: str
    optimistic: bool
    preset: str
    experiments: tuple[int, ...]
    seeds: tuple[int, ...]
    n: int
    folds: int
    uar: SeedScores
    war: SeedScores
    best: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """Protocol and selection rule as they stand beside the number: ``random, best-test (optimistic)``."""
        return f"{self.protocol}, {selection_text(self.selection, self.optimistic)}"

    def score(self, metric: str) -> SeedScores:
        """The score ``uar`` or ``war``."""
        return self.uar if metric == "uar" else self.war


@dataclass(frozen=True, slots=True)
class Cell:
    """What there is for one row and column; none, one, or several entries that must not be averaged."""

    entries: tuple[Entry, ...] = ()

    @property
    def mixed(self) -> bool:
        """True where the entries differ in more than their seed."""
        return len(self.entries) > 1


@dataclass(frozen=True, slots=True)
class Table:
    """``cells[i][j]`` is of ``rows[i]`` and ``cols[j]``, values of the axes ``row_axis`` and ``col_axis``.

    ``notes`` are the lines that belong under it.
    """

    title: str
    row_axis: str
    col_axis: str
    metrics: tuple[str, ...]
    rows: tuple[str, ...]
    cols: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every entry, row by row."""
        return tuple(entry for row in self.cells for cell in row for entry in cell.entries)


def _selection(entry: Entry) -> str:
    return selection_text(entry.selection, entry.optimistic)


#: axis -> the value an entry has on it, "" for none
AXES: dict[str, Callable[[Entry], str]] = {
    "corpus": lambda entry: entry.corpus,
    "source": lambda entry: entry.origin,
    "protocol": lambda entry: entry.protocol,
    "selection": _selection,
    "preset": lambda entry: entry.preset,
    "seed": lambda entry: " ".join(map(str, entry.seeds)),
    "experiment": lambda entry: " ".join(f"#{one}" for one in entry.experiments),
}


def build_for_export(registry: Registry, request: TableRequest) -> Table:
    """As :func:`build`, with notes on folds whose test data lack a class."""
    table = build(registry, request)
    ours = [number for entry in table.entries for number in entry.experiments]
    return replace(table, notes=(*table.notes, *notes_on_missing(registry, ours)))


def build(registry: Registry, request: TableRequest) -> Table:
    """Fill a table from the stored results; published figures stand in it where ``source`` is one of the axes.

    Raises :class:`BadInput` for an unknown or repeated axis or metric, and where no experiment named (or at all)
    has a finished fold.
    """
    _check(request)
    entries = _ours(registry, request)
    if "source" in (request.rows, request.cols):
        wanted = {entry.corpus for entry in entries} | set(request.corpora)
        entries += [_published(result) for result in published() if result.corpus in wanted]
    row_of, col_of = AXES[request.rows], AXES[request.cols]
    entries = _mark_best([entry for entry in entries if row_of(entry) and col_of(entry)], request.metrics)
    rows = _values(request.rows, [row_of(entry) for entry in entries], request)
    cols = _values(request.cols, [col_of(entry) for entry in entries], request)
    cells = tuple(
        tuple(Cell(tuple(one for one in entries if (row_of(one), col_of(one)) == (row, col))) for col in cols)
        for row in rows
    )
    return Table(
        title=f"{' and '.join(metric.upper() for metric in request.metrics)}: {request.rows} x {request.cols}",
        row_axis=request.rows,
        col_axis=request.cols,
        metrics=request.metrics,
        rows=rows,
        cols=cols,
        cells=cells,
        notes=_notes(entries, mixed=any(cell.mixed for line in cells for cell in line)),
    )


def _check(request: TableRequest) -> None:
    for axis in (request.rows, request.cols):
        if axis not in AXES:
            raise BadInput(f"no table axis {axis!r}; there are: {', '.join(AXES)}")
    if request.rows == request.cols:
        raise BadInput(f"rows and columns are both {request.rows!r}; a table needs two different ones")
    wrong = [metric for metric in request.metrics if metric not in METRICS]
    if wrong or not request.metrics or len(set(request.metrics)) < len(request.metrics):
        raise BadInput(f"no table of {', '.join(map(repr, request.metrics)) or 'nothing'}; metrics: uar, war or both")


def _ours(registry: Registry, request: TableRequest) -> list[Entry]:
    """The entries of our experiments, seeds together unless seed or experiment is an axis."""
    chosen = registry.experiments.ls(request.experiments or None)
    found = [(one, registry.runs.of_experiment(one.id)) for one in in_order(chosen)]
    known = [(experiment, runs) for experiment, runs in found if finished(runs)]
    if not known and not request.corpora:
        named = f"experiment {', '.join(map(str, request.experiments))}" if request.experiments else "any experiment"
        raise BadInput(f"no fold of {named} is finished, so there is no result yet; see: timnet queue ls")
    apart = bool({"seed", "experiment"} & {request.rows, request.cols})
    groups: dict[tuple[object, ...], list[tuple[Experiment, list[Run]]]] = {}
    for experiment, runs in known:
        key = _settings(experiment)
        again = sum(experiment.seed == one.seed for one, _ in groups.get((*key, 0), ()))
        # the same seed trained twice is no second seed
        turn = experiment.id if apart else again and experiment.id
        groups.setdefault((*key, turn), []).append((experiment, runs))
    return [_entry(group) for group in groups.values()]


def _settings(experiment: Experiment) -> tuple[object, ...]:
    """All that must be the same in experiments that are averaged; only the seed may differ."""
    return (
        experiment.corpus_id,
        experiment.protocol,
        experiment.selection,
        experiment.optimistic,
        experiment.preset,
        maker_of(experiment),
        experiment.folds,
        experiment.config,
    )


def _entry(group: Sequence[tuple[Experiment, list[Run]]]) -> Entry:
    first = group[0][0]
    numbers = " ".join(f"#{experiment.id}" for experiment, _ in group)
    done = [[run for run in runs if run.state is RunState.DONE] for _, runs in group]
    return Entry(
        corpus=first.corpus,
        source=f"{maker_of(first)} {numbers} {first.preset}".rstrip(),
        origin=MINE if first.source in TRAINED else IMPORTED,
        protocol=first.protocol,
        selection=first.selection,
        optimistic=first.optimistic,
        preset=first.preset,
        experiments=tuple(experiment.id for experiment, _ in group),
        seeds=tuple(experiment.seed for experiment, _ in group),
        n=sum(map(len, done)),
        folds=sum(experiment.folds for experiment, _ in group),
        uar=over_seeds([[run.uar for run in runs] for runs in done]),
        war=over_seeds([[run.war for run in runs] for runs in done]),
    )


def _published(result: Published) -> Entry:
    n = result.n or 0
    uar, war = (
        NOT_KNOWN if value is None else SeedScores(value, None, None, n, 1) for value in (result.uar, result.war)
    )
    return Entry(
        corpus=result.corpus,
        source=result.source,
        origin=result.source,
        protocol=result.protocol,
        selection=result.selection,
        optimistic=result.optimistic,
        preset="",
        experiments=(),
        seeds=(),
        n=n,
        folds=n,
        uar=uar,
        war=war,
    )


def _mark_best(entries: Sequence[Entry], metrics: Sequence[str]) -> list[Entry]:
    """Mark the best of each corpus among results of one protocol that are alike in ``optimistic``.

    Only results over all their folds take part, and only where there are two; equal in print is equally good.
    """
    best: dict[int, set[str]] = {}
    for metric in metrics:
        groups: dict[tuple[str, str, bool], list[tuple[float, int]]] = {}
        for place, entry in enumerate(entries):
            score = entry.score(metric)
            if score.mean is not None and score.folds == entry.folds:
                group = groups.setdefault((entry.corpus, entry.protocol, entry.optimistic), [])
                group.append((round(score.mean, 4), place))
        for group in groups.values():
            for value, place in group if len(group) > 1 else ():
                if value == max(group)[0]:
                    best.setdefault(place, set()).add(metric)
    return [replace(entry, best=frozenset(best.get(place, ()))) for place, entry in enumerate(entries)]


def _values(axis: str, found: Iterable[str], request: TableRequest) -> tuple[str, ...]:
    """The values of an axis, each once, in the order that tables list them."""
    values = list(dict.fromkeys(found))
    if axis == "corpus":
        values = list(dict.fromkeys([*request.corpora, *sorted(values)]))
    if axis == "source":
        order = (MINE, IMPORTED, "seed", *(name for name in reversed(SOURCES) if name != "seed"))
        values = [value for value in order if value in values]
    if axis in ("protocol", "selection", "preset"):
        values.sort()
    if axis in ("seed", "experiment"):
        values.sort(key=lambda value: [int(part.lstrip("#")) for part in value.split()])
    return tuple(values)


def _notes(entries: Sequence[Entry], *, mixed: bool) -> tuple[str, ...]:
    """What a reader must know of the numbers, and nothing that does not occur."""
    notes = ["Per cent; mean ± sample standard deviation over n folds. UAR is the mean of the classes' recalls."]
    if any(len(entry.seeds) > 1 for entry in entries):
        notes.append("Several seeds: mean of the seeds' means, ± over the folds of a seed, then ± over the seeds.")
    if any(entry.n < entry.folds for entry in entries):
        notes.append("n = a/b: only a of b folds are finished; such a mean is never marked as the best.")
    if any(entry.best for entry in entries):
        notes.append("Bold: best of its corpus among results of one protocol that are alike in optimistic or not.")
    if any(entry.optimistic for entry in entries):
        notes.append("Optimistic: the test fold itself chose the epoch, so the score is better than on new data.")
    if mixed:
        notes.append("Mixed cells list results one by one: they differ in more than the seed and are not averaged.")
    protocols = dict.fromkeys(entry.protocol for entry in entries)
    notes += [f"Protocol {name}: {PROTOCOLS[name].description}." for name in protocols if name in PROTOCOLS]
    notes += [f"{name}: {text}." for name, text in SOURCES.items() if any(name == one.origin for one in entries)]
    there = {(entry.corpus, entry.origin) for entry in entries}
    remarks = [one for one in published() if one.note and (one.corpus, one.source) in there]
    return (*notes, *(f"{one.source}, {one.corpus}: {one.note}." for one in remarks))
