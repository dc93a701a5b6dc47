"""Corpora put together: shared classes, speakers of their own, one source left out at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support import SHARED
from timnet.corpora import synthetic
from timnet.corpora.combined import combine, counts
from timnet.corpora.service import add_corpus
from timnet.errors import BadInput
from timnet.features.build import wanted_of
from timnet.leakage import report
from timnet.protocols import make_folds
from timnet.queue.plan import BadRequest, Request, plan
from timnet.records import CorpusRecord
from timnet.registry import Registry
from timnet.sources import check_source, combine_sources, read_source, register_source

DEMO_CLASSES = ("angry", "sad")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic corpus, twice: as itself, and with a class in a folder for two speakers."""
    place = tmp_path_factory.mktemp("two")
    synthetic.write_corpus(place / "demo")
    for path in sorted((place / "demo").rglob("*.wav")):
        label = next(one for one in synthetic.DEMO.classes if one in path.as_posix())
        if label in DEMO_CLASSES:
            target = place / "other" / "deep" / label / f"x{path.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    return place


@pytest.fixture
def registry(tmp_path: Path, recordings: Path):  # type: ignore[no-untyped-def]
    with Registry.open(tmp_path / "runs.db") as registry:
        add_corpus(registry, "DEMO", recordings / "demo")
        register_source(registry, read_source("OTHER", recordings / "other" / "deep"))
        yield registry


def test_two_corpora_become_one_whose_sessions_are_its_sources(registry: Registry, recordings: Path) -> None:
    made = combine_sources(registry, "both", ["demo", "other"], DEMO_CLASSES)
    record = register_source(registry, made)
    assert (record.layout, record.classes, record.signal_length, record.tabs) == ("combined", DEMO_CLASSES, 100_000, 8)
    demo = registry.corpora.get("DEMO")
    taken = [one for one in demo.utterances if one.label in DEMO_CLASSES]
    ours = [one for one in record.utterances if one.session == "DEMO"]
    assert [(o.label, o.speaker, o.sha256, o.take) for o in ours] == [
        (t.label, f"DEMO-{t.speaker}", t.sha256, t.take) for t in taken
    ]
    assert [one.sentence for one in ours] == [f"DEMO-{t.sentence}" if t.sentence else "" for t in taken]
    assert [one.label for one in record.utterances] == sorted(one.label for one in record.utterances)
    assert {one.speaker for one in record.utterances if one.session == "OTHER"} == {""}
    assert all((Path(record.path) / one.path).is_file() for one in record.utterances)
    assert counts(record)["DEMO"] == {label: sum(t.label == label for t in taken) for label in DEMO_CLASSES}
    same = made.corpus.found.problems
    assert len(same) == len(taken), "each recording of OTHER is one of DEMO's too"
    assert all("byte-identical" in line for line in same)
    assert check_source(registry, "both").problems == same
    assert wanted_of(record).shape == (len(record.utterances), 196, 39)
    assert register_source(registry, combine_sources(registry, "BOTH", ["demo", "other"], DEMO_CLASSES)).id == record.id


def test_cross_trains_on_one_source_and_tests_on_the_other(registry: Registry) -> None:
    register_source(registry, combine_sources(registry, "both", ["DEMO", "OTHER"], DEMO_CLASSES))
    [new] = plan(registry, Request(("both",), protocol="cross", rule=(("inner", 0.2),)))
    assert (new.folds, new.protocol) == (2, "cross")
    folds = make_folds("cross", new.corpus.utterances, 2, new.seed, 0.2)
    told = new.corpus.utterances
    for fold, tested in zip(folds, ("DEMO", "OTHER"), strict=True):
        assert {told[row].session for row in fold.test} == {tested}
        assert {told[row].session for part in (fold.train, fold.inner) for row in part} == {"DEMO", "OTHER"} - {tested}
        assert {told[row].label for row in fold.test} == set(DEMO_CLASSES)
    ours = folds[1]  # trains on DEMO, whose speakers are known
    assert not {told[row].speaker for row in ours.train} & {told[row].speaker for row in ours.inner}
    assert [one.tests for one in report(new.corpus, "cross", 2, 0).folds] == ["corpus DEMO", "corpus OTHER"]
    with pytest.raises(BadRequest, match="DEMO: protocol cross trains on one corpus") as caught:
        plan(registry, Request(("DEMO",), protocol="cross"))
    assert caught.value.part == "protocol"


@pytest.mark.parametrize(
    ("name", "sources", "classes", "line"),
    [
        ("emodb", ["DEMO", "OTHER"], DEMO_CLASSES, "EMODB is the name of a known corpus"),
        ("a b", ["DEMO", "OTHER"], DEMO_CLASSES, "is no name for a corpus"),
        ("other", ["DEMO", "OTHER"], DEMO_CLASSES, "OTHER is there already and is not a combined corpus"),
        ("both", ["DEMO"], DEMO_CLASSES, "two different corpora or more"),
        ("both", ["DEMO", "demo"], DEMO_CLASSES, "two different corpora or more"),
        ("both", ["DEMO", "NOPE"], DEMO_CLASSES, "no corpus 'NOPE' here"),
        ("both", ["DEMO", "OTHER"], ["sad"], "1 classes cannot be told apart"),
        ("both", ["DEMO", "OTHER"], ["sad", ""], "it has no label"),
        ("both", ["DEMO", "OTHER"], ["sad", "Bored"], "DEMO has no bored"),
        ("both", ["OTHER", "DEMO"], ["sad", "happy"], "OTHER has no happy .it has angry, sad.; name classes"),
    ],
)
def test_what_cannot_be_put_together_is_one_line(
    registry: Registry, name: str, sources: list[str], classes: list[str], line: str
) -> None:
    with pytest.raises(BadInput, match=line) as caught:
        combine_sources(registry, name, sources, classes)
    assert str(caught.value).isprintable()


def test_features_alone_or_a_combined_corpus_are_no_source(registry: Registry, tmp_path: Path) -> None:
    demo, other = registry.corpora.get("DEMO"), registry.corpora.get("OTHER")
    both = combine("both", [demo, other], DEMO_CLASSES)
    with pytest.raises(BadInput, match="both is itself combined"):
        combine("more", [both, demo], DEMO_CLASSES)
    with pytest.raises(BadInput, match="DEMO has no folder of recordings here"):
        combine("more", [replace(demo, path=str(tmp_path / "file.npy")), other], DEMO_CLASSES)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared recordings of EMODB")
def test_emodb_in_two_halves_of_speakers_leaks_no_speaker_across_and_keeps_its_counts(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        whole, _ = add_corpus(registry, "EMODB", SHARED / "corpora" / "EMODB")
    halves = [_half(whole, name, speakers) for name, speakers in (("ONE", "03 08 09 10 11"), ("TWO", "12 13 14 15 16"))]
    made = combine("halves", halves)
    assert made.classes == ("angry", "fear", "happy", "neutral", "sad")
    assert len(made.utterances) == sum(one.label in made.classes for one in whole.utterances)
    found = report(made, "cross", 2, 1, 0.2)
    assert {leak.what: leak.share for leak in found.leaks}["speaker"] == 0.0
    fold = make_folds("cross", made.utterances, 2, 1, 0.2)[0]
    assert len({made.utterances[row].speaker for row in fold.inner}) == 1
    assert np.array_equal(fold.test, [row for row, one in enumerate(made.utterances) if one.session == "ONE"])


def _half(whole: CorpusRecord, name: str, speakers: str) -> CorpusRecord:
    kept = tuple(one for one in whole.utterances if one.speaker in speakers.split())
    return replace(whole, name=name, utterances=kept)
