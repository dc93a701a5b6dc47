"""Options that several commands share, as the fields of one frozen dataclass."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_type_hints


def with_options(
    command: Callable[..., None], group: type[Any], settled: Mapping[str, Any], *, last: bool = False
) -> Callable[..., None]:
    """Give a Typer command the fields of ``group``; it gets them as ``options``.

    What is ``settled`` is not asked. The help tells of them before the command's own options, or ``last``.
    """
    hints = get_type_hints(group, include_extras=True)
    asked = [field for field in fields(group) if field.name not in settled]
    ours = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in asked
    ]
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "options"]

    @functools.wraps(command)
    def wrapped(*args: Any, **given: Any) -> None:
        chosen = {field.name: given.pop(field.name) for field in asked}
        command(*args, options=group(**settled, **chosen), **given)

    leading = [parameter for parameter in own if parameter.default is inspect.Parameter.empty]
    rest = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p not in leading]
    every = [*leading, *rest, *ours] if last else [*leading, *ours, *rest]
    wrapped.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in every}
    return wrapped
