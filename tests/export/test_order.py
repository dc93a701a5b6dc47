"""Exports as orders: the files they promise are the files they make, here and in a process of their own."""

from __future__ import annotations

import csv
import json
import threading
from dataclasses import replace

import pytest

from tests.support import filled_registry
from timnet.errors import BadInput, Stopped
from timnet.export import service
from timnet.export.figures.ink import PAPER, darken
from timnet.export.figures.style import FORMATS as IMAGES
from timnet.export.figures.style import house_style, render
from timnet.export.order import FORMATS, Order, carry_out, carry_out_apart, files_of


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with filled_registry(tmp_path_factory.mktemp("registry") / "runs.db") as registry:
        yield registry


@pytest.mark.parametrize(
    ("what", "formats"),
    [
        ("table", FORMATS["table"]),
        ("curves", ("png",)),
        ("confusion", ("svg", "pdf")),
        ("recall", ("png",)),
        ("page", ("png",)),
        ("bundle", ("zip",)),
        ("runs", FORMATS["runs"]),
    ],
)
def test_an_order_makes_the_files_it_promised_and_replaces_none_unasked(registry, tmp_path, what, formats) -> None:  # type: ignore[no-untyped-def]
    order = Order(what, formats, str(tmp_path), experiments=(1,), drawing="confusion")
    told: list[str] = []
    made = carry_out(registry, order, lambda progress: told.append(progress.text))
    assert tuple(made) == files_of(registry, order)
    assert sorted(tmp_path.iterdir()) == sorted(made)
    assert told
    kept = made[0].read_bytes()
    made[0].write_bytes(b"mine")
    with pytest.raises(BadInput, match="is there already"):
        carry_out(registry, order, told.append)
    assert made[0].read_bytes() == b"mine"
    carry_out(registry, replace(order, replace=True), lambda _: None)
    assert made[0].read_bytes() == kept  # the same bytes every time


def test_without_a_choice_all_that_have_a_finished_fold_are_meant(registry, tmp_path) -> None:  # type: ignore[no-untyped-def]
    every = files_of(registry, Order("confusion", ("png",), str(tmp_path)))
    assert [path.name.split("-")[1] for path in every] == ["1", "2"]
    runs = carry_out(registry, Order("runs", ("json",), str(tmp_path)), lambda _: None)
    assert len(json.loads(runs[0].read_text())) == 13
    some = carry_out(registry, Order("runs", ("json",), str(tmp_path), (1,)), lambda _: None)
    assert {one["experiment"] for one in json.loads(some[0].read_text())} == {1}


def test_runs_as_a_table_have_one_row_each_with_their_labels(registry, tmp_path) -> None:  # type: ignore[no-untyped-def]
    [table, text] = carry_out(registry, Order("runs", ("csv", "markdown"), str(tmp_path)), lambda _: None)
    rows = list(csv.DictReader(table.open()))
    assert [row["id"] for row in rows] == [run.key for run in sorted(registry.runs.ls(), key=lambda run: run.id)]
    run = registry.runs.get("2.1")
    row = next(row for row in rows if row["id"] == "2.1")
    assert (float(row["uar"]), row["selection"], row["optimistic"]) == (run.uar, run.selection, "true")
    [first] = [line for line in text.read_text().splitlines() if "| 2.1 " in line]
    assert f"{100 * run.uar:.2f}" in first
    assert "best-test (optimistic)" in first


def test_a_report_is_one_file_a_format_and_its_pictures(registry, tmp_path) -> None:  # type: ignore[no-untyped-def]
    order = Order("report", ("html",), str(tmp_path), experiments=(1,))
    [made] = carry_out(registry, order, lambda _: None)
    assert (made,) == files_of(registry, order)
    assert "SAVEE" in made.read_text()


@pytest.mark.parametrize(
    ("what", "formats", "said"),
    [
        ("poster", ("png",), "no export 'poster'"),
        ("curves", ("xlsx",), "choose a format of curves"),
        ("runs", (), "json"),
    ],
)
def test_what_cannot_be_meant_is_said(registry, tmp_path, what, formats, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=said):
        files_of(registry, Order(what, formats, str(tmp_path)))


def test_a_process_of_its_own_carries_an_order_out(registry, tmp_path) -> None:  # type: ignore[no-untyped-def]
    order = Order("table", ("csv", "latex"), str(tmp_path), rows="corpus", cols="protocol", metrics=("uar",))
    made = carry_out_apart(registry.paths.db, order)
    assert [path.name for path in made] == ["results-corpus-protocol.csv", "results-corpus-protocol.tex"]
    assert all(path.is_absolute() and path.is_file() for path in made)
    with pytest.raises(BadInput, match="is there already"):
        carry_out_apart(registry.paths.db, order)


def test_a_stopped_export_leaves_nothing(registry, tmp_path) -> None:  # type: ignore[no-untyped-def]
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        carry_out_apart(registry.paths.db, Order("curves", ("png",), str(tmp_path / "out")), stop=stop)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("export", [service.export_curves, service.export_confusion])
def test_dark_figures_differ_from_light_ones_and_are_the_same_every_time(registry, tmp_path, export) -> None:  # type: ignore[no-untyped-def]
    light, dark, again = (
        [path.read_bytes() for path in export(registry, 1, tmp_path / name, IMAGES, dark=name != "light")]
        for name in ("light", "dark", "again")
    )
    assert all(one != other for one, other in zip(light, dark, strict=True))
    assert dark == again


def test_dark_ink_can_be_read_and_the_colours_of_data_stay() -> None:
    from matplotlib.colors import to_hex, to_rgb
    from matplotlib.figure import Figure

    with house_style():
        figure = Figure()
        axes = figure.subplots()
        data = axes.plot([1, 2], [1, 2], color="#0072B2")[0]
        ink = axes.set_title("title", color="#202124")
        heat = figure.add_axes((0, 0, 0.1, 0.1))
        heat.imshow([[1.0]])
        on_heat = heat.text(0, 0, "7", color="#000000")
        axes.grid(axis="y", color="#E8EAED")
        darken(figure)
        assert render(figure, "png")
    assert to_hex(data.get_color()).upper() == "#0072B2"
    assert to_hex(on_heat.get_color()) == "#000000"
    assert min(to_rgb(ink.get_color())) > 0.7
    assert all(min(to_rgb(label.get_color())) > 0.6 for label in axes.get_xticklabels())
    assert all(max(to_rgb(line.get_color())) < 0.3 for line in axes.get_ygridlines())
    assert to_hex(figure.get_facecolor()).upper() == PAPER
