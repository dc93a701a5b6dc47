from __future__ import annotations

from dataclasses import replace

import pytest

from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput
from timnet.features.libraries import library_versions
from timnet.features.recipe import MfccRecipe


@pytest.mark.parametrize(
    ("samples", "frames"), [(88_000, 172), (96_000, 188), (110_000, 215), (130_000, 254), (310_000, 606)]
)
def test_the_frames_are_those_of_the_published_arrays(samples, frames):
    assert MfccRecipe(samples).frames == frames


def test_the_demo_s_receptive_field_suits_its_length():
    spec = KNOWN["DEMO"]
    field = 1 + 2 * (2**spec.tabs - 1)
    assert field > MfccRecipe(spec.signal_length).frames // 2


def test_the_digest_covers_every_setting_and_every_library():
    recipe, versions = MfccRecipe(96_000), library_versions()
    others = [
        replace(recipe, signal_length=96_001),
        replace(recipe, sample_rate=16_000),
        replace(recipe, n_mfcc=40),
        replace(recipe, n_fft=1024),
        replace(recipe, hop_length=256),
        replace(recipe, n_mels=64),
        replace(recipe, resampler="soxr_vhq"),
    ]
    digests = {recipe.digest(versions), *(other.digest(versions) for other in others)}
    digests |= {recipe.digest({**versions, name: "0.0"}) for name in versions}
    assert len(digests) == 1 + len(others) + len(versions)
    assert recipe.digest(dict(reversed(versions.items()))) == recipe.digest(versions)


def test_the_library_versions_are_those_installed():
    import numpy as np
    import soxr

    versions = library_versions()
    assert versions["soxr"] == soxr.__version__
    assert versions["numpy"] == np.__version__.split(".")[0]
    assert set(versions) == {"timnet.features", "soxr", "numpy", "scipy"}


def test_a_length_below_one_sample_is_refused():
    with pytest.raises(BadInput, match="not 0"):
        MfccRecipe(0)
