"""The ``timnet`` command."""

from __future__ import annotations

import os
import sys

from timnet.errors import BadInput, TimnetError, as_disk_full


def main() -> None:
    """Run the command line; a user's mistake ends in one line on standard error, never in a traceback."""
    from timnet.cli.app import app

    try:
        app(args=_db_first(sys.argv[1:]))
    except (TimnetError, OSError) as error:
        _end(error)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        sys.exit(130)


def _db_first(arguments: list[str]) -> list[str]:
    """``--db`` may stand anywhere on the line; the parser wants it before the command."""
    if "--db" not in arguments[1:]:
        return arguments
    place = arguments.index("--db", 1)
    if place > arguments.index("--") if "--" in arguments else False:
        return arguments
    return [*arguments[place : place + 2], *arguments[:place], *arguments[place + 2 :]]


def _end(error: TimnetError | OSError) -> None:
    if isinstance(error, BrokenPipeError):  # `timnet runs ls | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    known = as_disk_full(error, "working") or error
    if isinstance(known, OSError):
        if not isinstance(
            known, (PermissionError, FileNotFoundError, IsADirectoryError, NotADirectoryError, FileExistsError)
        ):
            raise known
        known = BadInput(f"{known.filename}: {known.strerror}")
    sys.stderr.write(f"timnet: {known}\n")
    sys.exit(known.exit_code)


if __name__ == "__main__":
    main()
