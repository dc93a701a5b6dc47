"""Typed settings: from files, then the environment, then flags; later wins.

The files are ``timnet.toml`` in the user's config folder and in the working directory; the variables
are ``TIMNET_DB``, ``TIMNET_NOTIFY_BELL`` and so on, one for each setting but the keys.
"""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from timnet.cores import cores
from timnet.errors import BadInput
from timnet.toml_file import read_toml

DEVICES = ("auto", "cpu", "gpu")
GLYPHS = ("auto", "unicode", "ascii")
OCCASIONS = ("finish", "run", "failed", "nan", "stall")
"""What can be told: an experiment's end, a single run's, a failure, a loss that is not finite, a standstill."""

AUTO: Literal["auto"] = "auto"
Jobs = int | Literal["auto"]
MOST_JOBS = 1024

DEFAULT, ENVIRONMENT = "default", "the environment (TIMNET_*)"


@dataclass(frozen=True, slots=True)
class Notify:
    """``[notify]``: what to tell (``on``, of :data:`OCCASIONS`), and how.

    ``bell`` and ``osc9`` are the terminal's, while the interface is open. ``desktop``, ``webhook`` (a URL) and
    ``command`` (a list of arguments) are the worker's. ``insecure`` allows a webhook over plain http.
    """

    on: tuple[str, ...] = ("finish", "failed", "nan", "stall")
    bell: bool = False
    osc9: bool = False
    desktop: bool = False
    webhook: str = ""
    insecure: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slurm:
    """``[slurm]``: what ``timnet work --engine slurm`` asks for where its options do not say; empty or 0: nothing.

    ``shared`` is the folder that all nodes see.
    """

    partition: str = ""
    gres: str = ""
    time: str = ""
    cpus: int = 0
    mem: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    array_parallelism: int = 0
    shared: str = ""


@dataclass(frozen=True, slots=True)
class Ray:
    """``[ray]``: the cluster's ``address``, and the cores and cards (or parts of one) that each run gets there."""

    address: str = "auto"
    cpus: float = 1.0
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user can set once for all commands.

    ``db``: the registry. ``cache``: where feature caches live. ``jobs``: runs at once, 0 for one a core, "auto" for
    what is best here (:mod:`timnet.machine.places`), which settles ``threads`` as well.
    ``threads``: CPU threads of a training process. ``nice``: how far training steps back for other programs, the
    interface among them, 0 for not at all. ``max_crashes``: a run that crashed so often is
    failed. ``device``: auto, cpu or gpu. ``theme``: a theme's name. ``glyphs``: auto, unicode or ascii.
    ``keys``: the keys of actions, by ``place.action``.
    """

    db: Path = Path("runs.db")
    cache: Path = Path()
    jobs: Jobs = 0
    threads: int = 1
    max_crashes: int = 5
    device: str = "auto"
    theme: str = "timnet-dark"
    glyphs: str = "auto"
    nice: int = 5
    notify: Notify = field(default_factory=Notify)
    slurm: Slurm = field(default_factory=Slurm)
    ray: Ray = field(default_factory=Ray)
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def jobs_here(self) -> int:
        """How many runs to train at once on this machine; with "auto" a guess, until a worker has settled it."""
        fixed = 0 if self.jobs == AUTO else self.jobs
        return fixed or max(1, cores() // max(1, self.threads))

    @property
    def jobs_asked(self) -> Jobs:
        """What to tell a worker: ``jobs_here``, or that it is to settle it."""
        return AUTO if self.jobs == AUTO else self.jobs_here


@dataclass(frozen=True, slots=True)
class Effective:
    """Settings, and where each came from: ``sources`` has a file, the environment or "default" for each name."""

    settings: Settings
    sources: Mapping[str, str]

    def values(self) -> Iterator[tuple[str, Any, str]]:
        """Name, value and source of every setting; of a webhook no more than its host, as the rest is a secret."""
        for name in KINDS:
            table, _, key = name.rpartition(".")
            value = getattr(getattr(self.settings, table) if table else self.settings, key)
            yield name, shown_url(value) if name == "notify.webhook" else value, self.sources.get(name, DEFAULT)
        for action, keys in self.settings.keys:
            yield f"keys.{action}", keys, self.sources.get(f"keys.{action}", DEFAULT)


def load(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """The settings for a command started in ``folder`` (default: the working directory).

    Raises :class:`BadInput` naming the file or variable whose value cannot be used.
    """
    return effective(environment, folder).settings


def effective(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Effective:
    """As :func:`load`, with the source of every value."""
    import platformdirs

    environment = os.environ if environment is None else environment
    folder = Path.cwd() if folder is None else folder
    found = Effective(Settings(cache=Path(platformdirs.user_cache_dir("timnet", appauthor=False))), {})
    mine = own_file()
    for path in (mine, folder / "timnet.toml"):
        if path.is_file():
            values = dict(_flat(read_toml(path, f"the settings in {path}"), str(path)))
            if path != mine:
                _refuse_reaching_out(values, path, mine)
            found = _apply(found, values, str(path))
    variables = {name: environment[variable_of(name)] for name in KINDS if environment.get(variable_of(name))}
    found = _apply(found, variables, ENVIRONMENT)
    _check_webhook(found.settings.notify, found.sources.get("notify.webhook", DEFAULT))
    return found


def own_file() -> Path:
    """The user's own settings file, which need not be there."""
    import platformdirs

    return Path(platformdirs.user_config_dir("timnet", appauthor=False)) / "timnet.toml"


def parse_jobs(text: str) -> Jobs:
    """What ``--jobs`` says: a number, 0 for what the settings say, or "auto". Raises :class:`ValueError`."""
    if text == AUTO:
        return AUTO
    if not text.isdecimal() or int(text) > MOST_JOBS:
        raise ValueError(f"{text!r} is neither auto nor a whole number from 0 to {MOST_JOBS}")
    return int(text)


def variable_of(name: str) -> str:
    """The environment variable of a setting: ``TIMNET_NOTIFY_BELL`` for ``notify.bell``."""
    return f"TIMNET_{name.replace('.', '_').upper()}"


def shown_url(url: str) -> str:
    """A URL as it may be shown: its path, query and user are often a secret."""
    if not url:
        return ""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/…"


# from files to values


def _flat(table: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    """``notify.bell`` and ``keys.grid.pause`` for what stands in tables; other values as they are."""
    for name, value in table.items():
        if name not in TABLES:
            yield name, value
        elif not isinstance(value, dict):
            raise BadInput(f"{name} = {value!r} in {where} is no table; write [{name}] and its settings below")
        else:
            for inner, one in value.items():
                nested = one.items() if name == "keys" and isinstance(one, dict) else None
                yield from ((f"{name}.{inner}.{key}", last) for key, last in nested or ())
                if nested is None:
                    yield f"{name}.{inner}", one


def _refuse_reaching_out(values: Mapping[str, Any], path: Path, mine: Path) -> None:
    """A folder that somebody gave us must not make timnet run commands, or send data or results elsewhere."""
    for name in values:
        if name in REACHING_OUT:
            raise BadInput(f"{name} in {path} is not read from a working directory's file; write it in {mine}")


def _apply(found: Effective, values: Mapping[str, Any], where: str) -> Effective:
    settings, keys = found.settings, dict(found.settings.keys)
    for name, value in values.items():
        if name.startswith("keys."):
            action = name.removeprefix("keys.")
            keys[action] = _keys(name, value, where)
        elif name not in KINDS:
            raise BadInput(f"unknown setting {name!r} in {where}; known: {', '.join(sorted([*KINDS, 'keys']))}")
        else:
            table, _, key = name.rpartition(".")
            change = {key: KINDS[name](name, value, where)}
            settings = replace(settings, **({table: replace(getattr(settings, table), **change)} if table else change))
    settings = replace(settings, keys=tuple(keys.items()))
    return Effective(settings, {**found.sources, **dict.fromkeys(values, where)})


# one value each: the name, what was written, where it was written


def _text(name: str, value: Any, where: str) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadInput(f"{name} = {value!r} in {where} is not a text in quotes")
    return value


def _path(name: str, value: Any, where: str) -> Path:
    try:
        return Path(_text(name, value, where)).expanduser()
    except RuntimeError:  # ~somebody who is not known here
        raise BadInput(f"{name} = {value!r} in {where} names the home of a user who is not here") from None


def _number(least: int) -> Callable[[str, Any, str], int]:
    def convert(name: str, value: Any, where: str) -> int:
        try:
            number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else -1
        except ValueError:
            number = -1
        if number < least:
            raise BadInput(f"{name} = {value!r} in {where} is not a whole number of {least} or more")
        return number

    return convert


def _amount(name: str, value: Any, where: str) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise BadInput(f"{name} = {value!r} in {where} is not a number of 0 or more")
    return number


def _jobs(name: str, value: Any, where: str) -> Jobs:
    if value == AUTO:
        return AUTO
    try:
        return _number(0)(name, value, where)
    except BadInput as error:
        raise BadInput(f"{error}, nor {AUTO}") from None


def _one_of(what: str, known: tuple[str, ...]) -> Callable[[str, Any, str], str]:
    def convert(name: str, value: Any, where: str) -> str:
        if _text(name, value, where) not in known:
            raise BadInput(f"{name} = {value!r} in {where} is no {what}; there are: {', '.join(known)}")
        return str(value)

    return convert


def _switch(name: str, value: Any, where: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False} if where == ENVIRONMENT else {}
    found = words.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise BadInput(f"{name} = {value!r} in {where} is neither true nor false")
    return found


def _occasions(name: str, value: Any, where: str) -> tuple[str, ...]:
    chosen = [one.strip() for one in value.split(",")] if isinstance(value, str) and where == ENVIRONMENT else value
    if not isinstance(chosen, list):
        raise BadInput(f'{name} = {value!r} in {where} is no list; write e.g. {name} = ["failed", "nan"]')
    for one in chosen:
        if one not in OCCASIONS:
            raise BadInput(f"{name} has {one!r} in {where}; there are: {', '.join(OCCASIONS)}")
    return tuple(chosen)


def _command(name: str, value: Any, where: str) -> tuple[str, ...]:
    try:
        words = shlex.split(value) if isinstance(value, str) and where == ENVIRONMENT else value
    except ValueError as error:
        raise BadInput(f"{name} in {where} cannot be split into words: {error}") from None
    if not isinstance(words, list) or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise BadInput(
            f'{name} in {where} is no list of texts; write e.g. {name} = ["notify-send", "timnet", "{{text}}"]'
        )
    return tuple(words)


def _url(name: str, value: Any, where: str) -> str:
    """Checked without repeating it: a webhook's address is a secret."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        good = parts is not None and parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
        good = good and not any(one.isspace() or not one.isprintable() for one in str(value))
    except ValueError:
        good = False
    if not good:
        raise BadInput(f"{name} in {where} is no address that begins with https://")
    return str(value)


def _check_webhook(notify: Notify, where: str) -> None:
    from ipaddress import ip_address

    parts = urlsplit(notify.webhook)
    if parts.scheme != "http" or notify.insecure:
        return
    host = parts.hostname or ""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise BadInput(
            f"notify.webhook in {where} sends over plain http to {host}; use https, or set notify.insecure = true"
        )


def _keys(name: str, value: Any, where: str) -> str:
    """Keys as Textual writes them, with commas between: from a text or a list of texts."""
    words = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise BadInput(f'{name} = {value!r} in {where} is no key; write e.g. "grid.pause" = "P"')
    return ",".join(word.strip() for word in words)


TABLES = ("notify", "keys", "slurm", "ray")
#: settings that run a command or send something elsewhere
REACHING_OUT = frozenset({"notify.webhook", "notify.insecure", "notify.command", "slurm.shared", "ray.address"})
KINDS: Mapping[str, Callable[[str, Any, str], Any]] = {
    "db": _path,
    "cache": _path,
    "jobs": _jobs,
    "threads": _number(1),
    "nice": _number(0),
    "max_crashes": _number(1),
    "device": _one_of("device", DEVICES),
    "theme": _text,
    "glyphs": _one_of("choice of glyphs", GLYPHS),
    "notify.on": _occasions,
    "notify.bell": _switch,
    "notify.osc9": _switch,
    "notify.desktop": _switch,
    "notify.webhook": _url,
    "notify.insecure": _switch,
    "notify.command": _command,
    **dict.fromkeys(
        ("slurm.partition", "slurm.gres", "slurm.time", "slurm.mem", "slurm.account", "slurm.qos", "slurm.constraint"),
        _text,
    ),
    "slurm.cpus": _number(1),
    "slurm.array_parallelism": _number(1),
    "slurm.shared": _text,
    "ray.address": _text,
    "ray.cpus": _amount,
    "ray.gpus": _amount,
}
"""Every setting but the keys, and what makes its value of what a user wrote."""
