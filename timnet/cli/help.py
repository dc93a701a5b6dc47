"""How the command line explains itself: examples below every help page, and one-line complaints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

#: what the parser raises for a line it cannot read; Typer names only this kind's children
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

_NEGATED_TERM = re.compile(r"-[a-z_]+(>=|<=|[:=<>]).*", re.DOTALL)


def examples(*lines: str) -> str:
    """The examples of a command, one a line, to stand below its options."""
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  timnet {line}" for line in lines)])


def filter_text(terms: Sequence[str] | None) -> str:
    """Filter terms as the shell gave them, as one text of the filter language: a term with blanks stays one."""
    return " ".join(shlex.quote(term) if any(map(str.isspace, term)) else term for term in terms or ())


def complaint(error: Any) -> str:
    """What the parser has to say, in one line, with the command whose help tells more."""
    message = " ".join(error.format_message().split()).rstrip(".")
    message = message.partition(", unable to parse")[0]
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "timnet"
    return f"{message[:1].lower()}{message[1:]}; see: {command} --help"


class FilterCommand(TyperCommand):
    """A command whose arguments are filter terms: ``-state:failed`` is one of them, not an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Set excluding terms apart before the options are read."""
        if "--" not in args:
            terms = [arg for arg in args if _NEGATED_TERM.fullmatch(arg)]
            args = [*(arg for arg in args if arg not in terms), *(["--", *terms] if terms else [])]
        return super().parse_args(ctx, args)
