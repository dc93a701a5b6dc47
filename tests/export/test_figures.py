"""Figures: what they say, that they are the same every time, and that nothing is half-written."""

import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from tests.support import add_corpus, add_experiment, filled_registry, finish, start_next, train
from timnet.errors import BadInput, UnknownName
from timnet.export import gather, service
from timnet.export.colours import TEST
from timnet.export.figures.confusion import draw_confusion
from timnet.export.figures.curves import draw_curves, smoothed_floor
from timnet.export.figures.embeddings import draw_tsne
from timnet.export.figures.style import house_style, render
from timnet.export.placed import placed
from timnet.records import TrainingConfig
from timnet.registry import Registry

EXPORTS = (service.export_curves, service.export_tsne, service.export_confusion)


@pytest.fixture
def own(tmp_path):
    """A filled registry that the test may change."""
    with filled_registry(tmp_path / "runs.db") as registry:
        yield registry


def words(figure) -> str:
    """Every text of a figure, line breaks as blanks."""
    return " | ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


def curves_of(registry, experiment_id: int, metric: str):
    experiment = registry.experiments.get(experiment_id)
    with house_style():
        return draw_curves(experiment, gather.fold_curves(registry, experiment, metric), 7)


# curves


def test_curves_say_what_they_show(registry):
    said = words(curves_of(registry, 2, "loss"))
    for part in (
        "EMODB: loss over 5 of 10 folds, 2 finished",
        "protocol random",
        "selection best-test (optimistic)",
        "training data, mean ± sd, n = 2 to 5",
        "test fold, mean ± sd, n = 2 to 5",
        "smoothed labels (smoothing 0.1: with 7 classes it cannot fall below 0.446)",
        "Where n changes",
    ):
        assert part in said


def test_finished_curves_carry_no_warning_they_do_not_need(registry):
    said = words(curves_of(registry, 1, "accuracy"))
    assert "SAVEE: accuracy over 3 folds |" in said
    assert "n = 3" in said
    for part in ("optimistic", "smoothed", "Where n changes", "finished"):
        assert part not in said


def test_the_drawn_mean_is_the_mean_of_the_drawn_folds(registry):
    axes = curves_of(registry, 1, "accuracy").axes[0]
    lines = [line for line in axes.lines if line.get_color() == TEST]
    *folds, mean = [np.asarray(line.get_ydata(), float) for line in lines]
    assert len(folds) == 3
    assert np.allclose(np.mean(folds, axis=0), mean)
    stored = [[m.val_accuracy for m in registry.results.epochs(r.id)] for r in registry.runs.of_experiment(1)]
    assert np.allclose(folds, stored)


@pytest.mark.parametrize("epochs", [1, 2])
def test_one_fold_of_few_epochs(tmp_path, epochs):
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=1, config=TrainingConfig(epochs=epochs, label_smoothing=0))
        train(registry, start_next(registry), epochs)
        said = words(curves_of(registry, 1, "loss"))
        assert "training data, n = 1" in said
        assert "smoothed" not in said
        assert len(service.export_curves(registry, 1, tmp_path / "out")) == 4


def test_a_diverged_epoch_leaves_a_gap(own):
    with own.db.write():
        own.db.connection.execute("UPDATE epochs SET loss = NULL, diverged = 1 WHERE epoch = 3 AND run_id <= 3")
        own.db.connection.execute("UPDATE epochs SET loss = 9e999 WHERE epoch = 4 AND run_id = 1")
    figure = curves_of(own, 1, "loss")
    mean = np.asarray(figure.axes[0].lines[3].get_ydata(), float)
    assert np.isnan(mean).tolist() == [epoch == 3 for epoch in range(1, 21)]
    assert "training data, mean ± sd, n = 2 to 3" in words(figure)
    assert render(figure, "svg")


def test_the_floor_of_the_smoothed_loss():
    published = {4: 0.349, 6: 0.421, 7: 0.446, 8: 0.467}
    assert {classes: round(smoothed_floor(0.1, classes), 3) for classes in published} == published
    assert smoothed_floor(0.0, 7) == 0


# t-SNE and confusion


def test_tsne_shows_every_test_utterance_once(registry):
    experiment = registry.experiments.get(1)
    found = gather.embedded(registry, experiment)
    assert (found.vectors.shape, found.vectors.dtype, found.folds) == ((40, 39), np.float32, 3)
    labels = [found.classes.index(u.label) for u in registry.corpora.utterances(experiment.corpus_id)]
    assert np.bincount(found.truth).tolist() == np.bincount(labels).tolist()
    with house_style():
        figure = draw_tsne(experiment, placed(registry, experiment), None)
    points = sum(len(one.get_offsets()) for one in figure.axes[0].collections)
    said = words(figure)
    assert points == 40
    assert "SAVEE: t-SNE of 40 test utterances, 3 folds" in said
    assert "The 3 folds are 3 networks" in said
    assert f"angry ({labels.count(0)})" in said


def test_tsne_of_one_fold_speaks_of_one_network(registry):
    experiment = registry.experiments.get(2)
    with house_style():
        said = words(draw_tsne(experiment, placed(registry, experiment, 2), 2))
    assert "7 test utterances, fold 2 of 10" in said
    assert "(optimistic)" in said
    assert "networks" not in said


def test_confusion_pools_the_folds(registry):
    experiment = registry.experiments.get(1)
    with house_style():
        figure = draw_confusion(experiment, gather.pooled(registry, experiment), None)
    cells = [text.get_text().split("\n") for text in figure.axes[0].texts]
    assert sum(int(count) for count, _ in cells) == 40
    wrong = sum(round((1 - run.war) * n) for run, n in zip(registry.runs.of_experiment(1), (14, 13, 13), strict=True))
    assert sum(int(cells[place * 8][0]) for place in range(7)) == 40 - wrong
    assert "Mean ± sd over n = 3 folds" in words(figure)


def test_a_class_without_utterances_has_a_dash_for_a_share(registry):
    experiment = registry.experiments.get(1)
    found = gather.pooled(registry, experiment)
    truth = np.where(found.truth == 3, 2, found.truth)
    with house_style():
        figure = draw_confusion(experiment, replace(found, truth=truth), None)
    assert [text.get_text() for text in figure.axes[0].texts][21:28] == ["–"] * 7


# files


def test_files_are_named_for_what_they_show(registry, tmp_path):
    names = [path.name for export in EXPORTS for path in export(registry, 2, tmp_path, ("PNG",))]
    names += [path.name for path in service.export_confusion(registry, 2, tmp_path, ("svg",), fold=1)]
    stem = "EMODB-2-random-best-test-optimistic"
    parts = ("accuracy.png", "loss.png", "tsne.png", "confusion.png", "confusion-fold1.svg")
    assert names == [f"{stem}-{part}" for part in parts]
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    assert (tmp_path / names[0]).read_bytes().startswith(b"\x89PNG\r\n")
    assert b"<svg" in (tmp_path / names[-1]).read_bytes()[:600]


def test_a_foreign_corpus_name_makes_no_path_and_no_formula(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry, "../$x_{$\x1b[1m", 40)
        add_experiment(registry, corpus, folds=3)
        run = start_next(registry)
        train(registry, run, 3)
        finish(registry, run)
        written = [path for export in EXPORTS for path in export(registry, 1, tmp_path / "out")]
    assert {path.parent for path in written} == {tmp_path / "out"}
    assert all(path.name.startswith("_x__1m-1-random-last-") for path in written)


@pytest.mark.parametrize("export", EXPORTS)
def test_two_exports_are_byte_identical(registry, tmp_path, export):
    first, second = (export(registry, 1, tmp_path / name) for name in ("a", "b"))
    assert {path.suffix for path in first} == {".png", ".svg"}
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_the_users_matplotlib_settings_neither_matter_nor_change(registry, tmp_path):
    plain = service.export_curves(registry, 1, tmp_path / "a", ("svg",))
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        changed = service.export_curves(registry, 1, tmp_path / "b", ("svg",))
        assert dict(matplotlib.rcParams) == before
    assert [path.read_bytes() for path in plain] == [path.read_bytes() for path in changed]


def test_one_figure_to_a_path_of_ones_own(registry, tmp_path):
    experiment = registry.experiments.get(1)
    accuracy = service.curves(registry, experiment, "accuracy", tmp_path / "x.svg")
    [same, _] = service.export_curves(registry, 1, tmp_path, ("svg",))
    assert accuracy.read_bytes() == same.read_bytes()
    for draw in (service.tsne_figure, service.confusion_figure):
        assert draw(registry, experiment, tmp_path / "y.png").stat().st_size > 10_000
    with pytest.raises(BadInput, match="cannot draw a figure as 'gif'"):
        service.curves(registry, experiment, "loss", tmp_path / "x.gif")
    with pytest.raises(BadInput, match="no curves of 'lr'; there are: accuracy, loss"):
        service.curves(registry, experiment, "lr", tmp_path / "x.png")


def test_no_figure_is_left_in_pyplot(registry, tmp_path):
    loaded = "matplotlib.pyplot" in sys.modules
    service.export_confusion(registry, 1, tmp_path, ("png",))
    assert ("matplotlib.pyplot" in sys.modules) == loaded


# bad input


@pytest.mark.parametrize("export", EXPORTS)
def test_bad_input_is_one_line_and_writes_nothing(registry, tmp_path, export):
    folder = tmp_path / "out"
    with pytest.raises(BadInput, match="cannot draw a figure as 'gif'; there are: png, svg"):
        export(registry, 1, folder, ("png", "gif"))
    with pytest.raises(BadInput, match="no image format"):
        export(registry, 1, folder, ())
    with pytest.raises(UnknownName, match="no experiment 99"):
        export(registry, 99, folder)
    (tmp_path / "file").write_text("here")
    with pytest.raises(BadInput, match="cannot write") as refused:
        export(registry, 1, tmp_path / "file")
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nothing_to_draw_yet(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry))
        with pytest.raises(BadInput, match="experiment 1 has no epoch to draw yet"):
            service.export_curves(registry, 1, tmp_path / "out")
        for export in (service.export_tsne, service.export_confusion):
            with pytest.raises(BadInput, match="experiment 1 has no finished fold yet"):
                export(registry, 1, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_fold_that_is_not_done_or_not_there(registry, tmp_path):
    for export in (service.export_tsne, service.export_confusion):
        with pytest.raises(BadInput, match=r"run 2\.4 is failed, not done"):
            export(registry, 2, tmp_path, fold=4)
        for fold in (0, 11):
            with pytest.raises(UnknownName, match=rf"no run 2\.{fold} here"):
                export(registry, 2, tmp_path, fold=fold)


def test_embeddings_that_are_gone_or_damaged(own, tmp_path):
    path = own.paths.run(own.runs.get("1.2").uid).embeddings
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadInput, match=r"cannot read the embeddings of run 1\.2"):
        service.export_tsne(own, 1, tmp_path / "out")
    np.save(path, np.zeros((3, 39), np.float32))
    with pytest.raises(BadInput, match="one vector for each of the 40 utterances"):
        service.export_tsne(own, 1, tmp_path / "out")
    np.save(path, np.zeros((40, 7), np.float32))
    with pytest.raises(BadInput, match=r"different widths: \[7, 39\]"):
        service.export_tsne(own, 1, tmp_path / "out")
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="cannot read"):
        service.export_tsne(own, 1, tmp_path / "out")
    path.unlink()
    with pytest.raises(BadInput, match=r"embeddings of run 1\.2 are gone"):
        service.export_tsne(own, 1, tmp_path / "out")
    with own.db.write():
        own.db.connection.execute("DELETE FROM artifacts")
    with pytest.raises(BadInput, match="left embeddings"):
        service.export_tsne(own, 1, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_the_old_file(registry, tmp_path, monkeypatch):
    [old] = service.export_confusion(registry, 1, tmp_path, ("png",))
    before = old.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BadInput, match="no space left"):
        service.export_confusion(registry, 1, tmp_path, ("png",))
    assert old.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
