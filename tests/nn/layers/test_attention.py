"""Self-attention, positions and the normalization of steps; transformers."""

from pathlib import Path

import numpy as np
import pytest

import nn
from nn.gradient_check import gradient_error
from nn.layers.positions import sinusoids
from nn.optimizers import OptimizerStack
from tests.nn.layers.helpers import Alone

CHANNELS, LENGTH, ROWS = 4, 5, 3

PYTORCH = Path(__file__).parents[2] / "fixtures" / "pytorch_attention.npz"
"""Parameters, tokens, targets, scores, attention and gradients of torch.nn.Embedding,
MultiheadAttention (2 heads) and Linear with cross-entropy, by PyTorch 2.13 in float64."""


def drawn(layer: nn.Layer) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {p.name: rng.standard_normal(p.shape) for p in layer.parameters((CHANNELS, LENGTH))}


def attention_by_loops(values, x: np.ndarray, heads: int, *, causal: bool) -> np.ndarray:
    """Self-attention of one sample, (channels, length), one number after the other."""
    channels, length = x.shape
    each = channels // heads
    joined = np.zeros((channels, length))
    for head in range(heads):
        queries, keys, taken = (
            [
                values["weights"][:, part * channels + head * each :][:, :each].T @ x[:, step]
                + values["bias"][part * channels + head * each :][:each]
                for step in range(length)
            ]
            for part in range(3)
        )
        for step in range(length):
            seen = range(step + 1 if causal else length)
            scores = np.array([queries[step] @ keys[other] / np.sqrt(each) for other in seen])
            shares = np.exp(scores) / np.exp(scores).sum()
            joined[head * each : (head + 1) * each, step] = sum(
                share * taken[other] for share, other in zip(shares, seen, strict=True)
            )
    return values["output"].T @ joined + values["output_bias"][:, np.newaxis]


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_by_loops(heads: int, causal: bool) -> None:
    layer = nn.SelfAttention(heads, causal)
    values = drawn(layer)
    alone = Alone(layer, (CHANNELS, LENGTH), **values)
    x = np.random.default_rng(6).standard_normal((ROWS, CHANNELS, LENGTH))
    expected = [attention_by_loops(values, one, heads, causal=causal) for one in x]
    np.testing.assert_allclose(alone.forward(x), expected, rtol=1e-10, atol=1e-12)
    weights = alone.layer.attention
    assert weights.shape == (1, ROWS, heads, LENGTH, LENGTH)
    np.testing.assert_allclose(weights.sum(axis=-2), 1)


@pytest.mark.parametrize("case", ["causal", "full"])
def test_values_and_gradients_of_pytorch(case: str) -> None:
    with np.load(PYTORCH) as stored:
        arrays = {k.partition("/")[2]: v for k, v in stored.items() if k.startswith(f"{case}/")}
    tokens, units = arrays["value/embedding1/weights"].shape
    attention = nn.SelfAttention(2, causal=case == "causal")
    layers = [nn.Embedding(tokens, units), attention, nn.StepDense(tokens)]
    x, y = arrays["x"], arrays["y"]
    network = nn.Network(layers, x.shape[1:], loss=nn.CrossEntropy(), dtype="float64")
    prefix = "value/"
    network.load({k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)})
    (scores,) = network.backpropagate(x[np.newaxis], y[np.newaxis])
    np.testing.assert_allclose(scores, arrays["scores"], rtol=1e-9, atol=1e-12)
    weights = network.layers[1].attention[0]
    np.testing.assert_allclose(weights.swapaxes(2, 3), arrays["attention"], rtol=1e-9)
    for name, (gradient,) in network.layout.views(network.gradients).items():
        expected = arrays[f"gradient/{name}"]
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_a_causal_step_does_not_see_later_ones() -> None:
    layers = nn.transformer(2, CHANNELS, 3, heads=2, tokens=5, steps=True)
    network = nn.Network(layers, (LENGTH,), loss=nn.CrossEntropy(), dtype="float64")
    x = np.random.default_rng(0).integers(0, 5, (1, ROWS, LENGTH))
    before = network.forward(x).copy()
    x[:, :, 3:] = (x[:, :, 3:] + 1) % 5
    after = network.forward(x)
    assert (after[:, :, :3] == before[:, :, :3]).all()
    assert (after[:, :, 3:] != before[:, :, 3:]).any(axis=-1).all()


@pytest.mark.parametrize("length", [1, LENGTH])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("positions", ["sinusoidal", "learnt"])
@pytest.mark.parametrize("tied", [False, True])
def test_gradients_by_central_differences(length: int, causal, positions, tied) -> None:
    layers = nn.transformer(
        1, CHANNELS, 5, heads=2, expansion=2, tokens=5, steps=True, causal=causal,
        positions=positions, tied=tied,
    )  # fmt: skip
    network = nn.Network(layers, (length,), loss=nn.CrossEntropy(), seeds=[0, 1], dtype="float64")
    rng = np.random.default_rng(0)
    network.parameters += rng.normal(0, 0.2, network.parameters.shape)
    x, y = rng.integers(0, 5, (2, 2, ROWS, length))
    assert (gradient_error(network, x, y) < 1e-7).all()


def test_sequences_of_numbers_with_one_target() -> None:
    network = nn.Network(
        nn.transformer(1, CHANNELS, 3, heads=2), (2, LENGTH), loss=nn.CrossEntropy(),
        seeds=[0, 1], dtype="float64",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    network.parameters += rng.normal(0, 0.2, network.parameters.shape)
    x = rng.standard_normal((2, ROWS, 2, LENGTH))
    assert (gradient_error(network, x, rng.integers(0, 3, (2, ROWS))) < 1e-7).all()


def test_a_step_is_normalized_by_itself() -> None:
    values = {"gain": np.arange(1.0, 5), "shift": np.arange(4.0)}
    alone = Alone(nn.StepNorm(), (CHANNELS, LENGTH), **values)
    x = np.random.default_rng(0).standard_normal((ROWS, CHANNELS, LENGTH))
    deviation = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    normal = (x - x.mean(axis=1, keepdims=True)) / deviation
    expected = normal * values["gain"][:, np.newaxis] + values["shift"][:, np.newaxis]
    np.testing.assert_allclose(alone.forward(x), expected, rtol=1e-10, atol=1e-12)


def test_sinusoids() -> None:
    waves = sinusoids(5, 7)
    for channel in range(5):
        for step in range(7):
            angle = step / 10_000 ** (2 * (channel // 2) / 5)
            expected = np.cos(angle) if channel % 2 else np.sin(angle)
            assert waves[channel, step] == pytest.approx(expected)


@pytest.mark.parametrize("positions", ["sinusoidal", "learnt"])
def test_a_run_has_the_same_bits_in_a_stack(positions) -> None:
    layers = nn.transformer(
        1, 8, 5, heads=2, tokens=5, steps=True, positions=positions, dropout=0.1
    )
    x, y = np.random.default_rng(0).integers(0, 5, (2, 3, ROWS, LENGTH))

    def trained(seeds, own: slice) -> np.ndarray:
        network = nn.Network(layers, (LENGTH,), loss=nn.CrossEntropy(), seeds=seeds)
        optimizers = OptimizerStack.of(network, nn.Adam())
        inputs, targets = x[own].copy(), y[own].copy()
        for _ in range(4):
            network.backpropagate(inputs, targets)
            optimizers.step(network.parameters, network.gradients)
        return network.parameters

    stacked = trained([0, 1, 2], slice(None))
    for run in range(3):
        assert (trained([run], slice(run, run + 1))[0] == stacked[run]).all()


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="3 heads cannot share 4 channels equally"):
        nn.Network([nn.SelfAttention(3)], (4, 5), loss=nn.MeanSquaredError())
