"""Headless Chromium, steered through its DevTools protocol: no driver and no library beyond aiohttp."""

from __future__ import annotations

import asyncio
import base64
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.serve.served import Screen

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for found in map(shutil.which, NAMES) if found), None)


class Page:
    """One tab: what it shows, what it has asked the network for, and what came over its websocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self.screen = Screen()
        self.requests: list[str] = []
        self.failures: list[str] = []
        self.sockets: list[str] = []

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command of the protocol."""
        self._number += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        return await asyncio.wait_for(answer, 30)

    async def value(self, expression: str) -> Any:
        """What JavaScript says in the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return found["result"].get("value")

    async def go(self, url: str) -> None:
        """Open an address."""
        await self.call("Page.navigate", url=url)

    async def press(self, key: str, code: int, text: str = "") -> None:
        """A key, as a keyboard sends it."""
        about = {"key": key, "windowsVirtualKeyCode": code}
        down: dict[str, object] = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        await self.call("Input.dispatchKeyEvent", **down, **about)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def picture(self) -> bytes:
        """A screenshot, PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])

    async def until(self, holds: Callable[[], object], what: str = "", seconds: float = 30) -> None:
        """Wait for what the browser gets to see."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{what}: {self.failures}\n{self.screen.text}") from None

    async def listen(self) -> None:
        """Take in all that Chromium tells."""
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if "error" in told:
                    answer.set_exception(AssertionError(told["error"]))
                elif not answer.done():
                    answer.set_result(told["result"])
            else:
                self._take(told["method"], told["params"])

    def _take(self, method: str, told: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Network.webSocketCreated":
                self.sockets.append(told["url"])
            case "Network.webSocketFrameReceived" if told["response"]["opcode"] == 2:
                self.screen.feed(base64.b64decode(told["response"]["payloadData"]).decode())
            case "Runtime.exceptionThrown":
                self.failures.append(str(told["exceptionDetails"].get("exception", told)))
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.failures.append(told["entry"]["text"])


@asynccontextmanager
async def browsing(place: Path, width: int = 1300, height: int = 760) -> AsyncIterator[Page]:
    """A fresh browser with one empty tab; its process group is ended afterwards."""
    assert CHROMIUM is not None
    profile = place / "profile"
    options = (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={profile}",
        f"--window-size={width},{height}", "--force-device-scale-factor=1",
    )  # fmt: skip
    log = (place / "chromium.log").open("wb")
    process = subprocess.Popen([CHROMIUM, *options, "about:blank"], stdout=log, stderr=log, start_new_session=True)
    try:
        async with (
            aiohttp.ClientSession(trust_env=False) as client,
            client.ws_connect(await _tab(client, profile), max_msg_size=2**26) as socket,
        ):
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            for domain in ("Page", "Network", "Runtime", "Log"):
                await page.call(f"{domain}.enable")
            yield page
            listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


async def _tab(client: aiohttp.ClientSession, profile: Path) -> str:
    """The address of the first tab, once the browser is up."""
    told = profile / "DevToolsActivePort"
    async with asyncio.timeout(60):
        while not (told.exists() and told.read_text().strip()):
            await asyncio.sleep(0.05)
        port = told.read_text().split()[0]
        while True:
            with suppress(aiohttp.ClientError):
                async with client.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    for target in await answer.json():
                        if target["type"] == "page":
                            return str(target["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)
