"""Completing a filter: what is offered where, and that whatever is taken can be understood."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import PROOF, filled_registry
from timnet.registry.completion import Values, complete, values_of
from timnet.registry.filters import FIELDS, parse

VALUES = Values(
    {"corpus": ("EMODB", "EMOVO", "SAVEE"), "tag": ("paper", "draft"), "preset": ("github",), "host": ('my "big" box',)}
)


def offered(text: str, cursor: int | None = None) -> list[str]:
    """The filters that the candidates would make."""
    return [one.applied(text) for one in complete(text, len(text) if cursor is None else cursor, VALUES)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cor", ["corpus:"]),
        ("-cor", ["-corpus:"]),
        ("corpus", ["corpus:"]),
        ("state:done cor", ["state:done corpus:"]),
        ("corpus:", ["corpus:EMODB", "corpus:EMOVO", "corpus:SAVEE"]),
        ("corpus:emo", ["corpus:EMODB", "corpus:EMOVO"]),
        ("-corpus:SAVEE,emov", ["-corpus:SAVEE,EMOVO"]),
        ("corpus=s", ["corpus=SAVEE"]),
        ("tag:", ["tag:paper", "tag:draft"]),
        ("state:f", ["state:failed"]),
        ("pinned:", ["pinned:yes", "pinned:no"]),
        ("uar", ["uar>", "uar>=", "uar<", "uar<=", "uar:"]),
        ("created", ["created>", "created>=", "created<", "created<=", "created:"]),
        ("smoothed_val_u", ["smoothed_val_uar"]),
        ("host:m", [r'host:"my \"big\" box"']),
        ("note:", []),
        ("uar>0.", []),
        ("nothing", []),
        ("nothing:x", []),
        ("'a b' ta", ["'a b' tag:"]),
        ("'a b ta", []),
    ],
)
def test_it_offers(text: str, expected: list[str]) -> None:
    assert offered(text) == expected


def test_in_the_middle_only_the_word_there_is_completed() -> None:
    assert offered("corpus:EM state:done", 9) == ["corpus:EMODB state:done", "corpus:EMOVO state:done"]
    assert offered("corpus:EMXX state:done", 9) == ["corpus:EMODB state:done", "corpus:EMOVO state:done"]
    assert offered("tag:p,draft", 5) == ["tag:paper,draft"]
    assert {text.rstrip(":") for text in offered("")} == set(FIELDS)


@given(st.text(max_size=40), st.integers(0, 45))
def test_any_text_at_any_place_is_completed_or_left_alone(text: str, cursor: int) -> None:
    for one in complete(text, min(cursor, len(text)), VALUES):
        assert 0 <= one.start <= one.end <= len(text)
        assert one.text in one.applied(text)


@given(st.sampled_from(["corpus", "tag", "host", "state", "optimistic", "preset"]))
def test_what_is_offered_for_a_field_is_a_filter(name: str) -> None:
    found = offered(f"{name}:")
    assert found
    for text in found:
        [term] = parse(text).terms
        assert len(term.parameters) == 1


def test_the_values_are_those_of_the_registry(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        registry.experiments.tag(2, ["paper", "new"])
        registry.workers.add("w", "local", PROOF, 1)
        found = values_of(registry.db).of
        assert found == {
            "corpus": ("EMODB", "SAVEE"), "preset": ("github", "seed"), "protocol": ("random",), "source": ("trained",),
            "selection": ("best-test", "last"), "tag": ("paper", "new"), "host": ("testhost",), "engine": ("local",),
        }  # fmt: skip
