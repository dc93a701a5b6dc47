"""Optuna's study: what was tried, what came of it, what to try next. Kept in ``tuning.db`` beside the registry.

Optuna is loaded here alone, and only when a study is opened.
"""

from __future__ import annotations

import itertools
import json
import secrets
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timnet.bounded import parse_json
from timnet.errors import BadInput, as_disk_full
from timnet.text import clean
from timnet.tuning.space import Choice, Range, Space

if TYPE_CHECKING:
    import optuna

SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "wilcoxon", "none")
FEWEST = 10
"""Complete trials below which nothing is said about what mattered."""
STARTUP = 5
"""Complete trials that the median pruner waits for."""


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial. ``state``: ``running``, ``complete``, ``pruned`` or ``fail``; ``why`` it was pruned or failed.

    ``values`` are what its folds measured, ``value`` is their mean. ``experiment`` is None for one that was asked for
    and not yet queued.
    """

    number: int
    state: str
    value: float | None
    settings: Mapping[str, Any]
    experiment: int | None
    values: tuple[float, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Importance:
    """How much of the variance between trials a setting explains, by fANOVA: a share of 1."""

    name: str
    share: float


class Study:
    """One study, open. ``fresh``: it was begun just now."""

    def __init__(self, path: Path, name: str, definition: Mapping[str, Any], space: Space, seed: int) -> None:
        """Open the study ``name`` or begin it. ``definition`` is what may not change in it.

        Raises :class:`BadInput`: ``tuning.db`` cannot be used, or the study was begun with another definition.
        """
        self.name = name
        self.space = space
        self._sampled_by = definition["sampler"]
        self._trials: dict[int, optuna.trial.Trial] = {}
        self._read: list[optuna.trial.FrozenTrial] | None = None  # nobody else writes: reading them all takes 20 ms
        with _clear_errors(path):
            storage = _storage(path)
            self._study = _study(storage, name, definition, seed)
        known = self._study.user_attrs.get("definition")
        self.fresh = known is None
        if known is None:
            self._study.set_user_attr("definition", json.dumps(definition, sort_keys=True))
            self._study.set_user_attr("token", secrets.token_hex(4))
        else:
            _check_same(name, _definition(known, name, path), definition)

    @property
    def token(self) -> str:
        """Tells this study from an earlier one of the same name."""
        return str(self._study.user_attrs["token"])

    def begin(self, usual: Mapping[str, Any]) -> None:
        """Say, once, what a study tries first: ``usual``, where the space holds it; of a grid, all in order."""
        if self._study.user_attrs.get("begun"):
            return
        if self._sampled_by == "grid":
            for combination in itertools.product(*(one.ends for one in self.space.parameters)):
                named = zip(self.space.parameters, combination, strict=True)
                self._study.enqueue_trial({one.name: value for one, value in named}, skip_if_exists=True)
        elif all(one.holds(usual[one.name]) for one in self.space.parameters):
            self._study.enqueue_trial({p.name: usual[p.name] for p in self.space.parameters}, skip_if_exists=True)
        self._study.set_user_attr("begun", True)

    def ask(self) -> tuple[int, dict[str, Any]]:
        """The next trial: its number (from 0) and its settings."""
        trial = self._study.ask()
        self._read = None
        self._trials[trial.number] = trial
        return trial.number, {one.name: _suggested(trial, one) for one in self.space.parameters}

    def link(self, number: int, experiment_id: int) -> None:
        """Note which experiment trains a trial."""
        self._trial(number).set_user_attr("experiment", experiment_id)
        self._read = None

    def report(self, number: int, steps: Sequence[tuple[int, float]], values: Sequence[float]) -> bool:
        """Tell what a trial measured on the way, steps that are known again; returns whether to prune it."""
        trial = self._trial(number)
        frozen = self._frozen()[number]
        if list(values) != frozen.user_attrs.get("values", []):
            trial.set_user_attr("values", list(values))
            self._read = None
        for step, value in steps:
            if step not in frozen.intermediate_values:
                self._read = None
                trial.report(value, step)
                if trial.should_prune():
                    return True
        return False

    def complete(self, number: int, value: float) -> None:
        """A trial is done."""
        self._study.tell(number, value)
        self._read = None
        self._trials.pop(number, None)

    def prune(self, number: int, why: str) -> None:
        """A trial was given up: it is worse than others."""
        self._end(number, why, "PRUNED")

    def fail(self, number: int, why: str) -> None:
        """A trial could not be trained; it tells nothing about its settings."""
        self._end(number, why, "FAIL")

    def _end(self, number: int, why: str, state: str) -> None:
        from optuna.trial import TrialState

        self._trial(number).set_user_attr("why", clean(why))
        self._study.tell(number, state=TrialState[state])
        self._read = None
        self._trials.pop(number, None)

    def trials(self) -> list[TrialRecord]:
        """All trials, in order; one that only waits to be asked for is none yet."""
        return [
            TrialRecord(
                number=one.number,
                state=one.state.name.lower(),
                value=one.value if one.state.name == "COMPLETE" else None,
                settings=dict(one.params),
                experiment=one.user_attrs.get("experiment"),
                values=tuple(one.user_attrs.get("values", ())),
                why=one.user_attrs.get("why", ""),
            )
            for one in self._frozen()
            if one.state.name != "WAITING"
        ]

    @property
    def best(self) -> TrialRecord | None:
        """The best complete trial; the earlier of two that are alike."""
        done = [one for one in self.trials() if one.value is not None]
        sign = 1 if self._study.direction.name == "MINIMIZE" else -1
        return min(done, key=lambda one: (sign * (one.value or 0.0), one.number), default=None)

    def importances(self) -> tuple[Importance, ...]:
        """What mattered, by fANOVA over the complete trials, the most important first; empty where they are too few."""
        done = [one for one in self.trials() if one.value is not None]
        varied = [p.name for p in self.space.parameters if len({one.settings[p.name] for one in done}) > 1]
        if len(done) < FEWEST or not varied or len({one.value for one in done}) < 2:
            return ()
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        found = get_param_importances(self._study, evaluator=FanovaImportanceEvaluator(seed=0), params=varied)
        return tuple(Importance(name, float(share)) for name, share in found.items())

    def _frozen(self) -> list[optuna.trial.FrozenTrial]:
        """All trials as they were written, those too that only wait to be asked for."""
        if self._read is None:
            self._read = self._study.get_trials(deepcopy=False)
        return self._read

    def _trial(self, number: int) -> optuna.trial.Trial:
        if number not in self._trials:  # begun by a tuner before this one
            import optuna

            frozen = self._frozen()[number]
            self._trials[number] = optuna.trial.Trial(self._study, frozen._trial_id)
        return self._trials[number]


def _storage(path: Path) -> optuna.storages.RDBStorage:
    import optuna
    from sqlalchemy.engine import URL

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if any(sign in str(path) for sign in "?#"):
        raise BadInput(f"{path} has a ? or # in it, which Optuna cannot open; move the registry to another folder")
    url = URL.create("sqlite", database=str(path.absolute())).render_as_string(hide_password=False)
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})


def _study(storage: optuna.storages.RDBStorage, name: str, definition: Mapping[str, Any], seed: int) -> optuna.Study:
    import optuna

    direction = "minimize" if definition["metric"] == "inner_loss" else "maximize"
    study = optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)
    tried = len(study.get_trials(deepcopy=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = _sampler(definition["sampler"], seed, tried)
        study.pruner = _pruner(definition["pruner"])
    return study


def _sampler(name: str, seed: int, tried: int) -> optuna.samplers.BaseSampler:
    import numpy as np
    from optuna import samplers

    # a study that goes on must not draw what it drew when it began
    own_seed = int(np.random.SeedSequence([seed, tried]).generate_state(1)[0])
    if name != "tpe":  # a grid's combinations are all asked for when it begins
        return samplers.RandomSampler(seed=own_seed)
    return samplers.TPESampler(seed=own_seed, multivariate=True, constant_liar=True)


def _pruner(name: str) -> optuna.pruners.BasePruner:
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=4)
    return pruners.WilcoxonPruner(p_threshold=0.1) if name == "wilcoxon" else pruners.NopPruner()


def _suggested(trial: optuna.trial.Trial, one: Range | Choice) -> Any:
    if isinstance(one, Choice):
        return trial.suggest_categorical(one.name, one.values)
    if one.whole:
        return trial.suggest_int(one.name, int(one.low), int(one.high), log=one.log)
    return trial.suggest_float(one.name, one.low, one.high, log=one.log)


def _definition(known: str, name: str, path: Path) -> Mapping[str, Any]:
    try:
        found = parse_json(known)
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"{path}: what study {name} is cannot be read; begin another with --study NAME")
    return found


def _check_same(name: str, known: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
    for key in definition:
        if known.get(key) != definition[key]:
            raise BadInput(
                f"study {name} was begun with another {key} ({_short(known.get(key))}, not {_short(definition[key])});"
                " go on with that, or begin another with --study NAME"
            )


def _short(value: Any) -> str:
    text = clean(", ".join(map(str, value)) if isinstance(value, list) else str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """What Optuna or its database cannot do, in one line."""
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (OptunaError, SQLAlchemyError, RuntimeError) as error:
        full = as_disk_full(getattr(error, "orig", None) or error, f"writing {path}")
        if full is not None:
            raise full from error
        said = clean(str(getattr(error, "orig", None) or error).splitlines()[0])
        raise BadInput(f"cannot use the studies in {path}: {said}; move the file away to begin anew") from error
