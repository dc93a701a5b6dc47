"""What was trained elsewhere: weights, bundles, Keras logs, result sheets, arrays."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from random import Random

import h5py
import numpy as np

from tests.export.test_bundle import _test_what_the_protocol_says
from tests.fuzz.mutate import mutated, rezipped
from tests.fuzz.reader import Reader
from tests.imports.logs import ending, fold_text, rows_of, steady
from tests.imports.test_sheet import MATRIX, workbook
from tests.model.authors import folds_of, hdf5, layers
from tests.support import add_corpus, add_experiment, finish, start_next, train
from timnet.care.weights_files import history_of, why_unreadable
from timnet.errors import TimnetError
from timnet.export.bundle import MANIFEST, export_bundle
from timnet.imports.bundle import _check_arrays, import_bundle
from timnet.imports.service import LogImport, import_keras_log
from timnet.imports.sheet import read_sheets, turned
from timnet.model.published import check_shape, read_published
from timnet.records import Check, EpochMetrics, EpochRecord, EventKind
from timnet.registry import Registry

SMALL = {"classes": 3, "tabs": 1, "filters": 3}


# weights


@cache
def _second() -> bytes:
    return hdf5(layers(seed=2, first_number=40, **SMALL))


def _weight_files() -> list[bytes]:
    def packed(root: object) -> None:
        group = root["dense/dense"]  # type: ignore[index]
        values = group["kernel:0"][()]
        del group["kernel:0"]
        group.create_dataset("kernel:0", data=values, chunks=True, compression="gzip", shuffle=True)

    def linked(root: object) -> None:
        root["conv1d_9"] = h5py.SoftLink("/conv1d")  # type: ignore[index]

    return [
        hdf5(layers(**SMALL)), hdf5(layers(**SMALL), nested=True),
        hdf5(layers(**SMALL), change=packed), hdf5(layers(**SMALL), change=linked),
    ]  # fmt: skip


def _weights(data: bytes, folder: Path) -> None:
    source = folder / "EMODB_46"
    source.mkdir(exist_ok=True)
    (source / "2-fold_weights_best_1.hdf5").write_bytes(data)
    (source / "2-fold_weights_best_2.hdf5").write_bytes(_second())
    for one in read_published(source):
        check_shape(one, 3, 1)


def _weight_zip(data: bytes, folder: Path) -> None:
    (folder / "EMODB_46.zip").write_bytes(data)
    for one in read_published(folder / "EMODB_46.zip"):
        check_shape(one, 3, 1)


def _weight_zips() -> list[bytes]:
    found = []
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            for name, content in folds_of(2, **SMALL).items():
                archive.writestr(name, content)
        found.append(stream.getvalue())
    return found


# bundles


@cache
def _bundles() -> list[bytes]:
    with tempfile.TemporaryDirectory() as place, Registry.open(Path(place) / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry, "SAVEE", 14), folds=2, seed=44, tags=("paper",))
        for fold in range(2):
            run = start_next(registry)
            train(registry, run, 3)
            if fold == 0:  # the other one was cancelled
                finish(registry, run)
        with registry.db.write():
            registry.db.connection.execute("UPDATE runs SET state = 'cancelled' WHERE state = 'running'")
        _test_what_the_protocol_says(registry)
        return [export_bundle(registry, [1], Path(place) / "b.zip").read_bytes()]


@cache
def _empty_registry() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        Registry.open(Path(place) / "runs.db").close()
        return (Path(place) / "runs.db").read_bytes()


def _bundle(data: bytes, folder: Path) -> None:
    """Import it, and show what it brought."""
    from timnet.export.contract import run_details, to_json
    from timnet.export.service import export_table

    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "runs.db").write_bytes(_empty_registry())
    (folder / "b.zip").write_bytes(data)
    with Registry.open(home / "runs.db") as registry:
        try:
            import_bundle(registry, folder / "b.zip")
        except TimnetError:
            assert not registry.experiments.ls(), "a refused bundle has left an experiment"
            assert not [one for one in home.rglob("*") if one.is_file() and not one.name.startswith("runs.db")]
            raise
        for experiment in registry.experiments.ls():
            for run in registry.runs.of_experiment(experiment.id):
                to_json(run_details(registry, run))
            export_table(registry, [experiment.id], "csv")


def _change_bundle(data: bytes, random: Random, reader: Reader) -> bytes:
    """A member changed, and its digest with it; now and then the zip itself."""
    if random.random() < 0.15:
        return mutated(data, random, reader.words)

    def change(members: dict[str, bytes]) -> None:
        name = random.choice(sorted(members))
        members[name] = mutated(members[name], random, reader.words, list(members.values()))
        if random.random() < 0.1:
            members[random.choice(("../x", "/etc/x", "a/../../x", "a\\b", name.upper(), "C:x"))] = b"x"
        if name == MANIFEST:
            return
        about = json.loads(members[MANIFEST])
        about["files"] = {
            one: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for one, content in members.items()
            if one != MANIFEST
        }
        members[MANIFEST] = json.dumps(about).encode()

    return rezipped(data, random, change)


# logs and sheets


def _logs() -> list[bytes]:
    rows = rows_of((8, 4, 4, 6, 4, 7, 6), (12, 8, 5, 7, 7, 8, 7))
    text = "".join(fold_text(steady(3), 3) + ending(number, 0.6, rows) for number in (0, 1))
    keras3 = (
        "Epoch 1/2\n\x1b[1m1/1\x1b[0m \x1b[32m━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m2s\x1b[0m 2s/step - accuracy: 0.1 "
    )
    keras3 += "1/1 ━━━━━ 2s 2s/step - accuracy: 0.1482 - loss: 3.2468 - val_accuracy: 0.2037 - val_loss: 3.457\n"
    return [text.encode(), (text + "Average ACC: 0.7222\n").encode(), keras3.encode(), text.encode("utf-16")]


def _keras_log(data: bytes, folder: Path) -> None:
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "runs.db").write_bytes(_empty_registry())
    (folder / "log.txt").write_bytes(data)
    with Registry.open(home / "runs.db") as registry:
        import_keras_log(registry, LogImport(folder / "log.txt", "EMODB"))


def _parsed_log(data: bytes, _: Path) -> None:
    from timnet.imports.keras_log import parse_keras_log
    from timnet.imports.scores import scores_of_log

    for fold in parse_keras_log(io.BytesIO(data)).folds:
        scores_of_log(fold)


@cache
def _books() -> list[bytes]:
    with tempfile.TemporaryDirectory() as place:
        return [workbook(Path(place) / "r.xlsx", {"0": MATRIX, "1": MATRIX}).read_bytes()]


def _sheet(data: bytes, folder: Path) -> None:
    (folder / "r.xlsx").write_bytes(data)
    found, _ = turned(read_sheets(folder / "r.xlsx"), {1: {"a": 6, "b": 5, "c": 4}})
    for one in found:
        one.ordered(("a", "b", "c"))


def _change_book(data: bytes, random: Random, reader: Reader) -> bytes:
    if random.random() < 0.2:
        return mutated(data, random, reader.words)

    def change(members: dict[str, bytes]) -> None:
        name = random.choice(sorted(members))
        members[name] = mutated(members[name], random, reader.words, list(members.values()))

    return rezipped(data, random, change)


# arrays


def _arrays() -> list[bytes]:
    made = []
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, kernel=np.arange(12, dtype="<f4"), bias=np.zeros((2, 3)))
        made.append(stream.getvalue())
    for version in ((1, 0), (2, 0)):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.zeros((14, 39), "<f4"), version)
        made.append(stream.getvalue())
    return made


def _array(data: bytes, _: Path) -> None:
    _check_arrays(data, "embeddings.npy" if data.startswith(b"\x93") else "final.npz", 14)


def _change_arrays(data: bytes, random: Random, reader: Reader) -> bytes:
    if data.startswith(b"\x93") or random.random() < 0.4:
        return mutated(data, random, reader.words)

    def change(members: dict[str, bytes]) -> None:
        name = random.choice(sorted(members))
        members[name] = mutated(members[name], random, reader.words)

    return rezipped(data, random, change)


# resume points and embeddings, as they lie beside a registry that somebody gave us


def _resume_points() -> list[bytes]:
    metrics = EpochMetrics(1, 0.5, 0.6, 0.7, 0.5, 0.4, lr=0.001, seconds=1.5)
    checked = EpochRecord(metrics, Check(EventKind.CHECK_IMPROVED, "better"), 1, 0.7)
    told = {"best": {"epoch": 1, "value": 0.7}, "history": [asdict(checked)] * 2, "stopped_early": False}
    progress = np.frombuffer(json.dumps(told).encode(), np.uint8)
    made = []
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, model0=np.zeros((3, 2), "<f4"), optimizer0=np.ones(2), mean0=np.ones(2), progress=progress)
        made.append(stream.getvalue())
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.zeros((14, 39), "<f4"))
    return [*made, stream.getvalue()]


def _resume_point(data: bytes, folder: Path) -> None:
    path = folder / ("e.npy" if data.startswith(b"\x93") else "resume.npz")
    path.write_bytes(data)
    why_unreadable(path)
    history_of(path)


_XML = (
    b"<c>", b"</c>", b'r="XFD1048576"', b'r="A1"', b't="s"', b't="inlineStr"', b"<v>1</v>", b"&a;",
    b"<!DOCTYPE a [<!ENTITY a "
    b'"b">]>', b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>', b"dimension", b"sheet", b"definedName",
)  # fmt: skip
_LOG = (
    b"Epoch 1/3\n", b"Epoch 2/3\n", b"1/1 [====] - 2s 2s/step - ", b"loss: 0.5000 - ", b"val_loss: nan",
    b"improved to ",
    b"\b" * 80, b"\r", b"Model evaluation:  [0.5, 0.5]", b"weighted avg ", b"us/step", b"Average ACC: 1e999",
)  # fmt: skip
_NPY = (
    b"'descr': '|O'",
    b"'<f4'",
    b"True",
    b"(9223372036854775807, 2)",
    b"\x93NUMPY",
    b"'shape': ",
    b"PK\x03\x04",
    b"<U9",
)

READERS = (
    Reader("weights", _weight_files, _weights, (b"\x89HDF\r\n", b"TREE", b"SNOD", b"HEAP", b"OHDR"), share=4),
    Reader("weights-zip", _weight_zips, _weight_zip, (b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04"), share=3),
    Reader("bundle", _bundles, _bundle, (b'"state": ', b'"epoch": ', b"1e999", *_NPY), _change_bundle, share=5),
    Reader("keras-log", _logs, _keras_log, _LOG, share=3),
    Reader("keras-log-text", _logs, _parsed_log, _LOG, share=5),
    Reader("sheet", _books, _sheet, _XML, _change_book, share=4),
    Reader(
        "resume-point", _resume_points, _resume_point, (b'"epoch": ', b'"history": ', *_NPY), _change_arrays, share=3
    ),
    Reader("arrays", _arrays, _array, _NPY, _change_arrays, share=5),
)
