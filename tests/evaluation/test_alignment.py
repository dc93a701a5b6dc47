"""Spaces of different networks are brought together by shift, scale and rotation alone."""

from __future__ import annotations

import numpy as np

from timnet.evaluation.alignment import align


def spaces(seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A cloud, and the same cloud shifted, scaled and rotated (with a reflection)."""
    generator = np.random.default_rng(seed)
    cloud = generator.normal(size=(60, 8)) * np.arange(1, 9)
    rotation, _ = np.linalg.qr(generator.normal(size=(8, 8)))
    return cloud.astype(np.float32), (3.5 * cloud @ rotation + generator.normal(size=8) * 20).astype(np.float32)


def test_a_rotated_copy_comes_back() -> None:
    cloud, moved = spaces()
    first, second = align([cloud, moved])
    assert np.array_equal(first, cloud)
    assert second.dtype == np.float32
    assert np.abs(second - cloud).max() < 1e-3
    assert np.abs(moved - cloud).max() > 10


def test_distances_within_a_space_keep_their_proportions() -> None:
    cloud, _ = spaces()
    other = np.random.default_rng(9).normal(size=cloud.shape).astype(np.float32)
    aligned = align([cloud, other])[1]

    def distances(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points[:, None] - points[None], axis=2)

    ratio = distances(aligned)[np.triu_indices(60, 1)] / distances(other)[np.triu_indices(60, 1)]
    assert np.ptp(ratio) / ratio.mean() < 1e-4


def test_a_space_without_extent_is_left_alone() -> None:
    cloud, _ = spaces()
    flat = np.ones_like(cloud)
    assert np.array_equal(align([cloud, flat])[1], flat)
    assert align([]) == []
