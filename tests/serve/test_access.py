"""Who is let in: over headers and addresses alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.errors import BadInput
from timnet_tui.serve.access import Access, is_loopback
from timnet_tui.serve.session import HIGHEST, WIDEST, bounded

OPEN = Access("127.0.0.1")
LOCKED = Access("0.0.0.0", "correct horse")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"])
def test_on_this_machine_no_token_is_needed(host: str) -> None:
    Access(host).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", "127.0.0.1.example.org"])
def test_elsewhere_a_token_is_needed(host: str) -> None:
    with pytest.raises(BadInput, match=r"lets everybody in the network steer your runs; set a token"):
        Access(host).check()
    Access(host, "correct horse").check()


def test_a_short_token_is_refused() -> None:
    with pytest.raises(BadInput, match="8 characters or more"):
        Access("127.0.0.1", "short").check()


@pytest.mark.parametrize(
    ("host", "origin", "address"),
    [
        ("127.0.0.1:8000", None, "127.0.0.1"),
        ("localhost:8000", "http://localhost:8000", "::1"),
        ("[::1]:8000", "http://[::1]:8000", "::1"),
        ("localhost:9000", "http://localhost:9000", "127.0.0.1"),  # through a tunnel to another port
        ("localhost", "https://localhost", "127.0.0.1"),
    ],
)
def test_a_browser_on_this_machine_is_answered(host: str, origin: str | None, address: str) -> None:
    assert OPEN.refusal(host, origin, address) is None


@pytest.mark.parametrize(
    ("host", "origin", "address", "why"),
    [
        ("evil.example.org:8000", None, "127.0.0.1", "another host"),  # a name that was made to point here
        ("evil.example.org:8000", "http://evil.example.org:8000", "127.0.0.1", "another host"),
        ("localhost.evil.org", None, "127.0.0.1", "another host"),
        ("127.0.0.1:8000", "http://evil.example.org", "127.0.0.1", "another site"),
        ("127.0.0.1:8000", "http://127.0.0.1:9999", "127.0.0.1", "another site"),
        ("127.0.0.1:8000", "null", "127.0.0.1", "another site"),
        ("127.0.0.1:8000", "", "127.0.0.1", "another site"),
        ("127.0.0.1:8000", None, "192.168.1.9", "another machine"),
        ("127.0.0.1:8000", None, "", "another machine"),
        (None, None, "127.0.0.1", "no host"),
        ("", None, "127.0.0.1", "no host"),
        ("[::1", None, "127.0.0.1", "no host"),
        ("h:port", None, "127.0.0.1", "no host"),
        ("evil.example.org@localhost", None, "127.0.0.1", "no host"),
        ("[::1]evil.example.org:8000", None, "127.0.0.1", "no host"),
        ("localhost/evil.example.org", None, "127.0.0.1", "no host"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/evil", "127.0.0.1", "another site"),
    ],
)
def test_others_are_refused(host: str | None, origin: str | None, address: str, why: str) -> None:
    assert why in (OPEN.refusal(host, origin, address) or "")


def test_behind_a_token_any_name_will_do_but_no_foreign_page() -> None:
    assert LOCKED.refusal("lab.example.org:8000", "http://lab.example.org:8000", "10.0.0.7") is None
    assert LOCKED.refusal("lab.example.org:8000", "http://evil.example.org", "10.0.0.7") is not None


def test_the_token_lets_in_and_the_cookie_after_it() -> None:
    assert LOCKED.knows_token("correct horse")
    assert not any(LOCKED.knows_token(given) for given in (None, "", "correct hors", "correct horsE", "\udcff"))
    assert LOCKED.is_let_in(LOCKED.cookie)
    assert not any(LOCKED.is_let_in(given) for given in (None, "", "correct horse", LOCKED.cookie[:-1]))
    assert OPEN.is_let_in(None)
    assert not OPEN.knows_token("")
    other = Access("0.0.0.0", "correct horse")
    assert not other.is_let_in(LOCKED.cookie), "each server has a cookie of its own"
    assert other.cookie_name != LOCKED.cookie_name


@given(st.text(), st.none() | st.text())
def test_no_header_breaks_the_check(host: str, origin: str | None) -> None:
    for access in (OPEN, LOCKED):
        refusal = access.refusal(host, origin, "10.0.0.7")
        assert refusal is None or refusal.startswith("the request ")
    assert OPEN.refusal(host, origin, "10.0.0.7") is not None


@given(st.integers(), st.integers())
def test_a_size_stays_within_bounds(width: int, height: int) -> None:
    wide, high = bounded(width, height)
    assert 20 <= wide <= WIDEST
    assert 5 <= high <= HIGHEST


def test_an_address_that_only_begins_like_loopback_is_none() -> None:
    assert not is_loopback("127.0.0.1.evil.org")
    assert not is_loopback("localhost.evil.org")
