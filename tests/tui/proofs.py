"""Which test proves which action of the table, as ``place.action``: ``@proves("grid.open", "run.back")``.

The names are read from the source of all tests here (``test_table.py``), so an action without a test fails
whichever files one run happens to collect.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])


def proves(*actions: str) -> Callable[[Test], Test]:
    """Marks a Pilot test that presses the keys (or clicks) of ``actions`` and sees what they do."""
    assert actions
    return lambda test: test


def proved(folder: Path) -> set[str]:
    """All names given to :func:`proves` in the tests of a folder."""
    found: set[str] = set()
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for decorator in node.decorator_list:
                    if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "proves":
                        found |= {str(ast.literal_eval(argument)) for argument in decorator.args}
    return found
