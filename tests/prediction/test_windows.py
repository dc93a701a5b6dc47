"""Windows cover a recording as documented; answers add up; a timeline joins what is alike."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timnet.errors import BadInput
from timnet.prediction.distance import Facts, doubts
from timnet.prediction.order import Order
from timnet.prediction.windows import LONG, Segment, Slide, Window, best_of, mean_of, timeline, window_starts


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 1500), st.sampled_from(Slide))
def test_windows_cover_everything_and_overlap_by_half(samples, window, slide):
    starts = window_starts(samples, window, slide)
    if not starts:
        assert samples <= window or slide is Slide.NEVER or (slide is Slide.AUTO and samples <= LONG * window)
        return
    assert slide is not Slide.NEVER
    assert (starts[0], starts[-1]) == (0, samples - window)
    steps = [after - before for before, after in pairwise(starts)]
    assert all(0 < step <= max(window // 2, 1) for step in steps)
    assert set(steps[:-1]) <= {max(window // 2, 1)}


def test_what_fits_three_windows_is_read_as_in_training():
    assert window_starts(300, 100) == ()
    assert window_starts(301, 100) == (0, 50, 100, 150, 200, 201)
    assert window_starts(100, 100, Slide.ALWAYS) == ()
    assert window_starts(101, 100, Slide.ALWAYS) == (0, 1)
    assert window_starts(10**6, 100, Slide.NEVER) == ()


def test_answers_are_plain_means():
    assert mean_of([(0.2, 0.8), (0.6, 0.4)]) == (0.4, pytest.approx(0.6))
    assert (best_of((0.2, 0.4, 0.4)), best_of((1.0,))) == (1, 0)


def test_a_timeline_joins_neighbours_of_one_class():
    windows = [
        Window(0, 4, (0.9, 0.1)),
        Window(2, 6, (0.7, 0.3)),
        Window(4, 8, (0.2, 0.8)),
        Window(6, 10, (0.6, 0.4)),
    ]
    expected = [Segment(0, 4, 0, 0.8), Segment(4, 6, 1, 0.8), Segment(6, 10, 0, 0.6)]
    assert timeline(windows) == expected
    assert timeline([]) == []


ORDINARY = Facts(sample_rate=16_000, channels=1, seconds=3.0, peak=0.5, rms_db=-25.0, clipped=0.0)


def facts(**changes: object) -> Facts:
    return Facts(**{**{name: getattr(ORDINARY, name) for name in Facts.__slots__}, **changes})


@pytest.mark.parametrize(
    ("changes", "windows", "said"),
    [
        ({}, 0, ""),
        ({"seconds": 60.0}, 20, ""),
        ({"peak": 0.0, "rms_db": None}, 0, "silence"),
        ({"peak": 5e-5, "rms_db": -95.0}, 0, "silence"),
        ({"rms_db": -55.0}, 0, "very quiet (-55 dB"),
        ({"clipped": 0.02}, 0, "clipped: 2.0 %"),
        ({"sample_rate": 8000}, 0, "recorded at 8000 Hz: nothing above 4 kHz"),
        ({"seconds": 0.3}, 0, "only 0.30 s of sound in a window of 4.35 s"),
        ({"seconds": 6.0}, 0, "only the middle 4.35 of 6.00 s"),
    ],
)
def test_doubts_follow_plain_rules(changes, windows, said):
    found = doubts(facts(**changes), 4.35, windows)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_an_order_is_read_as_it_was_written(tmp_path):
    order = Order("EMODB", ("a.wav", "b\n.wav"), Slide.ALWAYS, 96_000, 7, 8, 39, 2, weights=("w.npz",))
    order.write(tmp_path / "order.json")
    assert Order.read(tmp_path / "order.json") == order
    for damaged in ("{", "[]", "{}", '{"files": 3}'):
        (tmp_path / "order.json").write_text(damaged)
        with pytest.raises(BadInput, match="cannot read the order"):
            Order.read(tmp_path / "order.json")
