from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput
from timnet.features.lengths import (
    LONGEST,
    MOST_TABS,
    RATE,
    SHORTEST,
    histogram,
    length_of,
    receptive_field,
    tabs_of,
)
from timnet.features.recipe import MfccRecipe

SECONDS = st.lists(st.floats(0.01, 700), min_size=1, max_size=60)


def test_the_published_lengths_get_the_published_tabs_where_8_do():
    for spec in KNOWN.values():
        if spec.name == "DEMO":
            continue
        assert tabs_of(spec.signal_length) == (9 if spec.name == "IEMOCAP" else spec.tabs)
        assert receptive_field(spec.tabs) >= MfccRecipe(spec.signal_length).frames


@pytest.mark.parametrize(
    ("frames", "tabs"), [(1, 8), (511, 8), (512, 9), (1023, 9), (1024, 10), (2047, 10), (2048, 11), (32_767, 14)]
)
def test_the_tabs_are_8_or_the_fewest_that_see_every_frame(frames, tabs):
    assert tabs_of((frames - 1) * 512 or 1) == tabs
    assert tabs_of(frames * 512 - 1) == tabs


def test_the_limits_are_the_network_s():
    assert MfccRecipe(LONGEST).frames == receptive_field(MOST_TABS)
    assert tabs_of(LONGEST) == MOST_TABS


@given(SECONDS)
def test_auto_holds_95_percent_and_no_more_than_it_needs(seconds):
    samples = length_of("auto", seconds)
    assert samples % 2000 == 0
    held = sum(one * RATE <= samples + 1e-3 for one in seconds)
    assert held >= 0.95 * len(seconds)
    fewer = sum(one * RATE <= samples - 2000 for one in seconds)
    assert fewer < 0.95 * len(seconds)


@given(SECONDS, st.floats(0.1, 100))
def test_a_share_is_the_shortest_length_that_holds_it(seconds, percent):
    samples = length_of(f"{percent}%", seconds)
    held = sum(one * RATE <= samples + 1e-3 for one in seconds)
    assert held >= percent / 100 * len(seconds) - 1e-6
    if samples > SHORTEST:
        assert any(abs(one * RATE - samples) <= 1 for one in seconds)


def test_numbers_are_taken_as_they_are():
    assert length_of("96000", [1.0]) == 96_000
    assert length_of(" AUTO ", [0.001]) == 2000
    assert length_of("100%", [0.001]) == SHORTEST
    assert length_of("50%", [1.0, 2.0, 3.0, 4.0]) == 2 * RATE


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ("", "no signal length"),
        ("long", "no signal length"),
        ("-5", "no signal length"),
        ("1e5", "no signal length"),
        ("٣٣٣٣", "no signal length"),
        ("9" * 5000, "no signal length"),
        ("511", "512 to 16776703 samples"),
        ("16776704", "512 to 16776703 samples"),
        ("0%", "no share"),
        ("101%", "no share"),
        ("nan%", "no share"),
        ("%", "no share"),
        ("x\x1b%", "no share"),
    ],
)
def test_other_words_are_one_line(wanted, line):
    with pytest.raises(BadInput, match=line) as caught:
        length_of(wanted, [1.0, 2.0])
    assert str(caught.value).isprintable()


def test_recordings_that_no_network_can_see_at_once_need_a_length():
    hours = [3600.0, 4000.0]
    with pytest.raises(BadInput, match=r"more than the 16776703 that 14 TABs can see; cut them"):
        length_of("auto", hours)
    assert length_of("300000", hours) == 300_000
    with pytest.raises(BadInput, match="no durations"):
        length_of("auto", [])


@given(SECONDS, st.integers(SHORTEST, LONGEST))
def test_the_histogram_is_ascii_of_80_columns_and_counts_everything(seconds, samples):
    lines = histogram(seconds, samples)
    assert all(len(line) <= 80 and line.isascii() and line.isprintable() for line in lines)
    bars = [line for line in lines if " s " in line and " to " in line[:20] and not line.startswith(str(len(seconds)))]
    counts = [int(line.split(" s ")[1].split()[0]) for line in bars[: len(lines) - 3]]
    assert sum(counts) == len(seconds)
    assert len(counts) <= 17
    assert f"signal length {samples} samples" in lines[-2]


def test_the_histogram_shows_where_the_length_is():
    lines = histogram([1.0, 1.2, 2.5, 2.6, 2.7, 9.0], 66_150)
    assert [line.split() for line in lines if "<- length" in line] == [["3.00", "to", "4.00", "s", "0", "<-", "length"]]
    assert lines[-3] == "6 recordings of 1.00 to 9.00 s"
    assert lines[-1] == "8 TABs; 1 longer recordings are cropped to their centre (16.7%)"
