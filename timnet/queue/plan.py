"""From what a user asks for to the experiments that would be queued, and how long they would take.

Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput
from timnet.preset_file import presets_in, presets_or_shipped
from timnet.presets import ALIASES, PRESETS, Preset, parse_changes, preset_of
from timnet.protocols import LARGEST_SEED, PROTOCOLS, check_corpus, check_folds, check_told, folds_of
from timnet.queue.forecast import Forecast, duration, of_shares
from timnet.records import CorpusRecord, Experiment, TrainingConfig
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment, check_tag, chosen_folds
from timnet.registry.load import Share
from timnet.registry.paces import Kind, kind_of, paces

Made = TypeVar("Made")

DEFAULT_SEED = 46
FALL_BACK = "github"
"""The preset that an experiment is described by whose own is not known here."""


class BadRequest(BadInput):
    """What is asked for cannot be; ``part`` names the field of :class:`Request` that is at fault."""

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; None means: as the preset or the corpus has it."""

    corpora: tuple[str, ...]
    presets: tuple[str, ...] = (FALL_BACK,)
    protocol: str | None = None
    folds: int | None = None
    only: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    epochs: int | None = None
    changes: tuple[str, ...] = ()
    rule: tuple[tuple[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """What a request would queue. ``forecast`` is for these runs alone, ``places`` of them at once.

    ``presets`` are those that were known.
    """

    experiments: tuple[NewExperiment, ...]
    places: int
    forecast: Forecast
    presets: Mapping[str, Preset] = field(default_factory=lambda: PRESETS)

    @property
    def runs(self) -> int:
        """How many runs that is."""
        return sum(runs_of(one) for one in self.experiments)

    @property
    def lasting(self) -> str:
        """How long that takes here, in words: what was not measured is never guessed."""
        if not self.runs:
            return "nothing to train"
        seconds, unmeasured = self.forecast.seconds, self.forecast.unmeasured
        if seconds is None:
            return "how long is not measured yet"
        most = f"{min(self.places, self.runs)} at once"
        if unmeasured:
            return f"over {duration(seconds)} here, {most} ({unmeasured} runs are not measured yet)"
        return f"about {duration(seconds)} here, {most}"


@dataclass(frozen=True, slots=True)
class Again:
    """How to ask for an experiment once more. ``remarks`` say where the new one would differ all the same."""

    experiment: Experiment
    request: Request
    remarks: tuple[str, ...] = ()


def plan(registry: Registry, request: Request) -> list[NewExperiment]:
    """One experiment for each corpus x preset x seed x combination of changes, all checked.

    Raises :class:`BadInput` (or a kind of it) for the first thing that cannot be.
    """
    if not request.corpora:
        raise BadRequest("corpora", "name a corpus to train on; list them with: timnet corpora ls")
    corpora = [registry.corpora.get(name) for name in dict.fromkeys(request.corpora)]
    return plan_for(corpora, request, _part("presets", presets_in, registry.paths.presets))


def plan_for(
    corpora: Sequence[CorpusRecord], request: Request, presets: Mapping[str, Preset] = PRESETS
) -> list[NewExperiment]:
    """As :func:`plan`, for corpora and presets that have been read; what ``request`` calls corpora does not matter."""
    grid = _part("changes", parse_changes, list(request.changes))
    for tag in request.tags:
        _part("tags", check_tag, tag)
    return [
        _experiment(corpus, preset, request, seed, {**changes, **dict(request.rule)})
        for corpus in corpora
        for preset in [_part("presets", preset_of, name, presets) for name in request.presets]
        for seed in request.seeds or (seed_of(corpus),)
        for changes in grid
    ]


def preview(registry: Registry, request: Request, places: int) -> Preview:
    """What ``request`` would queue, and how long it would take with ``places`` runs at once. Raises as :func:`plan`."""
    presets = presets_or_shipped(registry.paths.presets)
    return preview_of(plan(registry, request), paces(registry.db), places, presets)


def preview_of(
    planned: Sequence[NewExperiment],
    measured: Mapping[Kind, float],
    places: int,
    presets: Mapping[str, Preset] = PRESETS,
) -> Preview:
    """A preview of experiments that are planned, with paces that have been measured."""
    shares = [
        Share(number, runs_of(one), runs_of(one) * one.config.epochs, measured.get(kind_of(one.corpus.id, one.config)))
        for number, one in enumerate(planned)
    ]
    return Preview(tuple(planned), places, of_shares(shares, places), presets)


def runs_of(new: NewExperiment) -> int:
    """How many runs a planned experiment has."""
    return len(chosen_folds(new.only, new.folds))


def again(registry: Registry, experiment_id: int, only: tuple[int, ...] = ()) -> Again:
    """The request that gives experiment ``experiment_id`` once more: same corpus, protocol, seed and folds.

    So what is then changed in it can be compared with it fold by fold. Settings that differ from the preset's
    stand in ``changes``. ``only`` are the folds to take; those it has when empty. Raises :class:`BadInput`.
    """
    experiment = registry.experiments.get(experiment_id)
    corpus = registry.corpora.get(experiment.corpus)
    remarks = []
    if corpus.id != experiment.corpus_id:
        remarks.append(f"{corpus.name} has another version now than experiment {experiment.id} was of")
    preset = presets_or_shipped(registry.paths.presets).get(experiment.preset)
    if preset is None:
        preset = PRESETS[FALL_BACK]
        remarks.append(f"preset {experiment.preset} is not known here; told by what differs from {preset.name}")
    if experiment.source != "trained":
        remarks.append(f"experiment {experiment.id} was trained elsewhere ({experiment.source})")
    there = tuple(run.fold for run in registry.runs.of_experiment(experiment.id))
    chosen = only or (() if len(there) == experiment.folds else there)
    request = Request(
        corpora=(corpus.name,),
        presets=(preset.name,),
        protocol=experiment.protocol,
        folds=experiment.folds,
        only=chosen,
        seeds=(experiment.seed,),
        changes=changes_between(preset.config_of(corpus, None, {}), experiment.config),
        tags=experiment.tags,
    )
    return Again(experiment, request, tuple(remarks))


def changes_between(before: TrainingConfig, after: TrainingConfig) -> tuple[str, ...]:
    """The settings of ``after`` that differ from ``before``, as ``name=value``; reading them gives the same values."""
    was = asdict(before)
    short = {name: alias for alias, name in ALIASES.items()}
    return tuple(f"{short.get(name, name)}={value}" for name, value in asdict(after).items() if value != was[name])


def changes_of(new: NewExperiment, presets: Mapping[str, Preset] = PRESETS) -> tuple[str, ...]:
    """What a planned experiment sets otherwise than its preset, one of ``presets``."""
    return changes_between(preset_of(new.preset, presets).config_of(new.corpus, None, {}), new.config)


def with_changes(request: Request, changes: Sequence[str]) -> Request:
    """``request`` with more changes; one of the same setting takes the place of what was there."""
    named = {_setting(change) for change in changes}
    kept = tuple(change for change in request.changes if _setting(change) not in named)
    return replace(request, changes=(*kept, *changes))


def parse_folds(text: str) -> tuple[int, ...]:
    """Fold numbers from ``1,2`` or ``1-3,7``. Raises :class:`BadInput`."""
    folds: list[int] = []
    for part in (part.strip() for part in text.split(",")) if text.strip() else ():
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 6 or len(last) > 6:
            raise BadInput(f"{part!r} names no fold; write fold numbers like 1,2 or 1-3")
        if dash and int(last) < int(first):
            raise BadInput(f"{part!r} names no fold: a range goes from the lower to the higher, e.g. {last}-{first}")
        folds += range(int(first), int(last or first) + 1)
    return tuple(folds)


def parse_numbers(text: str, what: str) -> tuple[int, ...]:
    """Whole numbers from ``46`` or ``46,47``, each once. Raises :class:`BadInput` that says ``what`` they are."""
    numbers = []
    for part in text.replace(",", " ").split():
        if not part.removeprefix("-").isdecimal() or len(part) > 12:
            raise BadInput(f"{part!r} is no {what}; write whole numbers like 46 or 46,47")
        numbers.append(int(part))
    return tuple(dict.fromkeys(numbers))


def seed_of(corpus: CorpusRecord) -> int:
    """The seed where none is given: the published one, for a corpus that has one."""
    spec = KNOWN.get(corpus.name)
    return spec.published_seed if spec and spec.published_seed is not None else DEFAULT_SEED


def _setting(change: str) -> str:
    name = change.partition("=")[0].strip()
    return ALIASES.get(name, name)


def _experiment(
    corpus: CorpusRecord, preset: Preset, request: Request, seed: int, changes: dict[str, Any]
) -> NewExperiment:
    protocol = request.protocol or preset.protocol
    folds = _folds(protocol, corpus, request.folds, preset.folds_of(corpus), seed)
    _part("only", chosen_folds, request.only, folds)
    return NewExperiment(
        corpus=corpus,
        config=_part("changes", preset.config_of, corpus, request.epochs, changes),
        protocol=protocol,
        preset=preset.name,
        seed=seed,
        folds=folds,
        only=request.only,
        priority=request.priority,
        note=request.note,
        tags=request.tags,
    )


def _folds(name: str, corpus: CorpusRecord, wanted: int | None, usual: int, seed: int) -> int:
    """How many folds the protocol makes here, checked."""
    try:
        check_corpus(name, corpus.layout)
        folds = folds_of(name, corpus.utterances, wanted, usual)
        check_folds(name, corpus.utterances, folds, seed)
        return folds
    except BadInput as error:
        part = _at_fault(name, corpus, seed)
        raise BadRequest(part, f"{corpus.name}: {error}" if part in ("protocol", "folds") else str(error)) from error


def _at_fault(name: str, corpus: CorpusRecord, seed: int) -> str:
    """What of a request to blame for folds that cannot be made."""
    if not 0 <= seed <= LARGEST_SEED:
        return "seeds"
    try:
        check_corpus(name, corpus.layout)
        if PROTOCOLS[name].apart:
            check_told(name, PROTOCOLS[name].apart, corpus.utterances)
    except BadInput:
        return "protocol"
    return "folds"


def _part(part: str, make: Callable[..., Made], *given: Any) -> Made:
    """What ``make`` makes of ``given``; what it refuses is the fault of ``part``."""
    try:
        return make(*given)
    except BadInput as error:
        raise BadRequest(part, str(error)) from error


def chosen_sequence(values: Sequence[str]) -> tuple[str, ...]:
    """Names given one by one or with commas: ``["EMODB,SAVEE", "CASIA"]``."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())
