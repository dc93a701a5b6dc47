"""What is asked of the tuner, checked before anything is begun: corpus, folds, space, and how trials are judged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from timnet.errors import BadInput
from timnet.preset_file import check_name, read_own
from timnet.protocols import check_folds
from timnet.queue.plan import Request, plan
from timnet.records import CorpusRecord, TrainingConfig
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment, chosen_folds
from timnet.text import clean
from timnet.tuning.objective import METRICS
from timnet.tuning.space import DEFAULT, Space, parse_space
from timnet.tuning.study import PRUNERS, SAMPLERS
from timnet.tuning.trial import TAG

DEFAULT_INNER = 0.1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks for; None and empty mean: as the preset or the corpus has it.

    ``study`` is a name, by default made of the corpus and the protocol; ``preset`` the one to start from and
    ``save_as`` the one that the result becomes, by default ``tuned-`` and the study's name.
    """

    corpus: str
    study: str = ""
    preset: str = "github"
    save_as: str = ""
    protocol: str | None = None
    folds: int | None = None
    only: tuple[int, ...] = ()
    seed: int | None = None
    epochs: int | None = None
    inner: float = DEFAULT_INNER
    metric: str = METRICS[0]
    space: tuple[str, ...] = ()
    sampler: str = SAMPLERS[0]
    pruner: str = PRUNERS[0]
    trials: int = 40


@dataclass(frozen=True, slots=True)
class Search:
    """A wish that can be done. ``base`` is the configuration of every trial but for what is searched."""

    study: str
    save_as: str
    preset: str
    corpus: CorpusRecord
    base: TrainingConfig
    protocol: str
    folds: int
    only: tuple[int, ...]
    seed: int
    metric: str
    space: Space
    sampler: str
    pruner: str
    trials: int

    @property
    def tag(self) -> str:
        """The tag of its experiments."""
        return f"{TAG}{self.study}"

    @property
    def used(self) -> tuple[int, ...]:
        """The folds that every trial trains."""
        return tuple(chosen_folds(self.only, self.folds))

    @property
    def definition(self) -> dict[str, Any]:
        """What may not change while the study goes on."""
        return {
            "corpus": self.corpus.name,
            "corpus version": self.corpus.digest,
            "preset": self.preset,
            "protocol": self.protocol,
            "folds": [self.folds, *self.used],
            "seed": self.seed,
            "metric": self.metric,
            "space": sorted(map(str, self.space.parameters)),
            "sampler": self.sampler,
            "pruner": self.pruner,
            "settings": [f"{name}={value}" for name, value in self.base.to_dict().items()],
        }

    def config(self, settings: Mapping[str, Any]) -> TrainingConfig:
        """The configuration of a trial."""
        return replace(self.base, **settings)

    def experiment(self, settings: Mapping[str, Any], note: str) -> NewExperiment:
        """The experiment of a trial."""
        return NewExperiment(
            corpus=self.corpus,
            config=self.config(settings),
            protocol=self.protocol,
            preset=self.preset,
            seed=self.seed,
            folds=self.folds,
            only=self.only,
            note=note,
            tags=(self.tag,),
        )


def search_of(registry: Registry, wish: Wish) -> Search:
    """Check ``wish``. Raises :class:`BadInput`, one line, for the first thing that cannot be."""
    _check_words(wish)
    space = parse_space(wish.space or DEFAULT)
    if wish.sampler == "grid" and space.grid is None:
        raise BadInput("a grid needs values, not ranges; write e.g. --set lr=1e-4,1e-3,1e-2")
    judged = (("inner", wish.inner), ("monitor", wish.metric), ("select", "best"))
    rule = (*space.fixed.items(), *judged)
    asked = Request(
        (wish.corpus,),
        presets=(wish.preset,),
        protocol=wish.protocol,
        folds=wish.folds,
        only=wish.only,
        seeds=() if wish.seed is None else (wish.seed,),
        epochs=wish.epochs,
        rule=rule,
    )
    [new] = plan(registry, asked)
    check_folds(new.protocol, new.corpus.utterances, new.folds, new.seed, wish.inner)
    space.check(new.config)
    study = wish.study or f"{new.corpus.name}-{new.protocol}".lower()
    if not _NAME.fullmatch(study):
        raise BadInput(f"{clean(study)!r} is no name for a study; it takes up to 48 letters, digits, _ and -")
    save_as = wish.save_as or f"tuned-{study}"
    _check_free(registry, save_as, study)
    return Search(
        study=study,
        save_as=save_as,
        preset=wish.preset,
        corpus=new.corpus,
        base=new.config,
        protocol=new.protocol,
        folds=new.folds,
        only=new.only,
        seed=new.seed,
        metric=wish.metric,
        space=space,
        sampler=wish.sampler,
        pruner=wish.pruner,
        trials=min(wish.trials, space.combinations or wish.trials) if wish.sampler == "grid" else wish.trials,
    )


def made_by(study: str) -> str:
    """How the source of a preset begins that the study ``study`` has made."""
    return f"timnet tune, study {study}:"


def _check_words(wish: Wish) -> None:
    words: tuple[tuple[str, str, Sequence[str]], ...] = (
        ("metric", wish.metric, METRICS),
        ("sampler", wish.sampler, SAMPLERS),
        ("pruner", wish.pruner, PRUNERS),
    )
    for what, word, known in words:
        if word not in known:
            raise BadInput(f"unknown {what} {clean(word)!r}; there are: {', '.join(known)}")
    if wish.inner <= 0:
        raise BadInput("tuning needs an inner validation set, a share above 0: the test fold may not choose settings")
    if wish.trials < 1:
        raise BadInput(f"{wish.trials} trials are none; ask for 1 or more")


def _check_free(registry: Registry, name: str, study: str) -> None:
    """The result's name must not be that of a preset somebody wrote, or another study has made."""
    check_name(name)
    there = read_own(registry.paths.presets).get(name)
    if there is not None and not there.source.startswith(made_by(study)):
        raise BadInput(f"there is a preset {name} already ({there.source}); name the result with --save-as")
