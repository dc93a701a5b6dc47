"""The line above a screen: a mean with its own n, whichever score is known."""

from dataclasses import replace

import pytest

from tests.support import filled_registry
from timnet_tui.looks.experiment import FoldHistory, Whole
from timnet_tui.looks.grid import rows_of
from timnet_tui.palette import DARK
from timnet_tui.widgets.title import experiment_title, run_title, whole_title


@pytest.fixture(scope="module")
def experiment_and_runs(tmp_path_factory):
    with filled_registry(tmp_path_factory.mktemp("titles") / "runs.db") as registry:
        return registry.experiments.get(1), registry.runs.of_experiment(1)


def test_a_mean_stands_with_its_own_n(experiment_and_runs):
    experiment, runs = experiment_and_runs
    for unknown, said in ((0, "UAR 84.8 ± 8.0  n 3/3"), (2, "UAR 76.9  n 1/3"), (3, "WAR 84.8 ± 8.0  n 3/3")):
        shown = [replace(run, uar=None) if place < unknown else run for place, run in enumerate(runs)]
        whole = Whole(experiment, tuple(FoldHistory(run, (), ()) for run in shown))
        titles = (experiment_title(rows_of(shown)[0], DARK), whole_title(whole, DARK))
        assert all(said in title.plain for title in titles), [title.plain for title in titles]


def test_a_run_whose_uar_nobody_knows_still_tells_its_war(experiment_and_runs):
    _, [run, *_] = experiment_and_runs
    assert "UAR –  WAR 92." in run_title(replace(run, uar=None), DARK).plain
