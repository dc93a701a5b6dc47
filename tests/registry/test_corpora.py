"""Corpora are immutable versions: the same data again is the same version, other data a new one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support import add_corpus, add_experiment
from timnet.errors import UnknownName
from timnet.registry import Registry


def test_a_corpus_comes_back_as_it_was_added(registry: Registry) -> None:
    added = add_corpus(registry)
    assert added == registry.corpora.get("EMODB")
    assert added == registry.corpora.get("emodb")
    assert [u.path for u in added.utterances] == [f"{item:03d}.wav" for item in range(70)]
    assert registry.corpora.sizes() == {added.id: (70, 10)}
    assert registry.corpora.ls() == [replace(added, utterances=())]


def test_the_same_data_again_is_the_same_version_in_a_new_place(registry: Registry) -> None:
    first = add_corpus(registry)
    again = add_corpus(registry, path="elsewhere")
    assert (again.id, again.path) == (first.id, "elsewhere")
    assert again.utterances == first.utterances
    assert len(registry.corpora.ls()) == 1


def test_other_data_is_a_new_version_and_experiments_keep_theirs(registry: Registry) -> None:
    first = add_corpus(registry)
    experiment = add_experiment(registry, first)
    fewer = replace(first, digest="other", utterances=first.utterances[:60])
    second = registry.corpora.add(fewer)
    assert second.id != first.id
    assert registry.corpora.get("EMODB") == second
    assert len(registry.corpora.get("EMODB").utterances) == 60
    assert len(registry.corpora.by_id(registry.experiments.get(experiment.id).corpus_id).utterances) == 70
    assert [corpus.id for corpus in registry.corpora.ls()] == [second.id]


def test_a_removed_corpus_is_unknown_until_it_is_added_again_and_its_experiments_stay(registry: Registry) -> None:
    first = add_corpus(registry)
    add_corpus(registry, "SAVEE", 40)
    experiment = add_experiment(registry, first)
    registry.corpora.remove("emodb")
    with pytest.raises(UnknownName, match=r"no corpus 'EMODB' here \(there are: SAVEE\)"):
        registry.corpora.get("EMODB")
    assert registry.experiments.get(experiment.id).corpus == "EMODB"
    assert len(registry.corpora.by_id(first.id).utterances) == 70
    with pytest.raises(UnknownName):
        registry.corpora.remove("EMODB")
    assert add_corpus(registry).id == first.id
    assert registry.corpora.get("EMODB").id == first.id


def test_an_unknown_corpus_is_told_with_those_there_are(registry: Registry) -> None:
    with pytest.raises(UnknownName, match="none yet"):
        registry.corpora.get("EMODB")
    with pytest.raises(UnknownName, match="no corpus version 7"):
        registry.corpora.by_id(7)


def test_an_alias_finds_its_corpus(registry: Registry) -> None:
    added = add_corpus(registry, "RAVDESS")
    assert registry.corpora.get("ravde") == added
