"""Libraries that only some sources need; they are installed by an extra of timnet."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from timnet.errors import CorpusError


def need(module: str, extra: str, reason: str) -> Any:
    """The imported ``module``. Raises :class:`CorpusError` that says what to install for ``reason``."""
    try:
        return import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise CorpusError(f"{reason} needs {name}; install it with: pip install 'timnet[{extra}]'") from error
