"""The table of results, read again only when a run has finished, and the runs behind the selected cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from timnet.errors import BadInput
from timnet.export.published import published
from timnet.export.tables import Entry, Table, TableRequest, build
from timnet.records import Run, Worker
from timnet.registry import Registry
from timnet_tui.watch import Follower

#: so many experiments are put in the table at most, the newest ones
EXPERIMENTS = 300
FINISHED = "state:done"


@dataclass(frozen=True, slots=True)
class ResultsWatch:
    """Which table, of the experiments that pass ``filter_text``; ``behind``: the experiments of the selected cell."""

    rows: str = "corpus"
    cols: str = "source"
    metrics: tuple[str, ...] = ("uar", "war")
    filter_text: str = ""
    behind: tuple[int, ...] = ()

    def follower(self, before: Follower | None) -> ResultsFollower:
        """The follower of before goes on: it knows the tables that it has built."""
        follower = before if isinstance(before, ResultsFollower) else ResultsFollower()
        follower.ask(self)
        return follower


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """``experiments`` are in the table, out of ``total`` that pass and have a finished fold.

    ``runs`` are those of the experiments ``behind``. ``problem`` says why there is no table.
    """

    table: Table | None = None
    experiments: tuple[int, ...] = ()
    total: int = 0
    behind: tuple[int, ...] = ()
    runs: tuple[Run, ...] = ()
    problem: str = ""


class ResultsFollower:
    """Keeps the table while neither results nor question change. Belongs to the poller's thread."""

    def __init__(self) -> None:
        self._watch = ResultsWatch()
        self._key: object = None
        self._built = ResultsPage()

    def ask(self, watch: ResultsWatch) -> None:
        """Answer another question from now on."""
        self._watch = watch

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> ResultsPage:
        """The table as it is now."""
        watch = self._watch
        key = (registry.results.stamp(), watch.rows, watch.cols, watch.metrics, watch.filter_text)
        if key != self._key:
            self._built = self._build(registry)
            self._key = key
        built = self._built
        runs = tuple(registry.runs.of_experiments(watch.behind)) if watch.behind else ()
        if (watch.behind, runs) == (built.behind, built.runs):
            return built
        self._built = ResultsPage(built.table, built.experiments, built.total, watch.behind, runs, built.problem)
        return self._built

    def grew(self, registry: Registry) -> bool:
        """Results lie in the registry alone."""
        return False

    def _build(self, registry: Registry) -> ResultsPage:
        watch = self._watch
        try:
            found = registry.experiments.ids(f"{watch.filter_text} {FINISHED}".strip())
            if not found and watch.filter_text:
                return ResultsPage(problem="no experiment that passes the filter has a finished fold")
            shown = tuple(sorted(sorted(found, reverse=True)[:EXPERIMENTS]))
            table = build(
                registry, TableRequest(watch.rows, watch.cols, watch.metrics, shown, self._corpora(registry, shown))
            )
        except BadInput as error:
            return ResultsPage(problem=str(error))
        return ResultsPage(table, shown, len(found))

    def _corpora(self, registry: Registry, experiments: Sequence[int]) -> tuple[str, ...]:
        """Ours first, then all that figures are published for; none beside a filter or where nobody's name stands."""
        if self._watch.filter_text or {self._watch.rows, self._watch.cols} != {"corpus", "source"}:
            return ()
        mine = {experiment.corpus for experiment in registry.experiments.ls(experiments)}
        return (*sorted(mine), *(corpus for corpus in every_published_corpus() if corpus not in mine))


@cache
def every_published_corpus() -> tuple[str, ...]:
    """The corpora that figures are published for, by name."""
    return tuple(sorted({result.corpus for result in published()}))


def why_not_compared(entry: Entry, others: Sequence[Entry]) -> tuple[str, ...]:
    """Why ``entry`` must not be set against others of its corpus, a line for each reason there is."""
    same = [other for other in others if other.corpus == entry.corpus and other is not entry]
    lines = []
    protocols = sorted({other.protocol for other in same} - {entry.protocol})
    if protocols:
        lines.append(f"not comparable with {', '.join(protocols)}: another protocol, other people to recognise")
    if any(other.optimistic is not entry.optimistic for other in same):
        chosen = "chose" if entry.optimistic else "did not choose"
        lines.append(f"its test fold {chosen} its epoch, unlike others here: not comparable with those")
    if entry.n < entry.folds:
        lines.append(f"only {entry.n} of {entry.folds} folds are finished, so it is never marked as the best")
    return tuple(lines)
