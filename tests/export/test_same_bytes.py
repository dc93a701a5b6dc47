"""Everything that can be exported is the same, byte for byte, when another process exports it again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from timnet.export.comparison_file import write_comparison
from timnet.export.order import FORMATS, TABLE, Order, carry_out
from timnet.export.seed_tables import seed_table
from timnet.export.service import TABLE_FORMATS as LIST_FORMATS
from timnet.export.service import export_table
from timnet.export.table_files import TABLE_FORMATS, suffix_of, write_table
from timnet.export.tables import AXES, TableRequest, build
from timnet.registry import Registry

EXPERIMENT = 1


def export_all(registry: Registry, folder: Path) -> None:
    """Every kind of export in every format, and every table; pictures of tables of two kinds alone, for their time."""
    for what, formats in FORMATS.items():
        chosen = () if what == TABLE else (EXPERIMENT,)
        carry_out(registry, Order(what, formats, str(folder / "orders"), chosen), lambda _: None)
    for rows, cols in permutations(AXES, 2):
        table = build(registry, TableRequest(rows, cols))
        for form in TABLE_FORMATS:
            if form != "png":
                write_table(table, folder / "tables" / f"{rows}-{cols}.{suffix_of(form)}")
    for form in TABLE_FORMATS:
        for number in (1, 2):
            write_table(seed_table(registry, number), folder / "seed" / f"{number}.{suffix_of(form)}")
        write_comparison(registry, ["1", "3", "4"], folder / "compared" / f"three.{suffix_of(form)}")
    for form in LIST_FORMATS:
        for folds in (False, True):
            export_table(registry, [1, 2, 3], form, folder / "lists" / f"{form}-{folds}", folds=folds)


@pytest.mark.long
def test_another_process_exports_the_same_bytes(several: Registry, tmp_path: Path) -> None:
    trees = []
    for seed in ("1", "2"):  # of Python's hashes: the order of a set must not matter
        place = tmp_path / seed
        shutil.copytree(several.paths.db.parent, place)  # each computes its own t-SNE
        words = [sys.executable, "-m", "tests.export.test_same_bytes", str(place / "runs.db"), str(place / "out")]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "UTC" if seed == "1" else "Asia/Tokyo"}
        done = subprocess.run(words, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        files = [path for path in (place / "out").rglob("*") if path.is_file()]
        trees.append({str(path.relative_to(place / "out")): path.read_bytes() for path in files})
    first, second = trees
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    suffixes = {Path(name).suffix for name in first if name.startswith("orders")}
    wanted = {suffix_of(form) if form in TABLE_FORMATS else form for formats in FORMATS.values() for form in formats}
    assert suffixes == {f".{one}" for one in wanted}
    assert len(first) > len(AXES) * (len(AXES) - 1) * (len(TABLE_FORMATS) - 1)


if __name__ == "__main__":
    with Registry.open_read_only(Path(sys.argv[1])) as opened:
        export_all(opened, Path(sys.argv[2]))
