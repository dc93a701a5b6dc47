from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from timnet.text import PLACEHOLDER, clean


@given(st.text(st.characters()))
def test_clean_text_is_one_encodable_line_without_controls(text):
    cleaned = clean(text)
    cleaned.encode()
    assert len(cleaned.splitlines()) <= 1
    assert not {unicodedata.category(c) for c in cleaned} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert clean(cleaned) == cleaned
    assert [c for c in text if c in cleaned and c != PLACEHOLDER] == [c for c in cleaned if c != PLACEHOLDER]


def test_letters_stay_and_what_moves_a_cursor_does_not():
    assert clean("Ärger 怒り 🎉.wav") == "Ärger 怒り 🎉.wav"
    assert clean("a\x1b[2Jb\nc\u202ed\udcff\u2028") == "a�[2Jb�c�d��"
