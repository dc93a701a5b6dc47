"""A report as one HTML file: pictures inside it, no script, nothing fetched, light or dark as the reader's screen."""

from __future__ import annotations

import base64
from html import escape

from timnet.export.report_parts import Heading, Part, Picture, Report, Sheet, Words
from timnet.text import clean

#: nothing may run and nothing be fetched, whatever a name in the report tries
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #202124; --paper: #ffffff; --soft: #5f6368; --line: #dadce0; --warn: #8a3b00 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6ea; --paper: #12141a; --soft: #a0a6ae; --line: #32363d; --warn: #ffb27a }
}
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.6rem } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line) } h3 { margin-top: 1.8rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .9rem; overflow-wrap: normal }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { color: var(--soft); font-weight: 600 } .n { text-align: right; font-variant-numeric: tabular-nums }
.notes, figcaption { color: var(--soft); font-size: .85rem } .warning { color: var(--warn); font-weight: 600 }
figure { margin: 1rem 0 } img { max-width: 100%; height: auto }
@media print { body { margin: 0; max-width: none } h2 { break-before: page } figure { break-inside: avoid } }
""".strip()


def html(report: Report) -> bytes:
    """The report as UTF-8; the same report always gives the same bytes."""
    title = _text(report.title)
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>\n{_STYLE}\n</style>",
        "</head>",
        "<body>",
        f"<h1>{title}</h1>",
        *(line for part in report.parts for line in _part(part)),
        "</body>",
        "</html>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _part(part: Part) -> list[str]:
    if isinstance(part, Heading):
        return [f"<h{part.level}>{_text(part.text)}</h{part.level}>"]
    if isinstance(part, Words):
        kind = ' class="warning"' if part.warning else ""
        return [f"<p{kind}>{_text(part.text)}</p>"]
    return _picture(part) if isinstance(part, Picture) else _sheet(part)


def _sheet(sheet: Sheet) -> list[str]:
    classes = [' class="n"' if name in sheet.numeric else "" for name in sheet.header]
    head = "".join(f"<th{kind}>{_text(name)}</th>" for name, kind in zip(sheet.header, classes, strict=True))
    rows = [
        "<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for cell, kind in zip(row, classes, strict=True)) + "</tr>"
        for row in sheet.rows
    ]
    notes = [f'<p class="notes">{_text(note)}</p>' for note in sheet.notes]
    return ['<div class="wide"><table>', f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows, "</tbody></table></div>",
            *notes]  # fmt: skip


def _picture(picture: Picture) -> list[str]:
    light, dark = (_inline(picture.form, image) for image in (picture.light, picture.dark))
    return [
        "<figure><picture>",
        f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">',
        f'<img src="{light}" alt="{_text(picture.about)}">',
        f"</picture><figcaption>{_text(picture.about)}</figcaption></figure>",
    ]


def _inline(form: str, image: bytes) -> str:
    kind = {"svg": "image/svg+xml", "png": "image/png"}[form]
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"


def _text(text: str) -> str:
    """Foreign text, so that neither a browser nor a terminal takes any of it for more than text."""
    return escape(clean(text))
