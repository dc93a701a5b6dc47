"""What the form for new experiments shows: the corpora there are, and what would come of what is typed.

The form as it stands is the question. Planning it needs the corpora's lists of recordings, so it is done here, in
the poller's thread, with the same functions that ``timnet queue add`` uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from timnet.errors import BadInput, TimnetError
from timnet.preset_file import presets_in
from timnet.presets import Preset, parse_changes
from timnet.queue.plan import (
    Again,
    BadRequest,
    Preview,
    Request,
    again,
    parse_folds,
    parse_numbers,
    plan_for,
    preview_of,
)
from timnet.records import CorpusRecord, Worker
from timnet.registry import Registry
from timnet.registry.paces import Kind, paces
from timnet_tui.watch import Follower

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the fields, as it was typed. An empty field means: as the preset or the corpus has it."""

    corpora: tuple[str, ...] = ()
    presets: tuple[str, ...] = ("github",)
    protocol: str = ""
    folds: str = ""
    only: str = ""
    seeds: str = ""
    changes: str = ""
    priority: str = ""
    tags: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and the field it stands in."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A corpus that can be trained on; a speaker who is not named is none."""

    name: str
    utterances: int
    speakers: int
    classes: int


@dataclass(frozen=True, slots=True)
class NewPage:
    """``preview`` is of ``form``, None while something is wrong with it. ``again`` is what was asked for once more."""

    form: Form
    corpora: tuple[Offer, ...] = ()
    preview: Preview | None = None
    problems: tuple[Problem, ...] = ()
    again: Again | None = None


@dataclass(frozen=True, slots=True)
class NewWatch:
    """What would come of ``form`` with ``places`` runs at once; and how to ask for experiment ``again`` once more."""

    form: Form
    places: int = 1
    again: int | None = None

    def follower(self, before: Follower | None) -> NewFollower:
        """The follower of before goes on: it knows the corpora."""
        follower = before if isinstance(before, NewFollower) else NewFollower()
        follower.watch = self
        return follower


class NewFollower:
    """Keeps the corpora that were ticked: their versions never change, and their lists of recordings are long."""

    def __init__(self) -> None:
        self.watch = NewWatch(Form())
        self._corpora: dict[int, CorpusRecord] = {}
        self._read_at: int | None = None
        self._offers: tuple[Offer, ...] = ()
        self._current: dict[str, int] = {}
        self._paces: dict[Kind, float] = {}

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> NewPage:
        """The form's answer as it is now."""
        watch = self.watch
        self._look(registry)
        found: Again | None = None
        if watch.again is not None:
            try:
                found = again(registry, watch.again)
            except TimnetError as error:
                return NewPage(watch.form, self._offers, problems=(Problem("corpora", str(error)),))
        request, problems = request_of(watch.form)
        preview = None
        if not problems:
            try:
                corpora = [self._corpus(registry, name) for name in request.corpora]
                presets = _presets(registry)
                preview = preview_of(plan_for(corpora, request, presets), self._paces, watch.places, presets)
            except BadInput as error:
                problems = (Problem(error.part if isinstance(error, BadRequest) else "corpora", str(error)),)
        return NewPage(watch.form, self._offers, preview, problems, found)

    def grew(self, registry: Registry) -> bool:
        """The form shows no files."""
        return False

    def _look(self, registry: Registry) -> None:
        version = registry.db.data_version()
        if version == self._read_at:
            return
        self._read_at = version
        corpora = registry.corpora.ls()
        current = {corpus.name: corpus.id for corpus in corpora}
        if current != self._current:  # counting the recordings of all corpora takes a while
            sizes = registry.corpora.sizes()
            self._offers = tuple(
                Offer(corpus.name, *sizes[corpus.id], len(corpus.classes)) for corpus in corpora if corpus.id in sizes
            )
            self._current = current
        self._paces = dict(paces(registry.db))

    def _corpus(self, registry: Registry, name: str) -> CorpusRecord:
        corpus_id = self._current.get(name)
        if corpus_id is None:
            return registry.corpora.get(name)  # says which there are
        if corpus_id not in self._corpora:
            self._corpora[corpus_id] = registry.corpora.by_id(corpus_id)
        return self._corpora[corpus_id]


def _presets(registry: Registry) -> dict[str, Preset]:
    try:
        return presets_in(registry.paths.presets)
    except BadInput as error:
        raise BadRequest("presets", str(error)) from None


def request_of(form: Form) -> tuple[Request, tuple[Problem, ...]]:
    """What the form asks for, and what is wrong with single fields; then the request holds what is right."""
    problems: list[Problem] = []

    def read(field: str, parse: Callable[[], Made], otherwise: Made) -> Made:
        try:
            return parse()
        except BadInput as error:
            problems.append(Problem(field, str(error)))
            return otherwise

    if not form.corpora:
        problems.append(Problem("corpora", "tick a corpus to train on"))
    if not form.presets:
        problems.append(Problem("presets", "tick a preset"))
    changes = tuple(form.changes.split())
    nothing: list[dict[str, Any]] = []
    read("changes", lambda: parse_changes(list(changes)), nothing)
    request = Request(
        corpora=form.corpora,
        presets=form.presets,
        protocol=form.protocol or None,
        folds=read("folds", lambda: _one_number(form.folds, "number of folds"), None),
        only=read("only", lambda: parse_folds(form.only), ()),
        seeds=read("seeds", lambda: parse_numbers(form.seeds, "seed"), ()),
        changes=changes,
        tags=tuple(form.tags.replace(",", " ").split()),
        note=form.note.strip(),
        priority=read("priority", lambda: _one_number(form.priority, "priority"), None) or 0,
    )
    return request, tuple(problems)


def form_of(request: Request) -> Form:
    """The fields that ask for ``request``."""
    return Form(
        corpora=request.corpora,
        presets=request.presets,
        protocol=request.protocol or "",
        folds="" if request.folds is None else str(request.folds),
        only=",".join(map(str, request.only)),
        seeds=",".join(map(str, request.seeds)),
        changes=" ".join(request.changes),
        priority=str(request.priority or ""),
        tags=" ".join(request.tags),
        note=request.note,
    )


def completed(text: str, cursor: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """The setting names that the word before the cursor could become; none while a value is typed."""
    word = text[:cursor].rpartition(" ")[2]
    if "=" in word or text[cursor : cursor + 1].strip():
        return ()
    return tuple(name for name in names if name.startswith(word))


def _one_number(text: str, what: str) -> int | None:
    try:
        numbers = parse_numbers(text, what)
    except BadInput:
        numbers = ()
    if text.strip() and len(numbers) != 1:
        raise BadInput(f"{text.strip()!r} is no {what}; write one whole number")
    return numbers[0] if numbers else None
