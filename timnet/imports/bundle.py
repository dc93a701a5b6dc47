"""``timnet import bundle``: finished experiments from another machine, checked first, then recorded all or nothing."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from timnet.arrays import arrays_of
from timnet.errors import BadInput
from timnet.evaluation.scores import confusion, uar, war
from timnet.export.bundle import FORMAT, MANIFEST, VERSION, changes_file
from timnet.export.confusion import ARTIFACT, matrix_of
from timnet.export.results import BUNDLE
from timnet.files import write_bytes
from timnet.imports.zipped import LARGEST_FILE, Zipped
from timnet.provenance import Code, checked_diff, keep_diff
from timnet.queue.liveness import proof_of
from timnet.records import (
    CorpusRecord,
    EpochMetrics,
    Event,
    EventKind,
    Prediction,
    Run,
    RunState,
    TrainingConfig,
    Utterance,
    check_epochs,
)
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment, check_tag
from timnet.selection import selection_text
from timnet.text import clean

Made = TypeVar("Made")

TOLERANCE = 1e-9
_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,120}", re.ASCII)
_ARRAYS, CONFUSION = ("embeddings.npy", "final.npz"), "confusion.json"


@dataclass(frozen=True, slots=True)
class BundledRun:
    """One fold as the bundle has it; ``folder`` is where its arrays lie in the zip."""

    folder: str
    fold: int
    done: bool
    state: str
    uar: float | None
    war: float | None
    best: tuple[int | None, float | None]
    final_epoch: int | None
    epochs: tuple[EpochMetrics, ...]
    events: tuple[Event, ...]
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True)
class BundledExperiment:
    """An experiment that has been read and found good."""

    new: NewExperiment
    id: int
    runs: tuple[BundledRun, ...]


@dataclass(frozen=True, slots=True)
class ImportedBundle:
    """``experiments``: those of the bundle and what they are called here; ``notes`` are to be read."""

    experiments: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


def import_bundle(registry: Registry, path: Path) -> ImportedBundle:
    """Read a bundle and record its experiments. Raises as :func:`read_bundle` and :func:`record_bundle` do."""
    with Zipped(path, MANIFEST) as archive:
        return record_bundle(registry, archive, read_bundle(archive, path.name), path.name)


def read_bundle(archive: Zipped, name: str) -> tuple[BundledExperiment, ...]:
    """Read and check everything in a bundle; nothing is written.

    Raises :class:`BadInput`: another format, a file that is not as its manifest says, values that cannot be, scores
    that do not follow from the predictions, predictions of what their fold does not test.
    """
    about = archive.manifest
    if about.get("format") != FORMAT or about.get("version") != VERSION:
        raise BadInput(f"{clean(name)} is no bundle that this timnet knows; make it again, or install a newer timnet")
    for file in sorted(archive.names):
        archive.read(file)
    corpora: dict[str, CorpusRecord] = {}
    found = []
    for number in _part(name, MANIFEST, lambda: [int(one) for one in about["experiments"]]):
        folder = f"experiments/{number}"
        values = archive.json(f"{folder}/experiment.json")
        where = values.get("corpus") if isinstance(values, dict) else None
        if not isinstance(where, str):
            raise BadInput(f"{clean(name)}, {folder}/experiment.json: it names no corpus")
        if where not in corpora:
            corpora[where] = _corpus(archive, name, where)
        found.append(_experiment(archive, name, folder, values, corpora[where]))
    if not found:
        raise BadInput(f"{clean(name)} holds no experiment")
    return tuple(found)


def _part(name: str, file: str, make: Callable[[], Made]) -> Made:
    """What ``make`` makes of a file's values; whatever is wrong with them is the file's fault, told in one line."""
    try:
        return make()
    except BadInput as error:
        raise BadInput(f"{clean(name)}, {file}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, csv.Error) as error:
        told = clean(f"{type(error).__name__}: {error}")
        raise BadInput(f"{clean(name)}, {file}: it does not hold what it should ({told})") from None


def _corpus(archive: Zipped, name: str, folder: str) -> CorpusRecord:
    values = archive.json(f"{folder}/corpus.json")
    listed = archive.json(f"{folder}/utterances.json")

    def make() -> CorpusRecord:
        corpus = CorpusRecord(
            id=0, name=_text(values["name"]), layout=_text(values["layout"]), path="", digest=_text(values["digest"]),
            classes=tuple(_text(one) for one in values["classes"]), signal_length=int(values["signal_length"]),
            tabs=int(values["tabs"]), added="", utterances=tuple(Utterance(**one) for one in listed),
        )  # fmt: skip
        if not (corpus.name and corpus.digest and corpus.classes) or len(set(corpus.classes)) < len(corpus.classes):
            raise BadInput("a corpus needs a name, a digest and classes that differ")
        for one in corpus.utterances:
            _check_utterance(one, corpus.classes)
        return corpus

    return _part(name, folder, make)


def _check_utterance(one: Utterance, classes: tuple[str, ...]) -> None:
    for field in fields(one):
        value = getattr(one, field.name)
        number = field.name in ("start", "end")
        if not (isinstance(value, int | float) or (field.name == "end" and value is None) if number else
                isinstance(value, str)):  # fmt: skip
            raise BadInput(f"{field.name} of an utterance is {value!r}")
    if one.label not in classes:
        raise BadInput(f"{clean(one.label)!r} is no class of the corpus")


def _experiment(archive: Zipped, name: str, folder: str, values: Any, corpus: CorpusRecord) -> BundledExperiment:
    def make() -> tuple[NewExperiment, int]:
        config = TrainingConfig.from_dict(values["config"])
        source, selection = _text(values["source"]), _text(values["selection"])
        if source in ("trained", BUNDLE) and selection != config.selection:
            raise BadInput(f"its selection is {clean(selection)}, but its settings mean {config.selection}")
        uid, tags = _text(values["uid"]), tuple(_text(tag) for tag in values["tags"])
        if not _UID.fullmatch(uid):
            uid = ""
        for tag in tags:
            check_tag(tag)
        new = NewExperiment(
            corpus=corpus, config=config, protocol=_text(values["protocol"]), preset=_text(values["preset"]),
            seed=int(values["seed"]), folds=int(values["folds"]), only=(),
            source=BUNDLE if source == "trained" else source, selection=selection, note=_text(values["note"]),
            tags=tags, uid=uid, code=_code(archive, values.get("code")),
        )  # fmt: skip
        if not 1 <= new.folds <= 10_000:
            raise BadInput(f"{new.folds} folds are no number of folds")
        return new, int(values["id"])

    new, number = _part(name, f"{folder}/experiment.json", make)
    tested = _tested(archive, name, folder, corpus)
    places = sorted({file.split("/")[2] for file in archive.names if file.startswith(f"{folder}/fold-")})
    runs = tuple(_run(archive, name, f"{folder}/{place}", new, tested) for place in places)
    folds = [run.fold for run in runs]
    if not runs or len(set(folds)) < len(folds) or not all(1 <= fold <= new.folds for fold in folds):
        raise BadInput(f"{clean(name)}, {folder}: its folds are not numbered from 1 to {new.folds}, each once")
    return BundledExperiment(replace(new, only=tuple(folds)), number, runs)


def _code(archive: Zipped, values: Any) -> Code | None:
    """What it was queued with, with the text of its changes where the bundle has that. Raises :class:`BadInput`."""
    code = None if values is None else Code.from_dict(values)
    if code is not None and code.diff is not None and changes_file(code.diff) in archive.names:
        checked_diff(archive.read(changes_file(code.diff)), code.diff)
    return code


def _tested(archive: Zipped, name: str, folder: str, corpus: CorpusRecord) -> dict[int, set[int]] | None:
    """Which rows each fold tests; None where the corpus's utterances are not known."""
    if not corpus.utterances:
        return None
    values = archive.json(f"{folder}/folds.json")

    def make() -> dict[int, set[int]]:
        return {int(fold): {int(row) for row in parts["test"]} for fold, parts in values.items()}

    return _part(name, f"{folder}/folds.json", make)


def _run(archive: Zipped, name: str, folder: str, new: NewExperiment, tested: dict[int, set[int]] | None) -> BundledRun:
    values, epochs, events = (archive.json(f"{folder}/{part}.json") for part in ("run", "epochs", "events"))

    def make() -> BundledRun:
        final = values["final"]
        return BundledRun(
            folder=folder,
            fold=int(values["fold"]),
            done=values["state"] == RunState.DONE.value,
            state=RunState(values["state"]).value,
            uar=_fraction(values["uar"]),
            war=_fraction(values["war"]),
            best=(_whole(values["best_epoch"]), _number(values["best_value"])),
            final_epoch=None if final is None else int(final["epoch"]),
            epochs=_epochs(epochs),
            events=tuple(
                Event(0, 0, _text(e["time"]), EventKind(e["kind"]).value, _whole(e["epoch"]), _text(e["text"]))
                for e in events
            ),
            predictions=_predictions(archive, f"{folder}/predictions.csv", len(new.corpus.classes)),
        )

    run = _part(name, f"{folder}/run.json", make)
    _part(name, folder, lambda: _check_run(archive, run, new, tested))
    return run


def _epochs(values: Sequence[Any]) -> tuple[EpochMetrics, ...]:
    found = tuple(EpochMetrics(**one) for one in values)
    check_epochs(found)
    return found


def _predictions(archive: Zipped, file: str, classes: int) -> tuple[Prediction, ...]:
    if file not in archive.names:
        return ()
    lines = list(csv.reader(io.StringIO(archive.read(file).decode("utf-8"), newline="")))[1:]
    found = tuple(
        Prediction(int(line[0]), int(line[1]), int(line[2]), tuple(float(value) for value in line[3:]))
        for line in lines
    )
    if (
        len({one.item for one in found}) < len(found)
        or any(one.item < 0 for one in found)
        or any(len(one.probabilities) != classes for one in found)
    ):
        raise BadInput("its predictions are not one an utterance with one probability a class")
    return found


def _check_run(archive: Zipped, run: BundledRun, new: NewExperiment, tested: dict[int, set[int]] | None) -> None:
    """What must follow from each other does."""
    if run.done and run.war is None:
        raise BadInput("it is done, but has no score")
    if run.done and run.predictions:
        matrix = confusion([p.truth for p in run.predictions], [p.predicted for p in run.predictions],
                           len(new.corpus.classes))  # fmt: skip
        for told, found in ((run.uar, uar(matrix)), (run.war, war(matrix))):
            if told is None or abs(told - found) > TOLERANCE:
                raise BadInput(f"its predictions give a score of {found:.4f}, not {told}")
    if tested is not None and run.predictions:
        if {one.item for one in run.predictions} != tested.get(run.fold):
            raise BadInput("its predictions are not of the utterances that its fold tests")
        truth = new.corpus.labels()
        if any(one.truth != truth[one.item] for one in run.predictions):
            raise BadInput("its predictions' true classes are not those of the corpus")
    _check_files(archive, run, new)


def _check_files(archive: Zipped, run: BundledRun, new: NewExperiment) -> None:
    """That its arrays and its confusion matrix are what they are called."""
    for part in _ARRAYS:
        if f"{run.folder}/{part}" in archive.names:
            _check_arrays(archive.read(f"{run.folder}/{part}"), part, len(new.corpus.utterances))
    if f"{run.folder}/{CONFUSION}" in archive.names:
        matrix_of(archive.json(f"{run.folder}/{CONFUSION}"), new.corpus.classes)


def _check_arrays(data: bytes, part: str, utterances: int) -> None:
    """That it is an array file which holds numbers alone, and no more of them than a file may. Raises."""
    try:
        arrays = arrays_of(data, one=part.endswith(".npy"), most=LARGEST_FILE)
    except BadInput as error:
        raise BadInput(f"{part}: {error}") from None
    if part == "embeddings.npy" and (arrays[""].ndim != 2 or len(arrays[""]) != utterances):
        raise BadInput(f"{part} does not hold one vector for each of the {utterances} utterances")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _fraction(value: Any) -> float | None:
    found = _number(value)
    if found is not None and not 0 <= found <= 1:
        raise ValueError(f"{found} is no score")
    return found


# recording


def record_bundle(registry: Registry, archive: Zipped, read: Sequence[BundledExperiment], name: str) -> ImportedBundle:
    """Record what :func:`read_bundle` has read, in one transaction; numbers are kept where they are free here.

    Raises :class:`BadInput` where an experiment is here already, or its corpus's version is with other utterances.
    """
    folders: list[Path] = []
    changes: list[Path] = []
    made, notes = [], []
    try:
        with registry.db.write():
            for one in read:
                taken = registry.experiments.taken()
                if one.new.uid in taken:
                    raise BadInput(f"experiment {one.id} of the bundle is here already, as {taken[one.new.uid]}")
                corpus = _kept(registry, one.new.corpus)
                free = one.id > 0 and one.id not in taken.values()
                new = replace(one.new, corpus=corpus, id=one.id if free else None)
                changes += _keep_changes(registry, archive, one.new.code)
                [experiment] = registry.experiments.create([new])
                for run, bundled in zip(registry.runs.of_experiment(experiment.id), one.runs, strict=True):
                    folders.append(registry.paths.run(run.uid).folder)
                    _record_run(registry, archive, run, bundled, f"bundle {clean(name)}, run {one.id}.{bundled.fold}")
                made.append((one.id, experiment.id))
                if not free:
                    notes.append(f"experiment {one.id} of the bundle is {experiment.id} here: its number is taken")
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        for path in changes:
            path.unlink(missing_ok=True)
        raise
    return ImportedBundle(tuple(made), tuple(notes))


def _kept(registry: Registry, corpus: CorpusRecord) -> CorpusRecord:
    """The version of the corpus here, stored for its experiments alone where it is not known yet."""
    kept = registry.corpora.keep(corpus)
    if (kept.classes, kept.utterances) != (corpus.classes, corpus.utterances):
        raise BadInput(
            f"the bundle's utterances of {clean(corpus.name)} are not those of the same version here; it was changed"
        )
    return kept


def _keep_changes(registry: Registry, archive: Zipped, code: Code | None) -> list[Path]:
    """Put the text of the changes where this registry keeps it; returns the file where there was none before."""
    digest = code.diff if code else None
    if digest is None or changes_file(digest) not in archive.names or registry.paths.diff(digest).exists():
        return []
    return [keep_diff(registry.paths, checked_diff(archive.read(changes_file(digest)), digest))]


def _record_run(registry: Registry, archive: Zipped, run: Run, bundled: BundledRun, origin: str) -> None:
    claim = registry.runs.begin_import(run.id, proof_of(os.getpid()))
    journal = registry.journal(run.id, claim.attempt)
    journal.copied(bundled.epochs, bundled.events, *bundled.best)
    journal.event(EventKind.IMPORTED, origin)
    if not bundled.done:
        text = f"it was {bundled.state} when it was bundled"
        journal.end(RunState.CANCELLED, EventKind.CANCELLED, text)
        return
    paths = registry.paths.run(run.uid)
    targets = {"final.npz": paths.final_weights, "embeddings.npy": paths.embeddings, CONFUSION: paths.confusion}
    there = {part: path for part, path in targets.items() if f"{bundled.folder}/{part}" in archive.names}
    for part, path in there.items():
        write_bytes(path, archive.read(f"{bundled.folder}/{part}"))
    if "final.npz" in there:
        journal.checkpoint("final", bundled.final_epoch or 0, paths.final_weights)
    if CONFUSION in there:
        journal.artifact(ARTIFACT, paths.confusion)
    assert bundled.war is not None
    label = selection_text(run.selection, run.optimistic, ", optimistic")
    told = "unknown" if bundled.uar is None else f"{bundled.uar:.4f}"
    journal.done(
        bundled.uar, bundled.war, bundled.predictions, there.get("embeddings.npy"),
        f"imported: UAR {told}, WAR {bundled.war:.4f} ({label})",
    )  # fmt: skip
