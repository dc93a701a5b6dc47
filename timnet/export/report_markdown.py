"""A report as Markdown, with its pictures as files of their own."""

from __future__ import annotations

from timnet.export.report_parts import Heading, Part, Picture, Report, Sheet, Words
from timnet.export.writers import markdown_cell


def markdown(report: Report, folder: str) -> str:
    """The report as GitHub-flavoured Markdown; ``folder`` is where its pictures lie, as the text names it."""
    blocks = [f"# {markdown_cell(report.title)}", *(_part(part, folder) for part in report.parts)]
    return "\n\n".join(blocks) + "\n"


def picture_file(picture: Picture) -> str:
    """The name of a picture's file."""
    return f"{picture.name}.{picture.form}"


def _part(part: Part, folder: str) -> str:
    if isinstance(part, Heading):
        return f"{'#' * part.level} {markdown_cell(part.text)}"
    if isinstance(part, Words):
        text = _line(part.text)
        return f"**{text}**" if part.warning else text
    if isinstance(part, Picture):
        return f"![{markdown_cell(part.about)}](<{folder}/{picture_file(part)}>)"
    return _sheet(part)


def _line(text: str) -> str:
    """A line of its own that is no heading, list or rule."""
    escaped = markdown_cell(text)
    return f"\\{escaped}" if escaped[:1] in ("#", "-", "+", "=") else escaped


def _sheet(sheet: Sheet) -> str:
    ruler = ["---:" if name in sheet.numeric else "---" for name in sheet.header]
    lines = [[markdown_cell(name) for name in sheet.header], ruler]
    lines += [[markdown_cell(cell) for cell in row] for row in sheet.rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "\n".join(f"- {markdown_cell(note)}" for note in sheet.notes)
    return f"{table}\n\n{notes}" if notes else table
