"""``timnet serve``: the full-screen interface in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from timnet.cli.context import settings_of
from timnet.cli.help import examples
from timnet.cli.output import say
from timnet.errors import BadInput

EXAMPLES = examples("serve", "serve --port 9000", "serve --host 0.0.0.0 --token -")


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0: any free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            "--password",
            metavar="TEXT",
            envvar="TIMNET_SERVE_TOKEN",
            show_envvar=False,
            help="What visitors must know; - asks for it. Better in TIMNET_SERVE_TOKEN: others see command lines.",
        ),
    ] = None,
) -> None:
    """Serve the full-screen interface to a browser, each visitor in a session of its own.

    Without a token only to browsers on this machine, where other users of it could steer your runs as well.
    """
    if token == "-":  # noqa: S105 - asks for it
        token = typer.prompt("Token", hide_input=True, err=True)
    if not host.strip():
        raise BadInput("--host names no address; e.g. 127.0.0.1")
    settings = settings_of(context)
    from timnet_tui.serve.access import Access
    from timnet_tui.serve.server import Server

    Server(settings.db.absolute(), Access(host.strip(), token or None), port, say).run()
