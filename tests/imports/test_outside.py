"""Imports read archives and folders in memory: whatever names their members have, nothing is written anywhere."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from tests.imports.test_sheet import MATRIX, workbook
from tests.model.authors import hdf5, layers
from timnet.errors import WeightsError
from timnet.imports.sheet import read_sheets
from timnet.model.published import read_published

ESCAPES = ("../{}", "../../{}", "/tmp/../{}", "{{}}/../../{}", "..\\{}", "C:\\{}", "__MACOSX/../../{}")


def everything_below(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


def fold(number: int) -> bytes:
    return hdf5(layers(classes=3, tabs=2, filters=4, seed=number))


@pytest.mark.parametrize("place", ESCAPES)
def test_a_zip_of_weights_writes_nothing_outside_or_inside(tmp_path, monkeypatch, place):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    source = inner / "EMODB_46.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(place.format("stray.txt"), "stray")
        archive.writestr(place.format("runs.db"), "stray")
        for number in (1, 2):
            archive.writestr(place.replace("\\", "/").format(f"2-fold_weights_best_{number}.hdf5"), fold(number))
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "../../outside")
    before = everything_below(tmp_path)
    assert [one.fold for one in read_published(source)] == [1, 2]
    assert everything_below(tmp_path) == before


def test_a_link_in_a_zip_is_no_weights_file(tmp_path):
    secret = tmp_path / "secret.hdf5"
    secret.write_bytes(fold(2))
    source = tmp_path / "weights.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("2-fold_weights_best_1.hdf5", fold(1))
        link = zipfile.ZipInfo("2-fold_weights_best_2.hdf5")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, str(secret))
    with pytest.raises(WeightsError, match=r"fold 2 of weights.zip is no readable weights file"):
        read_published(source)


def test_a_folder_with_stray_files_and_links_is_only_read(tmp_path):
    outside, source = tmp_path / "outside", tmp_path / "weights"
    outside.mkdir()
    source.mkdir()
    (outside / "kept.txt").write_text("kept")
    for number in (1, 2):
        (source / f"2-fold_weights_best_{number}.hdf5").write_bytes(fold(number))
    (source / "notes.txt").write_text("stray")
    (source / "up").symlink_to(outside, target_is_directory=True)
    (source / "gone").symlink_to(tmp_path / "absent")
    before = everything_below(tmp_path)
    assert [one.fold for one in read_published(source)] == [1, 2]
    assert everything_below(tmp_path) == before


def test_a_workbook_with_hostile_member_names_is_only_read(tmp_path, monkeypatch):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    book = workbook(inner / "r.xlsx", {"0": MATRIX})
    with zipfile.ZipFile(book, "a") as archive:
        for place in ESCAPES:
            archive.writestr(place.format("evil.txt"), "stray")
    before = everything_below(tmp_path)
    assert len(read_sheets(book)) == 1
    assert everything_below(tmp_path) == before
