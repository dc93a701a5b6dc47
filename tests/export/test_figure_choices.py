"""What can be chosen about figures: bands, smoothing, cells, ways of placing, recalls, and a page of all corpora."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.text import Text
from scipy import stats

from tests.support import add_corpus, add_experiment, filled_registry, finish, start_next, train
from timnet.errors import BadInput, UnknownName
from timnet.evaluation import tsne as placing
from timnet.evaluation.bands import BANDS, band
from timnet.evaluation.bootstrap import bootstrap, recall_bootstrap
from timnet.evaluation.smoothing import smooth
from timnet.evaluation.tsne import library_for, standardised, tsne
from timnet.export import gather, service
from timnet.export.colours import TEST, colours_of
from timnet.export.figures.confusion import draw_confusion
from timnet.export.figures.curves import draw_curves
from timnet.export.figures.embeddings import draw_tsne
from timnet.export.figures.looks import CurveLook, MatrixLook
from timnet.export.figures.recall import draw_recall
from timnet.export.figures.style import house_style
from timnet.export.page import DRAWINGS, export_page
from timnet.export.placed import Placing, place, placed
from timnet.features.cache import FeatureCache
from timnet.registry import Registry

fractions = st.lists(st.floats(0, 1) | st.none() | st.just(math.nan), max_size=12)


def words(figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


# bands


@given(fractions, st.sampled_from(list(BANDS)))
def test_a_band_is_what_it_says(values, kind):
    known = [value for value in values if value is not None and math.isfinite(value)]
    found = band(values, kind)
    if len(known) < 2:
        assert found is None
        return
    mean, sd = statistics.fmean(known), statistics.stdev(known)
    error = sd / math.sqrt(len(known))
    expected = {
        "sd": (mean - sd, mean + sd),
        "se": (mean - error, mean + error),
        "ci": stats.t.interval(0.95, len(known) - 1, mean, error) if error else (mean, mean),
        "range": (min(known), max(known)),
    }[kind]
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_bands_and_smoothing_that_are_none():
    with pytest.raises(BadInput, match="no band 'iqr'; there are: sd, se, ci, range"):
        CurveLook("iqr")
    for weight in (-0.1, 1.0, math.nan):
        with pytest.raises(BadInput, match="out of range"):
            CurveLook("sd", weight)
    with pytest.raises(BadInput, match="no cells 'all'"):
        MatrixLook("all")


def test_the_line_is_smooth_and_the_band_is_measured(registry):
    experiment = registry.experiments.get(1)
    curves = gather.fold_curves(registry, experiment, "accuracy")
    with house_style():
        figure = draw_curves(experiment, curves, 7, CurveLook("range", 0.9))
    lines = [np.asarray(one.get_ydata(), float) for one in figure.axes[0].lines if one.get_color() == TEST]
    *folds, mean, smoothed = lines
    assert np.allclose(mean, np.mean(folds, axis=0))
    assert np.allclose(smoothed, smooth(mean.tolist(), 0.9))
    edges = figure.axes[0].collections[1].get_paths()[0].vertices[:, 1]
    assert math.isclose(edges.max(), np.max(folds))
    said = words(figure)
    assert "mean, min to max, n = 3" in said
    assert "weight 0.9" in said


def test_a_choice_is_in_the_files_name(registry, tmp_path):
    made = [
        *service.export_curves(registry, 2, tmp_path, ("svg",), look=CurveLook("ci", 0.5)),
        *service.export_confusion(registry, 2, tmp_path, ("svg",), look=MatrixLook("percent"), dark=True),
        *service.export_tsne(registry, 2, tmp_path, ("svg",), fold=1, placing=Placing(5, 3, True, True)),
        *service.export_recall(registry, 2, tmp_path, ("svg",), fold=2),
    ]
    stem = "EMODB-2-random-best-test-optimistic"
    assert [path.name for path in made] == [
        f"{stem}-accuracy-ci-smooth0.5.svg",
        f"{stem}-loss-ci-smooth0.5.svg",
        f"{stem}-confusion-percent.svg",
        f"{stem}-tsne-fold1-all-scaled-perplexity5-seed3.svg",
        f"{stem}-recall-fold2.svg",
    ]


@pytest.mark.parametrize(("cells", "shown"), [("counts", "5"), ("percent", "83.3"), ("both", "5\n83.3%")])
def test_cells_hold_what_was_asked_for(registry, cells, shown):
    experiment = registry.experiments.get(1)
    with house_style():
        figure = draw_confusion(experiment, gather.pooled(registry, experiment), None, MatrixLook(cells))
    assert figure.axes[0].texts[1].get_text() == shown


# recalls


def test_recalls_are_those_of_the_pooled_predictions(registry):
    experiment = registry.experiments.get(1)
    found = gather.recalls_of(registry, experiment)
    pooled = gather.pooled(registry, experiment)
    for index, one in enumerate(found.scores.recalls):
        here = pooled.truth == index
        assert one.recall == (pooled.predicted[here] == index).mean()
    assert found.intervals.unit == "speakers"
    with house_style():
        figure = draw_recall(experiment, found, None)
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars[1:]] == [one.recall for one in found.scores.recalls]
    said = words(figure)
    for part in ("SAVEE: recall of each class, 3 folds", "protocol random", "draws of 10 speakers", "n = 40"):
        assert part in said


def test_recall_intervals_of_one_speaker_each_are_those_of_the_binomial():
    """Where every utterance is a speaker of its own and no other class is there, draws are binomial."""
    truth = np.zeros(200, int)
    predicted = (np.arange(200) < 40).astype(int)
    found = recall_bootstrap(truth, predicted, 2, [str(place) for place in range(200)], replicates=20000)
    interval, none = found.recalls
    low, high = stats.binom.ppf([0.025, 0.975], 200, 0.8) / 200
    assert abs(interval.low - low) <= 0.01
    assert abs(interval.high - high) <= 0.01
    assert none is None
    same = bootstrap(truth, predicted, 2, [str(place) for place in range(200)], replicates=20000)
    assert same.uar == interval


def test_a_class_that_only_one_speaker_has_is_missing_from_some_draws():
    truth, predicted = [0, 0, 0, 0, 1], [0, 0, 1, 0, 1]
    found = recall_bootstrap(truth, predicted, 2, ["a", "b", "c", "d", "d"], replicates=4000)
    assert found.least == pytest.approx(1 - 0.75**4, abs=0.03)
    assert (found.recalls[1].low, found.recalls[1].high) == (1, 1)
    with pytest.raises(BadInput, match="no predictions"):
        recall_bootstrap([], [], 2)


# t-SNE


def test_all_utterances_by_one_network_are_told_apart(registry):
    experiment = registry.experiments.get(1)
    made = placed(registry, experiment, 2, Placing(everything=True))
    found = made.embedded
    run = registry.runs.get("1.2")
    tested = registry.results.predictions(run.id)
    assert np.array_equal(np.flatnonzero(~found.seen), tested.item)
    assert np.array_equal(found.vectors, np.load(registry.paths.run(run.uid).embeddings))
    assert [found.classes[label] for label in found.truth] == [
        one.label for one in registry.corpora.utterances(experiment.corpus_id)
    ]
    with house_style():
        figure = draw_tsne(experiment, made, 2)
    said = words(figure)
    assert "t-SNE of all 40 utterances by the network of fold 2" in said
    assert "13 test utterances, and faint the 27 that it was trained on" in said
    clouds = [one for one in figure.axes[0].collections if isinstance(one, PathCollection)]
    assert sum(len(one.get_offsets()) for one in clouds if one.get_alpha() < 0.5) == 27
    with pytest.raises(BadInput, match="name its fold"):
        placed(registry, experiment, None, Placing(everything=True))


def test_other_ways_of_placing_leave_the_kept_places_alone(registry):
    experiment = registry.experiments.get(1)
    usual = placed(registry, experiment)
    path = registry.paths.run(registry.runs.get("1.1").uid).places(whole=True)
    before = path.read_bytes()
    other = placed(registry, experiment, None, Placing(perplexity=5, seed=1, scaled=True))
    assert path.read_bytes() == before
    assert not np.array_equal(other.places, usual.places)
    assert (other.perplexity, other.library, other.scaled) == (5, "scikit-learn", True)
    for seed in (-1, 2**32):
        with pytest.raises(BadInput, match="a seed is a number from 0"):
            place(usual.embedded, usual.embedded.vectors, experiment, Placing(seed=seed))


def test_standardised_columns():
    vectors = np.array([[1, 5], [3, 5], [8, 5]], np.float32)
    scaled = standardised(vectors)
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(scaled.std(axis=0), [1, 0], atol=1e-6)


def test_many_points_are_placed_by_opentsne_the_same_each_time(monkeypatch):
    monkeypatch.setattr(placing, "LARGE", 50)
    assert library_for(50)[0] == "scikit-learn"
    assert library_for(51)[0] == "openTSNE"
    generator = np.random.default_rng(3)
    label = np.arange(80) % 2
    points = (generator.normal(size=(80, 5)) + 20 * label[:, None]).astype(np.float32)
    first, again = tsne(points, 7, 10), tsne(points, 7, 10)
    assert np.array_equal(first, again)
    apart = np.linalg.norm(first[label == 0].mean(axis=0) - first[label == 1].mean(axis=0))
    assert apart > 2 * first[label == 0].std()


def test_without_opentsne_scikit_learn_places_many(monkeypatch):
    def missing(name):
        if name == "opentsne":
            raise placing.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(placing, "version", missing)
    assert library_for(10**6) == ("scikit-learn", "1.0")


def test_the_input_stands_beside_the_network(registry, tmp_path, monkeypatch):
    experiment = registry.experiments.get(1)
    corpus = registry.corpora.by_id(experiment.corpus_id)
    with pytest.raises(BadInput, match="extract them: timnet corpora features SAVEE"):
        service.export_tsne(registry, 1, tmp_path / "out", ("svg",), mfcc=tmp_path / "cache")
    features = np.random.default_rng(0).normal(size=(40, 188, 39)).astype("<f4")
    wanted = {one: features[one].mean(axis=0, dtype=np.float64) for one in range(40)}
    cache = FeatureCache(tmp_path / "cache")
    with cache.locked("k"):
        path = cache.write("k", features.shape, iter(features), {})
    monkeypatch.setattr("timnet.features.build.find_features", lambda *_: path)
    means = gather.mfcc_means(registry, experiment, tmp_path / "cache", np.array([5, 0, 39]))
    assert np.allclose(means, [wanted[5], wanted[0], wanted[39]], atol=1e-6)
    made = placed(registry, experiment)
    with house_style():
        given = gather.mfcc_means(registry, experiment, tmp_path / "cache", made.embedded.item)
        figure = draw_tsne(experiment, made, None, place(made.embedded, given, experiment, Placing()))
    assert len(figure.axes) == 2
    assert "each its mean over all frames" in words(figure)
    assert corpus.name in words(figure)


# a page


def test_a_page_shows_the_newest_of_each_corpus_with_all_labels(registry, tmp_path):
    [path] = export_page(registry, tmp_path, ("svg",))
    assert path.name == "page-tsne-random-best-test-optimistic+random-last-all.svg"


@pytest.mark.parametrize("what", DRAWINGS)
def test_a_page_of_each_kind_is_byte_identical(registry, tmp_path, what):
    first, second = (
        export_page(registry, tmp_path / name, ("svg", "pdf", "png"), what=what, experiments=[2, 1]) for name in "ab"
    )
    assert len(first) == 3
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_colours_on_a_page_are_those_of_each_corpus(tmp_path):
    from timnet.export.figures.page import Panel, classes_in_order

    with filled_registry(tmp_path / "runs.db") as registry:
        experiment = registry.experiments.get(1)
        scores = gather.pooled(registry, experiment).scores
        panel = Panel(experiment, scores, ("angry", "zest", "sad"), lambda _: None)
        order = classes_in_order(panel.classes, [panel])
    assert list(order) == ["angry", "sad", "zest"]
    assert {name: colour for name, (colour, _) in order.items()} == colours_of(panel.classes)


def test_a_page_of_nothing(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        with pytest.raises(BadInput, match="no experiment here has a finished fold yet"):
            export_page(registry, tmp_path)
        add_experiment(registry, replace(add_corpus(registry)), folds=3)
        with pytest.raises(BadInput, match="experiment 1 has no finished fold yet"):
            export_page(registry, tmp_path, experiments=[1])
        with pytest.raises(UnknownName):
            export_page(registry, tmp_path, experiments=[9])
        with pytest.raises(BadInput, match="no page of 'roc'"):
            export_page(registry, tmp_path, what="roc")
        run = start_next(registry)
        train(registry, run, 2)
        finish(registry, run)
        assert len(export_page(registry, tmp_path, ("png",), what="curves")) == 1
