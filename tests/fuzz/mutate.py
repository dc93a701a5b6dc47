"""From a valid file to one that somebody hostile, careless or unlucky could have made of it.

The same generator always makes the same bytes, so an input is named by its reader, a seed and a number.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from random import Random

LONGEST = 256 * 1024
"""No input grows beyond this, so what takes long or much memory is the reader's doing."""

#: what readers have stumbled over elsewhere: numbers that are none, endless nesting, paths, escapes, formulas
WORDS: tuple[bytes, ...] = (
    b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 5000, b"9" * 400, b"2147483648", b"1e-999",
    b"-9223372036854775809",
    b"null", b"true", b"[]", b"{}", b'""', b"[" * 3000, b'{"a":' * 2000, b"{a=" * 500, b"[" * 300 + b"]" * 300,
    b'{"a":' * 200 + b"1" + b"}" * 200,
    b"a." * 300, b"a/" * 200, b"\x00", b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80", b"\\ud800", b"\x1b]0;owned\x07", b"\x1b[2J", "\u202e".encode(), "\u2028".encode(), b"\r\n", b"\n",
    b"../../../../etc/passwd", b"/etc/passwd", b"/dev/zero", b"..", b"~root", b"C:\\x", b"=HYPERLINK(1)", b"-1", b"'",
    b"<script>alert(1)</script>", b"\\input{/etc/passwd}", b"|", b"[@click=app.quit]x[/]", b"[/x]", b"$(touch owned)",
    b"0x7fffffffffffffff", b"*a", b"&a", b"<<: *a", b"!!python/object/apply:os.system [id]",
    b"cos\nsystem\n(S'id'\ntR.",
)  # fmt: skip
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_NEW_NUMBERS = (b"-1", b"0", b"1e999", b"NaN", b"9" * 30, b"9" * 4999, b"0.5", b"4294967296", b"2147483648", b'"x"')

Step = Callable[[bytearray, Random, Sequence[bytes]], None]


def mutated(data: bytes, random: Random, words: Sequence[bytes] = (), others: Sequence[bytes] = ()) -> bytes:
    """``data`` after one to eight random changes; ``words`` are the format's own, ``others`` give pieces."""
    changed = bytearray(data)
    pieces = (*WORDS, *words, *words, *words)
    for _ in range(1 + min(7, int(random.expovariate(0.8)))):
        if others and random.random() < 0.08:
            _splice(changed, random, others)
        else:
            random.choice(_STEPS)(changed, random, pieces)
        del changed[LONGEST:]
    return bytes(changed)


def _place(data: bytearray, random: Random) -> int:
    """Anywhere; often near the start, where headers are."""
    return random.randrange(min(len(data), 64) + 1) if random.random() < 0.3 else random.randrange(len(data) + 1)


def _length(random: Random) -> int:
    return 1 + min(4096, int(random.expovariate(1 / 12)))


def _flip(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    if data:
        data[min(_place(data, random), len(data) - 1)] ^= 1 << random.randrange(8)


def _byte(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    if data:
        data[min(_place(data, random), len(data) - 1)] = random.choice((0, 1, 10, 13, 27, 34, 127, 128, 254, 255))


def _insert(data: bytearray, random: Random, words: Sequence[bytes]) -> None:
    place = _place(data, random)
    data[place:place] = random.choice(words) if random.random() < 0.7 else random.randbytes(_length(random))


def _overwrite(data: bytearray, random: Random, words: Sequence[bytes]) -> None:
    place, word = _place(data, random), random.choice(words)
    data[place : place + len(word)] = word


def _remove(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    place = _place(data, random)
    del data[place : place + _length(random)]


def _cut(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    del data[_place(data, random) :]


def _repeat(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    place = _place(data, random)
    piece = bytes(data[place : place + _length(random)])
    data[place:place] = piece * random.choice((1, 2, 3, 50, 1000))


def _move(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    start, to = _place(data, random), _place(data, random)
    piece = bytes(data[start : start + _length(random)])
    del data[start : start + len(piece)]
    data[to:to] = piece


def _integer(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    """A length, an offset or a count as formats keep them."""
    width = random.choice((1, 2, 4, 8))
    value = random.choice((*_NUMBERS, len(data), len(data) - 1)) % 2 ** (8 * width)
    place = _place(data, random)
    data[place : place + width] = value.to_bytes(width, random.choice(("little", "big")))


def _number(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    """Another number where text has one."""
    found = list(_NUMBER.finditer(data))
    if found:
        start, end = random.choice(found).span()
        data[start:end] = random.choice(_NEW_NUMBERS)


def _line(data: bytearray, random: Random, words: Sequence[bytes]) -> None:
    """A line gone, twice, or instead of it a word."""
    lines = data.split(b"\n")
    place = random.randrange(len(lines))
    lines[place : place + 1] = random.choice(([], [lines[place]] * 2, [bytearray(random.choice(words))]))
    data[:] = b"\n".join(lines)


def _splice(data: bytearray, random: Random, others: Sequence[bytes]) -> None:
    other = random.choice(others)
    start = random.randrange(len(other) + 1)
    place = _place(data, random)
    data[place : place + random.randrange(400)] = other[start : start + random.randrange(4000)]


_STEPS: tuple[Step, ...] = (
    _flip, _byte, _insert, _insert, _overwrite, _remove, _cut, _repeat, _move, _integer, _integer, _number, _number,
    _line,
)  # fmt: skip


def rezipped(data: bytes, random: Random, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A zip whose members were changed, put together anew, so that what reads them gets to see it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()
