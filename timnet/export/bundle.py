"""A bundle: experiments in one zip file, with all that another machine needs to check, show and train them again.

Configuration, folds, the corpus's list of utterances (no audio), epochs, events, predictions, embeddings, final
weights, the environment, and the code that it was queued with; ``manifest.json`` has the SHA-256 of every file. The
same registry gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import platform
import shlex
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from timnet import __version__
from timnet.errors import BadInput
from timnet.export.confusion import ARTIFACT
from timnet.export.results import finished, fold_rows, in_order, result_rows
from timnet.export.table_files import check_target, one_line_errors
from timnet.export.writers import markdown
from timnet.files import replacing
from timnet.presets import PRESETS
from timnet.protocols import make_folds
from timnet.provenance import Code, read_diff
from timnet.queue.plan import FALL_BACK, changes_between
from timnet.records import CorpusRecord, Experiment, Run, RunState
from timnet.registry import Registry
from timnet.text import clean

FORMAT, VERSION = "timnet-bundle", 1
MANIFEST, README, ENVIRONMENT = "manifest.json", "README.md", "environment.json"
LIBRARIES = ("numpy", "scipy", "scikit-learn", "soxr", "soundfile", "librosa", "tensorflow", "keras")
_NEVER = (1980, 1, 1, 0, 0, 0)  # the time that every file in the zip carries: the earliest it can hold

Content = bytes | Path


def export_bundle(registry: Registry, experiment_ids: Sequence[int], path: Path) -> Path:
    """Pack experiments into ``path`` and return it.

    Raises :class:`BadInput`: no or an unknown experiment, one without a finished fold or with a running one, files
    that are gone, another suffix than ``.zip``, an unwritable path.
    """
    if path.suffix.lower() != ".zip":
        raise BadInput(f"{path.name} is no name for a bundle; let it end with .zip")
    check_target(path)
    experiments = in_order(registry.experiments.ls(experiment_ids))
    if not experiments:
        raise BadInput("no experiment to bundle; list them with: timnet runs ls --group experiment")
    files = _files(registry, experiments)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "timnet": __version__,
        "experiments": [one.id for one in experiments],
        "files": {name: _about(content) for name, content in sorted(files.items())},
    }
    with one_line_errors(path), replacing(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, content in ((MANIFEST, _json(manifest)), *sorted(files.items())):
            info = zipfile.ZipInfo(name, _NEVER)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            archive.writestr(info, content if isinstance(content, bytes) else content.read_bytes())
    return path


def _files(registry: Registry, experiments: Sequence[Experiment]) -> dict[str, Content]:
    files: dict[str, Content] = {ENVIRONMENT: _json(_environment())}
    corpora: dict[int, str] = {}
    commands = []
    for experiment in experiments:
        runs = registry.runs.of_experiment(experiment.id)
        _check(experiment, runs)
        corpus = registry.corpora.by_id(experiment.corpus_id)
        if corpus.id not in corpora:
            corpora[corpus.id] = f"corpora/{len(corpora) + 1}"
            files |= _corpus_files(corpora[corpus.id], corpus)
        folder = f"experiments/{experiment.id}"
        code = registry.experiments.code(experiment.id)
        files[f"{folder}/experiment.json"] = _json(_experiment(experiment, corpora[corpus.id], code))
        files |= _changes(registry, code)
        if corpus.utterances:
            files[f"{folder}/folds.json"] = _json(_folds(experiment, corpus))
        for run in runs:
            files |= _run_files(registry, f"{folder}/fold-{run.fold:03d}", run, corpus)
        commands.append(command_of(experiment, corpus, runs))
    table = markdown(result_rows(registry, experiments), fold_rows(registry, experiments))
    files[README] = _readme(commands, table).encode()
    return files


def _check(experiment: Experiment, runs: Sequence[Run]) -> None:
    if not finished(runs):
        raise BadInput(f"experiment {experiment.id} has no finished fold yet; let one finish first: timnet work")
    running = [run.key for run in runs if run.state is RunState.RUNNING]
    if running:
        raise BadInput(f"run {running[0]} is running; let it finish, or pause it: timnet queue pause {running[0]}")


def command_of(experiment: Experiment, corpus: CorpusRecord, runs: Sequence[Run]) -> str:
    """The command that trains an experiment again, as one types it."""
    shipped = experiment.preset if experiment.preset in PRESETS else FALL_BACK  # a preset of one's own stays at home
    usual = PRESETS[shipped].config_of(corpus, None, {})
    words = [
        "timnet", "train", experiment.corpus, "--preset", shipped, "--protocol", experiment.protocol,
        "--folds", str(experiment.folds), "--seed", str(experiment.seed),
    ]  # fmt: skip
    if len(runs) < experiment.folds:
        words += ["--only", ",".join(str(run.fold) for run in runs)]
    for change in changes_between(usual, experiment.config):
        words += ["--set", change]
    return clean(shlex.join(words))


def _experiment(experiment: Experiment, corpus: str, code: Code | None) -> dict[str, Any]:
    left_out = {"corpus_id", "corpus", "pinned", "deleted", "config"}
    values = {name: value for name, value in asdict(experiment).items() if name not in left_out}
    queued_with = None if code is None else code.to_dict()
    return {**values, "corpus": corpus, "config": experiment.config.to_dict(), "code": queued_with}


def _changes(registry: Registry, code: Code | None) -> dict[str, Content]:
    """The text of the changes. No result rests on it, so where it is gone the bundle does without."""
    digest = code.diff if code else None
    text = read_diff(registry.paths, digest) if digest else None
    return {} if digest is None or text is None else {changes_file(digest): text}


def changes_file(digest: str) -> str:
    """Where a bundle keeps the text of the changes that has this digest."""
    return f"code/{digest}.diff"


def _corpus_files(folder: str, corpus: CorpusRecord) -> dict[str, Content]:
    left_out = {"id", "path", "added", "utterances"}  # where it lies on this machine is nobody else's business
    about = {name: value for name, value in asdict(corpus).items() if name not in left_out}
    return {
        f"{folder}/corpus.json": _json(about),
        f"{folder}/utterances.json": _lines([asdict(utterance) for utterance in corpus.utterances]),
    }


def _folds(experiment: Experiment, corpus: CorpusRecord) -> dict[str, Any]:
    made = make_folds(
        experiment.protocol, corpus.utterances, experiment.folds, experiment.seed, experiment.config.inner
    )
    return {
        str(fold.number): {name: getattr(fold, name).tolist() for name in ("train", "inner", "test")} for fold in made
    }


def _run_files(registry: Registry, folder: str, run: Run, corpus: CorpusRecord) -> dict[str, Content]:
    results = registry.results
    files: dict[str, Content] = {
        f"{folder}/run.json": _json(_run(registry, run)),
        f"{folder}/epochs.json": _lines([asdict(epoch) for epoch in results.epochs(run.id)]),
        f"{folder}/events.json": _lines(
            [{"time": e.time, "kind": e.kind, "epoch": e.epoch, "text": e.text} for e in results.events(run.id)]
        ),
    }
    if run.state is not RunState.DONE:
        return files
    predictions = _predictions(registry, run, corpus)
    if predictions:
        files[f"{folder}/predictions.csv"] = predictions
    names = {"embeddings": "embeddings.npy", ARTIFACT: "confusion.json"}
    stored = [(names[one.kind], one.path) for one in results.artifacts(run.id) if one.kind in names]
    stored += [("final.npz", one.path) for one in results.checkpoints(run.id) if one.kind == "final"]
    for name, where in stored:
        path = registry.paths.resolve(where)
        if not path.is_file():
            raise BadInput(f"{name} of run {run.key} is gone from {clean(str(path))}; put it back or retrain the run")
        files[f"{folder}/{name}"] = path
    return files


def _run(registry: Registry, run: Run) -> dict[str, Any]:
    names = ("fold", "state", "uar", "war", "epoch", "epochs", "best_epoch", "best_value", "error")
    told = ("attempt", "engine", "host", "started", "ended", "from_epoch", "outcome")
    final = [one for one in registry.results.checkpoints(run.id) if one.kind == "final"]
    return {
        **{name: getattr(run, name) for name in names},
        "attempts": [{name: getattr(one, name) for name in told} for one in registry.results.attempts(run.id)],
        "final": {name: getattr(final[0], name) for name in ("epoch", "metric", "value")} if final else None,
    }


def _predictions(registry: Registry, run: Run, corpus: CorpusRecord) -> bytes:
    """One line an utterance; probabilities are float32, written so that reading gives the same bits."""
    kept = registry.results.predictions(run.id)
    if not len(kept.item):
        return b""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["item", "truth", "predicted", *(f"p{place}" for place in range(len(corpus.classes)))])
    columns = (kept.item.tolist(), kept.truth.tolist(), kept.predicted.tolist(), kept.probabilities.tolist())
    for item, truth, predicted, probabilities in zip(*columns, strict=True):
        writer.writerow([item, truth, predicted, *probabilities])
    return stream.getvalue().encode()


def _environment() -> dict[str, Any]:
    """The machine that made the bundle; what trained stands with each run."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "timnet": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "libraries": found,
    }


def _readme(commands: Sequence[str], table: str) -> str:
    again = "\n".join(f"    {command}" for command in commands)
    return f"""# A timnet bundle

It holds experiments with everything but the recordings: settings, folds, the corpus's utterances with labels,
speakers and SHA-256, every epoch and event, predictions, embeddings and final weights.
`{MANIFEST}` has the SHA-256 of every file.

## To look at it

    timnet import bundle THIS.zip
    timnet export table

The tables then are those of the machine it comes from.

## To train it again

Register the corpus first (`timnet corpora add NAME FOLDER`); its version must have the digest in `corpora/`.

{again}

On a CPU, with one thread a run and the versions in `{ENVIRONMENT}` and in the events of each run
(`experiments/*/fold-*/events.json`), every epoch, weight and prediction comes out equal. Other versions, more threads
or a GPU give numbers that differ a little. `code` in `experiments/*/experiment.json` tells which sources of timnet they
were queued with, and the commit where it was run from a checkout; what was changed since then lies in `code/`: read it
before you apply it.

## What it says

{table}"""


def _about(content: Content) -> dict[str, Any]:
    data = content if isinstance(content, bytes) else content.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _json(value: object) -> bytes:
    return (_text(value, indent=1) + "\n").encode()


def _lines(values: Sequence[object]) -> bytes:
    """A list as JSON, one element a line."""
    body = ",\n".join(map(_text, values))
    return f"[\n{body}\n]\n".encode() if values else b"[]\n"


def _text(value: object, indent: int | None = None) -> str:
    """``value`` as JSON; timnet writes no number that JSON lacks into a registry, but others may."""
    try:
        return json.dumps(value, indent=indent, sort_keys=True, allow_nan=False)
    except ValueError as error:
        why = "the registry holds a number that is not finite; leave out the experiment that somebody gave it"
        raise BadInput(why) from error
