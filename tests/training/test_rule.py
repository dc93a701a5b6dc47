"""The checkpoint rule against a small reference that knows nothing but the list of values."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timnet.records import MONITORS, EpochMetrics, EventKind, TrainingConfig
from timnet.training.rule import BestSoFar, Verdict, is_checked, is_validated, judge


def metrics(epoch: int, monitor: str, value: float | None) -> EpochMetrics:
    """An epoch whose monitored value is ``value``; the others would win if they were looked at."""
    decoys = {name: (-100.0 - epoch if name.endswith("loss") else 100.0 + epoch) for name in MONITORS}
    return EpochMetrics(epoch=epoch, lr=1e-3, seconds=1.0, **{**decoys, monitor: value})


def judged(config: TrainingConfig, values: list[float | None]) -> list[Verdict]:
    """The verdicts on one epoch after the other, up to the first that stops."""
    best, verdicts = BestSoFar(), []
    for epoch, value in enumerate(values, start=1):
        verdict = judge(config, best, metrics(epoch, config.monitor, value))
        verdicts.append(verdict)
        best = verdict.best
        if verdict.stop:
            break
    return verdicts


@dataclass
class Reference:
    """What the rule should say, found by looking at all values at once."""

    saves: list[int]
    stop: int | None
    checked: list[int]


def reference(config: TrainingConfig, values: list[float | None]) -> Reference:
    sign = -1 if config.monitor in ("loss", "val_loss", "inner_loss") else 1
    found = Reference([], None, [])
    for epoch in range(1, len(values) + 1):
        if epoch < config.check_from or epoch % config.check_every:
            continue
        found.checked.append(epoch)
        value, best = values[epoch - 1], values[found.saves[-1] - 1] if found.saves else None
        if value is not None and (best is None or sign * (value - best) > config.min_delta):
            found.saves.append(epoch)
        since = [checked for checked in found.checked if not found.saves or checked > found.saves[-1]]
        if config.patience and len(since) >= config.patience:
            found.stop = epoch
            break
    return found


configs = st.builds(
    TrainingConfig,
    check_every=st.integers(1, 4),
    check_from=st.integers(1, 6),
    monitor=st.sampled_from(MONITORS),
    min_delta=st.sampled_from([0.0, 0.125, 0.5]),
    patience=st.integers(0, 3),
    select=st.sampled_from(["last", "best"]),
    inner=st.just(0.1),
)
values = st.lists(st.none() | st.integers(-16, 16).map(lambda n: n / 8), max_size=25)


@settings(max_examples=500, deadline=None)
@given(configs, values)
def test_the_rule_saves_and_stops_where_the_reference_does(config: TrainingConfig, values: list[float | None]) -> None:
    verdicts = judged(config, values)
    expected = reference(config, values)
    assert [epoch for epoch, verdict in enumerate(verdicts, 1) if verdict.save] == expected.saves
    assert [epoch for epoch, verdict in enumerate(verdicts, 1) if verdict.stop] == (
        [] if expected.stop is None else [expected.stop]
    )
    assert len(verdicts) == (expected.stop or len(values))
    for epoch, verdict in enumerate(verdicts, 1):
        assert (verdict.check.kind is EventKind.CHECK_SKIPPED) == (epoch not in expected.checked)
        assert (verdict.check.kind is EventKind.CHECK_IMPROVED) == verdict.save
    if verdicts:
        best = verdicts[-1].best
        last = expected.saves[-1] if expected.saves else None
        assert best.epoch == last
        assert best.value == (None if last is None else values[last - 1])


@pytest.mark.parametrize("monitor", MONITORS)
def test_the_monitor_decides_which_way_is_better(monitor: str) -> None:
    config = TrainingConfig(monitor=monitor, inner=0.1)
    saves = [verdict.save for verdict in judged(config, [0.5, 0.6, 0.4, 0.55])]
    assert saves == ([True, False, True, False] if monitor.endswith("loss") else [True, True, False, False])


def test_an_improvement_must_be_more_than_min_delta() -> None:
    saves = [verdict.save for verdict in judged(TrainingConfig(min_delta=0.25), [1.0, 0.75, 0.74, 0.5])]
    assert saves == [True, False, True, False]


def test_a_value_that_is_not_finite_never_improves_but_counts_as_a_check() -> None:
    verdicts = judged(TrainingConfig(patience=2), [None, 1.0, None, None, 0.1])
    assert [verdict.save for verdict in verdicts] == [False, True, False, False]
    assert [verdict.stop for verdict in verdicts] == [False, False, False, True]
    assert verdicts[0].check.text == "val_loss did not improve (no finite value; there is no finite value yet)"
    assert verdicts[2].check.text == "val_loss did not improve (no finite value; best is 1.0000 of epoch 2)"


def test_patience_counts_checks_not_epochs() -> None:
    config = TrainingConfig(patience=2, check_every=3, check_from=4)
    verdicts = judged(config, [float(n) for n in range(20)])
    assert len(verdicts) == 12
    assert [epoch for epoch, v in enumerate(verdicts, 1) if v.check.kind is not EventKind.CHECK_SKIPPED] == [6, 9, 12]


def test_what_the_rule_says_is_what_the_event_tells() -> None:
    texts = [verdict.check.text for verdict in judged(TrainingConfig(check_every=2), [9, 1.25, 9, 0.5, 9, 0.75])]
    assert texts == [
        "not checked",
        "val_loss first check 1.2500, saved",
        "not checked",
        "val_loss improved 1.2500 -> 0.5000, saved",
        "not checked",
        "val_loss did not improve (0.7500; best is 0.5000 of epoch 4)",
    ]


def test_a_configuration_without_patience_never_stops() -> None:
    for every, start in itertools.product((1, 5), (1, 7)):
        config = TrainingConfig(patience=0, check_every=every, check_from=start)
        assert not any(verdict.stop for verdict in judged(config, [1.0] * 300))


def test_validated_every_n_epochs_and_at_the_last_and_checked_nowhere_else() -> None:
    config = TrainingConfig(epochs=11, validate_every=3, check_every=2, monitor="val_uar")
    assert [epoch for epoch in range(1, 12) if is_validated(config, epoch)] == [3, 6, 9, 11]
    assert [epoch for epoch in range(1, 12) if is_checked(config, epoch)] == [6]
    trained = replace(config, monitor="loss")
    assert [epoch for epoch in range(1, 12) if is_checked(trained, epoch)] == [2, 4, 6, 8, 10]
