"""Where files lie, and which of a run's weights are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from timnet.errors import RegistryError
from timnet.paths import RegistryPaths, RunPaths


def test_everything_of_a_registry_lies_beside_it_and_can_move_with_it(tmp_path: Path) -> None:
    here, there = RegistryPaths(tmp_path / "a" / "runs.db"), RegistryPaths(tmp_path / "b" / "runs.db")
    run = here.run("demo-1-f01")
    for path in (
        here.gate,
        run.lock,
        run.log,
        run.checkpoint(3),
        run.best_weights(3),
        run.final_weights,
        run.embeddings,
    ):
        stored = here.relative(path)
        assert not Path(stored).is_absolute()
        assert here.resolve(stored) == path
        assert there.resolve(stored).is_relative_to(tmp_path / "b")
    with pytest.raises(ValueError, match="is not in the subpath"):
        here.relative(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "stored", ["", "/etc/passwd", "runs/../../x", "runs/\0", "9" * 5000, "runs/" + "é" * 200, "a/" * 3000]
)
def test_a_row_s_path_that_no_timnet_wrote_is_refused(tmp_path: Path, stored: str) -> None:
    with pytest.raises(RegistryError, match="do not trust this registry"):
        RegistryPaths(tmp_path / "runs.db").resolve(stored)


@pytest.mark.parametrize(
    ("there", "best", "kept"),
    [
        ((2,), 2, {2}),
        ((2, 4), 4, {2, 4}),
        ((2, 4, 6), 6, {4, 6}),
        ((2, 8, 9), 2, {2}),
        ((2, 4, 6, 999_998, 1_000_000), 6, {4, 6}),
    ],
)
def test_the_best_weights_and_the_ones_before_are_kept(
    tmp_path: Path, there: tuple[int, ...], best: int, kept: set[int]
) -> None:
    paths = RunPaths(tmp_path)
    for epoch in there:
        paths.best_weights(epoch).touch()
    paths.final_weights.touch()
    paths.drop_old_best(best)
    assert set(tmp_path.iterdir()) == {paths.final_weights, *(paths.best_weights(epoch) for epoch in kept)}


def test_what_a_killed_process_was_writing_goes_and_nothing_else(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    kept = [paths.checkpoint(3), paths.final_weights, paths.log]
    torn = [path.with_name(f".{path.name}.4242.tmp") for path in (paths.checkpoint(4), paths.final_weights)]
    for path in (*kept, *torn):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    paths.drop_unfinished()
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in torn)
