"""The network equals the published one: parameter count, values, gradients, batch statistics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from timnet.model.network import NetworkShape, TimNet
from timnet.records import VARIANTS

keras = pytest.importorskip("keras")
np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.engine

SMALL = NetworkShape(frames=21, classes=5, tabs=4, filters=6, coefficients=7, dropout=0.0)


@pytest.fixture
def float64() -> Any:
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def with_random_weights(shape: NetworkShape) -> TimNet:
    """A network none of whose weights is 0 or 1, so that no term can hide."""
    keras.utils.set_random_seed(3)
    model = TimNet(shape)
    generator = np.random.default_rng(5)
    for weight in model.weights:
        weight.assign(generator.uniform(0.5, 1.5, weight.shape) * generator.choice([-0.6, 1.0], weight.shape))
    model.moving_variance.assign(generator.uniform(0.5, 2.0, model.moving_variance.shape))
    return model


@pytest.mark.parametrize(
    ("frames", "classes", "tabs", "parameters"),
    [(188, 7, 8, 106_992), (606, 4, 10, 132_770)],
    ids=["EMODB", "IEMOCAP"],
)
def test_it_has_the_published_number_of_parameters(frames: int, classes: int, tabs: int, parameters: int) -> None:
    assert TimNet(NetworkShape(frames, classes, tabs)).count_params() == parameters


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("training", [False, True])
def test_values_and_gradients_equal_the_plain_layers(training: bool, kernel_size: int) -> None:
    from benchmarks.peers import plain

    shape = NetworkShape(21, 5, 4, 6, kernel_size, 0.0, 7)
    fast = with_random_weights(shape)
    slow = plain.build(keras, shape)
    plain.copy_weights(fast, slow)
    batch = tf.constant(np.random.default_rng(8).normal(size=(4, 21, 7)))
    gradients = []
    for model in (fast, slow):
        with tf.GradientTape() as tape:
            tape.watch(batch)
            logits, embedding = model(batch, training=training)
            total = tf.reduce_sum(logits**2) + tf.reduce_sum(tf.sin(embedding))
        gradients.append((np.asarray(logits), np.asarray(embedding), np.asarray(tape.gradient(total, batch))))
    for ours, theirs in zip(*gradients, strict=True):
        scale = max(1.0, float(np.abs(theirs).max()))
        assert np.abs(ours - theirs).max() / scale < 1e-9
    moved = [w for w in slow.weights if w.name == "moving_mean"]
    ours = np.asarray(fast.moving_mean)
    assert len(moved) == ours.shape[0] * 4
    norm = slow.get_layer("backward2_norm1")
    assert np.allclose(ours[2, 1, 1], np.asarray(norm.moving_mean), atol=1e-9)
    assert np.allclose(np.asarray(fast.moving_variance)[2, 1, 1], np.asarray(norm.moving_variance), atol=1e-9)


@pytest.mark.usefixtures("float64")
def test_gradients_of_the_weights_equal_the_plain_layers() -> None:
    from benchmarks.peers import plain

    fast = with_random_weights(SMALL)
    slow = plain.build(keras, SMALL)
    plain.copy_weights(fast, slow)
    batch = tf.constant(np.random.default_rng(8).normal(size=(4, SMALL.frames, SMALL.coefficients)))
    with tf.GradientTape(persistent=True) as tape:
        ours = tf.reduce_sum(fast(batch, training=True)[0] ** 2)
        theirs = tf.reduce_sum(slow(batch, training=True)[0] ** 2)
    kernel = np.asarray(tape.gradient(ours, fast.kernel.value))
    stem = np.asarray(tape.gradient(ours, fast.stem_kernel.value))
    for tab in range(SMALL.tabs):
        for half in range(2):
            for way, direction in enumerate(("forward", "backward")):
                layer = slow.get_layer(f"{direction}{tab}_conv{half}")
                expected = np.asarray(tape.gradient(theirs, layer.kernel.value)).swapaxes(1, 2)
                assert np.allclose(kernel[tab, half, way], expected, rtol=1e-7, atol=1e-9)
    expected = np.asarray(tape.gradient(theirs, slow.get_layer("backward_stem").kernel.value))[0].T
    assert np.allclose(stem[1], expected, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("float64")
def test_directions_beside_each_other_are_those_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = tf.constant(np.random.default_rng(8).normal(size=(4, SMALL.frames, SMALL.coefficients)))
    found: list[list[Any]] = []
    for devices in (["a GPU"], []):
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda _kind, devices=devices: devices)
        model = with_random_weights(replace(SMALL, dropout=0.4))
        with tf.GradientTape() as tape:
            logits, _ = model(batch, training=True)
            total = tf.reduce_sum(logits**2)
        trained = [weight.value for weight in model.trainable_weights]
        found.append([logits, model.moving_mean, model.moving_variance, *tape.gradient(total, trained)])
    assert len(found[0]) == 11
    for beside, after in zip(*found, strict=True):
        np.testing.assert_allclose(beside, after, rtol=1e-9, atol=1e-9 * float(np.abs(after).max()))


@pytest.mark.parametrize("dropped", [False, True])
def test_the_gradient_in_closed_form_is_the_one_of_every_step(dropped: bool) -> None:
    from timnet.model.normalise import normalised_relu

    generator = np.random.default_rng(4)
    h, gamma, beta = (tf.constant(generator.normal(1, 2, size)) for size in ((2, 3, 4, 5), (2, 3), (2, 3)))
    mask = tf.constant(generator.choice([0.0, 1.25], (2, 3, 4, 1))) if dropped else None
    weights = tf.constant(generator.normal(size=(2, 3, 4, 5)))

    def plainly(h: Any, gamma: Any, beta: Any) -> Any:
        mean, variance = tf.nn.moments(h, [2, 3], keepdims=True)
        scaled = (h - mean) / tf.sqrt(variance + 0.01) * gamma[:, :, None, None] + beta[:, :, None, None]
        return tf.nn.relu(scaled) * (1.0 if mask is None else mask)

    found = []
    for function in (lambda *x: normalised_relu(*x, mask, 0.01)[0], plainly):
        with tf.GradientTape() as tape:
            tape.watch([h, gamma, beta])
            out = function(h, gamma, beta)
            total = tf.reduce_sum(weights * out**2)
        found.append([out, *tape.gradient(total, [h, gamma, beta])])
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


def test_dropout_takes_whole_channels_and_keeps_the_mean() -> None:
    keras.utils.set_random_seed(1)
    model = TimNet(NetworkShape(frames=9, classes=3, tabs=3, dropout=0.25))
    masks = np.asarray(model._dropout_masks(64))
    assert masks.shape == (3, 2, 2, 39, 64, 1)
    assert set(np.unique(masks)) == {0.0, np.float32(1 / 0.75)}
    assert abs(masks.mean() - 1) < 0.02


def test_the_same_seed_gives_the_same_network_and_another_one_another() -> None:
    values = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        values.append(np.asarray(TimNet(SMALL).kernel))
    assert np.array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test_it_survives_a_round_trip_through_its_configuration() -> None:
    model = with_random_weights(SMALL)
    again = TimNet.from_config(model.get_config())
    assert again.shape == SMALL


BLOCKS = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
STEM, HEAD = ("stem_kernel", "stem_bias"), ("fusion", "head_kernel", "head_bias")
NAMES = (*BLOCKS, *STEM, *HEAD)


@pytest.mark.usefixtures("float64")
def test_the_ablations_are_the_network_without_a_part() -> None:
    whole = with_random_weights(SMALL)
    batch = np.random.default_rng(8).normal(size=(4, 21, 7))
    fusion = np.asarray(whole.fusion)
    for variant, weights in (("no-fusion", np.full(4, 0.25)), ("no-multi-scale", np.array([0.0, 0.0, 0.0, 1.0]))):
        part = TimNet(replace(SMALL, variant=variant))
        for name in NAMES:
            getattr(part, name).assign(getattr(whole, name))
        whole.fusion.assign(weights)
        for ours, expected in zip(part(batch), whole(batch), strict=True):
            np.testing.assert_allclose(ours, expected, atol=1e-12)
        whole.fusion.assign(fusion)
    forward = TimNet(replace(SMALL, variant="no-backward"))
    for name in BLOCKS:
        getattr(forward, name).assign(np.asarray(getattr(whole, name))[:, :, :1])
    for name in STEM:  # what reads backward in time then only ever sees zeros
        both = np.asarray(getattr(whole, name)).copy()
        getattr(forward, name).assign(both[:1])
        both[1] = 0.0
        getattr(whole, name).assign(both)
    for name in HEAD:
        getattr(forward, name).assign(getattr(whole, name))
    for ours, expected in zip(forward(batch), whole(batch), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_trained_weight_of_a_variant_has_a_gradient(variant: str) -> None:
    keras.utils.set_random_seed(1)
    model = TimNet(replace(SMALL, variant=variant))
    batch = tf.constant(np.random.default_rng(8).normal(size=(4, 21, 7)), tf.float32)
    with tf.GradientTape() as tape:
        logits, embedding = model(batch, training=True)
        loss = tf.reduce_sum(logits**2)
    assert embedding.shape == (4, 6)
    for gradient, weight in zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(np.asarray(gradient)).all()
