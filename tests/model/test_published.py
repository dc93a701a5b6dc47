"""The authors' weights: read to their published scores, or refused in one line with nothing left behind."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.corpora.recordings import EMODB_WAVS, needs_emodb
from tests.model.authors import file_name, folds_of, hdf5, layers, write_zip
from tests.support import SHARED, add_corpus
from timnet.errors import BadInput, WeightsError
from timnet.model.published import MAX_FILE_BYTES, apply_published, name_and_seed, read_published, stack
from timnet.records import EventKind, RunState
from timnet.registry import Registry

EMODB_ZIP = SHARED / "upstream" / "EMODB_46.zip"
needs_published = pytest.mark.skipif(
    not EMODB_ZIP.is_file(), reason="the authors' weights are not beside the repository (../shared/upstream)"
)
FOLDS = 3
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
SMALL = {"classes": 3, "tabs": 2, "filters": 4}


def refusal(source: Path) -> str:
    """The one line that reading ``source`` ends with; nothing near it may change."""
    before = {path: path.stat().st_mtime_ns for path in source.parent.parent.rglob("*")}
    with pytest.raises(WeightsError) as caught:
        read_published(source)
    assert {path: path.stat().st_mtime_ns for path in source.parent.parent.rglob("*")} == before
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


# what is read


def test_folds_are_read_in_order_whatever_the_layers_numbers_are(place: Path) -> None:
    folds = read_published(write_zip(place / "EMODB_46.zip", folds_of(FOLDS, **SMALL)))
    assert [(one.fold, one.classes, one.tabs) for one in folds] == [(1, 3, 2), (2, 3, 2), (3, 3, 2)]
    for one in folds:
        original = stack_of(layers(seed=one.fold, **SMALL))
        assert all(np.array_equal(array, original[name]) for name, array in stack(one).items())


def stack_of(arrays: dict) -> dict:  # type: ignore[type-arg]
    """Our stacked arrays, written out by hand from the authors' order of creation."""
    conv = [arrays["conv1d" + (f"_{n}" if n else "")] for n in range(2 + 4 * 2)]
    norm = [arrays["batch_normalization" + (f"_{n}" if n else "")] for n in range(4 * 2)]
    expected: dict = {  # type: ignore[type-arg]
        "stem_kernel": np.stack([conv[0]["kernel:0"][0].T, conv[1]["kernel:0"][0].T]),
        "stem_bias": np.stack([conv[0]["bias:0"], conv[1]["bias:0"]]),
        "fusion": arrays["weight_layer"]["kernel:0"][:, 0],
        "head_kernel": arrays["dense"]["kernel:0"],
        "head_bias": arrays["dense"]["bias:0"],
        "kernel": np.empty((2, 2, 2, 2, 4, 4), np.float32),
        **{name: np.empty((2, 2, 2, 4), np.float32) for name in ("bias", *NORM)},
    }  # fmt: skip
    for tab in range(2):
        for direction in range(2):
            for half in range(2):
                made = 4 * tab + 2 * direction + half
                for tap in range(2):
                    expected["kernel"][tab, half, direction, tap] = conv[2 + made]["kernel:0"][tap].T
                expected["bias"][tab, half, direction] = conv[2 + made]["bias:0"]
                for name in NORM:
                    expected[name][tab, half, direction] = norm[made][f"{name}:0"]
    return expected


def test_a_folder_a_flat_zip_a_stored_zip_and_whole_models_read_the_same(place: Path) -> None:
    members = folds_of(FOLDS, **SMALL)
    flat = {Path(name).name: data for name, data in members.items()}
    (place / "folder" / "deep").mkdir(parents=True)
    for name, data in flat.items():
        (place / "folder" / "deep" / name).write_bytes(data)
    nested = {
        file_name(fold, FOLDS): hdf5(layers(seed=fold, first_number=fold * 40, **SMALL), nested=True)
        for fold in (1, 2, 3)
    }
    sources = [
        write_zip(place / "a.zip", members),
        write_zip(place / "b.zip", flat, zipfile.ZIP_STORED),
        write_zip(place / "c.zip", nested),
        place / "folder",
    ]
    first, *others = [[stack(one) for one in read_published(source)] for source in sources]
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_stray_files_are_passed_over(place: Path) -> None:
    stray = {
        "README.md": b"hello",
        "EMODB_46/": b"",
        "EMODB_46/10-fold_weights_best_1.hdf5/": b"",
        "__MACOSX/EMODB_46/._3-fold_weights_best_1.hdf5": b"Mac",
        "EMODB_46/.DS_Store": b"Mac",
        "EMODB_46/3-fold_weights_best_1.hdf5.bak": b"old",
        "EMODB_46/3-fold_weights_best_x.hdf5": b"no number",
    }
    source = write_zip(place / "EMODB_46.zip", {**stray, **folds_of(FOLDS, **SMALL)})
    assert [one.fold for one in read_published(source)] == [1, 2, 3]
    with zipfile.ZipFile(source) as archive:
        archive.extractall(place / "unzipped")
    assert [one.fold for one in read_published(place / "unzipped")] == [1, 2, 3]


def test_names_that_point_outside_are_read_and_nothing_is_written(place: Path) -> None:
    members = [*folds_of(FOLDS, **SMALL).values()]
    names = (f"../../{file_name(1, 3)}", f"/tmp/{file_name(2, 3)}", f"a/../../{file_name(3, 3)}")
    source = write_zip(place / "EMODB_46.zip", dict(zip(names, members, strict=True)))
    before = sorted(place.parent.rglob("*"))
    assert len(read_published(source)) == 3
    assert sorted(place.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EMODB_46.zip", ("EMODB", 46)), ("savee_44", ("SAVEE", 44)), ("EMODB_46 (1).zip", ("EMODB", 46)),
        ("EMODB.zip", (None, None)), ("weights.zip", (None, None)), ("46.zip", (None, None)),
    ],
)  # fmt: skip
def test_corpus_and_seed_are_read_from_the_name(name: str, expected: tuple[str | None, int | None]) -> None:
    assert name_and_seed(Path(name)) == expected


# what is refused


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_truncated_zip_is_refused(place: Path, share: float) -> None:
    source = write_zip(place / "EMODB_46.zip", folds_of(FOLDS, **SMALL))
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * share)])
    assert "download it again" in refusal(source)


def test_a_zip_with_a_damaged_byte_is_refused(place: Path) -> None:
    source = write_zip(place / "EMODB_46.zip", folds_of(FOLDS, **SMALL))
    with zipfile.ZipFile(source) as archive:
        second = archive.infolist()[1]
    data = bytearray(source.read_bytes())
    for offset in range(60, second.compress_size - 60, max(1, second.compress_size // 12)):
        damaged = bytearray(data)
        damaged[second.header_offset + offset] ^= 0xFF
        source.write_bytes(damaged)
        refusal(source)


def test_a_compression_and_a_password_that_we_cannot_read_are_refused(place: Path) -> None:
    source = write_zip(place / "EMODB_46.zip", folds_of(FOLDS, **SMALL))
    data = source.read_bytes()
    for field, value in ((10, b"\x63\x00"), (8, b"\x01\x00")):
        changed = bytearray(data)
        where = changed.find(b"PK\x01\x02")
        changed[where + field : where + field + 2] = value
        source.write_bytes(changed)
        assert "no readable zip" in refusal(source)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_fold_is_refused_by_its_number(place: Path, share: float) -> None:
    members = folds_of(FOLDS, **SMALL)
    name = f"EMODB_46/{file_name(2, 3)}"
    members[name] = members[name][: int(len(members[name]) * share)]
    assert refusal(write_zip(place / "EMODB_46.zip", members)).startswith(
        "fold 2 of EMODB_46.zip is no readable weights"
    )


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_missing_fold_is_refused_also_the_last(place: Path, missing: int) -> None:
    members = folds_of(FOLDS, **SMALL)
    del members[f"EMODB_46/{file_name(missing, 3)}"]
    left = ", ".join(str(fold) for fold in (1, 2, 3) if fold != missing)
    assert f"holds folds {left} of 3" in refusal(write_zip(place / "EMODB_46.zip", members))


@pytest.mark.parametrize(
    "names",
    [
        [file_name(1, 1)],
        [file_name(0, 2), file_name(1, 2)],
        [file_name(1, 2), file_name(9999, 2)],
        [file_name(1, 2), file_name(2, 2), f"copy/{file_name(2, 2)}"],
        [file_name(1, 2), file_name(2, 3)],
        [file_name(1, 2), file_name(2, 2), file_name(3, 2)],
    ],
)
def test_folds_that_are_no_whole_set_are_refused(place: Path, names: list[str]) -> None:
    data = hdf5(layers(**SMALL))
    assert "each is needed once" in refusal(write_zip(place / "EMODB_46.zip", dict.fromkeys(names, data)))


def test_what_holds_no_weights_is_refused(place: Path) -> None:
    (place / "empty").mkdir()
    (place / "text.zip").write_text("hello\n" * 100)
    assert "no such file or folder" in refusal(place / "gone.zip")
    assert "holds no published weights; they are named like" in refusal(place / "empty")
    assert "no readable zip" in refusal(place / "text.zip")
    assert "holds no published weights" in refusal(write_zip(place / "other.zip", {"a.txt": b"x"}))
    huge_number = "9" * 40
    assert "no published weights" in refusal(
        write_zip(
            place / "n.zip", {f"10-fold_weights_best_{huge_number}.hdf5": b"", "2-fold_weights_best_99999.h5": b""}
        )
    )


def test_a_file_that_is_too_large_is_refused_unread(place: Path) -> None:
    source = write_zip(place / "EMODB_46.zip", {file_name(1, 2): b"\0" * (MAX_FILE_BYTES + 1)})
    assert source.stat().st_size < MAX_FILE_BYTES / 100
    assert f"claims {MAX_FILE_BYTES + 1} bytes" in refusal(source)
    (place / "folder").mkdir()
    with (place / "folder" / file_name(1, 2)).open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    assert "too many for TIM-Net's weights" in refusal(place / "folder")


BIAS = "dense/dense/bias:0"


def put(make: Callable[[h5py.Group], object], at: str = BIAS) -> Callable[[h5py.Group], object]:
    """A change of a fold's file: ``make`` puts something else at ``at``."""

    def change(root: h5py.Group) -> None:
        del root[at]
        make(root)

    return change


def set_item(value: Callable[[h5py.Group], object], at: str = BIAS) -> Callable[[h5py.Group], object]:
    def make(root: h5py.Group) -> None:
        root[at] = value(root)

    return put(make, at)


def virtual(root: h5py.Group) -> None:
    layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(3,))
    root.create_virtual_dataset(BIAS, layout)


SPOILED: dict[str, Callable[[h5py.Group], object]] = {
    "an external link": set_item(lambda _: h5py.ExternalLink("/etc/passwd", "/x")),
    "a soft link": set_item(lambda _: h5py.SoftLink("/dense/dense/kernel:0")),
    "a dangling link": set_item(lambda _: h5py.SoftLink("/nowhere")),
    "an external link to a layer": set_item(lambda _: h5py.ExternalLink("other.h5", "/dense"), "dense"),
    "a soft link to a layer": set_item(lambda _: h5py.SoftLink("/conv1d"), "dense/dense"),
    "bytes of another file": put(
        lambda root: root.create_dataset(BIAS, (3,), "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])
    ),
    "a virtual dataset": put(virtual),
    "a huge claimed shape": put(lambda root: root.create_dataset(BIAS, (10**12,), "f4", chunks=(1024,))),
    "double precision": set_item(lambda _: np.zeros(3)),
    "whole numbers": set_item(lambda _: np.zeros(3, np.int32)),
    "texts": set_item(lambda _: ["a", "b", "c"]),
    "big-endian numbers": set_item(lambda _: np.zeros(3, ">f4")),
    "one number": set_item(lambda _: np.float32(1)),
    "nothing": put(lambda root: root.create_dataset(BIAS, data=h5py.Empty("f4"))),
    "a group": put(lambda root: root.create_group(BIAS)),
    "a type": set_item(lambda _: np.dtype("f4")),
    "numbers that are not finite": set_item(lambda _: np.array([1, np.nan, 1], np.float32)),
    "a dataset for a layer": set_item(lambda _: np.zeros(3, np.float32), "dense"),
    "a dataset for a layer's inner group": set_item(lambda _: np.zeros(3, np.float32), "dense/dense"),
    "a layer without its inner group": put(lambda root: root.create_group("dense/other"), "dense/dense"),
    "a layer without a part": put(lambda _: None),
    "a model's weights that are no group": put(lambda root: root.create_dataset("model_weights", data=[1.0])),
    "no head": put(lambda _: None, "dense"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_file_with_what_does_not_belong_there_is_refused(place: Path, what: str) -> None:
    members = folds_of(FOLDS, **SMALL)
    members[f"EMODB_46/{file_name(2, 3)}"] = hdf5(layers(**SMALL), change=SPOILED[what])
    assert refusal(write_zip(place / "EMODB_46.zip", members)).startswith("fold 2 of EMODB_46.zip ")


def one_norm_too_few(root: h5py.Group) -> None:
    del root["batch_normalization_3"]


def two_heads(root: h5py.Group) -> None:
    root.copy("dense", "dense_9")
    root.move("dense_9/dense", "dense_9/dense_9")


def kernels_of_two_sizes(root: h5py.Group) -> None:
    del root["conv1d_5/conv1d_5/kernel:0"]
    root["conv1d_5/conv1d_5/kernel:0"] = np.zeros((3, 4, 4), np.float32)


def flat_kernels(root: h5py.Group) -> None:
    for number in range(2, 10):
        del root[f"conv1d_{number}/conv1d_{number}/kernel:0"]
        root[f"conv1d_{number}/conv1d_{number}/kernel:0"] = np.zeros(4, np.float32)


@pytest.mark.parametrize("change", [one_norm_too_few, two_heads, kernels_of_two_sizes, flat_kernels])
def test_layers_that_make_no_tim_net_are_refused(place: Path, change: Callable[[h5py.Group], None]) -> None:
    source = write_zip(place / "x_1.zip", {file_name(fold, 2): hdf5(layers(**SMALL), change=change) for fold in (1, 2)})
    with pytest.raises(WeightsError, match=r"which is no TIM-Net|no TIM-Net's") as caught:
        stack(read_published(source)[0])
    assert str(caught.value).isprintable()


# through the child that evaluates and records


def run_import(db: Path, source: Path, cache: Path, corpus: str = "EMODB", seed: int | None = None) -> dict[str, int]:
    """Import within this process, whose TensorFlow is long since set up."""
    from timnet.training import published

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "prepare", lambda *_: "")
        return published.import_weights(published.Import(db, source, corpus, seed, cache), lambda _: None)


@pytest.fixture
def registered(tmp_path: Path) -> Path:
    """A registry that knows EMODB (seven classes, eight TABs) by its labels alone."""
    folder = tmp_path / "work"
    folder.mkdir()
    with Registry.open(folder / "runs.db") as registry:
        add_corpus(registry)
    return folder / "runs.db"


def recorded(db: Path) -> tuple[int, int, list[str]]:
    """How many experiments and runs there are, and which files beside the registry."""
    with Registry.open(db) as registry:
        counts = len(registry.experiments.ls()), len(registry.runs.ls())
    return *counts, sorted(path.name for path in db.parent.rglob("*") if not path.name.startswith("runs.db"))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "shape", "seed", "message"),
    [
        ("EMODB_46.zip", {"classes": 6}, None, "has 6 classes and 8 TABs; this corpus's network has 7 and 8"),
        ("EMODB_46.zip", {"tabs": 10}, None, "has 7 classes and 10 TABs; this corpus's network has 7 and 8"),
        ("EMODB_46.zip", {"filters": 20}, None, "they are weights of another network"),
        ("EMODB_46.zip", {"kernel": 3}, None, "they are weights of another network"),
        ("SAVEE_44.zip", {}, None, "holds weights of SAVEE by its name, not of EMODB"),
        ("EMODB_46.zip", {}, 47, "was trained on the folds of seed 46; with seed 47"),
        ("weights.zip", {}, None, "does not name the seed of its folds"),
    ],
)
def test_weights_of_something_else_are_refused_and_nothing_is_recorded(
    registered: Path, place: Path, name: str, shape: dict[str, int], seed: int | None, message: str
) -> None:
    source = write_zip(place / name, folds_of(2, **shape))
    with pytest.raises(WeightsError) as caught:
        run_import(registered, source, place / "cache", seed=seed)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert recorded(registered) == (0, 0, [])
    assert not (place / "cache").exists()


@pytest.mark.engine
def test_a_number_of_tabs_that_no_network_has_is_refused(registered: Path, place: Path) -> None:
    with pytest.raises(WeightsError, match="has 7 classes and 15 TABs"):
        run_import(registered, write_zip(place / "EMODB_46.zip", folds_of(2, tabs=15)), place / "cache")
    assert recorded(registered) == (0, 0, [])


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:  # type: ignore[type-arg]
    """Made-up features for the 70 utterances of the registered corpus."""
    from timnet.training import published
    from timnet.training.data import CorpusData

    made = np.random.default_rng(0).normal(0, 1, (70, 188, 39)).astype(np.float32)

    def load(corpus, *_: object) -> CorpusData:  # type: ignore[no-untyped-def]
        labels = np.array([corpus.classes.index(u.label) for u in corpus.utterances])
        return CorpusData(made, labels, corpus.classes)

    monkeypatch.setattr(published, "load_corpus", load)
    return made


@pytest.mark.engine
def test_an_import_is_an_experiment_whose_every_fold_is_done_and_labelled_optimistic(
    registered: Path,
    place: Path,
    features: np.ndarray,  # type: ignore[type-arg]
) -> None:
    from sklearn.metrics import accuracy_score, recall_score

    from timnet.model.network import NetworkShape, TimNet
    from timnet.model.weights import load_weights
    from timnet.protocols import random_folds

    source = write_zip(place / "EMODB_46.zip", folds_of(2))
    assert run_import(registered, source, place / "cache") == {"experiment": 1, "folds": 2}
    with Registry.open(registered) as registry:
        experiment = registry.experiments.get(1)
        assert (experiment.source, experiment.preset, experiment.selection, experiment.optimistic) == (
            "published", "published-weights", "best-test", True,
        )  # fmt: skip
        assert (experiment.seed, experiment.folds, experiment.protocol) == (46, 2, "random")
        labels = [u.label for u in registry.corpora.get("EMODB").utterances]
        for run, split, weights in zip(
            registry.runs.of_experiment(1), random_folds(70, 2, 46), read_published(source), strict=True
        ):
            assert (run.state, run.attempt, run.engine, run.optimistic) == (RunState.DONE, 1, "import", True)
            found = registry.results.predictions(run.id)
            assert found.item.tolist() == split.test.tolist()
            classes = registry.corpora.get("EMODB").classes
            assert [classes[truth] for truth in found.truth] == [labels[item] for item in split.test]
            assert run.war == pytest.approx(accuracy_score(found.truth, found.predicted), abs=1e-12)
            assert run.uar == pytest.approx(recall_score(found.truth, found.predicted, average="macro"), abs=1e-12)
            model = TimNet(NetworkShape(188, 7))
            apply_published(weights, model)
            logits = model(features[split.test])[0]
            expected = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
            np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
            kept = np.load(registry.paths.run(run.uid).embeddings)  # of every row of the corpus
            embedding = model(features)[1]
            np.testing.assert_allclose(kept, embedding, rtol=1e-4, atol=1e-5)
            again = TimNet(NetworkShape(188, 7))
            [final] = registry.results.checkpoints(run.id)
            load_weights(again, registry.paths.resolve(final.path))
            assert all(np.array_equal(a, b) for a, b in zip(model.weights, again.weights, strict=True))
            kinds = [event.kind for event in registry.results.events(run.id)]
            assert kinds == [EventKind.QUEUED, EventKind.IMPORTED, EventKind.DONE]


@pytest.mark.engine
@pytest.mark.usefixtures("features")
@pytest.mark.parametrize("failing", ["save_weights", "record_result"])
def test_an_import_that_breaks_off_leaves_neither_rows_nor_files(
    registered: Path, place: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    from timnet.training import published

    work, calls = getattr(published, failing), []

    def fail_on_the_second(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, os.strerror(28))
        work(*arguments)

    monkeypatch.setattr(published, failing, fail_on_the_second)
    with pytest.raises(BadInput, match="no space left on the disk"):
        run_import(registered, write_zip(place / "EMODB_46.zip", folds_of(2)), place / "cache")
    assert len(calls) == 2
    assert recorded(registered) == (0, 0, ["runs"])


@needs_emodb
@needs_published
@pytest.mark.engine
def test_the_published_weights_give_the_published_scores(tmp_path: Path) -> None:
    from timnet.corpora.service import add_corpus as add_real_corpus
    from timnet.tasks import Progress, run_task

    published = [0.9815, 1.0, 0.9074, 0.9259, 0.9259, 0.9434, 0.8302, 0.9811, 0.9245, 0.9623]
    with Registry.open(tmp_path / "runs.db") as registry:
        add_real_corpus(registry, "EMODB", EMODB_WAVS)
    told: list[Progress] = []
    words = [f"--db={tmp_path / 'runs.db'}", f"--source={EMODB_ZIP}", "--corpus=emodb", f"--cache={tmp_path / 'cache'}"]
    assert run_task("timnet.training.published", words, told.append) == {"experiment": 1, "folds": 10}
    with Registry.open(tmp_path / "runs.db") as registry:
        [experiment] = registry.experiments.ls()
        runs = registry.runs.of_experiment(1)
        tested = sorted(item for run in runs for item in registry.results.predictions(run.id).item)
    assert [run.war for run in runs] == pytest.approx(published, abs=0.02)
    assert np.mean([run.war for run in runs]) == pytest.approx(0.938, abs=0.004)
    assert (experiment.selection, experiment.optimistic, experiment.source) == ("best-test", True, "published")
    assert all(run.optimistic and run.state is RunState.DONE for run in runs)
    assert tested == list(range(535))
    assert [progress.text.partition(":")[0] for progress in told[-10:]] == [f"fold {fold}" for fold in range(1, 11)]


@needs_published
def test_the_real_file_cut_short_anywhere_is_refused(place: Path) -> None:
    data = EMODB_ZIP.read_bytes()
    for size in (1, 1000, len(data) // 3, len(data) - 500, len(data) - 1):
        (place / "EMODB_46.zip").write_bytes(data[:size])
        refusal(place / "EMODB_46.zip")


@needs_published
def test_a_real_fold_cut_short_anywhere_is_refused(place: Path) -> None:
    with zipfile.ZipFile(EMODB_ZIP) as archive:
        folds = {name: archive.read(name) for name in archive.namelist() if name.endswith(("_1.hdf5", "_2.hdf5"))}
    first, second = sorted(folds)
    whole = {file_name(1, 2): folds[first], file_name(2, 2): folds[second]}
    assert [one.classes for one in read_published(write_zip(place / "whole.zip", whole))] == [7, 7]
    for share in (0.001, 0.05, 0.3, 0.6, 0.95, 0.9999):
        data = folds[second][: int(len(folds[second]) * share)]
        assert "fold 2 of" in refusal(write_zip(place / "EMODB_46.zip", {**whole, file_name(2, 2): data}))
