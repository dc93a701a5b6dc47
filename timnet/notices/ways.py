"""The ways a notice leaves this machine's registry: the desktop, a webhook, a command of the user's.

Each raises :class:`NotSent` with a line that holds no secret. No shell is ever started, and nothing waits longer
than its timeout.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from timnet.notices.notice import Notice
from timnet.settings import Notify, shown_url
from timnet.text import clean

WEBHOOK_SECONDS = 5.0
COMMAND_SECONDS = 10.0

Way = Callable[[Notice], None]

_PLACEHOLDER = re.compile(r"\{(occasion|title|text|experiment|run)\}")
#: what chat services and notification daemons would read as markup or as a call to everyone
_MARKUP = str.maketrans({"<": "‹", ">": "›", "@": "＠", "&": "＆"})
_SCRIPT = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")


class NotSent(Exception):
    """A notice did not arrive. The message is one line without secrets."""


def ways_of(notify: Notify) -> list[Way]:
    """The ways that a worker sends by, as the settings want."""
    ways: list[Way] = []
    if notify.desktop:
        ways.append(desktop)
    if notify.webhook:
        ways.append(partial(webhook, url=notify.webhook))
    if notify.command:
        ways.append(partial(command, words=notify.command))
    return ways


def desktop(notice: Notice) -> None:
    """Show it on the desktop: ``notify-send`` on Linux, ``osascript`` on a Mac."""
    title, text = notice.title.translate(_MARKUP), notice.text.translate(_MARKUP)
    if sys.platform == "darwin":
        words = ["osascript", *(word for line in _SCRIPT for word in ("-e", line)), title, text]
    else:
        words = ["notify-send", "--app-name=timnet", "--", title, text]
    _run(words, "the desktop", os.environ)


def command(notice: Notice, words: Sequence[str]) -> None:
    """Run a command of the user's. ``{text}`` and the other fields are put in as they are, in one pass.

    The fields are in the environment as well (``TIMNET_NOTICE_TEXT``), for scripts.
    """
    fields = {name: str(value) for name, value in asdict(notice).items()}
    filled = [_PLACEHOLDER.sub(lambda found: fields[found[1]], word) for word in words]
    environment = {**os.environ, **{f"TIMNET_NOTICE_{name.upper()}": value for name, value in fields.items()}}
    _run(filled, f"the command {clean(words[0])}", environment)


def webhook(notice: Notice, url: str) -> None:
    """POST it as JSON: ``text`` (Slack, Mattermost) and ``content`` (Discord). Redirects are not followed."""
    text = notice.text.translate(_MARKUP)
    body = {"text": text, "content": text, "allowed_mentions": {"parse": []}}
    request = Request(  # noqa: S310 - http and https alone, which the settings have seen to
        url, json.dumps(body).encode(), {"Content-Type": "application/json", "User-Agent": "timnet"}
    )
    proxies = (ProxyHandler({}),) if _on_this_machine(url) else ()
    try:
        with build_opener(_NoRedirect, *proxies).open(request, timeout=WEBHOOK_SECONDS):
            pass
    except HTTPError as error:
        raise NotSent(f"{shown_url(url)} answered {error.code}") from None
    except Exception as error:  # a broken answer, a name that is not known, a timeout: the sort is enough
        reason = getattr(error, "reason", None) or error
        raise NotSent(f"{shown_url(url)} cannot be reached ({type(reason).__name__})") from None


class _NoRedirect(HTTPRedirectHandler):
    """A redirect could lead a notice to a place that the settings' checks have not seen."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _run(words: Sequence[str], name: str, environment: Any) -> None:
    try:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environment,
        )
    except (OSError, ValueError) as error:
        raise NotSent(f"{name} cannot be run: {clean(str(getattr(error, 'strerror', None) or error))}") from None
    try:
        status = child.wait(COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise NotSent(f"{name} took longer than {COMMAND_SECONDS:.0f} s and was ended") from None
    if status:
        raise NotSent(f"{name} ended with status {status}")
