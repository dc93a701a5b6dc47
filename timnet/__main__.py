"""The ``timnet`` command."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from timnet.errors import TimnetError, as_disk_full
from timnet.text import clean

#: the exit status of a command that was interrupted (128 + SIGINT), as shells have it
INTERRUPTED = 130


def main() -> None:
    """Run the command line; a user's mistake ends in one line on standard error, never in a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # where a character cannot be shown stands '?', not a traceback
        sys.stdout.reconfigure(errors="replace")
    try:
        status = _run(_db_first(sys.argv[1:]))
        sys.stdout.flush()
    except BrokenPipeError:  # `timnet runs ls | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        status = INTERRUPTED
    except (TimnetError, OSError, UnicodeEncodeError) as error:
        status = _complain(error)
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    """Run a command; where the line names none, the interface, without loading what reads commands."""
    match arguments:
        case [] if "_TIMNET_COMPLETE" not in os.environ:  # else the shell asks what could be typed
            db = None
        case ["--db", path]:
            db = Path(path)
        case [one] if one.startswith("--db="):
            db = Path(one.removeprefix("--db="))
        case _:
            from timnet.cli.app import run

            return run(arguments)
    from timnet.cli.interface import open_on

    open_on(db)
    return 0


def _db_first(arguments: list[str]) -> list[str]:
    """``--db`` may stand anywhere on the line; the parser wants it before the command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    for place, argument in enumerate(arguments[:end]):
        if argument == "--db" and place + 1 < len(arguments):
            return [*arguments[place : place + 2], *arguments[:place], *arguments[place + 2 :]]
        if argument.startswith("--db="):
            return [argument, *arguments[:place], *arguments[place + 1 :]]
    return arguments


def _complain(error: TimnetError | OSError | UnicodeEncodeError) -> int:
    """Say in one line what was wrong; returns the exit status."""
    known = as_disk_full(error, "working") or error
    if isinstance(known, TimnetError):
        message, status = str(known), known.exit_code
    elif isinstance(known, UnicodeEncodeError):
        message, status = f"{known.object!r} is not valid UTF-8 text and cannot be kept", 2
    elif known.errno is None:  # no operating system said it: a defect, with its traceback
        raise known
    else:
        place = f"{os.fsdecode(known.filename)}: " if isinstance(known.filename, (str, bytes)) else ""
        message, status = f"{place}{known.strerror}", 2
    sys.stderr.write(f"timnet: {clean(message)}\n")
    return status


if __name__ == "__main__":
    main()
