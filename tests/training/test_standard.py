"""Standardised features: what they are, and that the weights that are kept answer to plain ones all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from timnet.records import RunState, TrainingConfig
from timnet.registry import Registry
from timnet.training.rows import Rows
from timnet.training.standard import Standard

STANDARDISED = TrainingConfig(
    tabs=2, filters=4, batch_size=6, epochs=4, dropout=0.3, normalise="training", schedule="cosine", warmup=0.25,
    learning_rate=0.01, select="average", average=2, mask_frames=6, mask_coefficients=5,
)  # fmt: skip


def spread_out(rows: int = 12) -> np.ndarray:
    """Features as far from 0 and as unlike in size as MFCCs are; the last coefficient never varies."""
    generator = np.random.default_rng(3)
    size = np.geomspace(180, 3, 39)
    features = generator.normal(0, 1, (rows, 20, 39)) * size - np.linspace(400, 0, 39)
    features[:, :, -1] = 7.0
    return features.astype(np.float32)


def test_each_coefficient_has_mean_0_and_deviation_1_and_what_never_varies_is_left_at_0() -> None:
    features = spread_out()
    applied = Standard.of(Rows.all_of(features)).apply(features)
    assert applied.dtype == np.float32
    np.testing.assert_allclose(applied.mean((0, 1), dtype=np.float64), 0, atol=1e-5)
    np.testing.assert_allclose(applied.std((0, 1), dtype=np.float64)[:-1], 1, rtol=1e-5)
    assert not applied[:, :, -1].any()


def test_centred_coefficients_keep_their_proportions() -> None:
    features = spread_out()
    applied = Standard.of(Rows.all_of(features), alike=True).apply(features)
    np.testing.assert_allclose(applied.mean((0, 1), dtype=np.float64), 0, atol=1e-4)
    spread, before = applied.std((0, 1), dtype=np.float64), features.std((0, 1), dtype=np.float64)
    np.testing.assert_allclose(spread / spread[0], before / before[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.square(spread).mean(), 1, rtol=1e-5)


@pytest.mark.engine
@pytest.mark.parametrize("alike", [False, True])
def test_the_stem_takes_the_standardisation_in(alike: bool) -> None:
    from timnet.model.network import NetworkShape, TimNet

    features = spread_out()
    standard = Standard.of(Rows.all_of(features), alike=alike)
    model = TimNet(NetworkShape(20, 5, tabs=2, filters=6))
    model.stem_bias.assign(np.random.default_rng(5).normal(size=model.stem_bias.shape))
    wanted = np.asarray(model(standard.apply(features))[0])
    kernel, bias = standard.plain_stem(np.asarray(model.stem_kernel), np.asarray(model.stem_bias))
    model.stem_kernel.assign(kernel)
    model.stem_bias.assign(bias)
    np.testing.assert_allclose(np.asarray(model(features)[0]), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.engine
@pytest.mark.parametrize("select", ["average", "best"])
def test_a_standardised_run_gives_the_same_bits_after_a_kill_and_weights_for_plain_features(
    tmp_path: Path, select: str
) -> None:
    """The rate follows the steps, the standardisation the training rows: neither needs a word in the resume point."""
    from dataclasses import replace

    from tests.training.bench import Deadline, Killed, Process, Run, data
    from timnet.model.network import TimNet
    from timnet.model.weights import load_weights
    from timnet.training.step import embed, forward_of

    config = replace(STANDARDISED, select=select)
    plain = data()
    process = Process(config, replace(plain, features=plain.features * 40 - 300))
    outcomes = []
    for name in ("whole", "killed"):
        with Registry.open(tmp_path / f"{name}.db") as registry, pytest.MonkeyPatch.context() as patch:
            run = Run(registry, process, config)
            if name == "killed":
                with pytest.raises(Killed), pytest.MonkeyPatch.context() as killing:
                    run.attempt(killing, Deadline(30))
                run.reap()
            run.attempt(patch)
            done = registry.runs.get("1.1")
            assert done.state is RunState.DONE
            outcomes.append(
                {key: run.outcome()[key] for key in ("state", "metrics", "answers", "embeddings", "weights")}
            )
            rates = [epoch.lr for epoch in registry.results.epochs(done.id)]
            assert rates[0] == pytest.approx(0.01)
            assert rates == sorted(rates, reverse=True)
            assert rates[-1] < 0.002
            anew = TimNet(process.trainer.model.shape)
            load_weights(anew, registry.paths.run(done.uid).final_weights)
            kept = np.load(registry.paths.run(done.uid).embeddings)
            np.testing.assert_array_equal(embed(forward_of(anew), Rows.all_of(process.data.features)), kept)
    assert outcomes[0] == outcomes[1]
