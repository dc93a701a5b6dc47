"""A real server and real sessions, spoken to as a browser does, and as somebody who should not."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.queue.processes import wait_until
from tests.serve.served import TOKEN, Screen, Served, environment, serving
from tests.support import filled_registry


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("served")
    filled_registry(place / "runs.db").close()
    return place / "runs.db"


@pytest.fixture(scope="module")
def open_one(db: Path) -> Iterator[Served]:
    """A server on this machine without a token."""
    with serving(db) as served:
        yield served


@pytest.fixture(scope="module")
def locked(db: Path) -> Iterator[Served]:
    """A server that wants a token."""
    with serving(db, TIMNET_SERVE_TOKEN=TOKEN) as served:
        yield served


@asynccontextmanager
async def visitor(**more: object) -> AsyncIterator[aiohttp.ClientSession]:
    # by address: the cookie jar of a client ignores IP addresses unless told otherwise
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), **more) as client:  # type: ignore[arg-type]
        yield client


async def seen(socket: aiohttp.ClientWebSocketResponse, screen: Screen, holds: Callable[[], object]) -> None:
    """Read what the session sends until ``holds()``."""
    async with asyncio.timeout(30):
        while not holds():
            message = await socket.receive()
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
            if message.type is aiohttp.WSMsgType.BINARY:
                screen.feed(message.data.decode())


async def test_the_page_needs_nothing_from_elsewhere(open_one: Served) -> None:
    async with visitor() as client, client.get(f"{open_one.url}/") as answer:
        page = await answer.text()
        assert answer.status == 200
        assert "//" not in page, "no address of another server"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        for path in ("/page.js", "/page.css", "/static/js/textual.js", "/static/css/xterm.css",
                     "/static/fonts/RobotoMono-VariableFont_wght.ttf"):  # fmt: skip
            async with client.get(open_one.url + path) as asset:
                assert asset.status == 200, path
                assert await asset.read()
        for path in ("/static/", "/static/../server.py", "/static/%2e%2e/server.py", "/nothing", "/download/x"):
            async with client.get(open_one.url + path) as missing:
                assert missing.status in (403, 404), path


async def test_the_grid_appears_a_key_opens_a_run_and_leaving_ends_the_process(open_one: Served) -> None:
    screen = Screen()
    async with visitor() as client, client.ws_connect(f"{open_one.url}/ws?width=140&height=40") as socket:
        await seen(socket, screen, lambda: "EMODB" in screen.text and "SAVEE" in screen.text)
        [child] = open_one.children()
        await socket.send_json(["stdin", "\r"])
        await seen(socket, screen, lambda: "attempt" in screen.text or "seed 46" in screen.text)
        await socket.send_json(["resize", {"width": 10**9, "height": -3}])
        await socket.send_json(["ping", "7"])
        pongs = []
        async with asyncio.timeout(30):
            while not pongs:
                message = await socket.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    pongs.append(message.json())
        assert pongs == [["pong", "7"]]
    wait_until(lambda: not child.is_running(), 15, "for the session to end with its browser")


async def test_q_closes_the_session(open_one: Served) -> None:
    screen = Screen()
    async with visitor() as client, client.ws_connect(f"{open_one.url}/ws") as socket:
        await seen(socket, screen, lambda: "EMODB" in screen.text)
        await socket.send_json(["stdin", "q"])
        async with asyncio.timeout(20):
            while (await socket.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                pass
    wait_until(lambda: not open_one.children(), 15)


@pytest.mark.parametrize("message", ["no json", '["stdin", 3]', '["resize", {"width": "x"}]'])
async def test_what_is_no_part_of_the_protocol_ends_the_session(open_one: Served, message: str) -> None:
    async with visitor() as client, client.ws_connect(f"{open_one.url}/ws?width=x&height=") as socket:
        await socket.send_str(message)
        async with asyncio.timeout(20):
            while (await socket.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                pass
    wait_until(lambda: not open_one.children(), 15)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Host": "evil.example.org"}, "another host"),
        ({"Host": "evil.example.org:8000", "Origin": "http://evil.example.org:8000"}, "another host"),
        ({"Origin": "http://evil.example.org"}, "another site"),
        ({"Origin": "null"}, "another site"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/ws", "/static/js/textual.js", "/download/x"])
async def test_another_host_or_site_is_refused(open_one: Served, headers: dict[str, str], why: str, path: str) -> None:
    async with visitor() as client, client.get(open_one.url + path, headers=headers) as answer:
        assert answer.status == 403
        assert why in await answer.text()
    async with visitor() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect(f"{open_one.url}/ws", headers=headers)
    assert not open_one.children()


async def test_without_the_token_there_is_a_login_and_nothing_else(locked: Served) -> None:
    async with visitor() as client:
        async with client.get(f"{locked.url}/") as answer:
            assert answer.url.path == "/login"
            assert 'type="password"' in await answer.text()
        for path in ("/ws", "/static/js/textual.js", "/page.js", "/download/x"):
            async with client.get(locked.url + path) as answer:
                assert answer.status == 401, path
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect(f"{locked.url}/ws")
        wrong = {"Cookie": "timnet=x; timnet-00000000=x"}
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect(f"{locked.url}/ws", headers=wrong)
    assert not locked.children()


@pytest.mark.parametrize("by", ["address", "form"])
async def test_the_token_opens_and_is_then_a_cookie(locked: Served, by: str) -> None:
    screen = Screen()
    async with visitor() as client:
        if by == "address":
            answer = await client.get(f"{locked.url}/", params={"token": TOKEN})
        else:
            answer = await client.post(f"{locked.url}/login", data={"token": TOKEN})
        assert answer.status == 200
        assert str(answer.url) == f"{locked.url}/", "the address that stays does not hold the token"
        [first] = answer.history
        cookie = first.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        async with client.ws_connect(f"{locked.url}/ws") as socket:
            await seen(socket, screen, lambda: "EMODB" in screen.text)
            [child] = locked.children()
            assert "TIMNET_SERVE_TOKEN" not in child.environ()
            assert TOKEN not in " ".join(child.cmdline())
    wait_until(lambda: not locked.children(), 15)
    assert TOKEN not in "".join(locked.said)


@pytest.mark.parametrize("wrong", ["", "x", TOKEN[:-1], TOKEN.upper(), TOKEN + " "])
async def test_a_wrong_token_is_refused_after_a_while(locked: Served, wrong: str) -> None:
    async with visitor() as client:
        started = time.monotonic()
        async with client.post(f"{locked.url}/login", data={"token": wrong}) as answer:
            assert answer.status == 403
            assert "Set-Cookie" not in answer.headers
        assert time.monotonic() - started >= 1.0
        foreign = {"Origin": "http://evil.example.org"}
        async with client.post(f"{locked.url}/login", data={"token": TOKEN}, headers=foreign) as answer:
            assert answer.status == 403


def test_guesses_cannot_be_made_all_at_once(locked: Served) -> None:
    async def guess() -> list[int]:
        async with visitor() as client:

            async def once(number: int) -> int:
                async with client.post(f"{locked.url}/login", data={"token": f"guess {number}"}) as answer:
                    return answer.status

            return await asyncio.gather(*(once(number) for number in range(40)))

    found = asyncio.run(guess())
    assert set(found) == {403, 429}


# ways out


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_the_sessions_end_however_the_server_does(db: Path, name: str) -> None:
    async def open_and_end(served: Served) -> list[psutil.Process]:
        screen = Screen()
        async with visitor() as client, client.ws_connect(f"{served.url}/ws") as socket:
            await seen(socket, screen, lambda: "EMODB" in screen.text)
            children = served.children()
            status = await asyncio.to_thread(served.end, getattr(signal, name))
            assert status == (-signal.SIGKILL if name == "SIGKILL" else 0)
            return children

    with serving(db) as served:
        children = asyncio.run(open_and_end(served))
        assert len(children) == 1
        for child in children:
            wait_until(lambda child=child: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 15)
        assert "Traceback" not in "".join(served.said)


def test_a_session_that_hangs_is_ended_too(db: Path) -> None:
    async def hang(served: Served) -> None:
        screen = Screen()
        async with visitor() as client, client.ws_connect(f"{served.url}/ws") as socket:
            await seen(socket, screen, lambda: "EMODB" in screen.text)
            [child] = served.children()
            child.suspend()
            assert await asyncio.to_thread(served.end) == 0
            assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

    with serving(db) as served:
        asyncio.run(hang(served))


# misuse


def serve_fails(db: Path, *options: str, **variables: str) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "timnet", "--db", str(db), "serve", *options],
        capture_output=True, text=True, timeout=60, check=False, cwd=db.parent, env=environment(db.parent, **variables),
    )  # fmt: skip
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("timnet: ")
    assert len(found.stderr.splitlines()) == 1
    return found.stderr


def test_what_is_not_safe_or_not_possible_is_one_line(db: Path) -> None:
    assert "set a token" in serve_fails(db, "--host", "0.0.0.0")
    assert "cannot serve on no-such-host.invalid" in serve_fails(db, "--host", "no-such-host.invalid", "--token", TOKEN)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot serve on 127.0.0.1 port {port}" in serve_fails(db, "--port", str(port))
