"""What a browser, or somebody who is none, says to ``timnet serve``: heads of requests, messages of a socket."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMessage, WSMsgType

from tests.fuzz.reader import Reader
from timnet_tui.serve.access import Access
from timnet_tui.serve.server import Server
from timnet_tui.serve.session import HIGHEST, WIDEST

OPEN, LOCKED = Access("127.0.0.1"), Access("0.0.0.0", "correct horse")
#: host, origin, address, token and cookie, a line each
HEADS = (
    b"localhost:8080\nhttp://localhost:8080\n127.0.0.1\n\n",
    b"[::1]:8080\nhttp://[::1]:8080\n::1\ncorrect horse\n",
    b"box.lab:80\nhttps://box.lab\n10.0.0.7\nwrong\nwrong",
    b"evil.example\nhttp://evil.example\n127.0.0.1\n\n",
)
HERE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d*)?", re.IGNORECASE)
MESSAGES = (
    ["stdin", "\x1b[A"], ["resize", {"width": 120, "height": 40}], ["ping", "7"], ["blur"], ["focus"],
)  # fmt: skip


def _head(data: bytes, _: Path) -> None:
    """Whoever is not refused names this machine, or knows the token; and comes from no page of another site."""
    host, origin, address, token, cookie = (data.decode("utf-8", "surrogateescape").split("\n") + [""] * 5)[:5]
    for access in (OPEN, LOCKED):
        refusal = access.refusal(host, origin or None, address or None)
        assert refusal is None or refusal.startswith("the request ")
        assert access is OPEN or not access.is_let_in(cookie), "its cookie was never given"
        assert access.knows_token(token) == (token == access.token)
        if refusal is None and access is OPEN:
            assert HERE.fullmatch(host), "another host was let in"


@dataclass
class _Visit:
    """A socket with one message, and the session that hears it."""

    message: WSMessage
    heard: list[Any] = field(default_factory=list)

    async def __aiter__(self) -> AsyncIterator[WSMessage]:
        yield self.message

    async def send_json(self, value: Any) -> None:
        self.heard.append(json.dumps(value))

    async def send_bytes(self, data: bytes) -> None:
        assert isinstance(data, bytes)

    async def set_terminal_size(self, width: int, height: int) -> None:
        from timnet_tui.serve.session import bounded

        wide, high = bounded(width, height)
        assert 20 <= wide <= WIDEST
        assert 5 <= high <= HIGHEST

    async def blur(self) -> None: ...

    async def focus(self) -> None: ...


def _message(data: bytes, folder: Path) -> None:
    visit = _Visit(WSMessage(WSMsgType.TEXT, data.decode("utf-8", "replace"), None))
    asyncio.run(Server(folder / "runs.db", OPEN, 0, print)._listen(visit, visit))  # type: ignore[arg-type]


READERS = (
    Reader("request", lambda: HEADS, _head, (b"localhost", b"127.0.0.1", b"@", b"://", b"[", b"%00", b"xn--"), share=3),
    Reader("message", lambda: [json.dumps(one).encode() for one in MESSAGES], _message,
           (b'"stdin"', b'"resize"', b'"width"', b'"ping"', b"[" * 5000), share=3),
)  # fmt: skip
