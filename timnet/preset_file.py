"""The user's own presets: ``presets.toml`` beside the registry, one table a preset.

    [mine]
    source = "what worked on EMODB"   # where its settings come from
    base = "github"                   # what it starts from
    protocol = "loso"
    folds = 10
    set = { learning_rate = 5e-4, dropout = 0.2 }

    [mine.corpus.IEMOCAP]             # what differs there
    epochs = 200

The file is written whole; what users wrote in it, comments included, stays.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from timnet.errors import BadInput
from timnet.files import write_text
from timnet.presets import ALIASES, PRESETS, Preset
from timnet.protocols import PROTOCOLS
from timnet.records import TrainingConfig
from timnet.text import clean
from timnet.toml_file import parse_toml, toml_text

BASE = "github"
KEYS = ("source", "base", "protocol", "folds", "set", "corpus")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_HEADER = re.compile(r"\s*\[\[?\s*\"?([A-Za-z0-9_-]+)\"?\s*[\].]", re.ASCII)
_SETTINGS = {one.name: type(getattr(TrainingConfig(), one.name)) for one in fields(TrainingConfig)}


@dataclass(frozen=True, slots=True)
class OwnPreset:
    """A preset as it is written: settings that differ from ``base``; None means: as ``base`` has it."""

    name: str
    source: str
    base: str = BASE
    protocol: str | None = None
    folds: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    for_corpus: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def preset(self) -> Preset:
        """The whole preset. Raises :class:`BadInput` for a setting that is out of range."""
        base = PRESETS[self.base]
        general = {name: value for name, value in self.settings.items() if name != "tabs"}
        corpora = dict.fromkeys([*base.for_corpus, *self.for_corpus])
        made = Preset(
            name=self.name,
            source=self.source,
            config=replace(base.config, **general),
            for_corpus={
                corpus: {**base.for_corpus.get(corpus, {}), **general, **self.for_corpus.get(corpus, {})}
                for corpus in corpora
            },
            protocol=self.protocol or base.protocol,
            folds=self.folds or base.folds,
            folds_for={} if self.folds else base.folds_for,
            tabs=self.settings.get("tabs"),
            own=True,
        )
        for values in (self.settings, *made.for_corpus.values()):
            replace(made.config, **values)
        return made


def own_of(
    name: str,
    source: str,
    config: TrainingConfig,
    corpus_tabs: int,
    protocol: str,
    folds: int,
    always: Sequence[str] = (),
) -> OwnPreset:
    """The preset that sets what ``config`` sets: what differs from :data:`BASE`, and what is in ``always``.

    ``corpus_tabs`` is what the corpus is described with; the same number is not kept, nor is a number of ``folds``
    that the corpus decides, so that the preset fits other corpora too.
    """
    usual = {**asdict(PRESETS[BASE].config), "tabs": corpus_tabs}
    settings = {key: value for key, value in asdict(config).items() if value != usual[key] or key in always}
    split = PROTOCOLS[protocol]
    return OwnPreset(name, clean(source), BASE, protocol, None if split.each or split.fixed else folds, settings)


def presets_in(file: Path) -> dict[str, Preset]:
    """Every preset there is: those that come with timnet, then the user's in ``file``, which need not be there.

    Raises :class:`BadInput`, one line, where the file cannot be used.
    """
    return {**PRESETS, **{name: own.preset() for name, own in read_own(file).items()}}


def presets_or_shipped(file: Path) -> Mapping[str, Preset]:
    """As :func:`presets_in`, but where the file cannot be used only what comes with timnet: for what only shows."""
    try:
        return presets_in(file)
    except BadInput:
        return PRESETS


def read_own(file: Path) -> dict[str, OwnPreset]:
    """The user's presets in ``file``, checked. Raises :class:`BadInput` that names the preset and what is wrong."""
    return _parse(_text(file), file)


def save_own(file: Path, preset: OwnPreset, *, replacing: bool = False) -> None:
    """Write ``preset`` into ``file``; one of that name is replaced only if ``replacing``. Raises :class:`BadInput`."""
    text = _text(file)
    there = _parse(text, file)
    if preset.name in there:
        if not replacing:
            raise BadInput(f"there is a preset {preset.name} in {file} already; choose another name")
        text = _without(text, preset.name, file)
    lead = f"{text.rstrip()}\n\n" if text.strip() else ""
    made = f"{lead}{to_toml(preset)}"
    if _parse(made, file) != {**there, preset.name: preset}:
        raise BadInput(f"cannot add a preset to {file} as it is written; put [{preset.name}] there by hand")
    write_text(file, made)


def remove_own(file: Path, name: str) -> None:
    """Remove the user's preset ``name`` from ``file``. Raises :class:`BadInput` where it is not one."""
    text = _text(file)
    if name not in _parse(text, file):
        why = "it comes with timnet" if name in PRESETS else f"there is none in {file}"
        raise BadInput(f"cannot remove preset {clean(name)!r}: {why}")
    write_text(file, _without(text, name, file))


def to_toml(preset: OwnPreset) -> str:
    """A preset as it stands in the file."""
    lines = [f"[{preset.name}]", f"source = {_written(preset.source)}", f"base = {_written(preset.base)}"]
    lines += [f"protocol = {_written(preset.protocol)}"] if preset.protocol else []
    lines += [f"folds = {preset.folds}"] if preset.folds else []
    if preset.settings:
        inner = ", ".join(f"{name} = {_written(value)}" for name, value in preset.settings.items())
        lines.append(f"set = {{ {inner} }}")
    for corpus, values in preset.for_corpus.items():
        lines += ["", f"[{preset.name}.corpus.{corpus}]"]
        lines += [f"{name} = {_written(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def check_name(name: str) -> None:
    """Raise :class:`BadInput` for what cannot be the name of an own preset."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{clean(name)!r} is no name for a preset; it takes up to 64 letters, digits, _ and -")
    if name in PRESETS:
        raise BadInput(f"preset {name} comes with timnet; give yours another name")


def _text(file: Path) -> str:
    return toml_text(file, f"the presets in {file}")


def _parse(text: str, file: Path) -> dict[str, OwnPreset]:
    tables = parse_toml(text, f"the presets in {file}")
    found = {}
    for name, table in tables.items():
        try:
            found[name] = _own(name, table)
            found[name].preset()
        except BadInput as error:
            raise BadInput(f"preset {clean(name)} in {file}: {error}") from None
    return found


def _own(name: str, table: Any) -> OwnPreset:
    check_name(name)
    if not isinstance(table, dict):
        raise BadInput(f"it is no table; write [{name}] and its settings below")
    unknown = [clean(key) for key in table if key not in KEYS]
    if unknown:
        raise BadInput(f"{unknown[0]!r} is not known here; there are: {', '.join(KEYS)}")
    base, protocol, folds = table.get("base", BASE), table.get("protocol"), table.get("folds")
    if not isinstance(base, str) or base not in PRESETS:
        raise BadInput(f"base = {clean(str(base))!r} is no preset that comes with timnet: {', '.join(PRESETS)}")
    if protocol is not None and (not isinstance(protocol, str) or protocol not in PROTOCOLS):
        raise BadInput(f"protocol = {clean(str(protocol))!r} is unknown; there are: {', '.join(PROTOCOLS)}")
    if folds is not None and (type(folds) is not int or folds < 1):
        raise BadInput(f"folds = {clean(str(folds))} is no number of folds")
    corpora = table.get("corpus", {})
    if not isinstance(corpora, dict):
        raise BadInput(f"corpus is no table; write [{name}.corpus.EMODB] and its settings below")
    return OwnPreset(
        name=name,
        source=clean(str(table.get("source", "your own"))),
        base=base,
        protocol=protocol,
        folds=folds,
        settings=_settings(table.get("set", {}), "set"),
        for_corpus={_corpus(one): _settings(values, f"corpus.{one}") for one, values in corpora.items()},
    )


def _corpus(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{clean(name)!r} is no name of a corpus")
    return name


def _settings(table: Any, where: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise BadInput(f"{where} is no table of settings, e.g. set = {{ learning_rate = 5e-4 }}")
    found = {}
    for given, value in table.items():
        name = str(ALIASES.get(given, given))
        kind = _SETTINGS.get(name)
        if kind is None:
            raise BadInput(f"{clean(given)!r} is no setting; there are: {', '.join(_SETTINGS)}")
        if name in found:
            raise BadInput(f"{name} is set twice in {where}")
        fits = type(value) is kind or (kind is float and type(value) is int)
        if not fits or (kind is float and not math.isfinite(value)):
            what = {int: "a whole number", float: "a number", str: "a text in quotes"}[kind]
            raise BadInput(f"{name} = {clean(str(value))} is not {what}")
        found[name] = kind(value)
    return found


def _written(value: str | float) -> str:
    """A value as TOML: JSON writes texts and numbers in the same way, but for what :func:`clean` takes out."""
    if isinstance(value, str):
        return json.dumps(clean(value), ensure_ascii=False)
    text = repr(value)
    return text if isinstance(value, int) or "." in text or "e" in text else f"{text}.0"


def _without(text: str, name: str, file: Path) -> str:
    """``text`` without the tables of the preset ``name``; what stands between others stays to the letter."""
    kept, inside = [], False
    for line in text.splitlines(keepends=True):
        header = _HEADER.match(line)
        if header is not None:
            inside = header.group(1) == name
        if not inside:
            kept.append(line)
    left = "".join(kept)
    where = f"the presets in {file}"
    wanted = {key: value for key, value in parse_toml(text, where).items() if key != name}
    try:
        same = parse_toml(left, where) == wanted
    except BadInput:
        same = False
    if not same:
        raise BadInput(f"cannot take preset {name} out of {file} as it is written; remove it there by hand")
    return left
