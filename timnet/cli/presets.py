"""``timnet presets``: named settings, what each sets and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import reading
from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, say
from timnet.errors import BadInput, UnknownName
from timnet.selection import selection_text

if TYPE_CHECKING:
    from timnet.presets import Preset
    from timnet.records import CorpusRecord, TrainingConfig
    from timnet.registry import Registry

EXAMPLES = examples("presets", "presets github --corpus EMODB", "presets mine --from 7", "presets mine --rm")


def presets(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Print what this one sets.", autocompletion=complete.presets),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(metavar="CORPUS", help="... for this corpus.", autocompletion=complete.known_or_registered),
    ] = None,
    source: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="EXPERIMENT",
            help="Keep this experiment's settings as a preset of your own called NAME.",
            autocompletion=complete.experiments,
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--rm", help="Remove this preset of your own.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the presets, or print exactly what one sets, for which corpus, and where its settings come from.

    Your own stand in presets.toml beside the registry, in plain text; --preset finds them.
    """
    if name is None and (source is not None or remove):
        raise BadInput("name the preset: timnet presets NAME --from 7, or timnet presets NAME --rm")
    if sum([source is not None, remove, corpus is not None]) > 1:
        raise BadInput("--from, --rm and --corpus each do another thing; give one")
    with reading(context) as (registry, _):
        file = registry.paths.presets
        if name is not None and remove:
            from timnet.preset_file import remove_own

            remove_own(file, name)
            say(f"removed preset {name} from {file}")
        elif name is not None and source is not None:
            _keep(registry, name, source)
            say(f"wrote preset {name} to {file}; use it: timnet train EMODB --preset {name}")
        else:
            _show(registry, name, corpus, as_json)


def _keep(registry: Registry, name: str, experiment_id: int) -> None:
    from timnet.preset_file import check_name, own_of, save_own

    check_name(name)
    experiment = registry.experiments.get(experiment_id)
    tabs = registry.corpora.by_id(experiment.corpus_id).tabs
    where = f"experiment {experiment.id} ({experiment.corpus}, {experiment.created[:10]}, preset {experiment.preset})"
    kept = own_of(name, where, experiment.config, tabs, experiment.protocol, experiment.folds)
    save_own(registry.paths.presets, kept)


def _show(registry: Registry, name: str | None, corpus: str | None, as_json: bool) -> None:
    from timnet.preset_file import presets_in
    from timnet.presets import preset_of

    known = presets_in(registry.paths.presets)
    chosen = [preset_of(name, known)] if name is not None else list(known.values())
    record = None if corpus is None else _corpus(registry, corpus)
    if as_json:
        found = [_object(preset, record) for preset in chosen]
        print_json(found[0] if name is not None else found)
    elif name is None:
        print_table(("preset", "protocol", "folds", "selection", "source"), [_line(one, record) for one in chosen])
    else:
        _print(chosen[0], record)


def _corpus(registry: Registry, name: str) -> CorpusRecord:
    """A registered corpus, or one that is known before it is registered."""
    from timnet.corpora.spec import KNOWN, canonical
    from timnet.records import CorpusRecord

    try:
        return registry.corpora.get(canonical(name))
    except UnknownName:
        spec = KNOWN.get(canonical(name))
        if spec is None:
            raise
        return CorpusRecord(0, spec.name, "", "", "", spec.classes, spec.signal_length, spec.tabs, "")


def _anybody() -> CorpusRecord:
    """A corpus that no preset treats otherwise than all."""
    from timnet.records import CorpusRecord, TrainingConfig

    return CorpusRecord(0, "", "", "", "", (), 0, TrainingConfig().tabs, "")


def _config(preset: Preset, corpus: CorpusRecord | None) -> TrainingConfig:
    return preset.config_of(corpus or _anybody(), None, {})


def _line(preset: Preset, corpus: CorpusRecord | None) -> Sequence[str]:
    config = _config(preset, corpus)
    folds = preset.folds_of(corpus or _anybody())
    label = selection_text(config.selection, config.optimistic)
    return (preset.name, preset.protocol, _folds_text(preset, folds), label, preset.source)


def _folds_text(preset: Preset, folds: int) -> str:
    from timnet.protocols import PROTOCOLS

    protocol = PROTOCOLS[preset.protocol]
    return f"each {protocol.named or protocol.apart}" if protocol.each else str(protocol.fixed or folds)


def _object(preset: Preset, corpus: CorpusRecord | None) -> dict[str, object]:
    config = _config(preset, corpus)
    return {
        "preset": preset.name,
        "source": preset.source,
        "own": preset.own,
        "corpus": corpus.name if corpus else None,
        "protocol": preset.protocol,
        "folds": preset.folds_of(corpus or _anybody()),
        "selection": config.selection,
        "optimistic": config.optimistic,
        "settings": config.to_dict(),
        "differs": {} if corpus else {name: _differing(preset, name, config) for name in _others(preset)},
    }


def _others(preset: Preset) -> list[str]:
    return sorted({*preset.for_corpus, *preset.folds_for})


def _differing(preset: Preset, corpus: str, config: TrainingConfig) -> Mapping[str, object]:
    """What the preset sets otherwise for ``corpus``."""
    found = {name: value for name, value in preset.for_corpus.get(corpus, {}).items() if value != getattr(config, name)}
    folds = preset.folds_for.get(corpus, preset.folds)
    return {**found, **({"folds": folds} if folds != preset.folds else {})}


def _print(preset: Preset, corpus: CorpusRecord | None) -> None:
    config = _config(preset, corpus)
    values = [(name, str(value)) for name, value in config.to_dict().items()]
    if corpus is None and preset.tabs is None:
        values = [(name, "as the corpus has it" if name == "tabs" else value) for name, value in values]
    what = [
        ("protocol", preset.protocol),
        ("folds", _folds_text(preset, preset.folds_of(corpus or _anybody()))),
        ("selection", selection_text(config.selection, config.optimistic)),
    ]
    print_table(("setting", "value"), [*what, *values])
    if corpus is None and _others(preset):
        differing = {name: _differing(preset, name, config) for name in _others(preset)}
        columns = list(dict.fromkeys(key for values in differing.values() for key in values))
        rows = [(name, *(str(values.get(key, "")) for key in columns)) for name, values in differing.items() if values]
        print_table(("otherwise for", *columns), rows)
    for_whom = f" for {corpus.name}" if corpus else ""
    say(f"{preset.name}{for_whom}: {preset.source}{' (your own)' if preset.own else ''}")
