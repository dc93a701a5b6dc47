"""``timnet import keras-log``: a finished experiment from what a notebook printed, all or nothing."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput, UnknownName
from timnet.files import write_text
from timnet.imports.keras_log import KerasLog, LoggedFold, parse_keras_log
from timnet.imports.records import epoch_records
from timnet.imports.scores import TOLERANCE, LoggedScores, scores_of_log, scores_of_matrix
from timnet.imports.sheet import read_sheets, turned
from timnet.presets import PRESETS
from timnet.queue.liveness import proof_of
from timnet.records import (
    CHECK_KINDS,
    MONITORS,
    CorpusRecord,
    EventKind,
    Run,
    RunState,
    TrainingConfig,
)
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment
from timnet.selection import selection_text
from timnet.text import clean

SOURCE = "keras-log"
LOG_ONLY = "log-only"
PRESET = PRESETS["seed"]
CHECKED = tuple(kind for kind in CHECK_KINDS if kind is not EventKind.CHECK_SKIPPED)


@dataclass(frozen=True, slots=True)
class LogImport:
    """What is asked for. ``seed`` None: the published one of the corpus; ``folds`` None: as found or planned."""

    source: Path
    corpus: str
    results: Path | None = None
    seed: int | None = None
    folds: int | None = None


@dataclass(frozen=True, slots=True)
class ImportedLog:
    """What became of it; ``notes`` are sentences that the user should read."""

    experiment: int
    folds: int
    epochs: int
    checks: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadLog:
    """A log that has been read and found good, ready to be recorded. ``scores``: None for an unfinished fold."""

    new: NewExperiment
    registered: bool
    log: KerasLog
    scores: tuple[LoggedScores | None, ...]
    notes: tuple[str, ...]


def import_keras_log(registry: Registry, wanted: LogImport) -> ImportedLog:
    """Read a Keras log, with the result sheets that belong to it, and record it as one experiment.

    Its runs hold every whole epoch with its check. A fold that the log leaves unfinished is ``failed`` with
    the reason. Raises as :func:`read_keras_log` does; nothing is then recorded.
    """
    return record_keras_log(registry, read_keras_log(registry, wanted))


def read_keras_log(registry: Registry, wanted: LogImport) -> ReadLog:
    """Read and check everything; the registry is only asked for the corpus.

    Raises :class:`BadInput`: a file that is no such log or sheet, sheets that contradict the log, a corpus that
    is neither registered nor known by name, no seed.
    """
    log = _read_log(wanted.source)
    corpus, registered = _corpus(registry, wanted.corpus)
    seed, seed_note = _seed(wanted, corpus)
    scores, sheet_notes = _scores(log, wanted, corpus)
    folds = _folds(log, wanted, corpus)
    notes = [*_ends(log, folds), *sheet_notes, *seed_note]
    if not registered:
        notes.append(
            f"{corpus.name} is not registered here, so the runs stand by themselves; "
            f"to train on it: timnet corpora add {corpus.name} FOLDER"
        )
    new = NewExperiment(
        corpus, _config(log, corpus), "random", PRESET.name, seed, folds,
        only=tuple(range(1, len(log.folds) + 1)), source=SOURCE, note=f"Keras log {clean(wanted.source.name)}",
    )  # fmt: skip
    return ReadLog(new, registered, log, tuple(scores), tuple(notes))


def record_keras_log(registry: Registry, read: ReadLog) -> ImportedLog:
    """Record a log in one transaction: the experiment with all its runs, or nothing."""
    experiment = _record(registry, read.new, read.registered, read.log, read.scores)
    every = [epoch for fold in read.log.folds for epoch in fold.epochs]
    checks = sum(epoch.check is not None and epoch.check.kind in CHECKED for epoch in every)
    return ImportedLog(experiment, len(read.log.folds), len(every), checks, read.notes)


def _read_log(source: Path) -> KerasLog:
    where = clean(str(source))
    if not source.is_file():  # reading a pipe would wait for ever
        raise BadInput(f"no such file: {where}; name the text file that holds the training's output")
    try:
        with source.open("rb") as stream:
            return parse_keras_log(stream)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    except OSError as error:
        raise BadInput(f"cannot read {where} ({error.strerror})") from error


def _corpus(registry: Registry, name: str) -> tuple[CorpusRecord, bool]:
    """The registered corpus; else one as published, without utterances and yet to be stored, and False."""
    try:
        return registry.corpora.get(name), True
    except UnknownName:
        spec = KNOWN.get(name.upper())
        if spec is None:
            raise
    return CorpusRecord(
        id=0, name=spec.name, layout=LOG_ONLY, path="", digest=LOG_ONLY, classes=spec.classes,
        signal_length=spec.signal_length, tabs=spec.tabs, added="",
    ), False  # fmt: skip


def _seed(wanted: LogImport, corpus: CorpusRecord) -> tuple[int, list[str]]:
    if wanted.seed is not None:
        return wanted.seed, []
    spec = KNOWN.get(corpus.name.upper())
    if spec is None or spec.published_seed is None:
        raise BadInput(f"no seed is published for {corpus.name}, and the log tells none; say it with --seed")
    return spec.published_seed, [
        f"the log does not tell the seed of its folds; {spec.published_seed} is the published one (--seed sets another)"
    ]


def _scores(log: KerasLog, wanted: LogImport, corpus: CorpusRecord) -> tuple[list[LoggedScores | None], list[str]]:
    """For each fold of the log its scores, None for an unfinished one, and what to tell of the sheets.

    UAR is told of all finished folds or of none, so that a mean of it is never over fewer folds than WAR's.
    """
    known = {name.casefold() for name in corpus.classes}
    foreign = sorted({row.label for fold in log.folds for row in fold.report if row.label.casefold() not in known})
    if foreign:
        raise BadInput(f"the log speaks of {clean(foreign[0])!r}, which is no class of {corpus.name}; name its corpus")
    scores = [scores_of_log(fold) if fold.finished else None for fold in log.folds]
    notes = []
    if wanted.results is not None:
        notes.append(_put_in_sheets(log, wanted.results, corpus, scores))
    if any(one is not None and one.uar is None for one in scores):
        scores = [None if one is None else replace(one, uar=None) for one in scores]
        hint = "" if wanted.results else "; the result sheets tell it: --results FILE.xlsx"
        notes.append(f"the UAR of some folds cannot be told{hint}")
    return scores, notes


def _put_in_sheets(log: KerasLog, path: Path, corpus: CorpusRecord, scores: list[LoggedScores | None]) -> str:
    """Replace the scores of finished folds by those of their confusion matrices; returns what to tell."""
    truth = {
        number: {row.label: row.support for row in fold.report}
        for number, fold in enumerate(log.folds, start=1)
        if fold.report
    }
    sheets, transposed = turned(read_sheets(path), truth)
    for sheet in sheets:
        told = scores[sheet.fold - 1] if sheet.fold <= len(scores) else None
        if told is None:
            continue
        exact = scores_of_matrix(sheet.ordered(corpus.classes))
        if abs(exact.war - told.war) > TOLERANCE:
            raise BadInput(
                f"fold {sheet.fold}: the sheet's WAR is {exact.war:.4f}, the log's {told.war:.4f}; "
                f"{clean(path.name)} is the sheet of another training"
            )
        scores[sheet.fold - 1] = exact
    way = (
        "has predictions as rows; they were transposed, rows are now the truth"
        if transposed
        else "has the truth as rows"
    )
    proof = "found by the log's class counts" if truth else "not verified: the log holds no class counts"
    return f"{clean(path.name)} {way} ({proof})"


def _config(log: KerasLog, corpus: CorpusRecord) -> TrainingConfig:
    """The seed preset's configuration, with what the log itself tells: epochs, what was watched and how often."""
    checks = [
        (epoch.epoch, epoch.check.monitor)
        for fold in log.folds
        for epoch in fold.epochs
        if epoch.check is not None and epoch.check.kind in CHECKED
    ]
    changes: dict[str, object] = {}
    if checks:
        changes["check_every"] = math.gcd(*(epoch for epoch, _ in checks))
    if checks and checks[0][1] in MONITORS:
        changes["monitor"] = checks[0][1]
    return PRESET.config_of(corpus, max(fold.planned for fold in log.folds), changes)


def _folds(log: KerasLog, wanted: LogImport, corpus: CorpusRecord) -> int:
    found = len(log.folds)
    if wanted.folds is not None:
        if wanted.folds < found:
            raise BadInput(f"the log has {found} folds; --folds {wanted.folds} is less")
        return wanted.folds
    return found if log.complete else max(found, PRESET.folds_of(corpus))


def _ends(log: KerasLog, folds: int) -> list[str]:
    """Where a log ends that was cut off."""
    last = log.folds[-1]
    if last.finished and (log.complete or len(log.folds) == folds):
        return []
    epoch = f"epoch {last.epochs[-1].epoch} of {last.planned}"
    return [f"the log ends in line {log.lines}: fold {len(log.folds)} of {folds}, {epoch} is the last whole one"]


def _record(
    registry: Registry, new: NewExperiment, registered: bool, log: KerasLog, scores: Sequence[LoggedScores | None]
) -> int:
    folders: list[Path] = []
    try:
        with registry.db.write():
            if not registered:
                corpus = registry.corpora.add(new.corpus)
                registry.corpora.remove(corpus.name)  # known to its experiments, and nothing to train on
                new = replace(new, corpus=corpus)
            [experiment] = registry.experiments.create([new])
            runs = registry.runs.of_experiment(experiment.id)
            for run, fold, score in zip(runs, log.folds, scores, strict=True):
                folders.append(registry.paths.run(run.uid).folder)
                _record_fold(registry, new, run, fold, score)
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return experiment.id


def _record_fold(
    registry: Registry, new: NewExperiment, run: Run, fold: LoggedFold, score: LoggedScores | None
) -> None:
    claim = registry.runs.begin_import(run.id, proof_of(os.getpid()))
    journal = registry.journal(run.id, claim.attempt)
    journal.event(EventKind.IMPORTED, new.note)
    records = epoch_records(fold, new.config)
    journal.history(records)
    if score is None:
        last = f"epoch {records[-1].metrics.epoch} of {fold.planned}"
        ended = f"the log leaves this fold in line {fold.last_line}; {last} is its last whole one"
        journal.end(RunState.FAILED, EventKind.FAILED, ended, ended)
        return
    if fold.stopped:
        journal.event(EventKind.EARLY_STOP, "stopped early, says the log", records[-1].metrics.epoch)
    if score.confusion is not None:
        path = registry.paths.run(run.uid).confusion
        write_text(path, json.dumps({"labels": list(new.corpus.classes), "matrix": score.confusion}) + "\n")
        journal.artifact("confusion", path)
    uar = "unknown" if score.uar is None else f"{score.uar:.4f}"
    label = selection_text(new.config.selection, new.config.optimistic, ", optimistic")
    journal.done(score.uar, score.war, [], None, f"imported: UAR {uar}, WAR {score.war:.4f} ({label})")
