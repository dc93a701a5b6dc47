"""Typed settings: from files, then the environment, then flags; later wins.

The files are ``timnet.toml`` in the user's config folder and in the working directory; the variables
are ``TIMNET_DB``, ``TIMNET_CACHE`` and so on, one for each field of :class:`Settings`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from timnet.errors import BadInput

DEVICES = ("auto", "cpu", "gpu")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user can set once for all commands.

    ``db``: the registry. ``cache``: where feature caches live. ``jobs``: runs at once, 0 for one a core.
    ``threads``: CPU threads of a training process. ``max_crashes``: a run that crashed so often is
    failed. ``device``: auto, cpu or gpu. ``theme``: a Textual theme's name.
    """

    db: Path = Path("runs.db")
    cache: Path = Path()
    jobs: int = 0
    threads: int = 1
    max_crashes: int = 5
    device: str = "auto"
    theme: str = "textual-dark"

    @property
    def jobs_here(self) -> int:
        """How many runs to train at once on this machine."""
        return self.jobs or max(1, (os.cpu_count() or 1) // max(1, self.threads))


def load(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """The settings for a command started in ``folder`` (default: the working directory).

    Raises :class:`BadInput` naming the file or variable whose value cannot be used.
    """
    import platformdirs

    environment = os.environ if environment is None else environment
    folder = Path.cwd() if folder is None else folder
    settings = Settings(cache=Path(platformdirs.user_cache_dir("timnet", appauthor=False)))
    for path in (Path(platformdirs.user_config_dir("timnet", appauthor=False)) / "timnet.toml", folder / "timnet.toml"):
        if path.is_file():
            settings = _apply(settings, _read(path), str(path))
    variables = {field.name: environment[f"TIMNET_{field.name.upper()}"] for field in fields(Settings)
                 if environment.get(f"TIMNET_{field.name.upper()}")}  # fmt: skip
    return _apply(settings, variables, "the environment (TIMNET_*)")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadInput(f"cannot read the settings in {path}: {error}") from None


def _apply(settings: Settings, values: Mapping[str, Any], where: str) -> Settings:
    known = {field.name for field in fields(Settings)}
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise BadInput(f"unknown setting {name!r} in {where}; known: {', '.join(sorted(known))}")
        changes[name] = _convert(name, value, type(getattr(settings, name)), where)
    return replace(settings, **changes)


def _convert(name: str, value: Any, kind: type, where: str) -> Any:
    if kind is int:
        return _whole_number(name, value, where)
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadInput(f"{name} = {value!r} in {where} is not a text in quotes")
    if name == "device" and value not in DEVICES:
        raise BadInput(f"device = {value!r} in {where} is no device; there are: {', '.join(DEVICES)}")
    if not issubclass(kind, Path):
        return value
    try:
        return Path(value).expanduser()
    except RuntimeError:  # ~somebody who is not known here
        raise BadInput(f"{name} = {value!r} in {where} names the home of a user who is not here") from None


def _whole_number(name: str, value: Any, where: str) -> int:
    least = 0 if name == "jobs" else 1
    try:
        number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else -1
    except ValueError:
        number = -1
    if number < least:
        raise BadInput(f"{name} = {value!r} in {where} is not a whole number of {least} or more")
    return number
