"""The served interface in headless Chromium: the grid appears, a key opens a run, its curves move."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.queue.processes import wait_until
from tests.serve.browser import CHROMIUM, browsing
from tests.serve.served import TOKEN, serving
from tests.support import filled_registry, train

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true", reason="no Chromium here; .ci/run installs one"
)


async def test_the_grid_appears_a_key_opens_a_run_and_its_curves_move(tmp_path: Path) -> None:
    registry = filled_registry(tmp_path / "runs.db")
    running = registry.runs.get("2.3")
    # it must look alive: the test itself holds the run's lock, as a training process does
    from timnet.queue import liveness

    lock = liveness.try_lock(registry.paths.run(running.uid).lock)
    assert lock is not None
    with serving(tmp_path / "runs.db") as served:
        async with browsing(tmp_path) as page:
            await page.go(f"{served.url}/")
            await page.until(lambda: "EMODB" in page.screen.text and "SAVEE" in page.screen.text, "the grid")
            await page.until(lambda: served.children(), "its process")
            grid = await page.picture()
            assert grid.startswith(b"\x89PNG")
            for _ in range(2):  # from fold 1 to the run that trains
                await page.press("ArrowRight", 39)
            await page.press("Enter", 13, "\r")
            await page.until(lambda: "2.3" in page.screen.text and "12/20" in page.screen.text, "the run")
            before, changes = await page.picture(), page.screen.changes
            train(registry, running.id, 18)
            await page.until(lambda: "18/20" in page.screen.text, "the epochs that came")
            await page.until(lambda: page.screen.changes > changes + 20, "the curves that moved")
            assert await page.picture() != before
            assert {urlsplit(url).netloc for url in page.requests if url.startswith("http")} == {
                urlsplit(served.url).netloc
            }, "nothing is loaded from elsewhere"
            assert page.failures == []
        wait_until(lambda: not served.children(), 20, "for the session to end with its browser")
    liveness.unlock(lock)
    registry.close()


async def test_the_token_is_asked_for_in_the_browser_and_leaves_its_address(tmp_path: Path) -> None:
    filled_registry(tmp_path / "runs.db").close()
    with serving(tmp_path / "runs.db", TIMNET_SERVE_TOKEN=TOKEN) as served:
        async with browsing(tmp_path) as page:
            await page.go(f"{served.url}/")
            await page.until(lambda: any(url.endswith("/login") for url in page.requests), "the login")
            while not await page.value("document.readyState === 'complete' && !!document.forms[0]"):
                pass
            assert not page.sockets
            assert not served.children()
            await page.value(f"document.getElementById('token').value = {TOKEN!r}; document.forms[0].submit()")
            await page.until(lambda: "EMODB" in page.screen.text, "the grid")
            assert await page.value("location.href") == f"{served.url}/"
            assert await page.value("document.cookie") == "", "no script can read the cookie"
            assert page.failures == []


async def test_a_page_of_another_site_cannot_reach_the_interface(tmp_path: Path) -> None:
    """A page on another port of this machine is another site: its websocket is refused."""
    filled_registry(tmp_path / "runs.db").close()
    with serving(tmp_path / "runs.db") as served, serving(tmp_path / "runs.db") as other:
        async with browsing(tmp_path) as page:
            await page.go(f"{other.url}/page.css")
            while not await page.value("document.readyState === 'complete'"):
                pass
            address = served.url.replace("http", "ws") + "/ws"
            found = await page.value(
                f"new Promise(done => {{ const s = new WebSocket({address!r});"
                "s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
            )
            assert found == "refused"
            assert not served.children()
