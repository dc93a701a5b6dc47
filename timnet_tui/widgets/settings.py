"""An experiment's settings as lines: every one of them, and what its preset would have set."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain, repeat

from rich.text import Text

from timnet.records import Experiment
from timnet.text import clean
from timnet_tui import wording
from timnet_tui.looks.background import Background
from timnet_tui.palette import Palette
from timnet_tui.render import style, wrapped

LABEL, VALUE, NARROWEST = 18, 14, 10
CHANGED = "◆"
#: the settings in groups, as the record has them
GROUPS = (
    ("network", ("filters", "kernel_size", "tabs", "dropout", "variant")),
    ("features", ("normalise", "mask_frames", "mask_coefficients")),
    ("optimiser", ("learning_rate", "schedule", "warmup", "beta1", "beta2", "epsilon", "batch_size", "epochs")),
    ("loss", ("label_smoothing",)),
    ("checkpoint rule", ("validate_every", "check_every", "check_from", "monitor", "min_delta", "patience")),
    ("selection", ("select", "average", "inner")),
)


def changed(experiment: Experiment, background: Background) -> tuple[str, ...]:
    """The settings in which an experiment differs from its preset; none where the preset is not known."""
    if background.usual is None:
        return ()
    mine, usual = asdict(experiment.config), asdict(background.usual)
    return tuple(name for name in mine if mine[name] != usual[name])


def settings_lines(experiment: Experiment, background: Background, width: int, colours: Palette) -> list[Text]:
    """What decides the result, first what is not in the configuration; what differs from the preset is marked.

    Facts that are longer than ``width`` cells go on below.
    """
    facts = [
        ("corpus", f"{experiment.corpus}, {background.utterances} utterances, {len(background.classes)} classes"),
        ("corpus version", background.digest[:16]),
        ("corpus folder", background.path),
        ("protocol", f"{experiment.protocol}, {experiment.folds} folds, seed {experiment.seed}"),
        ("selection", wording.selection_of(experiment.selection, optimistic=experiment.optimistic)),
        ("preset", f"{experiment.preset}: {background.preset}" if background.preset else experiment.preset),
        ("source", experiment.source),
        ("created", f"{experiment.created[:19].replace('T', ' ')} UTC"),
    ]
    lines = [line for label, value in facts if value for line in _fact(label, clean(value), width, colours)]
    mine = asdict(experiment.config)
    usual = asdict(background.usual) if background.usual is not None else mine
    for title, names in GROUPS:
        lines += [Text(), Text(title, style(colours.text, bold=True))]
        lines += [_setting(name, mine[name], usual[name], colours) for name in names]
    if background.code:
        lines += [Text(), Text("queued with", style(colours.text, bold=True))]
        lines += [line for label, value in background.code for line in _fact(label, clean(value), width, colours)]
    return lines


def _fact(label: str, value: str, width: int, colours: Palette) -> list[Text]:
    heads = chain([label], repeat(""))
    parts = wrapped(Text(value, style(colours.text)), max(NARROWEST, width - LABEL - 2))
    return [
        Text(no_wrap=True).append(f"  {head:<{LABEL}}", style(colours.faint)).append_text(part)
        for head, part in zip(heads, parts, strict=False)
    ]


def _setting(name: str, mine: object, usual: object, colours: Palette) -> Text:
    differs = mine != usual
    text = Text(no_wrap=True).append(f"{CHANGED if differs else ' '} ", style(colours.warning))
    text.append(f"{name:<{LABEL}}", style(colours.faint))
    text.append(clean(f"{mine:<{VALUE}}"), style(colours.warning if differs else colours.text, bold=differs))
    return text.append(f"preset {usual}" if differs else "", style(colours.faint))
