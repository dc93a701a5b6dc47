"""The interface's themes: Textual's widgets in the colours of our palettes."""

from __future__ import annotations

from collections.abc import Sequence

from textual.theme import Theme

from timnet_tui.palette import PALETTES, RGB, Palette, ink

DEFAULT = "timnet-dark"

#: what each theme is for, as the command palette says it
MEANT_FOR = {
    "timnet-dark": "Dark",
    "timnet-light": "Light",
    "timnet-contrast": "Dark, with high contrast",
    "timnet-contrast-light": "Light, with high contrast",
    "timnet-colour-blind": "Dark, in colours that all eyes can tell apart",
    "timnet-colour-blind-light": "Light, in colours that all eyes can tell apart",
}


def theme_of(colours: Palette) -> Theme:
    """The theme of a palette. What Textual would derive and blend is set, so that its contrast is known."""
    accent, text, panel = _hex(colours.accent), _hex(colours.text), _hex(colours.panel)
    on_accent = _hex(ink(colours.accent))
    return Theme(
        name=colours.name,
        dark=colours.dark,
        primary=accent,
        secondary=_hex(colours.train),
        accent=accent,
        warning=_hex(colours.warning),
        error=_hex(colours.error),
        success=_hex(next(colour for state, colour in colours.states.items() if state == "done")),
        foreground=text,
        background=_hex(colours.background),
        surface=_hex(colours.surface),
        panel=panel,
        text_alpha=1.0,
        variables={
            "footer-background": panel,
            "footer-foreground": text,
            "footer-description-foreground": text,
            "footer-key-foreground": accent,
            "block-cursor-background": accent,
            "block-cursor-foreground": on_accent,
            "block-cursor-text-style": "none",
            "input-cursor-background": text,
            "input-cursor-foreground": _hex(colours.background),
            "input-selection-background": _hex(colours.fill),
            "foreground-muted": _hex(colours.faint),
            "foreground-disabled": _hex(colours.faint),
            "text-muted": _hex(colours.faint),
            "text-disabled": _hex(colours.faint),
            "border": accent,
            "border-blurred": _hex(colours.faint),
        },
    )


def themes() -> list[Theme]:
    """All of them, in the order in which ``t`` goes through them."""
    return [theme_of(one) for one in PALETTES.values()]


def after(name: str, known: Sequence[str]) -> str:
    """The theme that follows ``name`` among ``known``; the first one after any other."""
    return known[(known.index(name) + 1) % len(known)] if name in known else known[0]


def _hex(colour: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
