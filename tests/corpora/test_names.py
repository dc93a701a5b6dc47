from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.corpora import casia, emodb, emovo, iemocap, ravdess, savee, synthetic
from timnet.corpora.emodb import EMODB, EMOTIONS
from timnet.corpora.layout import LeftOut, Parsed
from timnet.corpora.spec import KNOWN, canonical, spec_of
from timnet.corpora.synthetic import CLASSES
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
    assert emodb.parse(path) == Parsed(EMOTIONS[emotion], speaker, text, take)


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
    assert (emodb.parse(path) is not None) == expected


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
    assert emodb.parse(PurePosixPath(name)) is None


@given(st.integers(1, 99), st.integers(1, 99), st.sampled_from(CLASSES), st.sampled_from("abcz"))
def test_every_demo_name_reads_as_its_parts(speaker, text, emotion, take):
    name = f"s{speaker:02d}_t{text:02d}_{emotion}_{take}.wav"
    assert synthetic.parse(PurePosixPath("d", name)) == Parsed(emotion, f"s{speaker:02d}", f"t{text:02d}", take)
    assert synthetic.parse(PurePosixPath(name.replace(emotion, "boredom"))) is None


def any_case(text):
    """``text`` with each letter in either case."""
    return st.tuples(*(st.sampled_from((c.lower(), c.upper())) for c in text)).map("".join)


@given(folders, st.sampled_from(savee.SPEAKERS), st.sampled_from(sorted(savee.EMOTIONS)), st.integers(0, 40), st.data())
def test_savee_names_in_both_layouts(above, speaker, emotion, number, data):
    name = data.draw(any_case(f"{emotion}{number:02d}.wav"))
    good = 1 <= number <= (30 if emotion == "n" else 15)
    expected = Parsed(savee.EMOTIONS[emotion], speaker, f"{emotion}{number:02d}") if good else None
    folder = data.draw(any_case(speaker))
    assert savee.parse_official(PurePosixPath(*above, folder, name)) == expected
    assert savee.parse_flat(PurePosixPath(*above, f"{folder}_{name}")) == expected
    assert savee.parse_official(PurePosixPath("XY", name)) is None
    assert savee.parse_official(PurePosixPath(name)) is None


@given(
    folders, st.lists(st.integers(0, 9), min_size=6, max_size=6), st.integers(0, 30), st.sampled_from(["wav", "mp4"])
)
def test_ravdess_names(above, numbers, actor, suffix):
    modality, channel, emotion, intensity, statement, repetition = numbers
    name = "-".join(f"{number:02d}" for number in (*numbers, actor))
    ranges = (3, 2, 8, 2, 2, 2)
    good = all(1 <= n <= most for n, most in zip(numbers, ranges, strict=True)) and 1 <= actor <= 24
    good = good and not (emotion == 1 and intensity == 2)
    found = ravdess.parse(PurePosixPath(*above, f"{name}.{suffix}"))
    if not good:
        assert found is None
    elif channel == 2:
        assert found == ravdess.SONG
    elif modality != 3 or suffix == "mp4":
        assert found == ravdess.VIDEO
    else:
        label = ravdess.EMOTIONS[f"{emotion:02d}"]
        take = f"{intensity:02d}-{repetition:02d}"
        assert found == Parsed(label, f"{actor:02d}", f"{statement:02d}", take)


@given(
    folders,
    st.sampled_from([*emovo.EMOTIONS, "joy"]),
    st.sampled_from([*emovo.SPEAKERS, "f4", "m0"]),
    st.sampled_from([*emovo.SENTENCES, "b4", "d3", "l5", "n6"]),
    st.data(),
)
def test_emovo_names_in_any_case_and_folder(above, emotion, speaker, sentence, data):
    name = data.draw(any_case(f"{emotion}-{speaker}-{sentence}.wav"))
    good = emotion in emovo.EMOTIONS and speaker in emovo.SPEAKERS and sentence in emovo.SENTENCES
    expected = Parsed(emovo.EMOTIONS[emotion], speaker, sentence) if good else None
    assert emovo.parse(PurePosixPath(*above, name)) == expected


@given(
    folders,
    st.sampled_from([*casia.SPEAKERS, "lihua"]),
    st.sampled_from([*casia.EMOTIONS, "disgust"]),
    st.integers(199, 252),
    st.text("abc 09_-", max_size=12),
    st.data(),
)
def test_casia_names_in_all_three_layouts(above, speaker, emotion, number, prefix, data):
    good = speaker in casia.SPEAKERS and emotion in casia.EMOTIONS and 201 <= number <= 250
    expected = Parsed(emotion, speaker, str(number)) if good else None
    who = data.draw(any_case(speaker))
    assert casia.parse_folders(PurePosixPath(*above, who, emotion, f"{number}.wav")) == expected
    assert casia.parse_names(PurePosixPath(*above, f"{number}-{emotion}-{who}.wav")) == expected
    assert casia.parse_long(PurePosixPath(*above, f"{prefix}300_{who}_{emotion}_{number}.wav")) == expected


@given(
    st.integers(1, 5),
    st.sampled_from("FM"),
    st.sampled_from(["impro01", "impro05a", "script01_1", "script03_2b", "script01_3M"]),
    st.sampled_from("FM"),
    st.integers(0, 999),
    st.sampled_from(sorted(iemocap.EMOTIONS)),
)
def test_iemocap_names_take_the_speaker_from_the_last_part(session, captured, scene, speaker, number, emotion):
    dialogue = f"Ses0{session}{captured}_{scene}"
    name = f"{dialogue}_{speaker}{number:03d}"
    path = PurePosixPath(f"Session{session}", "sentences", "wav", dialogue, f"{name}.wav")
    assert iemocap.parse(path, {name: emotion}) == Parsed(
        iemocap.EMOTIONS[emotion],
        f"Ses0{session}{speaker}",
        scene,
        f"{captured}_{speaker}{number:03d}",
        f"Ses0{session}",
    )
    assert iemocap.parse(path, {}) == iemocap.UNLABELLED
    assert iemocap.parse(path, {name: ""}) == iemocap.CONTRADICTED
    assert isinstance(iemocap.parse(path, {name: "fru"}), LeftOut)
    assert iemocap.parse(path.with_name(f"{dialogue}.wav"), {name: emotion}) == iemocap.DIALOGUE


@given(st.text(max_size=30))
def test_no_grammar_breaks_on_any_name(name):
    for spec in KNOWN.values():
        for layout in spec.layouts:
            layout.open(Path("nowhere")).parse(PurePosixPath(name))


@pytest.mark.parametrize("spec", KNOWN.values(), ids=list(KNOWN))
def test_a_spec_agrees_with_itself(spec):
    assert spec.classes == tuple(sorted(spec.class_counts))
    for counts in filter(None, (spec.speaker_counts, spec.session_counts)):
        assert sum(spec.class_counts.values()) == sum(counts.values()) == spec.utterances
    if spec.speaker_counts:
        assert set(spec.male_speakers) <= set(spec.speaker_counts)
    assert spec_of(spec.name.lower()) is spec_of(spec.name.title()) is spec


@pytest.mark.parametrize(
    "spec", [spec for spec in KNOWN.values() if spec.name != "IEMOCAP"], ids=lambda spec: spec.name
)
def test_every_layout_names_the_same_published_utterances_each_once(spec):
    """The lists of names agree with the published counts and with the grammar, in every layout."""
    found = []
    for layout in spec.layouts:
        reader = layout.open(Path("nowhere"))
        parsed = [reader.parse(PurePosixPath(name)) for name in reader.names]
        assert len(set(parsed)) == len(parsed) == spec.utterances
        assert Counter(p.label for p in parsed) == spec.class_counts
        assert Counter(p.speaker for p in parsed) == spec.speaker_counts
        assert reader.parse(PurePosixPath(layout.example)) in parsed
        found.append(set(parsed))
    assert all(parsed == found[0] for parsed in found)
    first = [PurePosixPath(name).name for name in spec.layouts[0].open(Path("nowhere")).names]
    assert len(set(first)) == len(first), "rows stand in the order of the first layout's base names"


def test_the_authors_name_of_ravdess_is_known():
    assert spec_of("ravde") is KNOWN["RAVDESS"]
    assert (canonical("Ravde"), canonical("emodb"), canonical("Mine")) == ("RAVDESS", "EMODB", "Mine")


def test_an_unknown_corpus_is_one_line_that_lists_the_known_ones():
    with pytest.raises(UnknownName) as caught:
        spec_of("EMO\nDB\x1b[31m")
    assert str(caught.value).splitlines() == [str(caught.value)]
    assert "\x1b" not in str(caught.value)
    assert "CASIA, DEMO, EMODB, EMOVO, IEMOCAP, RAVDESS, SAVEE" in str(caught.value)
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
