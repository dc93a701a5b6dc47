"""Tables as files: one function for each format, the same bytes every time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from timnet.errors import BadInput
from timnet.export.contract import Object, table_objects, to_json
from timnet.export.layout import Grid, grid_of
from timnet.export.seed_tables import SettingsTable, settings_grid, settings_objects
from timnet.export.tables import Table
from timnet.export.writers import markdown_grid, to_csv
from timnet.files import write_bytes

_Maker = Callable[[Grid, Sequence[Object]], bytes]


def _csv(_: Grid, objects: Sequence[Object]) -> bytes:
    return to_csv([{name: _joined(value) for name, value in one.items()} for one in objects]).encode()


def _joined(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _markdown(grid: Grid, _: Sequence[Object]) -> bytes:
    return markdown_grid(grid).encode()


def _latex(grid: Grid, _: Sequence[Object]) -> bytes:
    from timnet.export.latex import latex

    return latex(grid).encode()


def _json(_: Grid, objects: Sequence[Object]) -> bytes:
    return to_json(list(objects)).encode()


def _xlsx(grid: Grid, objects: Sequence[Object]) -> bytes:
    from timnet.export.xlsx import xlsx

    return xlsx(grid, objects)


def _png(grid: Grid, _: Sequence[Object]) -> bytes:
    from timnet.export.figures.style import house_style, render
    from timnet.export.figures.table import draw_table

    with house_style():
        return render(draw_table(grid), "png")


#: format -> (suffix, maker)
_FORMATS: dict[str, tuple[str, _Maker]] = {
    "csv": ("csv", _csv),
    "markdown": ("md", _markdown),
    "latex": ("tex", _latex),
    "json": ("json", _json),
    "xlsx": ("xlsx", _xlsx),
    "png": ("png", _png),
}
TABLE_FORMATS = tuple(_FORMATS)
BINARY = ("xlsx", "png")


def table_format(name: str) -> str:
    """The format that ``name`` or a file's suffix means, in any case. Raises :class:`BadInput`."""
    plain = name.lower().removeprefix(".")
    for form, (suffix, _) in _FORMATS.items():
        if plain in (form, suffix):
            return form
    raise BadInput(f"no table format {name!r}; there are: {', '.join(TABLE_FORMATS)}")


def suffix_of(form: str) -> str:
    """What the names of files of this format end with: ``tex`` for ``latex``."""
    return _FORMATS[table_format(form)][0]


def render_table(table: Table | SettingsTable, form: str) -> bytes:
    """The table as a file's bytes: the same table always gives the same ones. Raises :class:`BadInput`."""
    if isinstance(table, SettingsTable):
        return render_grid(settings_grid(table), settings_objects(table), form)
    return render_grid(grid_of(table), table_objects(table), form)


def render_grid(grid: Grid, objects: Sequence[Object], form: str) -> bytes:
    """A laid-out table as a file's bytes; ``objects`` are its values for the formats that programs read."""
    return _FORMATS[table_format(form)][1](grid, objects)


def write_table(table: Table | SettingsTable, path: Path, form: str | None = None) -> Path:
    """Write the table to ``path`` and return it; without ``form`` the path's suffix names the format.

    The file appears whole or not at all. Raises :class:`BadInput` for an unknown format or a path that cannot be
    written, which is checked first.
    """
    form = table_format(form or path.suffix)
    check_target(path)
    made = render_table(table, form)
    with one_line_errors(path):
        write_bytes(path, made)
    return path


def check_target(path: Path) -> None:
    """Raise :class:`BadInput` where a file cannot be put at ``path``, before anything is computed for it.

    Nothing is made: folders that are not there yet are looked for in the nearest one that is.
    """
    with one_line_errors(path):
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        folder = path.parent
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # a name that is too long is refused here
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(None, f"{folder} is not a folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(None, f"{folder} cannot be written to")


@contextmanager
def one_line_errors(path: Path) -> Iterator[None]:
    """Say in one line why ``path`` cannot be written."""
    try:
        yield
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}; name another place") from error
