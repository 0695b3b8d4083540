"""Recurrent layers: values by plain loops and PyTorch's, initial weights, what is refused."""

from pathlib import Path

import numpy as np
import pytest

import nn
from tests.nn.layers import plain
from tests.nn.layers.helpers import Alone

LAYERS = {nn.RNN: plain.rnn, nn.LSTM: plain.lstm, nn.GRU: plain.gru}
UNITS = 3
PYTORCH = Path(__file__).parents[2] / "fixtures" / "pytorch_recurrent.npz"
"""Parameters, inputs, outputs and gradients of torch.nn.RNN, LSTM and GRU in two directions, with
PyTorch 2.13 in float64."""


def drawn(layer: nn.Layer, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {p.name: rng.standard_normal(p.shape) for p in layer.parameters(shape)}


def states_by_loops(kind, values: dict[str, np.ndarray], x: np.ndarray, prefix: str) -> np.ndarray:
    own = {k.removeprefix(prefix): v for k, v in values.items() if ("/" in k) == bool(prefix)}
    names = ["state", "cell"] if kind is nn.LSTM else ["state"]
    starts = [own.get(name, np.zeros(UNITS)) for name in names]
    read = x[:, ::-1] if prefix else x
    return LAYERS[kind](read, own["weights"], own["recurrent"], own["bias"], *starts)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("output", ["last", "all"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("length", [1, 6])
@pytest.mark.parametrize("rows", [1, 4])
def test_values_by_loops(kind, output, bidirectional, learnt, length: int, rows: int) -> None:
    layer = kind(UNITS, bidirectional=bidirectional, output=output, learnt_state=learnt)
    values = drawn(layer, (2, length))
    assert ("state" in values) == learnt
    alone = Alone(layer, (2, length), **values)
    x = np.random.default_rng(6).standard_normal((rows, 2, length))
    expected = []
    for one in x:
        parts = []
        for prefix in ["", "reverse/"][: 1 + bidirectional]:
            states = states_by_loops(kind, values, one, prefix)
            if output == "last":
                states = states[:, -1]  # the last that is read
            elif prefix:
                states = states[:, ::-1]  # in the order of time
            parts.append(states)
        expected.append(np.concatenate(parts))
    np.testing.assert_allclose(alone.forward(x), expected, rtol=1e-10, atol=1e-12)
    assert alone.forward(x).shape[1:] == layer.output_shape((2, length))


@pytest.mark.parametrize("kind", LAYERS)
def test_states_that_saturate_raise_no_warning(kind) -> None:
    alone = Alone(kind(2), (1, 3))
    x = np.array([1e30, -1e30, 1e30]).reshape(1, 1, 3)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(alone.forward(x)).all()


@pytest.mark.parametrize("kind", LAYERS)
def test_recurrent_weights_are_orthogonal_for_each_gate(kind) -> None:
    alone = Alone(kind(4, bidirectional=True), (2, 3))
    for prefix in ("", "reverse/"):
        weights = alone.layer.at.parameters[f"{prefix}recurrent"][0]
        for gate in np.split(weights, kind.direction.gates, axis=1):
            np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-12)


def test_the_bias_of_the_forget_gate() -> None:
    for options, expected in (({}, 1.0), ({"forget_bias": 2.5}, 2.5)):
        alone = Alone(nn.LSTM(2, bidirectional=True, **options), (1, 3))
        for prefix in ("", "reverse/"):
            bias = alone.layer.at.parameters[f"{prefix}bias"][0]
            np.testing.assert_array_equal(bias, [0, 0, expected, expected, 0, 0, 0, 0])


def test_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"gru1 takes samples of shape \(channels, length\)"):
        nn.Network([nn.GRU(2)], (5,), loss=nn.MeanSquaredError())


def test_units_that_no_layer_has() -> None:
    with pytest.raises(ValueError, match="units"):
        nn.LSTM(0)
    with pytest.raises(ValueError, match="output"):
        nn.LSTM(1, output="first")  # type: ignore[arg-type]


def as_ours(case: str, theirs: dict[str, np.ndarray], suffix: str) -> dict[str, np.ndarray]:
    """PyTorch's parameters of one direction in the order and number that ours have."""
    weights, recurrent, bias, state_bias = (
        theirs[f"{name}_l0{suffix}"].T for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if case == "gru":  # theirs have the order r, z, n
        weights = np.roll(weights, UNITS, axis=1)
        apart = bias[-UNITS:], state_bias[-UNITS:]
        bias = np.concatenate([apart[0], (bias + state_bias)[:-UNITS], apart[1]])
    else:
        bias = bias + state_bias
    prefix = "reverse/" if suffix else ""
    return {f"{prefix}weights": weights, f"{prefix}recurrent": recurrent, f"{prefix}bias": bias}


@pytest.mark.parametrize("kind", LAYERS)
def test_values_and_gradients_of_pytorch(kind) -> None:
    case = kind.name
    with np.load(PYTORCH) as stored:
        arrays = {k.partition("/")[2]: v for k, v in stored.items() if k.startswith(f"{case}/")}
    suffixes = ("", "_reverse")
    values = {k: v for suffix in suffixes for k, v in as_ours(case, arrays, suffix).items()}
    layer = kind(UNITS, bidirectional=True, output="all")
    alone = Alone(layer, arrays["x"].shape[1:], **values)
    np.testing.assert_allclose(alone.forward(arrays["x"]), arrays["y"], rtol=1e-9, atol=1e-12)
    back = alone.backward(arrays["g"])
    np.testing.assert_allclose(back, arrays["grad_x"], rtol=1e-9, atol=1e-12)
    for suffix in suffixes:
        # The gradients of two biases whose sum counts are equal: theirs are halved to add up.
        grads = {
            name.removeprefix("grad_"): value / (2 if "bias" in name and case != "gru" else 1)
            for name, value in arrays.items()
            if name.startswith("grad_")
        }
        if case == "gru":
            for name in (f"bias_ih_l0{suffix}", f"bias_hh_l0{suffix}"):
                grads[name] = grads[name] * np.repeat([0.5, 0.5, 1], UNITS)
        for name, expected in as_ours(case, grads, suffix).items():
            np.testing.assert_allclose(alone.gradient(name), expected, rtol=1e-9, atol=1e-12)
