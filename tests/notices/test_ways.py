"""Real commands and a real HTTP server: what arrives, and what is said when it does not."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from timnet.notices import ways
from timnet.notices.notice import Notice
from timnet.notices.ways import NotSent, command, desktop, webhook
from timnet.settings import Notify

NOTICE = Notice(
    "failed", "timnet: run 7.3 failed", 'run 7.3 (<b>@all & {title}$(touch x)`id`) failed: it\'s "x"', 7, "7.3"
)
WRITE = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open('got.json', 'w'))"


@dataclass
class Endpoint:
    """What was POSTed to a server on this machine, and how it answers."""

    url: str = ""
    status: int = 200
    location: str = ""
    wait: float = 0.0
    got: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append((self.path, dict(self.headers), json.loads(body)))
            time.sleep(made.wait)
            self.send_response(made.status)
            if made.location:
                self.send_header("Location", made.location)
            self.end_headers()

        def do_GET(self) -> None:
            made.got.append((self.path, {}, "GET"))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/T0/secret"
    yield made
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_json_that_chat_services_take(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # what is on this machine goes to no proxy
    webhook(NOTICE, endpoint.url)
    [(path, headers, body)] = endpoint.got
    assert path == "/T0/secret"
    assert headers["Content-Type"] == "application/json"
    assert body["text"] == body["content"] == NOTICE.text.translate(ways._MARKUP)
    assert "failed: it's" in body["text"]
    assert not set("<>@&") & set(body["text"]), "nothing that pings everybody or becomes markup"
    assert body["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_webhook_s_refusal_is_told_without_its_secret(endpoint: Endpoint, status: int) -> None:
    endpoint.status = status
    with pytest.raises(NotSent, match=rf"http://127\.0\.0\.1:\d+/… answered {status}") as caught:
        webhook(NOTICE, endpoint.url)
    assert "secret" not in str(caught.value)


def test_a_redirect_is_not_followed(endpoint: Endpoint) -> None:
    endpoint.status, endpoint.location = 302, endpoint.url.replace("T0", "elsewhere")
    with pytest.raises(NotSent, match="answered 302"):
        webhook(NOTICE, endpoint.url)
    assert len(endpoint.got) == 1


def test_a_webhook_that_is_silent_or_not_there_is_given_up(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "WEBHOOK_SECONDS", 0.2)
    endpoint.wait = 1.0
    with pytest.raises(NotSent, match=r"cannot be reached \(TimeoutError\)"):
        webhook(NOTICE, endpoint.url)
    with pytest.raises(NotSent, match=r"http://127\.0\.0\.1:9/… cannot be reached \(ConnectionRefusedError\)"):
        webhook(NOTICE, "http://127.0.0.1:9/T0/secret")


def test_a_command_gets_the_text_as_one_argument_and_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command(NOTICE, [sys.executable, "-c", WRITE, "{text}", "a {run} b", "{occasion}/{experiment}", "{unknown}", ""])
    words, environment = json.loads((tmp_path / "got.json").read_text())
    assert words == [NOTICE.text, "a 7.3 b", "failed/7", "{unknown}", ""]
    assert environment["TIMNET_NOTICE_TEXT"] == NOTICE.text
    assert environment["TIMNET_NOTICE_RUN"] == "7.3"
    assert [path.name for path in tmp_path.iterdir()] == ["got.json"], "no shell has run what stands in the text"


def test_a_command_that_fails_is_told() -> None:
    with pytest.raises(NotSent, match=r"the command .* ended with status 3"):
        command(NOTICE, [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(NotSent, match=r"the command no-such-command-here cannot be run: No such file"):
        command(NOTICE, ["no-such-command-here", "{text}"])


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ways, "COMMAND_SECONDS", 1.5)
    hang = "import subprocess, sys; c = subprocess.Popen(['sleep', '60']); open('pid', 'w').write(str(c.pid)); c.wait()"
    with pytest.raises(NotSent, match="took longer"):
        command(NOTICE, [sys.executable, "-c", hang])
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the command's child lives on"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("platform", "program", "before"),
    [("linux", "notify-send", ["--app-name=timnet", "--"]), ("darwin", "osascript", ["-e"])],
)
def test_the_desktop_gets_title_and_text_as_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, program: str, before: list[str]
) -> None:
    fake = tmp_path / program
    fake.write_text(f"#!{sys.executable}\n{WRITE}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ways.sys, "platform", platform)
    desktop(NOTICE)
    words, _ = json.loads((tmp_path / "got.json").read_text())
    assert words[: len(before)] == before
    assert words[-2:] == [NOTICE.title, NOTICE.text.translate(ways._MARKUP)]
    assert not any("7.3" in word for word in words[:-2]), "what is told never becomes part of a script"


def test_only_what_is_set_is_used() -> None:
    assert ways.ways_of(Notify()) == []
    assert ways.ways_of(Notify(bell=True, osc9=True)) == [], "those are the interface's own"
    assert len(ways.ways_of(Notify(desktop=True, webhook="https://a.org", command=("true",)))) == 3
