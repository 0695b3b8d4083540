"""Values of the layers with shapes, against plain loops, SciPy and PyTorch."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from scipy.signal import correlate

import nn
from nn.layers.augmentation import Augmentation
from tests.nn.layers import plain
from tests.nn.layers.helpers import Alone

PYTORCH = Path(__file__).parents[2] / "fixtures" / "pytorch_layers.npz"
"""Inputs, outputs and gradients of torch.nn.functional, PyTorch 2.13, in float64."""

rng = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("shape", "options", "before", "after"),
    [
        ((2, 7, 6), {"kernel": 3}, (0, 0), (0, 0)),
        ((1, 5, 5), {"kernel": (1, 4), "bias": False}, (0, 0), (0, 0)),
        ((2, 7, 6), {"kernel": 3, "stride": (2, 3), "padding": 1}, (1, 1), (1, 1)),
        ((4, 6, 7), {"kernel": 2, "groups": 2, "padding": (2, 0)}, (2, 0), (2, 0)),
        ((3, 6, 5), {"kernel": 3, "groups": 3, "dilation": (1, 2)}, (0, 0), (0, 0)),
        ((2, 6, 7), {"kernel": 3, "padding": "same", "padding_value": 1.5}, (1, 1), (1, 1)),
        ((2, 6, 7), {"kernel": 4, "padding": "same", "stride": 2}, (1, 1), (1, 2)),
        ((2, 3, 3), {"kernel": 3}, (0, 0), (0, 0)),  # a single window
        ((5, 4, 4), {"kernel": 1}, (0, 0), (0, 0)),  # the input is its own columns
        ((5, 4, 4), {"kernel": 1, "stride": 3}, (0, 0), (0, 0)),
        ((1, 9), {"kernel": 3, "stride": 2, "padding": 1}, (1,), (1,)),
        ((3, 8), {"kernel": 5, "padding": "same"}, (2,), (2,)),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_convolutions_by_loops(shape, options, before, after, rows: int) -> None:
    kind = nn.Conv1d if len(shape) == 2 else nn.Conv2d
    layer = kind(6, **options)
    alone = Alone(layer, shape)
    weights = {k: rng.standard_normal(v.shape[1:]) for k, v in alone.layer.at.parameters.items()}
    alone = Alone(layer, shape, **weights)
    axes = len(shape) - 1
    each = {
        name: (value,) * axes if isinstance(value, int) else value
        for name, value in (("stride", layer.stride), ("dilation", layer.dilation))
    }
    x = rng.standard_normal((rows, *shape))
    expected = [
        plain.convolution(
            plain.padded(one, before, after, layer.padding_value),
            weights["weights"],
            weights.get("bias"),
            groups=layer.groups,
            **each,
        )
        for one in x
    ]
    np.testing.assert_allclose(alone.forward(x), expected, rtol=1e-12, atol=1e-12)
    assert alone.forward(x).shape[1:] == layer.output_shape(shape)


def test_a_convolution_is_scipys_correlation() -> None:
    weights = rng.standard_normal((4, 3, 3, 2))
    alone = Alone(nn.Conv2d(4, (3, 2)), (3, 6, 7), weights=weights)
    x = rng.standard_normal((2, 3, 6, 7))
    expected = [
        [correlate(one, kernel, mode="valid", method="direct")[0] for kernel in weights]
        for one in x
    ]
    np.testing.assert_allclose(alone.forward(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "options", "shape", "added", "summary"),
    [
        (nn.MaxPool2d, {}, (2, 4, 6), (0, 0), np.max),
        (nn.MaxPool2d, {}, (2, 5, 7), (0, 0), np.max),  # a remainder that no window sees
        (nn.MaxPool2d, {"kernel": 3, "stride": 1}, (2, 4, 6), (0, 0), np.max),
        (nn.MaxPool2d, {"kernel": (1, 2), "stride": (3, 1), "padding": (0, 1)}, (1, 4, 6), (0, 1),
         np.max),
        (nn.MaxPool1d, {"kernel": 3}, (2, 8), (0,), np.max),
        (nn.AvgPool2d, {}, (2, 4, 6), (0, 0), np.mean),
        (nn.AvgPool2d, {"kernel": 3, "stride": 2, "padding": 1}, (2, 5, 6), (1, 1), np.mean),
        (nn.AvgPool1d, {"kernel": 2, "stride": 3}, (2, 9), (0,), np.mean),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows", [1, 4])
def test_pooling_by_loops(kind, options, shape, added, summary, rows: int) -> None:
    layer = kind(**options)
    windows = layer.windows(shape)
    x = rng.standard_normal((rows, *shape)) - 2  # most are below the padding of averages
    edge = -np.inf if summary is np.max else 0.0
    expected = [
        plain.pooled(plain.padded(one, added, added, edge), windows.kernel, windows.stride, summary)
        for one in x
    ]
    np.testing.assert_allclose(Alone(layer, shape).forward(x), expected, rtol=1e-13)


def test_global_average_pooling() -> None:
    x = rng.standard_normal((3, 2, 4, 5))
    alone = Alone(nn.GlobalAvgPool(), (2, 4, 5))
    np.testing.assert_allclose(alone.forward(x), x.mean(axis=(2, 3)), rtol=1e-13)
    grad = rng.standard_normal((3, 2))
    expected = np.broadcast_to(grad[:, :, None, None] / 20, x.shape)
    np.testing.assert_allclose(alone.backward(grad), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("case", "layer"),
    [
        ("conv2d", nn.Conv2d(6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)),
        ("conv1d_same", nn.Conv1d(3, 4, padding="same")),
        ("maxpool2d", nn.MaxPool2d(3, 2, 1)),
        ("avgpool2d", nn.AvgPool2d((2, 3), (2, 1), 1)),
        ("maxpool1d", nn.MaxPool1d()),
        ("batchnorm", nn.BatchNorm()),
        ("groupnorm", nn.GroupNorm(2)),
    ],
)
def test_values_and_gradients_of_pytorch(case: str, layer: nn.Layer) -> None:
    with np.load(PYTORCH) as stored:
        arrays = {k.partition("/")[2]: v for k, v in stored.items() if k.startswith(f"{case}/")}
    names = ("gain", "shift") if "norm" in case else ("weights", "bias")
    theirs = {k: v for k, v in zip(names, "wb", strict=True) if v in arrays}
    alone = Alone(layer, arrays["x"].shape[1:], **{k: arrays[v] for k, v in theirs.items()})
    np.testing.assert_allclose(alone.forward(arrays["x"]), arrays["y"], rtol=1e-9, atol=1e-12)
    back = alone.backward(arrays["g"])
    np.testing.assert_allclose(back, arrays["grad_x"], rtol=1e-9, atol=1e-12)
    for name, letter in theirs.items():
        expected = arrays[f"grad_{letter}"]
        np.testing.assert_allclose(alone.gradient(name), expected, rtol=1e-9, atol=1e-12)


def test_the_gradient_of_equal_numbers_goes_to_the_first() -> None:
    for options in ({}, {"kernel": 2, "stride": 1}):
        alone = Alone(nn.MaxPool1d(**options), (1, 2))
        alone.forward(np.ones((1, 1, 2)))
        np.testing.assert_array_equal(alone.backward(np.full((1, 1, 1), 3.0)), [[[3, 0]]])


@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 5), (4,)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_and_layer_norm(shape, groups: int) -> None:
    x = rng.standard_normal((3, *shape))
    groups_of = x.reshape(3, groups, -1)
    mean, variance = (f(groups_of, axis=2, keepdims=True) for f in (np.mean, np.var))
    expected = ((groups_of - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape)
    layers = [nn.GroupNorm(groups), *([nn.LayerNorm()] if groups == 1 else [])]
    for layer in layers:
        np.testing.assert_allclose(Alone(layer, shape).forward(x), expected, atol=1e-10)


def test_batch_norm_predicts_by_running_averages_of_channels() -> None:
    network = nn.Network(
        [nn.BatchNorm(momentum=0.0), nn.Flatten()],
        (2, 3, 3),
        loss=nn.MeanSquaredError(),
        dtype="float64",
    )
    x = rng.normal(1, 2, (1, 5, 2, 3, 3))
    network.forward(x, training=True)
    weights = network.weights()
    mean, variance = x[0].mean(axis=(0, 2, 3)), x[0].var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(weights["batchnorm1/running_mean"], mean)
    np.testing.assert_allclose(weights["batchnorm1/running_variance"], variance)
    expected = (x[0] - mean[:, None, None]) / np.sqrt(variance + 1e-5)[:, None, None]
    np.testing.assert_allclose(network.predict(x)[0], expected.reshape(5, -1))


def test_channel_dropout_drops_whole_channels() -> None:
    network = nn.Network(
        [nn.ChannelDropout(0.5), nn.Flatten()], (40, 2, 3), loss=nn.MeanSquaredError()
    )
    x = np.ones((1, 8, 40, 2, 3), np.float32)
    out = network.forward(x, training=True).reshape(8, 40, 6)
    assert set(np.unique(out)) == {0, 2}
    assert (out == out[:, :, :1]).all()
    assert 0.3 < (out == 0).mean() < 0.7
    np.testing.assert_array_equal(network.forward(x), 1)


@pytest.mark.parametrize("shape", [(2, 5, 4), (2, 6)])
def test_shifts_are_of_each_sample_and_equally_likely(shape) -> None:
    network = nn.Network(
        [nn.RandomShift(1, value=7.0), nn.Flatten()],
        shape,
        loss=nn.MeanSquaredError(),
        seeds=[3, 4],
    )
    x = np.random.default_rng(0).normal(size=(1, 400, *shape)).astype(np.float32)
    first, second = network.forward(x, training=True).reshape(2, 400, *shape)
    padded = np.pad(x[0], [(0, 0), (0, 0), *[(1, 1)] * (len(shape) - 1)], constant_values=7)
    counts = dict.fromkeys(np.ndindex(*[3] * (len(shape) - 1)), 0)
    for sample, before in zip(first, padded, strict=True):
        (found,) = [
            places
            for places in counts
            if (
                before[
                    (
                        slice(None),
                        *(slice(p, p + n) for p, n in zip(places, shape[1:], strict=True)),
                    )
                ]
                == sample
            ).all()
        ]
        counts[found] += 1
    assert min(counts.values()) > 400 / len(counts) / 2
    assert (first != second).any()
    np.testing.assert_array_equal(network.forward(x), x.reshape(1, 400, -1))


def test_flips_reverse_the_last_axis_of_about_half() -> None:
    network = nn.Network(
        [nn.RandomFlip(), nn.Flatten()], (1, 2, 3), loss=nn.MeanSquaredError(), seeds=[3, 4]
    )
    x = np.random.default_rng(0).normal(size=(1, 400, 1, 2, 3)).astype(np.float32)
    first, second = network.forward(x, training=True).reshape(2, 400, 1, 2, 3)
    flipped = (first == x[0][..., ::-1]).all(axis=(1, 2, 3))
    assert (flipped | (first == x[0]).all(axis=(1, 2, 3))).all()
    assert 120 < flipped.sum() < 280
    assert (first != second).any()
    np.testing.assert_array_equal(network.forward(x)[0], x[0].reshape(400, 6))


@dataclass
class RandomSigns(Augmentation):
    """In training, negate some samples."""

    name: ClassVar[str] = "randomsigns"

    def augment(self, x):
        out = self.buffer("out", (len(self.at.peers), *x.shape[1:]))
        self.signs = self.buffer("signs", (*out.shape[:2], *(1 for _ in out.shape[2:])))
        self.at.do(self.draw)
        self.at.do(np.multiply, x, self.signs, out)
        return out

    def augment_back(self, grad):
        self.at.do(np.multiply, grad, self.signs, grad)

    def draw(self):
        for own, rng in zip(self.signs, self.at.generators, strict=True):
            own[...] = rng.choice([-1, 1], size=own.shape)


def test_an_own_augmentation_acts_in_training_alone() -> None:
    network = nn.Network(
        [RandomSigns(), nn.Flatten()], (1, 2, 3), loss=nn.MeanSquaredError(), seeds=[3, 4]
    )
    x = np.random.default_rng(0).normal(size=(1, 50, 1, 2, 3)).astype(np.float32)
    first, second = network.forward(x, training=True).reshape(2, 50, 1, 2, 3)
    negated = (first == -x[0]).all(axis=(1, 2, 3))
    assert (negated | (first == x[0]).all(axis=(1, 2, 3))).all()
    assert 10 < negated.sum() < 40
    assert (first != second).any()
    np.testing.assert_array_equal(network.forward(x)[0], x[0].reshape(50, 6))


@pytest.mark.parametrize(
    "layer", [nn.RandomShift(), nn.RandomFlip(), RandomSigns()], ids=lambda r: r.name
)
def test_vectors_cannot_be_augmented(layer) -> None:
    with pytest.raises(ValueError, match="vectors have no"):
        nn.Network([layer, nn.Dense(2)], 3, loss=nn.MeanSquaredError())
