"""Curves of several runs at once, and long ones thinned without losing a peak."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import add_corpus, add_experiment, epoch_record, start_next, train
from timnet.errors import BadInput
from timnet.registry import Registry


def test_the_curves_of_several_runs_come_in_one_reading(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    first, second, empty = start_next(registry), start_next(registry), start_next(registry)
    train(registry, first, 5)
    train(registry, second, 3, level=0.1)
    curves = registry.results.curves([second, first, empty, second], ["val_uar", "loss"])
    assert list(curves) == [second, first]
    for run_id, points in curves.items():
        assert points == [(m.epoch, m.val_uar, m.loss) for m in registry.results.epochs(run_id)]
    for ask in (
        lambda: registry.results.curves([first], ["val_uar FROM runs; --"]),
        lambda: registry.results.thinned(first, "epoch", 10),
    ):
        with pytest.raises(BadInput, match=r"no metric .* there are: accuracy, "):
            ask()


VALUES = st.lists(st.one_of(st.none(), st.floats(0, 2)), min_size=1, max_size=120)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES, most=st.integers(2, 40))
def test_a_thinned_curve_keeps_the_extremes_and_the_ends(
    registry: Registry, values: list[float | None], most: int
) -> None:
    registry.db.connection.execute("PRAGMA synchronous = OFF")
    add_experiment(registry, add_corpus(registry), only=(1,))
    run_id = start_next(registry)
    records = [epoch_record(epoch) for epoch in range(1, len(values) + 1)]
    registry.journal(run_id, 1).history(
        [replace(one, metrics=replace(one.metrics, loss=value)) for one, value in zip(records, values, strict=True)]
    )
    whole = [(epoch, value) for epoch, value in enumerate(values, 1) if value is not None]
    thinned = registry.results.thinned(run_id, "loss", most)
    assert set(thinned) <= set(whole)
    assert thinned == sorted(thinned)
    assert len(thinned) <= most + 4
    if whole:
        assert (thinned[0], thinned[-1]) == (whole[0], whole[-1])
        for pick in (min, max):
            assert pick(value for _, value in thinned) == pick(value for _, value in whole)
    if len(whole) == len(values) and most >= 2 * len(values):
        assert thinned == whole
