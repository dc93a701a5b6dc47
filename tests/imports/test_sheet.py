"""Result sheets: the seed's real ones, made-up ones either way round, and damaged or hostile files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.imports.logs import CLASSES, SEED_RUN, needs_seed_run
from timnet.errors import BadInput
from timnet.imports import sheet
from timnet.imports.scores import scores_of_matrix
from timnet.imports.sheet import SheetFold, read_sheets, turned

COUNTS = {
    "EMODB": {"angry": 127, "boredom": 81, "disgust": 46, "fear": 69, "happy": 71, "neutral": 79, "sad": 62},
    "SAVEE": {"angry": 60, "disgust": 60, "fear": 60, "happy": 60, "neutral": 120, "sad": 60, "surprise": 60},
}
MATRIX = [[5, 1, 0], [0, 3, 2], [0, 0, 4]]
NAMES = ("a", "b", "c")


def workbook(path: Path, matrices: dict[str, Sequence[Sequence[object]]], names: Sequence[str] = NAMES) -> Path:
    """A workbook as the seed's script writes one."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, matrix in matrices.items():
        one = book.create_sheet(title)
        one.append([None, " ", *names])
        for place, row in enumerate(matrix):
            one.append([place, names[place], *row])
        book.create_sheet(f"{title}_evaluate").append([None, "precision", "recall"])
    book.save(path)
    return path


@needs_seed_run
@pytest.mark.parametrize(("name", "folds", "uar", "war"), [("EMODB", 10, 0.8377, 0.8523), ("SAVEE", 8, 0.7415, 0.7667)])
def test_the_seeds_sheets_are_transposed_and_give_its_scores(name, folds, uar, war):
    found = read_sheets(SEED_RUN / f"{name}.xlsx")
    assert [one.fold for one in found] == list(range(1, folds + 1))
    right, transposed = turned(found, {one.fold: one.transposed().supports() for one in found})
    assert transposed
    assert {label: sum(one.supports()[label] for one in right) for label in right[0].labels} == COUNTS[name]
    assert {label: sum(one.supports()[label] for one in found) for label in right[0].labels} != COUNTS[name]
    scores = [scores_of_matrix(one.matrix) for one in right]
    assert sum(one.war for one in scores) / folds == pytest.approx(war, abs=5e-5)
    assert sum(one.uar for one in scores) / folds == pytest.approx(uar, abs=5e-5)


def test_sheets_are_turned_by_the_numbers_of_true_utterances(tmp_path):
    found = read_sheets(workbook(tmp_path / "r.xlsx", {"0": MATRIX, "1": MATRIX}))
    assert found == [SheetFold(n, NAMES, tuple(map(tuple, MATRIX))) for n in (1, 2)]
    rows, columns = {"a": 6, "b": 5, "c": 4}, {"a": 5, "b": 4, "c": 6}
    assert turned(found, {1: rows}) == (found, False)
    upright, transposed = turned(found, {1: columns, 2: {"A": 5, "B": 4, "C": 6, "d": 0}})
    assert (transposed, upright[0].matrix) == (True, ((5, 0, 0), (1, 3, 0), (0, 2, 4)))
    assert turned(found, {})[1]
    with pytest.raises(BadInput, match=r"sheet of fold 2 .* another training"):
        turned(found, {1: columns, 2: {"a": 1}})


def test_counts_come_in_the_order_of_the_corpus():
    one = SheetFold(1, NAMES, tuple(map(tuple, MATRIX)))
    assert one.ordered(("C", "a", "b")) == ((4, 0, 0), (0, 5, 1), (2, 0, 3))
    with pytest.raises(BadInput, match="fold 1 has the classes a, b, c; the corpus has angry"):
        one.ordered(CLASSES)


@pytest.mark.parametrize(
    ("matrices", "names", "said"),
    [
        ({"results": MATRIX}, NAMES, "no sheets named 0, 1, 2"),
        ({"0": [[5, 1], [0, 3], [1, 1]]}, NAMES, "different lengths|None"),
        ({"0": [[5, 1.5, 0], *MATRIX[1:]]}, NAMES, "'1.5' stands where a count"),
        ({"0": [[5, -1, 0], *MATRIX[1:]]}, NAMES, "'-1' stands where a count"),
        ({"0": [[5, "=1+1", 0], *MATRIX[1:]]}, NAMES, "stands where a count"),
        ({"0": [[5, "\x85\u202e", 0], *MATRIX[1:]]}, NAMES, "stands where a count"),
        ({"0": [[5, 1e300, 0], *MATRIX[1:]]}, NAMES, "stands where a count"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused_in_a_line(tmp_path, matrices, names, said):
    with pytest.raises(BadInput, match=said) as caught:
        read_sheets(workbook(tmp_path / "r.xlsx", matrices, names))
    assert str(caught.value).isprintable()


def test_other_files_are_refused_in_a_line(tmp_path, monkeypatch):
    path = tmp_path / "r.xlsx"
    with pytest.raises(BadInput, match="no such file"):
        read_sheets(path)
    with pytest.raises(BadInput, match="no such file"):
        read_sheets(tmp_path)
    path.write_text("angry,boredom\n")
    with pytest.raises(BadInput, match="no readable result workbook"):
        read_sheets(path)
    monkeypatch.setattr(sheet, "MAX_FILE_BYTES", 5)
    with pytest.raises(BadInput, match="14 bytes, too many"):
        read_sheets(path)


def repacked(source: Path, change: dict[str, bytes]) -> Path:
    """``source`` with members replaced or added."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (members | change).items():
            archive.writestr(name, data)
    return source


def test_a_zip_bomb_is_refused_before_it_goes_off(tmp_path):
    book = workbook(tmp_path / "r.xlsx", {"0": MATRIX})
    bomb = repacked(book, {"xl/media/zeros": bytes(sheet.MAX_UNPACKED_BYTES)})
    assert bomb.stat().st_size < 2**20
    with pytest.raises(BadInput, match="unpack to more than 64 MiB"):
        read_sheets(bomb)


def test_entities_are_never_expanded(tmp_path):
    book = workbook(tmp_path / "r.xlsx", {"0": MATRIX})
    name = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(book) as archive:
        xml = archive.read(name).decode()
    secret = tmp_path / "secret.txt"
    secret.write_text("7")
    entities = f'<!DOCTYPE x [<!ENTITY a "{"1" * 9}"><!ENTITY b SYSTEM "{secret.as_uri()}">]>'
    for entity in ("&a;", "&b;"):
        hostile = xml.replace("<v>5</v>", f"<v>{entity}</v>").replace("<worksheet", entities + "<worksheet", 1)
        assert entity in hostile
        with pytest.raises(BadInput, match="no readable result workbook"):
            read_sheets(repacked(book, {name: hostile.encode()}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, 10**6))
def test_damage_ends_in_one_line(tmp_path, flips, cut):
    good = workbook(tmp_path / "r.xlsx", {"0": MATRIX}).read_bytes()
    bad = bytearray(good[: len(good) - cut % 50])
    for place, value in flips:
        bad[place % len(bad)] = value
    path = tmp_path / "bad.xlsx"
    path.write_bytes(bytes(bad))
    with suppress(BadInput):
        assert all(len(one.matrix) == len(one.labels) for one in read_sheets(path))
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        assert archive.testzip() is None
