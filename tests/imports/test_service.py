"""A log becomes an experiment: the seed report's figures, cut logs, the corpus, and all or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.imports.logs import CLASSES, SEED_RUN, ending, fold_text, needs_seed_run, rows_of, steady
from tests.imports.test_sheet import workbook
from tests.support import add_corpus
from timnet.errors import BadInput, DiskFull, UnknownName
from timnet.export import gather
from timnet.export.confusion import confusion_of
from timnet.export.contract import experiment_object, run_details
from timnet.export.results import result_rows
from timnet.imports import service
from timnet.imports.scores import ClassRecall, scores_of_log
from timnet.imports.service import LogImport, import_keras_log
from timnet.records import CHECK_KINDS, EventKind, RunState
from timnet.registry import Registry

HITS, TRUE = (11, 8, 4, 4, 6, 4, 10), (14, 8, 4, 4, 6, 6, 12)
AVERAGE = "Average ACC: 0.87\n"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(tmp_path / "runs.db") as opened:
        yield opened


def log_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "EMODB.txt"
    path.write_text(text)
    return path


def folds(count: int, epochs: int = 4) -> str:
    return "".join(fold_text(steady(epochs)) + ending(n, 0.5, rows_of(HITS, TRUE)) for n in range(1, count + 1))


def sheet_matrix(hits=HITS, true=TRUE) -> list[list[int]]:
    """Predictions as rows: all misses of a class are called the next one."""
    upright = np.diag(hits)
    for place, (hit, total) in enumerate(zip(hits, true, strict=True)):
        upright[place, (place + 1) % len(hits)] += total - hit
    return upright.T.tolist()


@needs_seed_run
@pytest.mark.parametrize(
    ("name", "seed", "count", "uar", "war"), [("EMODB", 46, 10, 0.8377, 0.8523), ("SAVEE", 44, 8, 0.7415, 0.7667)]
)
def test_the_seeds_runs_come_in_with_the_figures_of_its_report(registry, name, seed, count, uar, war):
    made = import_keras_log(registry, LogImport(SEED_RUN / f"{name}.txt", name, SEED_RUN / f"{name}.xlsx", seed))
    assert (made.folds, made.epochs, made.checks) == (count, count * 600, count * 300)
    assert "transposed" in made.notes[0]
    experiment = registry.experiments.get(made.experiment)
    assert (experiment.source, experiment.preset, experiment.protocol) == ("keras-log", "seed", "random")
    assert (experiment.selection, experiment.optimistic, experiment.seed) == ("best-test", True, seed)
    assert (experiment.config.epochs, experiment.config.check_every, experiment.config.batch_size) == (600, 2, 512)
    runs = registry.runs.of_experiment(made.experiment)
    assert [run.fold for run in runs] == list(range(1, count + 1))
    assert {(run.state, run.epoch, run.epochs, run.engine) for run in runs} == {(RunState.DONE, 600, 600, "import")}
    row = result_rows(registry, [experiment])[0]
    assert (row.n, row.folds) == (count, count)
    assert (row.uar, row.war) == (pytest.approx(uar, abs=5e-5), pytest.approx(war, abs=5e-5))
    for run in runs:
        assert [one.epoch for one in registry.results.epochs(run.id)] == list(range(1, 601))
        kinds = [event.kind for event in registry.results.events(run.id)]
        assert sum(kind in CHECK_KINDS for kind in kinds) == 600
        assert kinds.count("check-skipped") == 300
        matrix = confusion_of(registry, run, registry.corpora.by_id(experiment.corpus_id).classes)
        assert np.trace(matrix) / matrix.sum() == run.war


@needs_seed_run
def test_the_classification_reports_alone_tell_the_same_uar(registry):
    made = import_keras_log(registry, LogImport(SEED_RUN / "EMODB.txt", "EMODB"))
    with_sheet = import_keras_log(registry, LogImport(SEED_RUN / "EMODB.txt", "EMODB", SEED_RUN / "EMODB.xlsx"))
    pairs = zip(*(registry.runs.of_experiment(one.experiment) for one in (made, with_sheet)), strict=True)
    assert all(ours.uar == pytest.approx(exact.uar, abs=1e-12) and ours.war == exact.war for ours, exact in pairs)
    with pytest.raises(BadInput, match="no predictions"):
        gather.pooled(registry, registry.experiments.get(made.experiment))


@needs_seed_run
@pytest.mark.parametrize("share", [0.05, 0.25, 0.37])
def test_a_real_log_cut_in_the_middle_gives_what_is_whole(registry, tmp_path, share):
    text = (SEED_RUN / "EMODB.txt").read_bytes()
    path = tmp_path / "cut.txt"
    path.write_bytes(text[: int(len(text) * share)])
    made = import_keras_log(registry, LogImport(path, "EMODB", SEED_RUN / "EMODB.xlsx"))
    *whole, last = registry.runs.of_experiment(made.experiment)
    assert {run.state for run in whole} <= {RunState.DONE}
    assert (len(whole) + 1, last.state) == (int(share * 10) + 1, RunState.FAILED)
    assert 0 < last.epoch < 600
    assert f"epoch {last.epoch} of 600" in last.error
    assert f"fold {last.fold} of 10, epoch {last.epoch} of 600 is the last whole one" in made.notes[0]
    assert registry.experiments.get(made.experiment).folds == 10


def test_the_sheet_gives_a_confusion_wherever_one_is_shown(registry, tmp_path):
    book = workbook(tmp_path / "r.xlsx", {"0": sheet_matrix(), "1": sheet_matrix()}, CLASSES)
    made = import_keras_log(registry, LogImport(log_file(tmp_path, folds(2) + AVERAGE), "EMODB", book))
    run = registry.runs.get(f"{made.experiment}.2")
    found = run_details(registry, run)["confusion"]
    assert found == {"labels": list(CLASSES), "matrix": np.transpose(sheet_matrix()).tolist()}
    pooled = gather.pooled(registry, registry.experiments.get(made.experiment))
    assert np.bincount(pooled.truth).tolist() == [2 * n for n in TRUE]
    assert (pooled.truth == pooled.predicted).sum() == 2 * sum(HITS)
    path = registry.paths.run(run.uid).confusion
    for damaged in (b"{", b"[]", b'{"labels": ["a"], "matrix": [[1]]}'):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match="confusion matrix"):
            confusion_of(registry, run, CLASSES)
    path.unlink()
    with pytest.raises(BadInput, match="is gone"):
        confusion_of(registry, run, CLASSES)


def test_without_report_and_sheet_the_uar_is_unknown(registry, tmp_path):
    text = "".join(fold_text(steady(4)) for _ in range(2)) + AVERAGE
    made = import_keras_log(registry, LogImport(log_file(tmp_path, text), "EMODB"))
    runs = registry.runs.of_experiment(made.experiment)
    assert [(run.state, run.uar, run.war) for run in runs] == [(RunState.DONE, None, 0.8)] * 2
    assert "the UAR of some folds cannot be told; the result sheets tell it: --results FILE.xlsx" in made.notes
    found = experiment_object(registry.experiments.get(made.experiment), runs)
    assert (found["n"], found["uar"]["mean"], found["war"]["mean"]) == (2, None, 0.8)


def test_the_score_is_of_the_epoch_that_was_saved(registry, tmp_path):
    epochs = [*steady(4), *[replace(steady(1)[0], val_accuracy=0.1)] * 3]
    made = import_keras_log(registry, LogImport(log_file(tmp_path, fold_text(epochs) + AVERAGE), "EMODB", folds=1))
    [run] = registry.runs.of_experiment(made.experiment)
    assert (run.best_epoch, run.best_value, run.war) == (4, 3.457 / 4, 0.8)


def test_recalls_of_large_classes_are_not_guessed_at(registry):
    [fold] = service.parse_keras_log((SEED_RUN / "EMODB.txt").open("rb")).folds[:1] if SEED_RUN.is_dir() else [None]
    if fold is None:
        pytest.skip("the seed's logs are not beside the repository (../shared/seed-run)")
    assert scores_of_log(fold).uar is not None
    large = replace(fold, report=(ClassRecall("angry", 0.87, 500), ClassRecall("sad", 0.87, 500)))
    assert (scores_of_log(large).uar, scores_of_log(large).war) == (None, fold.accuracy)
    other = replace(fold, report=(ClassRecall("angry", 0.5, 10),))
    assert scores_of_log(other).uar is None


def test_a_corpus_that_is_not_registered_is_not_listed_afterwards(registry, tmp_path):
    made = import_keras_log(registry, LogImport(log_file(tmp_path, folds(1)), "emodb"))
    assert any("not registered here" in note for note in made.notes)
    assert registry.experiments.get(made.experiment).corpus == "EMODB"
    assert registry.corpora.ls() == []
    with pytest.raises(UnknownName, match="corpora add EMODB"):
        registry.corpora.get("EMODB")
    again = import_keras_log(registry, LogImport(tmp_path / "EMODB.txt", "EMODB"))
    experiments = [registry.experiments.get(one.experiment) for one in (made, again)]
    assert experiments[0].corpus_id == experiments[1].corpus_id
    real = add_corpus(registry)
    third = import_keras_log(registry, LogImport(tmp_path / "EMODB.txt", "EMODB"))
    assert registry.experiments.get(third.experiment).corpus_id == real.id
    assert [one.id for one in registry.corpora.ls()] == [real.id]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"corpus": "NOWHERE"}, "no corpus 'NOWHERE'"),
        ({"corpus": "EMOVO2"}, "no corpus"),
        ({"source": Path("absent.txt")}, "no such file: absent.txt"),
        ({"source": Path()}, "no such file"),
        ({"folds": 1}, "the log has 2 folds; --folds 1 is less"),
        ({"results": Path("absent.xlsx")}, "no such file: absent.xlsx"),
    ],
    ids=str,
)
def test_what_cannot_be_imported_leaves_nothing_behind(registry, tmp_path, change, said):
    wanted = replace(LogImport(log_file(tmp_path, folds(2)), "EMODB"), **change)
    with pytest.raises(BadInput, match=said):
        import_keras_log(registry, wanted)
    assert registry.experiments.ls() == []
    assert not registry.paths.runs.exists()


def test_a_sheet_of_another_training_is_refused(registry, tmp_path):
    source = log_file(tmp_path, folds(1))
    better = tuple(hit + (place == 0) for place, hit in enumerate(HITS))
    book = workbook(tmp_path / "r.xlsx", {"0": sheet_matrix(better)}, CLASSES)
    with pytest.raises(BadInput, match=r"fold 1: the sheet's WAR is 0.8889, the log's 0.8704"):
        import_keras_log(registry, LogImport(source, "EMODB", book))
    book = workbook(tmp_path / "s.xlsx", {"0": sheet_matrix(true=[n + 1 for n in TRUE])}, CLASSES)
    with pytest.raises(BadInput, match="class counts"):
        import_keras_log(registry, LogImport(source, "EMODB", book))
    assert registry.experiments.ls() == []


def test_a_log_of_another_corpus_is_refused(registry, tmp_path):
    source = log_file(tmp_path, folds(1).replace(" boredom", "surprise"))
    with pytest.raises(BadInput, match="'surprise', which is no class of EMODB"):
        import_keras_log(registry, LogImport(source, "EMODB"))


def test_a_corpus_without_a_published_seed_needs_one(registry, tmp_path):
    add_corpus(registry, "MINE")
    wanted = LogImport(log_file(tmp_path, folds(1)), "MINE")
    with pytest.raises(BadInput, match="say it with --seed"):
        import_keras_log(registry, wanted)
    made = import_keras_log(registry, replace(wanted, seed=7))
    assert registry.experiments.get(made.experiment).seed == 7


def test_a_failure_in_the_middle_takes_everything_back(registry, tmp_path, monkeypatch):
    book = workbook(tmp_path / "r.xlsx", {str(n): sheet_matrix() for n in range(3)}, CLASSES)
    wanted = LogImport(log_file(tmp_path, folds(3)), "EMODB", book)
    write, calls = service.write_text, []

    def full(path: Path, text: str) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        write(path, text)

    monkeypatch.setattr(service, "write_text", full)
    with pytest.raises(DiskFull, match="no space left"):
        import_keras_log(registry, wanted)
    assert registry.experiments.ls() == []
    assert registry.db.row("SELECT count(*) AS n FROM corpora")["n"] == 0
    assert calls[0].name == "confusion.json"
    assert not any(path.exists() for path in calls)
    monkeypatch.undo()
    assert import_keras_log(registry, wanted).folds == 3


def test_hostile_names_are_harmless(registry, tmp_path):
    source = tmp_path / "EMODB\x1b[2J\n\u202e.txt"
    shutil.copy(log_file(tmp_path, folds(1)), source)
    made = import_keras_log(registry, LogImport(source, "EMODB"))
    assert registry.experiments.get(made.experiment).note.isprintable()
    events = registry.results.events(registry.runs.get(f"{made.experiment}.1").id)
    assert all(event.text.isprintable() for event in events)
    assert events[-1].kind == EventKind.DONE
