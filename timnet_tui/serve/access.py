"""Who may use the served interface: where it may listen, which requests are answered, how a visitor proves itself.

Pure: it decides over headers and never reads a socket.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from timnet.errors import BadInput

LEAST_TOKEN = 8
_PLACE = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]@:/?#\\\s]+)(?::\d{0,5})?")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Access:
    """``token`` is what visitors must know, None where none is set; ``host`` where the server listens.

    ``cookie`` stands for the token after the first visit. It is made anew by each server, so ending the server ends
    every visit; its name is too, because cookies of all ports of a machine lie in one jar.
    """

    host: str
    token: str | None = None
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    cookie_name: str = field(default_factory=lambda: f"timnet-{secrets.token_hex(4)}")

    def check(self) -> None:
        """Raises :class:`BadInput` where this would let strangers in."""
        if self.token is not None and len(self.token) < LEAST_TOKEN:
            raise BadInput(f"a token needs {LEAST_TOKEN} characters or more; others could guess a shorter one")
        if self.token is None and not is_loopback(self.host):
            raise BadInput(
                f"serving on {self.host} lets everybody in the network steer your runs; set a token with "
                "TIMNET_SERVE_TOKEN or --token, or serve on 127.0.0.1"
            )

    def knows_token(self, given: str | None) -> bool:
        """Whether a visitor has named the token. Takes the same time however much of it is right."""
        return self.token is not None and given is not None and _same(given, self.token)

    def is_let_in(self, cookie: str | None) -> bool:
        """Whether a visitor has been let in before, or nobody needs to be."""
        return self.token is None or (cookie is not None and _same(cookie, self.cookie))

    def refusal(self, host: str | None, origin: str | None, address: str | None) -> str | None:
        """Why a request must not be answered, whoever sends it; None where it may.

        ``host`` and ``origin`` are its headers, ``address`` where it comes from. A page of another site that
        opens a websocket here has a foreign origin; one that lets its name point here has a foreign host.
        """
        named = _split(f"//{host}" if host else "")
        if named is None:
            return "the request names no host"
        if self.token is None:
            if named[0] not in LOOPBACK_NAMES | {self.host.lower()}:
                return "the request is for another host"
            if address is not None and not is_loopback(address):
                return "the request comes from another machine"
        if origin is not None and _split(origin) != named:
            return "the request comes from a page of another site"
        return None


def is_loopback(host: str) -> bool:
    """Whether an address or name is of this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _same(given: str, wanted: str) -> bool:
    # digests of equal length, so that not even the length can be found out
    first, second = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, wanted))
    return hmac.compare_digest(first, second)


def _split(address: str) -> tuple[str, int | None] | None:
    """Host and port of a URL that has nothing else, else None. The port that a scheme has by itself is left out."""
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname
    except ValueError:
        return None
    # urlsplit overlooks what stands behind a bracket, and takes a user's name before the host
    if not host or not _PLACE.fullmatch(parts.netloc) or parts.path or parts.query or parts.fragment:
        return None
    return host, None if port in (80, 443) else port
