"""Text that came from outside, made safe to print."""

from __future__ import annotations

import unicodedata

PLACEHOLDER = "\N{REPLACEMENT CHARACTER}"
"""What stands where a character was that must not reach a terminal."""

# Control, format (bidirectional overrides among them), surrogate and private-use characters, and the
# separators that break a line: each could move the cursor, hide text or split a one-line message.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def clean(text: str) -> str:
    """``text`` with every character that could disturb a terminal replaced by :data:`PLACEHOLDER`.

    The length stays the same, and so does every visible character. Replaced are the Unicode general
    categories Cc, Cf, Cs, Co, Zl and Zp, so the result is one line and can be encoded as UTF-8.
    """
    return "".join(PLACEHOLDER if unicodedata.category(character) in _UNSAFE else character for character in text)
