r"""Tables for LaTeX: booktabs, the best in bold, and every number behind a command of its own.

A paper can then write ``\tnEMODBMineUAR`` in its text and gets the number that stands in the table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from timnet.export.layout import Grid, Line, Printed
from timnet.text import clean

PREFIX = "tn"
WIDE = 6  # columns; from there on the table is shrunk to the text's width
_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}",
    "±": r"$\pm$", "–": r"\textendash{}", "[": "{[}", "*": "{*}", "\N{REPLACEMENT CHARACTER}": "?",
}  # fmt: skip
_LATIN = 0x17F  # the last letter that pdfTeX's usual fonts have


def latex(grid: Grid) -> str:
    """The table as LaTeX source that needs booktabs, textcomp and, for wide tables, graphicx."""
    names = _Names()
    commands: list[str] = []
    body = [_row(grid, line, place, names, commands) for place, line in enumerate(grid.lines)]
    wide = grid.width > WIDE
    packages = "booktabs, textcomp" + (", graphicx" if wide else "")
    columns = "l" * (1 + grid.labelled) + "r" * grid.width
    return "\n".join(
        [
            f"% {escape(grid.title)}",
            rf"% In the preamble: \usepackage[T1]{{fontenc}} \usepackage{{{packages}}}",
            *commands,
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(grid.title)}}}",
            *([r"\resizebox{\textwidth}{!}{%"] if wide else []),
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *_heading(grid),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}" + ("}" if wide else ""),
            "",
            r"\vspace{1ex}",
            r"\begin{minipage}{\textwidth}\footnotesize\raggedright",
            *(f"{escape(note)}\\par" for note in grid.notes),
            r"\end{minipage}",
            r"\end{table}",
            "",
        ]
    )


def escape(text: str) -> str:
    """``text`` so that LaTeX prints it as it is; a character that its usual fonts lack becomes its code point."""
    # in T1 fonts two hyphens or commas are one other character
    return re.sub("([-,])(?=[-,])", r"\1{}", "".join(_character(one) for one in clean(text)))


def _character(one: str) -> str:
    if one in _SPECIAL:
        return _SPECIAL[one]
    if ord(one) < 128 or (ord(one) <= _LATIN and unicodedata.category(one) in ("Ll", "Lu")):
        return one
    return f"{{[}}U+{ord(one):04X}]"


def _heading(grid: Grid) -> list[str]:
    stub = [escape(grid.corner), *([escape("protocol, selection")] if grid.labelled else [])]
    blank = [""] * len(stub)
    lines = [_join([*blank, *(_spanned(escape(group.name), len(group.columns)) for group in grid.groups)])]
    if any(group.label for group in grid.groups):
        labels = (_spanned(rf"\footnotesize {escape(group.label)}", len(group.columns)) for group in grid.groups)
        lines.append(_join([*blank, *labels]))
    rules, start = [], 1 + len(stub)
    for group in grid.groups:
        rules.append(rf"\cmidrule(lr){{{start}-{start + len(group.columns) - 1}}}")
        start += len(group.columns)
    own = [escape(column) for group in grid.groups for column in group.columns]
    return [*lines, " ".join(rules), _join([*stub, *own])] if any(own) else lines


def _spanned(text: str, columns: int) -> str:
    return rf"\multicolumn{{{columns}}}{{c}}{{{text}}}"


def _row(grid: Grid, line: Line, place: int, names: _Names, commands: list[str]) -> str:
    heads = [(group.name, column) for group in grid.groups for column in group.columns]
    owner = next(one.name for one in reversed(grid.lines[: place + 1]) if one.name or not place)
    cells = [
        _cell(cell, names.new(owner, *head), commands) if cell else ""
        for head, cell in zip(heads, line.cells, strict=True)
    ]
    return _join([escape(line.name), *([escape(line.label)] if grid.labelled else []), *cells])


def _cell(cell: Printed, name: str, commands: list[str]) -> str:
    """The cell, written with the commands that hold its numbers; these are added to ``commands``."""

    def command(suffix: str, text: str) -> str:
        commands.append(rf"\newcommand{{\{name}{suffix}}}{{{escape(text)}}}")
        return rf"\{name}{suffix}{{}}"

    value = command("", cell.value)
    found = rf"\textbf{{{value}}}" if cell.best else value
    if cell.sd:
        found += rf" $\pm$ {command('SD', cell.sd)}"
    about = [rf"$n$ = {command('N', cell.n)}"] if cell.n else []
    about += [escape(part) for part in (cell.extra, f"[{cell.mark}]" if cell.mark else "") if part]
    return found + (rf" {{\scriptsize ({', '.join(about)})}}" if about else "")


def _join(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


class _Names:
    """Names for commands: letters alone, each once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def new(self, *words: str) -> str:
        """``tnEMODBMineUAR`` for ``EMODB``, ``mine``, ``UAR %``; digits are spelled, what is taken gets letters."""
        name = PREFIX + "".join(_letters(word) for word in words)
        place, free = 0, name
        # SD and N end the names of a command's companions
        while {free, f"{free}SD", f"{free}N"} & self._given:
            place += 1
            free = f"{name}Again{_letters(str(place))}"
        self._given |= {free, f"{free}SD", f"{free}N"}
        return free


def _letters(word: str) -> str:
    """ASCII letters with each part's first one large: ``github-2023`` is ``GithubTwoZeroTwoThree``."""
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    parts = re.findall(r"[A-Za-z]+|[0-9]", plain)
    return "".join(_DIGITS[int(part)] if part.isdigit() else part[0].upper() + part[1:] for part in parts)
