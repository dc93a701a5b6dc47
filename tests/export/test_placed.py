"""Places of t-SNE: computed once, kept with the run, computed again where they do not hold any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support import filled_registry
from timnet.errors import BadInput
from timnet.export import placed as module
from timnet.export.placed import placed, placed_apart
from timnet.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points were placed, each time that was done."""
    counted: list[int] = []

    def counting(vectors, seed):  # type: ignore[no-untyped-def]
        counted.append(len(vectors))
        return np.asarray(vectors[:, :2] + seed, np.float32)

    monkeypatch.setattr(module, "tsne", counting)
    return counted


def test_every_utterance_is_placed_once_and_known_by_its_row(registry: Registry, computed: list[int]) -> None:
    found = placed(registry, registry.experiments.get(1))
    assert found.places.shape == (40, 2)
    assert sorted(found.embedded.item.tolist()) == list(range(40))
    assert set(found.embedded.fold.tolist()) == {1, 2, 3}
    wrong = found.embedded.truth != found.embedded.predicted
    assert wrong.sum() == 1 + 2 + 3
    labels = [utterance.label for utterance in registry.corpora.get("SAVEE").utterances]
    assert [found.embedded.classes[truth] for truth in found.embedded.truth] == [
        labels[item] for item in found.embedded.item
    ]


def test_what_was_computed_is_kept_with_the_run(registry: Registry, computed: list[int]) -> None:
    experiment = registry.experiments.get(1)
    first = placed(registry, experiment)
    again = placed(registry, experiment)
    assert computed == [40]
    assert again.places.tobytes() == first.places.tobytes()
    one = placed(registry, experiment, 2)
    placed(registry, experiment, 2)
    assert computed == [40, len(one.places)]
    folders = [registry.paths.run(registry.runs.get(key).uid) for key in ("1.1", "1.2")]
    assert folders[0].places(whole=True).exists()
    assert folders[1].places(whole=False).exists()


@pytest.mark.parametrize("damage", [b"", b"no array", b"PK\x03\x04 broken"])
def test_a_damaged_file_is_computed_again(registry: Registry, computed: list[int], damage: bytes) -> None:
    experiment = registry.experiments.get(1)
    placed(registry, experiment)
    path = registry.paths.run(registry.runs.get("1.1").uid).places(whole=True)
    path.write_bytes(damage)
    placed(registry, experiment)
    assert computed == [40, 40]
    placed(registry, experiment)
    assert computed == [40, 40]


def test_other_embeddings_are_placed_anew(registry: Registry, computed: list[int]) -> None:
    experiment = registry.experiments.get(1)
    placed(registry, experiment)
    path = registry.paths.run(registry.runs.get("1.3").uid).embeddings
    np.save(path, np.load(path)[::-1])
    placed(registry, experiment)
    assert computed == [40, 40]


def test_where_nothing_can_be_written_there_is_a_picture_all_the_same(
    registry: Registry, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(module, "write_bytes", refuse)
    assert len(placed(registry, registry.experiments.get(1)).places) == 40
    assert len(placed(registry, registry.experiments.get(1)).places) == 40
    assert computed == [40, 40]


def test_a_child_process_computes_the_same(registry: Registry) -> None:
    experiment = registry.experiments.get(1)
    told: list[str] = []
    apart = placed_apart(registry, experiment, 1, lambda progress: told.append(progress.text))
    assert told == ["placing", "computing t-SNE"]
    told.clear()
    assert placed_apart(registry, experiment, 1, lambda progress: told.append(progress.text)).places.tobytes() == (
        apart.places.tobytes()
    )
    assert told == []  # it was kept
    registry.paths.run(registry.runs.get("1.1").uid).places(whole=False).unlink()
    assert placed(registry, experiment, 1).places.tobytes() == apart.places.tobytes()
    with pytest.raises(BadInput, match=r"run 2\.3 is running, not done"):
        placed_apart(registry, registry.experiments.get(2), 3)


def test_who_reads_what_is_kept_loads_no_scikit_learn(registry: Registry, computed: list[int]) -> None:
    placed(registry, registry.experiments.get(1), 1)
    code = (
        "import sys; from pathlib import Path; from timnet.registry import Registry;"
        "from timnet.export.placed import placed_apart\n"
        f"with Registry.open_read_only(Path({str(registry.db.path)!r})) as registry:\n"
        "    print(len(placed_apart(registry, registry.experiments.get(1), 1).places))\n"
        "print([name for name in ('sklearn', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["14", "[]"]
