"""The palette keeps its promise: classes can be told apart, with colour vision deficiency too."""

import itertools

import numpy as np
import pytest

from timnet.export.colours import CLASS_COLOURS, TEST, TRAIN, colours_of

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# OKLab (Ottosson 2020)
TO_LMS = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
TO_LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(colour: str, vision: str) -> np.ndarray:
    seen = np.clip(np.asarray(VISION[vision]) @ linear(colour), 0, 1)
    return np.asarray(TO_LAB) @ np.cbrt(np.asarray(TO_LMS) @ seen)


@pytest.mark.parametrize("vision", VISION)
def test_any_two_classes_can_be_told_apart(vision):
    seen = {name: oklab(colour, vision) for name, colour in CLASS_COLOURS.items()}
    distance, pair = min((np.linalg.norm(seen[a] - seen[b]), (a, b)) for a, b in itertools.combinations(seen, 2))
    assert distance >= 0.11, pair
    assert np.linalg.norm(oklab(TRAIN, vision) - oklab(TEST, vision)) >= 0.2


def test_every_class_can_be_seen_on_paper_and_on_a_dark_terminal():
    for name, colour in CLASS_COLOURS.items():
        luminance = linear(colour) @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) > 1.5, name
        assert (luminance + 0.05) / (0.006 + 0.05) > 2.3, name


def test_a_canonical_class_has_the_same_colour_in_every_corpus():
    everything = colours_of(list(CLASS_COLOURS))
    assert everything == CLASS_COLOURS
    assert colours_of(["sad", "angry"]) == {"sad": CLASS_COLOURS["sad"], "angry": CLASS_COLOURS["angry"]}


def test_other_classes_get_colours_that_are_left_over():
    given = colours_of(["angry", "bliss", "awe"])
    assert len(set(given.values())) == 3
    assert given == {name: colours_of(["awe", "angry", "bliss"])[name] for name in given}
    many = colours_of([f"class {n}" for n in range(25)])
    assert len(many) == 25
    assert set(many.values()) == set(CLASS_COLOURS.values())
    assert len(colours_of([*CLASS_COLOURS, "awe"])) == 10
