"""What a resume point tells may be somebody else's word: the registry is mended with numbers in order alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import epoch_record
from timnet.care.weights_files import history_of


def told(path: Path, *, change: dict[str, Any] | None = None, epochs: tuple[int, ...] = (1, 2)) -> Path:
    """A resume point's file with nothing but its history, the last epoch's metrics changed."""
    history = [asdict(epoch_record(epoch)) for epoch in epochs]
    history[-1]["metrics"] |= change or {}
    np.savez(path, progress=np.frombuffer(json.dumps({"history": history}).encode(), np.uint8))
    return path


def test_a_history_comes_back_as_it_was(tmp_path: Path) -> None:
    assert history_of(told(tmp_path / "a.npz")) == (epoch_record(1), epoch_record(2))


@pytest.mark.parametrize(
    "change", [{"loss": "x"}, {"loss": [1]}, {"lr": {}}, {"epoch": 1.5}, {"epoch": -1}, {"new": 1}]
)
def test_what_is_no_number_is_not_believed(tmp_path: Path, change: dict[str, Any]) -> None:
    assert history_of(told(tmp_path / "a.npz", change=change)) is None


@pytest.mark.parametrize("epochs", [(2, 1), (1, 1), (0, 1)])
def test_epochs_out_of_order_are_not_believed(tmp_path: Path, epochs: tuple[int, ...]) -> None:
    assert history_of(told(tmp_path / "a.npz", epochs=epochs)) is None
