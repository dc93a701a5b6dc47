"""The command line in this process, in an empty folder of its own, as the ``timnet`` command runs it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import filled_registry
from timnet.__main__ import main


@dataclass(frozen=True)
class Outcome:
    """What one command left: its exit status and its two streams."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else; NaN and infinity are no JSON."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} in JSON")

        return json.loads(self.out, parse_constant=refuse)


Cli = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; no settings, cache or colours of the user's."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    for name in ("DB", "JOBS", "THREADS", "NICE", "MAX_CRASHES", "DEVICE", "THEME"):
        monkeypatch.delenv(f"TIMNET_{name}", raising=False)
    monkeypatch.setenv("TIMNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return place


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run ``timnet`` with these words."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["timnet", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("filled")
    filled_registry(place / "runs.db").close()
    return place


@pytest.fixture
def filled(_filled: Path, own_place: Path) -> Path:
    """``runs.db`` here, of two experiments (see ``filled_registry``); the path of the registry."""
    shutil.copytree(_filled, own_place, dirs_exist_ok=True)
    return own_place / "runs.db"
