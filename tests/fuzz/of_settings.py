"""Files that say what to do: settings, presets, spaces, and what timnet itself has left to remember."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

from tests.fuzz.reader import Reader
from timnet import settings
from timnet.corpora import fetch, organise
from timnet.machine.known import Known, _key
from timnet.machine.shape import WorkShape
from timnet.preset_file import presets_in, read_own
from timnet.registry import filters
from timnet.text import clean
from timnet.tuning.space import parse_space, read_space
from timnet_tui import logs, memory

PRESETS = b"""# mine
[mine]
source = "what worked on EMODB"
base = "github"
protocol = "loso"
folds = 10
set = { learning_rate = 5e-4, dropout = 0.2, select = "best" }

[mine.corpus.IEMOCAP]
epochs = 200
batch_size = 64

[other]
set = { epochs = 5 }
"""
SETTINGS = b"""db = "runs.db"
cache = "~/cache"
jobs = "auto"
threads = 2
max_crashes = 5
device = "cpu"
theme = "timnet-light"
[notify]
on = ["failed", "nan"]
bell = true
desktop = false
[keys]
"grid.pause" = "P"
[keys.runs]
tag = ["t", "ctrl+t"]
"""
OWN = SETTINGS.replace(
    b"desktop = false",
    b'desktop = false\nwebhook = "https://example.org/T0/x"\ncommand = ["notify-send", "timnet", "{text}"]',
)
SPACE = b"""learning_rate = "1e-4..1e-2,log"
batch_size = [16, 32]
dropout = "0.1..0.5"
epochs = 50
"""
TOML = (
    b"[[a]]", b"[a.b]", b"a.b.c = 1\n", b"'''", b'"""', b"= {", b"}", b"[mine]\n", b"1979-05-27T07:32:00Z", b"inf",
    b"nan", b"0xdeadbeef", b"1_000", b"set = ", b"corpus", b"tabs = 99", b'"\\u0000"', b"~nobody", b"http://x", b"::",
)  # fmt: skip
ORGANISED = {
    "version": 1, "corpus": "EMODB", "source": "corpus", "link": False, "made_folder": True,
    "files": [{"source": "a/1.wav", "sha256": "0" * 64, "folder": "angry", "name": "1.wav"}],
}  # fmt: skip
SHAPE = WorkShape(rows=480, frames=188, coefficients=39, classes=7)
RATE = {"jobs": 1, "threads": 1, "source": "measured"}


def _presets(data: bytes, folder: Path) -> None:
    file = folder / "presets.toml"
    file.write_bytes(data)
    read_own(file)
    presets_in(file)


def _settings(data: bytes, folder: Path) -> None:
    """As the file of a folder that somebody gave us, and as the user's own."""
    nothing = folder / "nothing.toml"
    (folder / "timnet.toml").write_bytes(data)
    with patch.object(settings, "own_file", lambda: nothing):
        found = settings.effective({}, folder)
    assert not found.settings.notify.webhook
    assert not found.settings.notify.command


def _own_settings(data: bytes, folder: Path) -> None:
    own = folder / "own.toml"
    own.write_bytes(data)
    with patch.object(settings, "own_file", lambda: own):
        list(settings.effective({}, folder / "elsewhere").values())


def _space(data: bytes, folder: Path) -> None:
    (folder / "space.toml").write_bytes(data)
    parse_space(read_space(folder / "space.toml"))


def _organised(data: bytes, folder: Path) -> None:
    target = folder / "sorted"
    (target / "angry").mkdir(parents=True, exist_ok=True)
    (target / "angry" / "1.wav").write_bytes(b"")  # so that its original is looked for
    (target / organise.MANIFEST).write_bytes(data)
    organise.read_manifest(target)
    organise.undo("EMODB", target, dry_run=True)


def _receipt(data: bytes, folder: Path) -> None:
    target = folder / "fetched"
    target.mkdir(exist_ok=True)
    (target / fetch.RECEIPT).write_bytes(data)
    fetch._claim(target, "EMODB")


def _machine(data: bytes, folder: Path) -> None:
    known = Known(folder)
    # the key is of this machine, so it is put in here
    known.path.write_bytes(data.replace(b"@shape", _key(SHAPE, "cpu").encode()))
    known.of(SHAPE, "cpu")


def _memory(data: bytes, folder: Path) -> None:
    path = memory._path("db", folder)
    path.write_bytes(data)
    memory._read(path, "db")


def _log(data: bytes, folder: Path) -> None:
    (folder / "log.txt").write_bytes(data)
    for line in logs.tail(folder / "log.txt"):
        assert clean(line) == line, "a log's line reaches the terminal as it is"


def _filter(data: bytes, _: Path) -> None:
    filters.parse(data.decode("utf-8", "replace"))


READERS = (
    Reader("presets", lambda: [PRESETS], _presets, TOML, share=4),
    Reader("settings", lambda: [SETTINGS, OWN], _settings, TOML, share=3),
    Reader("own-settings", lambda: [SETTINGS, OWN], _own_settings, TOML, share=3),
    Reader("space", lambda: [SPACE], _space, (*TOML, b"..", b",log"), share=3),
    Reader("organised", lambda: [json.dumps(ORGANISED).encode()], _organised, share=3),
    Reader("receipt", lambda: [b'{"corpus": "EMODB", "audb": "emodb", "version": "1", "complete": true}'], _receipt,
           share=3),
    Reader("machine", lambda: [json.dumps({"@shape": {"rates": [RATE], "devices": [], "measured": "2026"}}).encode()],
           _machine, share=3),
    Reader("memory", lambda: [b'{"version": 1, "registry": "db", "places": {"grid": {"row": 1}}}'], _memory, share=3),
    Reader("log", lambda: [b"epoch 1\rloss 0.5\n\x1b[31mred\x1b[0m\ttab\n"], _log, share=4),
    Reader("filter", lambda: [b"corpus:EMODB protocol:loso uar>0.8 -state:failed tag:paper"], _filter,
           (b">=", b"<", b":", b"!", b"uar", b"-"), share=4),
)  # fmt: skip
