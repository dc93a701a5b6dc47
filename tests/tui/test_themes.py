"""Colours that can be read and told apart, in every theme, with every kind of eyes."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.steps import grid_of
from timnet.records import RunState
from timnet_tui.palette import PALETTES, RGB, Palette, contrast, heat, ink, palette_of
from timnet_tui.themes import MEANT_FOR, after, theme_of, themes

EACH = pytest.mark.parametrize("colours", list(PALETTES.values()), ids=list(PALETTES))

#: Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency",
#: IEEE TVCG 15 (2009), severity 1.0; for linear RGB
DICHROMACIES = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip
Linear = tuple[float, ...]


def linear(colour: RGB) -> Linear:
    return tuple(c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)


def seen(colour: RGB, eyes: str) -> Linear:
    """The colour as these eyes see it, linear."""
    given = linear(colour)
    return tuple(min(1.0, max(0.0, sum(a * b for a, b in zip(row, given, strict=True)))) for row in DICHROMACIES[eyes])


def oklab(colour: Linear) -> Linear:
    """Björn Ottosson's OKLab (2020), in which equal distances look about equally far."""
    r, g, b = colour
    x = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    y = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    z = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * x + 0.7936177850 * y - 0.0040720468 * z,
        1.9779984951 * x - 2.4285922050 * y + 0.4505937099 * z,
        0.0259040371 * x + 0.7827717662 * y - 0.8086757660 * z,
    )


def distance(first: RGB, second: RGB, eyes: str) -> float:
    pairs = zip(oklab(seen(first, eyes)), oklab(seen(second, eyes)), strict=True)
    return sum((a - b) ** 2 for a, b in pairs) ** 0.5


def wanted(colours: Palette) -> float:
    return 7.0 if "contrast" in colours.name else 4.5


@EACH
@pytest.mark.parametrize("behind", ["background", "surface", "panel", "raised"])
def test_everything_that_is_written_can_be_read(colours: Palette, behind: str) -> None:
    named = {name: getattr(colours, name) for name in ("text", "faint", "accent", "warning", "error")}
    curves = {"train": colours.train, "validation": colours.validation}
    for name, colour in {**named, **curves, **colours.states}.items():
        assert contrast(colour, getattr(colours, behind)) >= wanted(colours), f"{name} on {behind}"


@EACH
def test_progress_and_scores_can_be_read(colours: Palette) -> None:
    for colour in (colours.states[RunState.RUNNING], colours.warning, colours.text):
        assert contrast(colour, colours.fill) >= wanted(colours)
    for step in range(101):
        background = heat(step / 100, colours)
        assert contrast(ink(background), background) >= wanted(colours)


@EACH
def test_what_textual_draws_can_be_read(colours: Palette) -> None:
    """Buttons, the footer, the cursor of lists: the pairs that a theme's variables make."""
    from textual.color import Color

    made = theme_of(colours).to_color_system().generate()

    def rgb(name: str) -> RGB:
        return Color.parse(made[name]).rgb

    pairs = (
        ("footer-description-foreground", "footer-background"),
        ("footer-key-foreground", "footer-background"),
        ("block-cursor-foreground", "block-cursor-background"),
        ("foreground", "background"), ("foreground", "surface"), ("foreground", "panel"),
        ("input-cursor-foreground", "input-cursor-background"), ("foreground", "input-selection-background"),
        ("foreground-muted", "surface"), ("text-muted", "panel"),
    )  # fmt: skip
    for first, second in pairs:
        assert contrast(rgb(first), rgb(second)) >= wanted(colours), f"{first} on {second}"


@EACH
@pytest.mark.parametrize("eyes", DICHROMACIES)
def test_train_and_validation_stay_apart(colours: Palette, eyes: str) -> None:
    assert distance(colours.train, colours.validation, eyes) > 0.15


@pytest.mark.parametrize("name", ["timnet-colour-blind", "timnet-colour-blind-light"])
@pytest.mark.parametrize("eyes", DICHROMACIES)
def test_states_stay_apart_for_all_eyes(name: str, eyes: str) -> None:
    for (first, one), (second, other) in combinations(PALETTES[name].states.items(), 2):
        assert distance(one, other, eyes) > 0.08, f"{first} and {second}"


@pytest.mark.parametrize("name", ["timnet-colour-blind", "timnet-colour-blind-light"])
@pytest.mark.parametrize("eyes", DICHROMACIES)
def test_heat_goes_one_way_for_all_eyes(name: str, eyes: str) -> None:
    lightness = [oklab(seen(stop, eyes))[0] for stop in PALETTES[name].heat]
    assert lightness in (sorted(lightness), sorted(lightness, reverse=True))


def test_the_simulation_confuses_what_such_eyes_confuse() -> None:
    red, green = (200, 60, 40), (110, 120, 30)
    assert distance(red, green, "normal") > 2 * distance(red, green, "deuteranopia")
    assert distance(red, red, "protanopia") == 0


def test_every_theme_has_its_palette_and_a_foreign_one_the_plain() -> None:
    assert [theme.name for theme in themes()] == list(MEANT_FOR) == list(PALETTES)
    for theme in themes():
        assert palette_of(theme) is PALETTES[theme.name]
        assert theme.dark is PALETTES[theme.name].dark
    from textual.theme import BUILTIN_THEMES

    assert palette_of(BUILTIN_THEMES["nord"]) is PALETTES["timnet-dark"]
    assert palette_of(BUILTIN_THEMES["textual-light"]) is PALETTES["timnet-light"]


def test_themes_follow_one_another() -> None:
    names = list(MEANT_FOR)
    assert after(names[0], names) == names[1]
    assert after(names[-1], names) == names[0]
    assert after("nord", names) == names[0]


async def test_the_command_palette_lists_the_themes_and_sets_one() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        offered = {one.title: one for one in app.get_system_commands(app.screen)}
        assert {f"theme {name}" for name in MEANT_FOR} <= set(offered)
        offered["theme timnet-contrast-light"].callback()
        await until(pilot, lambda: not app.current_theme.dark)
        assert palette_of(app.current_theme).name == "timnet-contrast-light"
