from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.corpora.emodb import EMODB, EMOTIONS
from timnet.corpora.layout import Parsed
from timnet.corpora.spec import KNOWN, spec_of
from timnet.corpora.synthetic import CLASSES, DEMO
from timnet.corpora.walk import natural, row_order
from timnet.errors import UnknownName

TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
folders = st.lists(st.text("abc XYZ09äö-", min_size=1, max_size=8), max_size=3)


@given(
    folders,
    st.sampled_from(sorted(EMODB.speaker_counts)),
    st.sampled_from(TEXTS),
    st.sampled_from(sorted(EMOTIONS)),
    st.sampled_from("abcdef"),
    st.sampled_from([str, str.upper, str.lower]),
)
def test_every_emodb_name_reads_as_its_parts_in_any_case_and_folder(above, speaker, text, emotion, take, case):
    path = PurePosixPath(*above, case(f"{speaker}{text}{emotion}{take}.wav"))
    assert EMODB.layout.parse(path) == Parsed(EMOTIONS[emotion], speaker, text, take)


@given(st.one_of(st.text(max_size=16), st.from_regex(r"[01][0-9][abAB][01][0-9][A-Za-z][a-hA-H]", fullmatch=True)))
def test_a_name_is_emodb_only_if_its_parts_are_in_the_published_lists(stem):
    path = PurePosixPath(f"x/{stem}.wav")
    expected = (
        len(path.stem) == 7
        and path.name == f"{stem}.wav"
        and stem[:2] in EMODB.speaker_counts
        and stem[2:5].lower() in TEXTS
        and stem[5].upper() in EMOTIONS
        and stem[6].lower() in "abcdef"
    )
    assert (EMODB.layout.parse(path) is not None) == expected


@pytest.mark.parametrize(
    "name",
    [
        "01a01Fa.wav",  # no such speaker
        "17a01Fa.wav",
        "03a03Fa.wav",  # no such text
        "03b04Fa.wav",
        "03a01Xa.wav",  # no such emotion
        "03a01Fg.wav",  # no such version
        "03a01Fa.mp3",
        "03a01Fa.wav.wav",
        "x03a01Fa.wav",
        "03a01Fa.wav\n",
        "٠٣a01Fa.wav",  # digits, but not ASCII ones
        "03a01ſa.wav",  # a letter that folds to s
    ],
)
def test_names_that_only_look_like_emodb_are_refused(name):
    assert EMODB.layout.parse(PurePosixPath(name)) is None


@given(st.integers(1, 99), st.integers(1, 99), st.sampled_from(CLASSES), st.sampled_from("abcz"))
def test_every_demo_name_reads_as_its_parts(speaker, text, emotion, take):
    name = f"s{speaker:02d}_t{text:02d}_{emotion}_{take}.wav"
    assert DEMO.layout.parse(PurePosixPath("d", name)) == Parsed(emotion, f"s{speaker:02d}", f"t{text:02d}", take)
    assert DEMO.layout.parse(PurePosixPath(name.replace(emotion, "boredom"))) is None


@pytest.mark.parametrize("spec", KNOWN.values(), ids=list(KNOWN))
def test_a_spec_agrees_with_itself(spec):
    assert spec.classes == tuple(sorted(spec.class_counts))
    assert sum(spec.class_counts.values()) == sum(spec.speaker_counts.values()) == spec.utterances
    assert set(spec.male_speakers) <= set(spec.speaker_counts)
    assert spec.layout.parse(PurePosixPath(spec.layout.example)) is not None
    assert spec_of(spec.name.lower()) is spec_of(spec.name.title()) is spec


def test_an_unknown_corpus_is_one_line_that_lists_the_known_ones():
    with pytest.raises(UnknownName) as caught:
        spec_of("EMO\nDB\x1b[31m")
    assert str(caught.value).splitlines() == [str(caught.value)]
    assert "\x1b" not in str(caught.value)
    assert "DEMO, EMODB" in str(caught.value)
    assert caught.value.exit_code == 2


@given(st.lists(st.integers(0, 10**12), min_size=2))
def test_natural_order_puts_numbers_in_numeric_order(numbers):
    names = [f"take{n}.wav" for n in numbers]
    assert sorted(names, key=natural) == [f"take{n}.wav" for n in sorted(numbers)]


@given(st.lists(st.text(max_size=8), min_size=2))
def test_natural_keys_can_always_be_compared(names):
    assert sorted(sorted(names, key=natural)) == sorted(names)


def test_rows_stand_by_class_then_by_name_whatever_the_folder():
    paths = {"z/03a02Wb.wav": "angry", "a/03b10Wa.wav": "angry", "m/03a01Fa.wav": "happy", "m/03b9Wa.wav": "angry"}
    ordered = sorted(paths, key=lambda path: row_order(paths[path], path))
    assert ordered == ["z/03a02Wb.wav", "m/03b9Wa.wav", "a/03b10Wa.wav", "m/03a01Fa.wav"]
