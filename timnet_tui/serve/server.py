"""The web server: a page with a terminal in it, and a websocket to a session of one's own.

textual-serve has the protocol and the browser's side; the page, the checks and the ends of processes are ours.
Nothing is loaded from elsewhere, and no address of a request is logged.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from aiohttp import WSMessage, WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError
from textual_serve.download_manager import DownloadManager

from timnet.bounded import parse_json
from timnet.errors import BadInput
from timnet_tui.serve.access import Access
from timnet_tui.serve.session import Session, bounded

SESSIONS_AT_MOST = 16
CONNECTIONS_AT_MOST = 256
#: how long the head of a request, or the form of a login, may take to come
HEADER_SECONDS = 10.0
WRONG_TOKEN_SECONDS = 1.0
WRONG_AT_ONCE = 16
PAGE = Path(__file__).parent / "page"
ASSETS = {"page.js": "text/javascript", "page.css": "text/css"}
#: what may be asked before one is let in; login is where one is let in
OPEN = frozenset({"/login", "/page.css"})
OPEN_FONTS = "/static/fonts/"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with none at all, browsers send a form's origin as null
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Kinds(logging.Handler):
    """Tells of a defect by its kind alone, and of what strangers send not at all."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._said = say

    def emit(self, record: logging.LogRecord) -> None:
        """One line without a word of the request."""
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not None and not issubclass(kind, HttpProcessingError):
            self._said(f"a request could not be answered ({kind.__name__})")


class Server:
    """Serves the registry ``db``. ``say`` gets a line for the user."""

    def __init__(self, db: Path, access: Access, port: int, say: Callable[[str], None]) -> None:
        access.check()
        self._db = db
        self._access = access
        self._port = port
        self._say = say
        self._downloads = DownloadManager()
        self._sessions: dict[Session, web.WebSocketResponse] = {}
        self._wrong = 0
        #: connections on which no whole request has come yet
        self._silent: set[object] = set()

    def run(self) -> None:
        """Serve until a signal ends it: Ctrl-C, SIGTERM or SIGHUP. Raises :class:`BadInput` where it cannot listen."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        ended = asyncio.Event()
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(one, ended.set)
        runner = web.AppRunner(
            self.application(), access_log=None, logger=self._logger(), handle_signals=False, shutdown_timeout=5.0
        )
        await runner.setup()
        try:
            listening = await asyncio.get_running_loop().create_server(
                lambda: self._greet(runner), self._access.host, self._port, backlog=CONNECTIONS_AT_MOST
            )
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            raise BadInput(
                f"cannot serve on {self._access.host} port {self._port}: {getattr(error, 'strerror', None) or error}; "
                "choose another with --host or --port"
            ) from None
        self._say(f"{self._db} is served at {_url(listening)} (Ctrl-C ends it)")
        if self._access.token is not None:
            self._say("visitors are asked for the token; or add it to the address once: /?token=...")
        try:
            await ended.wait()
        finally:
            listening.close()
            await self._end_sessions()
            await runner.cleanup()

    def _logger(self) -> logging.Logger:
        """What aiohttp complains to: it would print requests that are none, and with them a token in their address."""
        quiet = logging.Logger("timnet.serve", logging.ERROR)
        quiet.addHandler(_Kinds(self._say))
        return quiet

    def _greet(self, runner: web.AppRunner) -> asyncio.BaseProtocol:
        """What speaks with a new visitor: who says nothing for long, or comes when too many are here, is left."""
        assert runner.server is not None
        protocol = runner.server()
        self._silent.add(protocol)
        full = len(runner.server.connections) >= CONNECTIONS_AT_MOST
        asyncio.get_running_loop().call_later(0 if full else HEADER_SECONDS, self._leave, protocol)
        return protocol

    def _leave(self, protocol: web.RequestHandler) -> None:
        if protocol in self._silent:
            self._silent.discard(protocol)
            protocol.force_close()
            if protocol.transport is not None:
                protocol.transport.abort()

    def application(self) -> web.Application:
        """The routes behind the checks."""
        app = web.Application(middlewares=[self._checked], client_max_size=2**16)
        static = files("textual_serve") / "static"
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/login", self._ask),
                web.post("/login", self._log_in),
                web.get("/ws", self._websocket),
                web.get("/download/{key}", self._download),
                *(web.get(f"/{name}", self._asset) for name in ASSETS),
                web.static("/static", Path(str(static))),
            ]
        )
        return app

    # who asks

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._silent.discard(request.protocol)
        headers = request.headers
        refusal = self._access.refusal(headers.get("Host"), headers.get("Origin"), request.remote)
        if refusal is not None:
            return self._plain(403, f"refused: {refusal}")
        if "token" in request.query and request.path == "/":
            return await self._let_in(request, request.query["token"])
        if not self._may_see(request):
            return self._see("/login") if request.path == "/" else self._plain(401, "refused: log in first")
        try:
            response = await handler(request)
        except web.HTTPException as error:
            return self._plain(error.status, error.reason)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _may_see(self, request: web.Request) -> bool:
        if request.path in OPEN or request.path.startswith(OPEN_FONTS):
            return True
        return self._access.is_let_in(request.cookies.get(self._access.cookie_name))

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        try:
            async with asyncio.timeout(HEADER_SECONDS):
                token = (await request.post()).get("token")
        except web.HTTPException:
            raise
        except Exception:  # a form that does not come, or is none: aiohttp raises whatever it meets in it
            return self._plain(400, "refused: no form came")
        return await self._let_in(request, token if isinstance(token, str) else "")

    async def _let_in(self, request: web.Request, token: str) -> web.StreamResponse:
        """A cookie in place of the token, and an address without it."""
        if self._access.token is None:
            return self._see("/")
        if self._wrong >= WRONG_AT_ONCE:
            return self._plain(429, "refused: too many wrong tokens; wait a moment")
        if not self._access.knows_token(token):
            self._wrong += 1
            try:
                await asyncio.sleep(WRONG_TOKEN_SECONDS)
            finally:
                self._wrong -= 1
            return self._page("login.html", 403)
        response = self._see("/")
        name, value = self._access.cookie_name, self._access.cookie
        response.set_cookie(name, value, httponly=True, samesite="Strict", secure=request.secure)
        return response

    # what they get

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return self._page("index.html")

    async def _ask(self, _request: web.Request) -> web.StreamResponse:
        return self._page("login.html")

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix("/")
        return web.Response(text=(PAGE / name).read_text("utf-8"), content_type=ASSETS[name])

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file that an interface hands to its visitor."""
        key = request.match_info["key"]
        try:
            file = await self._downloads.get_download_metadata(key)
        except KeyError:
            raise web.HTTPNotFound from None
        name = "".join(one if one.isalnum() or one in "-_." else "_" for one in file.file_name)
        response = web.StreamResponse(
            headers={
                **HEADERS,
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="{name}"',
            }
        )
        await response.prepare(request)
        async for chunk in self._downloads.download(key):
            await response.write(chunk)
        await response.write_eof()
        return response

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if len(self._sessions) >= SESSIONS_AT_MOST:
            return self._plain(503, "refused: too many sessions are open")
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=2**20)
        await socket.prepare(request)
        session = Session(
            self._db,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,
            downloads=self._downloads,
        )
        self._sessions[session] = socket
        try:
            await session.start(*_size(request.query.get("width"), request.query.get("height")))
            await self._listen(socket, session)
        finally:
            await asyncio.shield(session.stop())
            self._sessions.pop(session, None)
            await socket.close()
        return socket

    async def _listen(self, socket: web.WebSocketResponse, session: Session) -> None:
        """Pass on what the browser says, until it goes or says what is no part of the protocol."""
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            match _envelope(message):
                case ["stdin", str(text)]:
                    await session.send_bytes(text.encode("utf-8", "replace"))
                case ["resize", {"width": int(width), "height": int(height)}]:
                    await session.set_terminal_size(width, height)
                case ["ping", value]:
                    await socket.send_json(["pong", value])
                case ["blur"]:
                    await session.blur()
                case ["focus"]:
                    await session.focus()
                case _:
                    return

    async def _end_sessions(self) -> None:
        ending = [session.stop() for session in self._sessions]
        sockets = list(self._sessions.values())
        await asyncio.gather(*ending, return_exceptions=True)
        for socket in sockets:
            with suppress(Exception):
                await asyncio.wait_for(socket.close(), 1.0)

    # answers

    def _page(self, name: str, status: int = 200) -> web.Response:
        text = (PAGE / name).read_text("utf-8")
        return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)

    def _plain(self, status: int, text: str) -> web.Response:
        return web.Response(text=f"timnet: {text}\n", status=status, headers=HEADERS)

    def _see(self, path: str) -> web.Response:
        return web.Response(status=303, headers={**HEADERS, "Location": path})


def _url(listening: asyncio.Server) -> str:
    host, port = listening.sockets[0].getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _size(width: str | None, height: str | None) -> tuple[int, int]:
    try:
        return bounded(int(width or 80), int(height or 24))
    except ValueError:
        return 80, 24


def _envelope(message: WSMessage) -> object:
    try:
        return parse_json(message.data)
    except ValueError:
        return None
