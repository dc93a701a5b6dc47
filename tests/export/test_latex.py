"""Every LaTeX table: its structure always, and in the long test a minimal document that pdfTeX compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.export.test_pivot import table_of
from timnet.export.comparison import compare
from timnet.export.comparison_file import comparison_grid
from timnet.export.seed_tables import seed_table
from timnet.export.table_files import render_grid, render_table
from timnet.export.tables import AXES, TableRequest, build
from timnet.registry import Registry

PREAMBLE = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs,textcomp,graphicx}\begin{document}"
HOSTILE = (
    "a_b^c~d", "50% & $x$ #1", "\\input{x}\\", "{[*]}", "\u4e2d\u6587", "<<--,,''``>>", "\u00e9\u0142 \x07\u202e",
    "[x]",
)  # fmt: skip


def outputs(registry: Registry) -> dict[str, str]:
    """Every kind of LaTeX that timnet writes, by name."""
    made = {}
    for rows in AXES:
        cols = "corpus" if rows == "source" else "source"
        made[f"{rows}-{cols}"] = render_table(build(registry, TableRequest(rows, cols)), "latex")
    for number in (1, 2):
        made[f"seed-table-{number}"] = render_table(seed_table(registry, number), "latex")
    for keys in (("2", "3", "1"), ("2.1", "3.1")):
        made[f"compare-{'-'.join(keys)}"] = render_grid(comparison_grid(compare(registry, keys)), [], "latex")
    for place, name in enumerate(HOSTILE):
        made[f"hostile-{place}"] = render_table(table_of(name), "latex")
    return {name: text.decode() for name, text in made.items()}


def test_the_structure_of_every_latex_output(several: Registry) -> None:
    """What can be told without a compiler: environments nest, braces balance, every command used is defined."""
    for name, source in outputs(several).items():
        plain = re.sub(r"\\[{}$&#%_\\]", "", re.sub(r"^%.*$", "", source, flags=re.MULTILINE))
        assert plain.count("{") == plain.count("}"), name
        open_ones: list[str] = []
        for kind, what in re.findall(r"\\(begin|end)\{(\w+)\}", source):
            if kind == "begin":
                open_ones.append(what)
            else:
                assert open_ones.pop() == what, name
        assert not open_ones, name
        defined = set(re.findall(r"\\newcommand\{\\([A-Za-z]+)\}", source))
        assert set(re.findall(r"\\(tn[A-Za-z]+)", source)) == defined, name


@pytest.mark.long
def test_every_latex_output_compiles(several: Registry, tmp_path: Path) -> None:
    """Each in a minimal document of its own, with one of its numbers in a sentence."""
    tool = shutil.which("pdflatex")
    assert tool is not None, "pdflatex is not here; make test-long installs it"
    for name, source in outputs(several).items():
        numbers = re.findall(r"\\newcommand\{(\\tn[A-Za-z]+)\}", source)
        sentence = f"It reaches {numbers[0]}{{}} per cent." if numbers else ""
        (tmp_path / f"{name}.tex").write_text(f"{PREAMBLE}\n{source}\n{sentence}\n\\end{{document}}\n", "utf-8")
        words = [tool, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", f"{name}.tex"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
        log = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0, f"{name}: {log[-2000:]}"
        assert "Missing character" not in log, name
        assert (tmp_path / f"{name}.pdf").stat().st_size > 5000, name
