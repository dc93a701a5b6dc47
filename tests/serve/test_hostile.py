"""A real ``timnet serve`` and bytes on its socket that no browser sends."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from tests.serve.served import TOKEN, Served, serving
from tests.support import filled_registry
from timnet_tui.serve import server
from timnet_tui.serve.access import Access


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    db = tmp_path_factory.mktemp("served") / "runs.db"
    filled_registry(db).close()
    with serving(db, TIMNET_SERVE_TOKEN=TOKEN) as served:
        yield served


def place_of(served: Served) -> tuple[str, int]:
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    return host, int(port)


def said(served: Served, sent: bytes) -> bytes:
    """What comes back for these bytes, until the server closes or has answered."""
    with socket.create_connection(place_of(served), 20) as one:
        one.settimeout(20)
        one.sendall(sent)
        found = b""
        while b"\r\n\r\n" not in found and (more := one.recv(65_536)):
            found += more
        return found


def request(served: Served, line: str, *headers: str) -> bytes:
    host, port = place_of(served)
    return "\r\n".join((f"{line} HTTP/1.1", f"Host: {host}:{port}", *headers, "", "")).encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


UPGRADE = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
)  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [(), ("Origin: http://evil.example.org",), ("Origin: null",), ("Cookie: timnet=x",), ("Authorization: Bearer x",)],
)
def test_a_websocket_without_the_token_starts_nothing(locked: Served, headers: tuple[str, ...]) -> None:
    answer = said(locked, request(locked, "GET /ws?width=80&height=24", *UPGRADE, *headers))
    assert status(answer) in (401, 403)
    assert not locked.children()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../server.py", "/static/..%2f..%2fserver.py", "/static/%2e%2e/%2e%2e/server.py", "//etc/passwd",
        "/static//etc/passwd", "/page.css/../server.py", "/static/fonts/../../../../../../etc/passwd", "/static/%00",
        "/static/..\\..\\server.py", "http://evil.example.org/page.js", "*", "/static/fonts/%252e%252e/x",
    ],
)  # fmt: skip
def test_no_path_leads_out(locked: Served, path: str) -> None:
    answer = said(locked, request(locked, f"GET {path}"))
    assert status(answer) in (400, 401, 403, 404), answer[:200]
    assert b"root:" not in answer
    assert b"import " not in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" + b"\0" * 64 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
    ids=["line", "header", "length", "smuggling", "tls", "hosts"],
)
def test_requests_that_are_none_are_refused(locked: Served, sent: bytes) -> None:
    answer = said(locked, sent)
    assert answer == b"" or status(answer) in (400, 403, 413, 414, 431), answer[:200]


def test_a_form_that_is_too_large_or_none_is_refused(locked: Served) -> None:
    for kind, body in (
        ("application/x-www-form-urlencoded", b"token=" + b"a" * 200_000),
        ("multipart/form-data; boundary=x", b"--x\r\nno form"),
        ("multipart/form-data", b"--x"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"token=a"),
    ):
        head = request(locked, "POST /login", f"Content-Type: {kind}", f"Content-Length: {len(body)}")
        answer = said(locked, head + body)
        assert answer == b"" or status(answer) in (400, 403, 413), (kind, answer[:200])


def test_the_token_is_in_no_list_of_processes_and_no_line(locked: Served) -> None:
    said(locked, request(locked, f"GET /?token={TOKEN}x"))
    said(locked, request(locked, f"GET /?token={TOKEN.replace(' ', '%20')}"))
    assert TOKEN not in " ".join(psutil.Process(locked.process.pid).cmdline())
    assert TOKEN not in "".join(locked.said)
    assert "Traceback" not in "".join(locked.said)


async def test_who_says_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(server, "CONNECTIONS_AT_MOST", 4)
    one = server.Server(tmp_path / "runs.db", Access("127.0.0.1"), 0, lambda _: None)
    runner = web.AppRunner(one.application(), access_log=None)
    await runner.setup()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: one._greet(runner), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        started = time.monotonic()
        slow, slow_writer = await asyncio.open_connection("127.0.0.1", port)
        slow_writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")  # and never the end of it
        fine, fine_writer = await asyncio.open_connection("127.0.0.1", port)
        fine_writer.write(f"GET /page.css HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert (await asyncio.wait_for(fine.readuntil(b"\r\n"), 20)).startswith(b"HTTP/1.1 200")
        await _ended(slow)
        assert time.monotonic() - started >= 0.5
        fine_writer.write(f"GET /page.css HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert await asyncio.wait_for(fine.readuntil(b"HTTP/1.1 200"), 20), "who asked at once stays"
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        for reader, _ in crowd:
            await _ended(reader)
        for writer in (slow_writer, fine_writer, *(writer for _, writer in crowd)):
            writer.close()
    finally:
        listening.close()
        await runner.cleanup()


async def _ended(reader: asyncio.StreamReader) -> None:
    """Wait for the server to let go."""
    async with asyncio.timeout(20):
        try:
            while await reader.read(1000):
                pass
        except ConnectionError:
            return
