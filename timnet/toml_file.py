"""TOML from outside: within bounds, and whatever is wrong with it told by one error."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from timnet.bounded import TOO_DEEP, read_bounded, refuse_deep
from timnet.errors import BadInput
from timnet.text import clean

MOST_BYTES = 2**20


def parse_toml(text: str, what: str) -> dict[str, Any]:
    """The tables of ``text``. Raises :class:`BadInput` that names ``what`` it should be: "the settings in x.toml"."""
    try:
        found = tomllib.loads(text)
        refuse_deep(found)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits, tables in each other without end
        reason = TOO_DEEP if isinstance(error, RecursionError) else clean(str(error))
        raise BadInput(f"cannot read {what}: {reason}") from None
    return found


def toml_text(path: Path, what: str) -> str:
    """The text of a TOML file, empty where there is none. Raises :class:`BadInput` as :func:`parse_toml` does."""
    try:
        return read_bounded(path, MOST_BYTES).decode("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise BadInput(f"cannot read {what}: {clean(error.strerror or str(error))}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"cannot read {what}: it is no UTF-8 text (byte {error.start + 1})") from None


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The tables of a TOML file, none where there is no file. Raises :class:`BadInput` as :func:`parse_toml` does."""
    return parse_toml(toml_text(path, what), what)
