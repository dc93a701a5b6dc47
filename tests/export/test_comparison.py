"""Experiments and runs side by side: which tests are made, and which are refused and why."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support import add_corpus, add_experiment, finish, start_next
from timnet.errors import BadInput, UnknownName
from timnet.evaluation.bootstrap import SPEAKERS, UTTERANCES
from timnet.evaluation.paired import corrected_t, mcnemar
from timnet.export.comparison import compare
from timnet.export.comparison_file import side_objects
from timnet.export.comparison_words import NONE, rows_of
from timnet.export.contract import to_json
from timnet.export.contract_comparison import comparison_object
from timnet.protocols import make_folds
from timnet.provenance import Commit, on_disk
from timnet.records import TrainingConfig
from timnet.registry import Registry

OTHER = TrainingConfig(epochs=20, dropout=0.3, learning_rate=5e-4)


@pytest.fixture
def own(tmp_path):
    with Registry.open(tmp_path / "runs.db") as registry:
        yield registry


def trained(registry, corpus, wrong, **changes) -> int:
    """An experiment of as many folds as ``wrong`` has numbers, all finished, so many utterances wrong in each."""
    experiment = add_experiment(registry, corpus, **{"folds": len(wrong), **changes})
    for one in wrong:
        finish(registry, start_next(registry), wrong=one)
    return experiment.id


def predictions(registry, experiment):
    found = [registry.results.predictions(run.id) for run in registry.runs.of_experiment(experiment)]
    return {item: t == p for one in found for item, t, p in zip(one.item, one.truth, one.predicted, strict=True)}


def test_the_same_folds_are_tested_in_pairs(own):
    corpus = add_corpus(own)
    first = trained(own, corpus, [4, 3, 5, 2, 4])
    later = trained(own, corpus, [2, 1, 1, 2, 0], config=OTHER)
    found = compare(own, [first, str(later)])
    assert found.settings == {"dropout": (0.1, 0.3), "learning_rate": (1e-3, 5e-4)}
    [difference] = found.differences
    assert (difference.why_not, difference.weaker, len(difference.folds)) == (None, None, 5)
    wars = [np.array([run.war for run in own.runs.of_experiment(one)]) for one in (first, later)]
    folds = make_folds("random", corpus.utterances, 5, 46)
    ratio = sum(len(one.test) for one in folds) / sum(len(one.train) for one in folds)
    assert ratio == pytest.approx(1 / 4)
    expected = corrected_t((wars[1] - wars[0]).tolist(), ratio)
    assert difference.war_test == expected
    assert expected.p is not None
    ours, theirs = (predictions(own, one) for one in (first, later))
    assert difference.mcnemar == mcnemar([ours[item] for item in sorted(ours)], [theirs[item] for item in sorted(ours)])
    assert difference.war_delta == pytest.approx(np.mean(wars[1]) - np.mean(wars[0]))
    side = found.sides[0]
    assert side.pooled is not None
    assert side.interval is not None
    assert (side.pooled.n, side.interval.unit, side.interval.n) == (70, SPEAKERS, 10)
    assert side.interval.war.low <= side.pooled.war <= side.interval.war.high


def test_code_that_differs_is_named_and_unknown_code_says_nothing(own):
    corpus, old = add_corpus(own), on_disk().code
    commits = [Commit("1" * 40), Commit("1" * 40, changed=True, diff="a" * 64)]
    libraries = [{**dict(old.libraries), "numpy": version} for version in ("1.26.4", "2.1.0")]
    codes = [
        replace(old, commit=commit, libraries=tuple(sorted(those.items())))
        for commit, those in zip(commits, libraries, strict=True)
    ]
    first, later, imported, same = (add_experiment(own, corpus, code=code).id for code in [*codes, None, codes[0]])
    found = compare(own, [first, later, imported])
    assert found.code == {
        "commit": ("1" * 12, f"{'1' * 12} with changes {'a' * 12}", None),
        "numpy": ("1.26.4", "2.1.0", None),
    }
    rows = {row.name: row.cells for row in rows_of(found)}
    assert rows["numpy"] == ("1.26.4", "2.1.0", NONE)
    assert comparison_object(found)["code"]["numpy"] == ["1.26.4", "2.1.0", None]
    assert [one["code numpy"] for one in side_objects(found)] == ["1.26.4", "2.1.0", None]
    assert compare(own, [first, imported]).code == compare(own, [first, same]).code == {}


def test_only_folds_that_both_have_finished_count(own):
    corpus = add_corpus(own)
    first = trained(own, corpus, [1, 2, 3])
    later = add_experiment(own, corpus, folds=3, config=OTHER, only=(2,)).id
    finish(own, start_next(own), wrong=1)
    [difference] = compare(own, [first, later]).differences
    assert [fold.fold for fold in difference.folds] == [2]
    assert difference.uar_test is not None
    assert "only one fold" in str(difference.uar_test.why_not)
    assert difference.mcnemar is not None
    assert difference.mcnemar.n == len(own.results.predictions(own.runs.get(f"{first}.2").id).item)


def test_other_folds_are_refused_with_what_remains(own):
    corpus = add_corpus(own)
    first = trained(own, corpus, [1, 2])
    seed = trained(own, corpus, [2, 1], seed=47)
    folds = trained(own, corpus, [2, 1, 1])
    other = trained(own, add_corpus(own, "SAVEE", 40), [1, 1])
    own.corpora.add(replace(corpus, digest="digest-changed"))
    version = trained(own, own.corpora.get("EMODB"), [1, 1])
    protocol = trained(own, corpus, [1, 1])
    with own.db.write():
        own.db.connection.execute("UPDATE experiments SET protocol = 'loso' WHERE id = ?", (protocol,))
    found = compare(own, [first, seed, folds, other, version, protocol]).differences
    said = ["seed 46 and 47", "number of folds 2 and 3", "different corpora", "different versions", "random and loso"]
    for difference, words in zip(found, said, strict=True):
        assert words in str(difference.why_not)
        assert (difference.folds, difference.uar_test, difference.war_test) == ((), None, None)
        assert difference.war_delta is not None
    assert ["McNemar" in str(one.weaker) for one in found] == [True, True, False, False, False]
    assert [one.mcnemar is not None for one in found] == [True, True, False, False, False]


def test_single_runs_are_compared_by_their_utterances(own):
    corpus = add_corpus(own)
    first = trained(own, corpus, [4, 3])
    later = trained(own, corpus, [1, 0], config=OTHER)
    found = compare(own, [f"{first}.1", f"0{later}.01", f"{later}.2", first])
    assert [side.key for side in found.sides] == ["1.1", "2.1", "2.2", "1"]
    same, fold, whole = found.differences
    assert same.why_not is None
    assert same.mcnemar is not None
    assert (same.mcnemar.n, same.mcnemar.later_only) == (35, 3)
    assert "fold 1 and fold 2" in str(fold.why_not)
    assert "fold 1 and all folds of 1" in str(whole.why_not)


def test_what_an_import_does_not_know_has_its_own_n(own):
    corpus = add_corpus(own)
    first, later = trained(own, corpus, [1, 2, 3]), trained(own, corpus, [3, 1, 1], config=OTHER)
    with own.db.write():
        own.db.connection.execute("DELETE FROM predictions")
        own.db.connection.execute("UPDATE runs SET uar = NULL WHERE experiment_id = ? AND fold < 3", (first,))
    found = compare(own, [first, later])
    side, [difference] = found.sides[0], found.differences
    assert (side.finished, side.scores.uar.n, side.scores.war.n) == (3, 1, 3)
    assert (side.pooled, side.interval, difference.mcnemar) == (None, None, None)
    assert (difference.uar.n, difference.war.n, len(difference.folds)) == (1, 3, 3)
    about = comparison_object(found)
    assert to_json(about)
    assert (about["experiments"][0]["n"], about["experiments"][0]["uar"]["n"]) == (3, 1)
    assert about["differences"][0]["uar_test"]["why_not"]


def test_speakers_that_nobody_knows(own):
    corpus = add_corpus(own)
    own.corpora.add(
        replace(corpus, digest="no-speakers", utterances=tuple(replace(one, speaker="") for one in corpus.utterances))
    )
    unknown = own.corpora.get("EMODB")
    found = compare(own, [trained(own, unknown, [1, 2]), trained(own, unknown, [2, 2], config=OTHER)])
    interval = found.sides[0].interval
    assert interval is not None
    assert interval.unit == UTTERANCES
    assert "too narrow" in comparison_object(found)["experiments"][0]["pooled"]["interval"]["note"]


def test_every_side_has_its_labels(registry):
    about = comparison_object(compare(registry, [1, 2]))
    assert [(one["protocol"], one["selection"], one["optimistic"]) for one in about["experiments"]] == [
        ("random", "last", False),
        ("random", "best-test", True),
    ]
    assert to_json(about) == to_json(comparison_object(compare(registry, [1, 2])))
    pooled = about["experiments"][0]["pooled"]
    assert sum(map(sum, pooled["confusion"]["matrix"])) == pooled["n"] == sum(one["n"] for one in pooled["recalls"])


@pytest.mark.parametrize(
    "keys", [[], ["1"], ["1", "01"], ["x", "1"], ["1.", "2"], ["1.2.3", "1"], ["²", "1"], range(30)]
)
def test_what_cannot_be_compared_is_one_line(registry, keys):
    with pytest.raises(BadInput) as refused:
        compare(registry, list(keys))
    assert "\n" not in str(refused.value)


def test_unknown_ids(registry):
    for keys in ([1, 9], ["1.1", "1.9"]):
        with pytest.raises(UnknownName):
            compare(registry, keys)
