"""t-SNE: deterministic, shaped, and clear about what it cannot do."""

import numpy as np
import pytest

from timnet.errors import BadInput
from timnet.evaluation.tsne import fitting_perplexity, tsne


def clouds(each: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Three groups of points, far apart in eight dimensions."""
    generator = np.random.default_rng(3)
    group = np.repeat(np.arange(3), each)
    return (generator.normal(size=(3 * each, 8)) + 20 * np.eye(8)[group]).astype("f4"), group


def test_the_same_seed_gives_the_same_picture_and_neighbours_stay_together():
    points, group = clouds()
    before = points.copy()
    placed = tsne(points, seed=46)
    assert placed.dtype == np.float32
    assert placed.shape == (60, 2)
    assert placed.tobytes() == tsne(points, seed=46).tobytes()
    assert np.array_equal(points, before)
    distances = np.linalg.norm(placed[:, None] - placed[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (group[distances.argmin(axis=1)] == group).all()


@pytest.mark.parametrize(("n", "d"), [(4, 3), (5, 1), (12, 39)])
def test_few_points_lower_the_perplexity(n, d):
    points = np.random.default_rng(n).normal(size=(n, d)).astype("f4")
    placed = tsne(points, seed=2**40)
    assert placed.shape == (n, 2)
    assert np.isfinite(placed).all()


def test_the_perplexity_stays_below_the_number_of_points():
    assert fitting_perplexity(1000) == 30
    assert all(fitting_perplexity(n, wanted) < n for n in range(4, 200) for wanted in (1.0, 30.0, 500.0))


@pytest.mark.parametrize(
    ("points", "perplexity", "says"),
    [
        (np.zeros((3, 4)), 30, "3 utterances are too few"),
        (np.zeros((9, 0)), 30, "must be"),
        (np.zeros(9), 30, "must be"),
        (np.full((9, 2), np.nan), 30, "not finite"),
        (np.ones((9, 2)), 30, "all embeddings are the same"),
        (np.eye(9), 0, "above 0"),
    ],
)
def test_what_cannot_be_placed_is_refused_in_one_line(points, perplexity, says):
    with pytest.raises(BadInput, match=says) as refused:
        tsne(points, seed=1, perplexity=perplexity)
    assert "\n" not in str(refused.value)
