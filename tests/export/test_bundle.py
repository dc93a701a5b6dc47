"""Bundles: out of one registry and into another, the same table, and nothing that is not what it says."""

import hashlib
import json
import os
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import add_corpus, add_experiment, filled_registry, start_next
from timnet.errors import BadInput, UnknownName
from timnet.export import service
from timnet.export.bundle import command_of, export_bundle
from timnet.export.table_files import render_table
from timnet.export.tables import TableRequest, build
from timnet.imports import zipped
from timnet.imports.bundle import import_bundle
from timnet.protocols import make_folds
from timnet.provenance import Code, Commit, keep_diff
from timnet.records import RunState, TrainingConfig
from timnet.registry import Registry
from timnet.states import Command

NEVER = (1980, 1, 1, 0, 0, 0)
CHANGES = b"diff --git a/timnet/x.py b/timnet/x.py\n+\x1b[2J\xff\n"
DIGEST = hashlib.sha256(CHANGES).hexdigest()
CODE = Code(
    "0.1.0", "a" * 64, "b" * 64, "3.11.7", (("numpy", "2.4.6"),), "Linux", "x86_64", Commit("c" * 40, True, DIGEST)
)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A registry whose folds are those of its protocol, so that a bundle of it holds together."""
    with filled_registry(tmp_path_factory.mktemp("ours") / "runs.db") as registry:
        _test_what_the_protocol_says(registry)
        registry.runs.command(Command.CANCEL, ["2.3", "2.5", "2.6"])
        with registry.db.write():
            registry.db.connection.execute("UPDATE runs SET state = 'cancelled' WHERE state = 'running'")
        registry.experiments.tag(1, ["final"])
        registry.experiments.note(1, "line\nwith, commas")
        with registry.db.write():
            for number, code in ((1, replace(CODE, commit=None)), (2, CODE)):
                row = (json.dumps(code.to_dict()), number)
                registry.db.connection.execute("UPDATE experiments SET code = ? WHERE id = ?", row)
        keep_diff(registry.paths, CHANGES)
        yield registry


def _test_what_the_protocol_says(registry):
    """The helpers test every k-th utterance; give each fold the predictions of its own test rows instead."""
    from timnet.evaluation.scores import confusion, uar, war

    for experiment in registry.experiments.ls():
        corpus = registry.corpora.by_id(experiment.corpus_id)
        folds = make_folds(experiment.protocol, corpus.utterances, experiment.folds, experiment.seed)
        for run in registry.runs.of_experiment(experiment.id):
            if run.state is not RunState.DONE:
                continue
            truth = [corpus.classes.index(corpus.utterances[row].label) for row in folds[run.fold - 1].test]
            called = [(label + (place < run.fold)) % 7 for place, label in enumerate(truth)]
            matrix = confusion(truth, called, 7)
            chances = np.random.default_rng(run.id).dirichlet(np.ones(7), len(truth)).astype("<f4")
            with registry.db.write():
                connection = registry.db.connection
                connection.execute("DELETE FROM predictions WHERE run_id = ?", (run.id,))
                rows = zip(folds[run.fold - 1].test.tolist(), truth, called, chances, strict=True)
                connection.executemany(
                    "INSERT INTO predictions VALUES (?, ?, ?, ?, ?)",
                    [(run.id, item, true, said, chance.tobytes()) for item, true, said, chance in rows],
                )
                connection.execute("UPDATE runs SET uar = ?, war = ? WHERE id = ?", (uar(matrix), war(matrix), run.id))
            weights = registry.paths.run(run.uid).final_weights
            with weights.open("wb") as stream:
                np.savez(stream, kernel=np.arange(run.id, dtype=np.float32))
            with registry.db.write():
                connection.execute(
                    "INSERT INTO checkpoints VALUES (?, 'final', 20, ?, NULL, NULL, 1, '2026')",
                    (run.id, registry.paths.relative(weights)),
                )


@pytest.fixture(scope="module")
def made(ours, tmp_path_factory):
    return export_bundle(ours, [1, 2], tmp_path_factory.mktemp("made") / "b.zip")


@pytest.fixture
def theirs(tmp_path):
    with Registry.open(tmp_path / "theirs" / "runs.db") as registry:
        yield registry


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "theirs").mkdir()


def tables(registry) -> list[bytes]:
    """Every table of everything."""
    texts = [
        service.export_table(registry, [1, 2], form, folds=f) for form in ("csv", "json", "markdown") for f in (0, 1)
    ]
    pivot = build(registry, TableRequest("corpus", "source"))
    return [*(str(text).encode() for text in texts), *(render_table(pivot, form) for form in ("latex", "json", "csv"))]


def test_the_same_tables_come_out(ours, made, theirs):
    told = import_bundle(theirs, made)
    assert told.experiments == ((2, 2), (1, 1))
    assert not told.notes
    assert tables(theirs) == tables(ours)


def test_everything_that_was_measured_comes_through(ours, made, theirs):
    import_bundle(theirs, made)
    for experiment in ours.experiments.ls():
        there = theirs.experiments.get(experiment.id)
        fields = ("uid", "protocol", "preset", "selection", "optimistic", "config", "seed", "folds", "note", "tags")
        assert [getattr(there, name) for name in fields] == [getattr(experiment, name) for name in fields]
        assert there.source == "bundle"
        assert theirs.experiments.code(there.id) == ours.experiments.code(experiment.id)
        assert theirs.corpora.by_id(there.corpus_id).utterances == ours.corpora.by_id(experiment.corpus_id).utterances
        for own, run in zip(ours.runs.of_experiment(experiment.id), theirs.runs.of_experiment(there.id), strict=True):
            assert theirs.results.epochs(run.id) == ours.results.epochs(own.id)
            assert (run.best_epoch, run.best_value, run.epoch) == (own.best_epoch, own.best_value, own.epoch)
            assert run.smooth_val_uar == own.smooth_val_uar
            before = [(e.time, e.kind, e.epoch, e.text) for e in ours.results.events(own.id)]
            after = [(e.time, e.kind, e.epoch, e.text) for e in theirs.results.events(run.id)]
            assert [one for one in after if one in before] == before
            if own.state is not RunState.DONE:
                assert run.state is RunState.CANCELLED
                continue
            for kept, copied in zip(*(vars_of(r.results.predictions(i)) for r, i in ((ours, own.id), (theirs, run.id))),
                                    strict=True):  # fmt: skip
                assert kept.tobytes() == copied.tobytes()
            for name in ("embeddings", "final_weights"):
                paths = [getattr(r.paths.run(one.uid), name) for r, one in ((ours, own), (theirs, run))]
                assert paths[0].read_bytes() == paths[1].read_bytes()
            assert [one.kind for one in theirs.results.checkpoints(run.id)] == ["final"]


def vars_of(predictions):
    return [predictions.item, predictions.truth, predictions.predicted, predictions.probabilities]


def test_what_was_changed_in_the_code_travels_as_it_is_and_is_not_needed(ours, made, theirs, tmp_path):
    with Registry.open(tmp_path / "without.db") as another:
        import_bundle(another, rewritten(made, tmp_path / "b.zip", lambda files: files.pop(f"code/{DIGEST}.diff")))
        assert another.experiments.code(2) == CODE
        assert not another.paths.code.exists()
        (tmp_path / "b.zip").unlink()
        gone = export_bundle(another, [2], tmp_path / "b.zip")
        with zipfile.ZipFile(gone) as archive:
            assert not [name for name in archive.namelist() if name.startswith("code/")]
    import_bundle(theirs, made)
    assert theirs.paths.diff(DIGEST).read_bytes() == CHANGES
    theirs.paths.diff(DIGEST).write_bytes(b"another")
    with zipfile.ZipFile(export_bundle(theirs, [2], tmp_path / "c.zip")) as archive:
        assert not [name for name in archive.namelist() if name.startswith("code/")], "not what the experiment names"


def test_a_bundle_that_fails_half_way_leaves_no_changes(ours, made, theirs, tmp_path):
    import_bundle(theirs, export_bundle(ours, [1], tmp_path / "first.zip"))
    with pytest.raises(BadInput, match="experiment 1 of the bundle is here already"):
        import_bundle(theirs, made)  # after experiment 2 with its changes
    assert list(theirs.paths.code.iterdir()) == []


def test_nothing_of_it_waits_or_can_be_trained_on(made, theirs):
    import_bundle(theirs, made)
    assert theirs.runs.ls("state:queued") == []
    assert theirs.corpora.ls() == []
    with pytest.raises(BadInput, match="it was trained elsewhere"):
        theirs.runs.command(Command.RETRY, ["2.3"])


def test_the_corpus_that_is_here_stays_the_current_one(ours, made, theirs):
    other = add_corpus(theirs, "EMODB", 35)
    with theirs.db.write():
        theirs.db.connection.execute("UPDATE corpora SET digest = 'mine' WHERE id = ?", (other.id,))
    same = add_corpus(theirs, "SAVEE", 40, path="here")
    import_bundle(theirs, made)
    assert theirs.corpora.get("EMODB").id == other.id
    assert theirs.corpora.get("SAVEE").path == "here"
    assert theirs.experiments.get(1).corpus_id == same.id


def test_two_bundles_are_byte_identical(ours, made, tmp_path):
    assert export_bundle(ours, [2, 1, 1], tmp_path / "again.zip").read_bytes() == made.read_bytes()
    with zipfile.ZipFile(made) as archive:
        assert {info.date_time for info in archive.infolist()} == {NEVER}
        manifest = json.loads(archive.read("manifest.json"))
        for name, about in manifest["files"].items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == about["sha256"]
        assert {*manifest["files"], "manifest.json"} == set(archive.namelist())
        assert not any(b'corpus"' in archive.read(n) and b"/tmp" in archive.read(n) for n in archive.namelist())


def test_what_is_here_already_or_whose_number_is_taken(ours, made, theirs):
    with pytest.raises(BadInput, match="experiment 2 of the bundle is here already, as 2"):
        import_bundle(ours, made)
    assert len(ours.experiments.ls()) == 2
    add_experiment(theirs, add_corpus(theirs, "OTHER"))
    told = import_bundle(theirs, made)
    assert told.experiments == ((2, 2), (1, 3))
    assert told.notes == ("experiment 1 of the bundle is 3 here: its number is taken",)


def test_the_same_version_with_other_utterances_is_refused(made, theirs):
    add_corpus(theirs, "SAVEE", 30)
    with pytest.raises(BadInput, match="the bundle's utterances of SAVEE are not those of the same version here"):
        import_bundle(theirs, made)
    assert theirs.experiments.ls() == []
    assert not list(theirs.paths.runs.glob("*"))


# bundles that are not what they say


def rewritten(made, path, change, *, digests=True):
    """The bundle with ``change(files)`` done to its files, and the manifest's digests set right unless told."""
    with zipfile.ZipFile(made) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    if digests and "manifest.json" in files:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {
            name: {"sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
            if name != "manifest.json"
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, NEVER), data, zipfile.ZIP_DEFLATED)
    return path


def edit(name, **values):
    def change(files):
        files[name] = json.dumps({**json.loads(files[name]), **values}).encode()

    return change


E1, F1 = "experiments/1/experiment.json", "experiments/1/fold-001"
E2 = "experiments/2/experiment.json"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit(E1, selection="best-inner"), "its selection is best-inner, but its settings mean last"),
        (edit(E1, config={"epochs": "many"}), "does not hold what it should"),
        (edit(E1, config={"nothing": 1}), "unknown setting 'nothing'"),
        (edit(E1, corpus=7), "it names no corpus"),
        (edit(E1, folds=2), "its folds are not numbered from 1 to 2"),
        (edit(E1, tags=["a b"]), "cannot be a tag"),
        (edit(f"{F1}/run.json", uar=0.99), "its predictions give a score of"),
        (edit(f"{F1}/run.json", war=7), "7.0 is no score"),
        (edit(f"{F1}/run.json", state="perfect"), "does not hold what it should"),
        (edit("experiments/1/folds.json", **{"1": {"test": [0, 1]}}), "not of the utterances that its fold tests"),
        (edit("corpora/2/corpus.json", classes=["a", "b"]), "is no class of the corpus"),
        (lambda files: files.update({f"{F1}/final.npz": b"PK"}), "final.npz: it is damaged"),
        (lambda files: files.update({f"{F1}/events.json": b"[{}]"}), "does not hold what it should"),
        (lambda files: files.update({f"{F1}/epochs.json": b"[1"}), "is no JSON"),
        (lambda files: files.update({f"{F1}/epochs.json": b"[NaN]"}), "is no JSON"),
        (lambda files: files.pop(f"{F1}/run.json"), "is not in it"),
        (edit(E2, code={**CODE.to_dict(), "timnet": "\x1b[2J"}), "timnet is"),
        (edit(E2, code="0.1.0"), "the code that was queued is no table"),
        (edit(E2, code={**CODE.to_dict(), "git": {**CODE.to_dict()["git"], "diff": "../x"}}), "diff is '../x'"),
        (lambda files: files.update({f"code/{DIGEST}.diff": b"other"}), "are not what their name says"),
        (lambda files: files.update({f"code/{DIGEST}.diff": os.urandom(1_000_001)}), "or longer than 1 MB"),
        (edit("manifest.json", format="other"), "is no bundle that this timnet knows"),
        (edit("manifest.json", version=2), "install a newer timnet"),
        (edit("manifest.json", experiments=["x"]), "does not hold what it should"),
        (edit("manifest.json", experiments=[]), "holds no experiment"),
        (lambda files: files.pop("manifest.json"), "has no manifest.json"),
        (lambda files: files.update({"../evil": b""}), "is no plain file inside it"),
        (lambda files: files.update({"/etc/evil": b""}), "is no plain file inside it"),
        (lambda files: files.update({"a\\..\\b": b""}), "is no plain file inside it"),
        (lambda files: files.update({"zeros": b"\0" * 4_000_000}), "which is too much for a bundle"),
    ],
)
def test_a_bundle_that_cannot_be_is_refused_and_leaves_nothing(made, theirs, tmp_path, change, said):
    path = rewritten(made, tmp_path / "bad.zip", change)
    with pytest.raises(BadInput, match=said) as refused:
        import_bundle(theirs, path)
    assert "\n" not in str(refused.value)
    assert theirs.experiments.ls() == []
    assert {one.name for one in tmp_path.iterdir()} == {"bad.zip", "theirs"}
    assert not theirs.paths.runs.exists()
    assert not theirs.paths.code.exists()


def test_embeddings_that_hold_objects_are_refused(made, theirs, tmp_path):
    def change(files):
        np.save(tmp_path / "o.npy", np.array([[{}]], dtype=object), allow_pickle=True)
        files[f"{F1}/embeddings.npy"] = (tmp_path / "o.npy").read_bytes()

    with pytest.raises(BadInput, match="embeddings"):
        import_bundle(theirs, rewritten(made, tmp_path / "bad.zip", change))


def test_what_does_not_match_the_manifest(made, theirs, tmp_path):
    for change, said in (
        (lambda files: files.update({"README.md": b"other"}), "README.md is not what its manifest says"),
        (lambda files: files.update({"more.txt": b""}), "more.txt is in the manifest or in the zip, but not in both"),
        (lambda files: files.pop("README.md"), "README.md is in the manifest or in the zip, but not in both"),
    ):
        with pytest.raises(BadInput, match=said):
            import_bundle(theirs, rewritten(made, tmp_path / "bad.zip", change, digests=False))


def test_links_and_too_many_files(made, tmp_path, theirs, monkeypatch):
    link = tmp_path / "link.zip"
    with zipfile.ZipFile(link, "w") as archive:
        info = zipfile.ZipInfo("manifest.json", NEVER)
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(BadInput, match="is no plain file inside it"):
        import_bundle(theirs, link)
    for name, said in (("MOST_FILES", "more than 3 are not taken"), ("MOST_BYTES", "more than 3 are not taken"),
                       ("LARGEST_FILE", "too much for a bundle")):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(zipped, name, 3)
            with pytest.raises(BadInput, match=said):
                import_bundle(theirs, made)
    for path in (tmp_path / "missing.zip", tmp_path):
        with pytest.raises(BadInput, match="no such file"):
            import_bundle(theirs, path)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_damaged_byte_is_refused_or_harmless(made, tmp_path_factory, data):
    """A flipped byte anywhere ends in one line or in the same experiments, never in anything else."""
    whole = bytearray(made.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "b.zip").write_bytes(whole)
    with Registry.open(folder / "runs.db") as registry:
        try:
            import_bundle(registry, folder / "b.zip")
        except BadInput as error:
            assert "\n" not in str(error)  # noqa: PT017
            assert registry.experiments.ls() == []
        else:
            assert len(registry.experiments.ls()) == 2


# what can be bundled


def test_what_cannot_be_bundled(ours, tmp_path):
    with pytest.raises(BadInput, match=r"let it end with \.zip"):
        export_bundle(ours, [1], tmp_path / "b.tar")
    with pytest.raises(UnknownName):
        export_bundle(ours, [9], tmp_path / "b.zip")
    with pytest.raises(BadInput, match="no experiment to bundle"):
        export_bundle(ours, [], tmp_path / "b.zip")
    with filled_registry(tmp_path / "runs.db") as registry:
        with pytest.raises(BadInput, match=r"run 2\.3 is running"):
            export_bundle(registry, [2], tmp_path / "b.zip")
        with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as others:
            others.execute("UPDATE epochs SET val_loss = 9e999 WHERE run_id = 1 AND epoch = 2")
            with pytest.raises(BadInput, match="a number that is not finite"):
                export_bundle(registry, [1], tmp_path / "b.zip")
            others.execute("UPDATE epochs SET val_loss = NULL WHERE run_id = 1 AND epoch = 2")
        registry.paths.run(registry.runs.get("1.2").uid).embeddings.unlink()
        with pytest.raises(BadInput, match=r"embeddings\.npy of run 1\.2 is gone"):
            export_bundle(registry, [1], tmp_path / "b.zip")
        add_experiment(registry, add_corpus(registry, "X"))
        with pytest.raises(BadInput, match="experiment 3 has no finished fold"):
            export_bundle(registry, [3], tmp_path / "b.zip")
        start_next(registry)
    assert not (tmp_path / "b.zip").exists()


def test_the_command_trains_the_same_again(ours):
    experiment = ours.experiments.get(2)
    corpus, runs = ours.corpora.by_id(experiment.corpus_id), ours.runs.of_experiment(2)
    told = command_of(experiment, corpus, runs)
    assert told.startswith("timnet train EMODB --preset seed --protocol random --folds 10 --seed 46 --set beta1=0.93")
    assert "--set check_every=5" in told
    odd = replace(experiment, corpus="my corpus; rm -rf", preset="own", config=TrainingConfig(dropout=0.25))
    told = command_of(odd, corpus, runs[:2])
    assert told == (
        "timnet train 'my corpus; rm -rf' --preset github --protocol random --folds 10 --seed 46 --only 1,2 "
        "--set dropout=0.25"
    )
