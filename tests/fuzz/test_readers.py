"""Every reader of foreign bytes against some dozens of mutated files, and against all that has once broken one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import reached
from tests.fuzz.mutate import LONGEST, mutated, rezipped
from tests.fuzz.reader import Reader, fault_of
from tests.fuzz.readers import READERS
from tests.fuzz.watch import watching
from tests.support import REPOSITORY
from timnet.text import clean

REGRESSIONS = Path(__file__).parent / "regressions"
SECONDS = 10.0
QUICK = (
    "presets",
    "settings",
    "space",
    "keras-log-text",
    "features",
    "audformat",
    "arrays",
    "log",
    "memory",
    "receipt",
)
#: inputs in the short suite; a slow one gets few, as the long run gives it many
FEW = {"registry": 6, "bundle": 12, "names": 4, "keras-log": 15, "sheet": 20, "audio": 25}


@pytest.fixture(autouse=True)
def _nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("CONFIG", "CACHE", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))


def bounded_fault(reader: Reader, data: bytes, folder: Path) -> str | None:
    """As :func:`fault_of`, and an input may take some seconds of processor time at most."""

    def too_long(*_: object) -> None:
        raise AssertionError(f"{reader.name} takes longer than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        found = fault_of(reader, data, folder)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return None if found is None else f"{found.kind}\n{found.text}"


@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    for data in reader.seeds():
        fault_of(reader, data, tmp_path)  # what is loaded is loaded now, and is not its doing
    for data in reader.seeds():
        assert bounded_fault(reader, data, tmp_path) is None
    for number in range(FEW.get(name, 30)):
        assert bounded_fault(reader, reader.input(0, number), tmp_path) is None, (
            f"--only {name} --seed 0 --show {number}"
        )


@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_broke_a_reader_does_not_again(path: Path, tmp_path: Path) -> None:
    reader = READERS[path.parent.name]
    fault_of(reader, reader.seeds()[0], tmp_path)
    assert bounded_fault(reader, path.read_bytes(), tmp_path) is None


@pytest.fixture(scope="module")
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is loaded and made once, before it could be taken for a reader's doing."""
    for name in QUICK:
        fault_of(READERS[name], READERS[name].seeds()[0], tmp_path_factory.mktemp("loaded"))


@pytest.mark.usefixtures("_loaded")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), name=st.sampled_from(QUICK))
def test_bytes_of_any_kind(data: bytes, name: str, tmp_path: Path) -> None:
    assert bounded_fault(READERS[name], data, tmp_path) is None


@given(st.text())
def test_cleaned_text_is_one_harmless_line(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) == len(text)
    assert len(cleaned.splitlines()) <= 1
    assert clean(cleaned) == cleaned
    cleaned.encode()


# the fuzzers themselves: a search that cannot find anything proves nothing


def test_what_a_reader_must_not_do_is_seen(tmp_path: Path) -> None:
    def runs(_: bytes, __: Path) -> None:
        os.system("true")

    def writes(_: bytes, folder: Path) -> None:
        (folder.parent / "outside").write_bytes(b"")

    def links(_: bytes, folder: Path) -> None:
        (folder.parent / "link").symlink_to("/etc/passwd")

    def asks(_: bytes, __: Path) -> None:
        with socket.socket() as one:
            one.settimeout(0.1)
            one.connect(("127.0.0.1", 9))

    def breaks(_: bytes, __: Path) -> None:
        raise KeyError("x")

    def grows(_: bytes, __: Path) -> None:
        bytearray(900 * 2**20)[::4096] = b"x" * (900 * 2**20 // 4096)

    inside = tmp_path / "inside"
    inside.mkdir()
    found = [fault_of(Reader("x", list, read), b"", inside) for read in (runs, writes, links, breaks, grows)]
    assert [one and one.kind for one in found] == [
        "did os.system", "did open", "did os.symlink", "KeyError in test_readers.py:breaks", "memory",
    ]  # fmt: skip
    with watching(inside) as seen, pytest.raises(OSError):
        asks(b"", inside)
    assert [one.split()[0] for one in seen] == ["socket.connect"]


PLANTED = r"""
import os, sqlite3, sys, time
from pathlib import Path
from tests.fuzz.__main__ import child
from tests.fuzz.reader import Reader

def read(data, folder):
    if data == b"steers":
        os.write(2, b"\x1b[2J")
    if data == b"leaves":
        sqlite3.connect("left").execute("CREATE TABLE x (y)").connection.close()  # in C, which no audit hook hears
    if data == b"ends":
        os.abort()

inputs = iter([b"fine", b"steers", b"leaves", b"ends", b"fine"])
planted = Reader("planted", lambda: [b"valid"], read, change=lambda *_: next(inputs))
sys.exit(child(planted, 1, range(7, 12), float("inf"), Path(sys.argv[1])))
"""


def test_what_libraries_do_and_what_ends_a_process_is_seen(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w+b") as said:
        words = [sys.executable, "-c", PLANTED, str(tmp_path)]
        done = subprocess.run(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=said, timeout=120, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["number"], one["kind"]) for one in told] == [
        (8, "steers the terminal"), (9, "a file where it was started"),
    ]  # fmt: skip
    assert (tmp_path / "9").read_bytes() == b"leaves"
    assert done.returncode == -signal.SIGABRT
    assert reached(tmp_path) == (3, b"ends")


def test_an_input_has_a_number_and_a_bound() -> None:
    reader = READERS["presets"]
    assert reader.input(1, 7) == reader.input(1, 7) != reader.input(1, 8)
    assert all(len(mutated(b"[" * 5000, Random(number))) <= LONGEST for number in range(200))
    book = READERS["bundle"].seeds()[0]
    changed = rezipped(book, Random(1), lambda members: members.update(x=b"y"))
    assert changed != book
