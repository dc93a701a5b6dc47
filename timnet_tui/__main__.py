"""``python -m timnet_tui [--db PATH]``: the interface alone, without the command line's other verbs."""

from __future__ import annotations

import sys
from pathlib import Path

from timnet import settings as settings_of
from timnet_tui.app import run


def main(arguments: list[str]) -> None:
    """Open the registry that ``--db`` or the settings name."""
    settings = settings_of.load()
    match arguments:
        case []:
            run(settings.db, settings)
        case ["--db", path]:
            run(Path(path), settings)
        case _:
            raise SystemExit("usage: python -m timnet_tui [--db PATH]")


if __name__ == "__main__":
    main(sys.argv[1:])
