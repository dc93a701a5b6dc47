"""The log parser: the seed's real logs, Keras's several styles, and whatever is left of a damaged log."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.imports.logs import (
    CHATTER,
    SEED_RUN,
    Numbers,
    bar,
    ending,
    fold_text,
    needs_seed_run,
    parse,
    rows_of,
    steady,
)
from timnet.errors import BadInput
from timnet.imports.keras_log import MAX_FOLDS, parse_keras_log
from timnet.records import EventKind

CHECKED = (EventKind.CHECK_IMPROVED, EventKind.CHECK_NOT_IMPROVED)
HITS, TRUE = (11, 8, 4, 4, 6, 4, 10), (14, 8, 4, 4, 6, 6, 12)


@needs_seed_run
@pytest.mark.parametrize(("name", "folds", "mean"), [("EMODB", 10, 0.8523), ("SAVEE", 8, 0.7667)])
def test_the_seeds_logs_are_read_whole(name, folds, mean):
    with (SEED_RUN / f"{name}.txt").open("rb") as stream:
        log = parse_keras_log(stream)
    assert log.complete
    assert [len(fold.epochs) for fold in log.folds] == [600] * folds
    assert all([one.epoch for one in fold.epochs] == list(range(1, 601)) for fold in log.folds)
    every = [one for fold in log.folds for one in fold.epochs]
    assert sum(one.check.kind in CHECKED for one in every) == folds * 300
    assert all((one.check.kind is EventKind.CHECK_SKIPPED) == (one.epoch % 2 == 1) for one in every)
    assert sum(fold.accuracy for fold in log.folds) / folds == pytest.approx(mean, abs=5e-5)
    assert all(len(fold.report) == 7 for fold in log.folds)


@needs_seed_run
def test_the_first_epochs_are_read_to_their_digits():
    with (SEED_RUN / "EMODB.txt").open("rb") as stream:
        first, second = parse_keras_log(stream).folds[0].epochs[:2]
    assert (first.loss, first.accuracy, first.val_loss, first.val_accuracy) == (3.2468, 0.1040, 3.4570, 0.1481)
    assert (first.seconds, first.lr, first.diverged) == (14.0, None, False)
    assert (second.check.kind, second.check.monitor) == (EventKind.CHECK_IMPROVED, "val_loss")
    assert second.check.value == 2.950086832046509


def test_a_bar_that_rewrites_itself_is_one_line():
    step = "1/2 [====>.....] - ETA: 3s - loss: 9.0000 - accuracy: 0.9000"
    end = "2/2 [==========] - 0s 120ms/step - loss: 1.2500 - accuracy: 0.5000 - val_loss: 1.5000 - val_accuracy: 0.2500"
    [fold] = parse(f"Epoch 1/1\n\r{step}{chr(8) * 60}\r{end}\n").folds
    assert (fold.epochs[0].loss, fold.epochs[0].val_loss, fold.epochs[0].seconds) == (1.25, 1.5, 0.24)


def test_keras_3_writes_in_colours_and_alphabetical_order():
    line = (
        "\r\x1b[1m8/8\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m3s\x1b[0m 12ms/step - "
        "accuracy: 0.1040 - loss: 3.2468 - val_accuracy: 0.1481 - val_loss: 3.4570 - learning_rate: 5.0000e-04\n"
    )
    before = "\r\x1b[1m8/8\x1b[0m \x1b[32m━━━━\x1b[0m \x1b[1m0s\x1b[0m 5ms/step - accuracy: 0.1 - loss: 3.1\n"
    text = f"Epoch 1/500\n{before}\nEpoch 1: val_loss improved from None to 3.45701, saving model to best.keras\n{line}"
    [fold] = parse(text).folds
    one = fold.epochs[0]
    assert (one.loss, one.accuracy, one.val_loss, one.val_accuracy) == (3.2468, 0.1040, 3.4570, 0.1481)
    assert (one.lr, one.seconds, one.check.value) == (5e-4, 3.0, 3.45701)
    assert not fold.finished


@pytest.mark.parametrize(
    ("said", "kind", "value"),
    [
        ("val_loss improved from inf to 2.95009, saving model to w.hdf5", EventKind.CHECK_IMPROVED, 2.95009),
        ("val_accuracy did not improve from 0.86", EventKind.CHECK_NOT_IMPROVED, None),
        ("No save this epoch", EventKind.CHECK_SKIPPED, None),
    ],
)
def test_checkpoint_callbacks_are_understood(said, kind, value):
    [fold] = parse(f"Epoch 1/2\n\nEpoch 00001: {said}\n{bar(steady(1)[0])}").folds
    assert (fold.epochs[0].check.kind, fold.epochs[0].check.value) == (kind, value)


def test_an_early_stop_finishes_a_fold():
    text = fold_text(steady(4), planned=100).replace("Epoch 4: val", "Epoch 4: early stopping\nEpoch 4: val")
    [fold] = parse(text).folds
    assert (fold.stopped, fold.finished, len(fold.epochs)) == (True, True, 4)


def test_chatter_behind_a_number_is_not_a_part_of_it():
    line = bar(Numbers(1.0, 0.5, 2.0, 0.1481)).rstrip("\n") + CHATTER
    [fold] = parse(f"Epoch 1/600{CHATTER}{line}").folds
    assert (fold.planned, fold.epochs[0].val_accuracy) == (600, 0.1481)


def test_what_is_not_finite_is_no_value():
    line = "1/1 [=] - 2s 2s/step - loss: nan - accuracy: 0.1000 - val_loss: inf - val_accuracy: 0.1000\n"
    [fold] = parse(f"Epoch 1/1\n{line}").folds
    assert (fold.epochs[0].loss, fold.epochs[0].val_loss, fold.epochs[0].diverged) == (None, None, True)


def test_a_log_of_windows_is_read():
    text = fold_text(steady(3)).replace("\n", "\r\n")
    assert len(parse(text.encode("utf-16")).folds[0].epochs) == 3
    assert parse(b"\xef\xbb\xbf" + text.encode()).folds == parse(text).folds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no whole epoch"),
        ("nothing of Keras\n" * 50, "no whole epoch"),
        ("Epoch 1/5\n1/1 [=] - 2s 2s/step - loss: 1.0000 - accuracy: 0.5000\n", "no whole epoch"),
        (fold_text(steady(3)) + "Epoch 2/3\n", "epoch 2 comes after epoch 3"),
        (("Epoch 1/1\n" + bar(steady(1)[0])) * (MAX_FOLDS + 1), "more than 1000 folds"),
    ],
    ids=["empty", "foreign", "without validation", "backwards", "endless"],
)
def test_what_is_no_log_is_refused_in_a_line(text, said):
    with pytest.raises(BadInput, match=said) as caught:
        parse(text)
    assert str(caught.value).isprintable()


def test_a_huge_log_is_never_held_in_memory(tmp_path):
    path, epoch = tmp_path / "log.txt", f"Epoch 1/1\n{bar(steady(1)[0])}"
    with path.open("w") as stream:  # 40 MB, half of it one line
        stream.write(epoch)
        stream.writelines([("chatter " * 500 + "\n") * 5] * 1000)
        stream.writelines(["x" * 65536] * 320)
        stream.write("\n" + epoch)
    tracemalloc.start()
    with path.open("rb") as stream:
        log = parse_keras_log(stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(log.folds) == 2
    assert peak < 4 * 2**20


# a log may end anywhere

numbers = st.builds(
    Numbers,
    st.floats(0, 9) | st.floats(0, 1e-3),
    st.floats(0, 1),
    st.floats(0, 9) | st.floats(0, 1e-3),
    st.floats(0, 1) | st.floats(0, 1e-3),
)
logs = st.lists(st.lists(numbers, min_size=1, max_size=4), min_size=1, max_size=3).map(
    lambda folds: "".join(fold_text(f) + ending(n, 0.5, rows_of(HITS, TRUE)) for n, f in enumerate(folds, 1)).encode()
)


@settings(max_examples=60, deadline=None)
@given(logs, st.data())
def test_a_log_that_is_cut_off_gives_a_beginning_of_the_whole_one(text, data):
    whole = parse(text)
    cut = text[: data.draw(st.integers(0, len(text)))]
    try:
        part = parse(cut)
    except BadInput:
        return
    assert len(part.folds) <= len(whole.folds)
    for ours, full in zip(part.folds, whole.folds, strict=False):
        assert ours.epochs == full.epochs[: len(ours.epochs)]
        assert ours.planned == full.planned
        assert ours.report in ((), full.report)
        assert ours.accuracy is None or ours.accuracy == pytest.approx(full.accuracy, abs=5e-5)
    assert all(part.folds[n].epochs == whole.folds[n].epochs for n in range(len(part.folds) - 1))


def test_every_single_cut_of_a_log_is_harmless():
    text = (fold_text(steady(3)) + ending(1, 0.5, rows_of(HITS, TRUE))).encode()
    whole, seen = parse(text).folds[0].epochs, set()
    for place in range(len(text)):
        try:
            [fold] = parse(text[:place]).folds
        except BadInput:
            continue
        assert fold.epochs == whole[: len(fold.epochs)]
        seen.add(len(fold.epochs))
    assert seen == {1, 2, 3}


@settings(max_examples=60, deadline=None)
@given(logs, st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=12)), max_size=8))
def test_hostile_bytes_end_in_a_log_or_in_one_line(text, inserted):
    for place, noise in inserted:
        place %= len(text)
        text = text[:place] + noise + text[place:]
    try:
        log = parse(text)
    except BadInput:
        return
    for fold in log.folds:
        found = [one.epoch for one in fold.epochs]
        assert found == sorted(set(found))
        assert all(1 <= epoch <= fold.planned for epoch in found)
        assert all(one.check is None or one.check.monitor.isprintable() for one in fold.epochs)
