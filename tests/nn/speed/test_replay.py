"""A step that is made again from what was noted gives the bits of one that is found out anew."""

import functools
import gc
import math
import weakref
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.activations import Activation
from nn.layers import Layer
from nn.losses import Loss
from nn.speed import compile as fusion
from nn.speed.replay import is_replayable, replayable
from tests.nn.own import names

RUNS, INPUTS, OUTPUTS = 3, 5, 4


def make(layers: list[Layer], dtype: type = np.float32, **settings: object) -> nn.Network:
    chosen = {"loss": nn.CrossEntropy(), "seeds": range(RUNS)} | settings
    return nn.Network([*layers, nn.Dense(OUTPUTS)], INPUTS, dtype=dtype, **chosen)


def batch(
    network: nn.Network, rows: int = 8, seed: int = 0, *, shared: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    runs = 1 if shared else network.runs
    x = rng.standard_normal((runs, rows, INPUTS)).astype(network.dtype)
    targets = rng.dirichlet(np.ones(OUTPUTS), (runs, rows)).astype(network.dtype)
    return x, targets


def everything(network: nn.Network, logits: np.ndarray) -> list[bytes]:
    arrays = (logits, network.gradients, network.parameters, network.statistics)
    return [array.tobytes() for array in arrays]


LAYERS = st.lists(
    st.one_of(
        st.builds(nn.Dense, st.integers(1, 9)),
        st.sampled_from(["relu", "softmax", "gelu", "elu", "tanh"]).map(
            lambda name: nn.layers.ActivationLayer(Activation.named(name))
        ),
        st.sampled_from([nn.Dropout(0.4), nn.Dropout(0.0), nn.BatchNorm(), nn.LayerNorm()]),
    ),
    max_size=5,
)


@given(
    layers=LAYERS,
    dtype=st.sampled_from([np.float32, np.float64]),
    loss=st.sampled_from(["cross_entropy", "mse", "kl_divergence"]),
    rows=st.lists(st.sampled_from([8, 8, 8, 3]), min_size=4, max_size=12),
    predicts=st.integers(1, 4),
    compiles_at=st.integers(0, 8),
    leaves_at=st.integers(2, 12),
    shared=st.booleans(),
)
def test_in_buffers_that_are_filled_anew_as_in_arrays_of_their_own(
    layers, dtype, loss, rows, predicts, compiles_at, leaves_at, shared
) -> None:
    """Whatever happens between steps: predictions, compiling, runs that leave, short batches.

    A batch that all runs share stays in its buffers when some of them leave.
    """
    noted, plain = (make(layers, dtype, loss=Loss.named(loss)) for _ in range(2))
    buffers = {size: batch(noted, size, shared=shared) for size in set(rows)}
    seen: list[list[list[bytes]]] = []
    with pytest.MonkeyPatch.context() as patch:
        for network in (noted, plain):
            patch.setattr(fusion, "COMPILE_AFTER", math.inf)
            found = []
            for number, size in enumerate(rows):
                if number == compiles_at:
                    patch.setattr(fusion, "COMPILE_AFTER", 0)
                if number == leaves_at:
                    network.keep([2, 0])
                    if not shared:
                        buffers = {n: batch(noted, n) for n in buffers}
                x, targets = batch(network, size, seed=number, shared=shared)
                if network is noted:
                    for buffer, content in zip(buffers[size], (x, targets), strict=True):
                        buffer[...] = content
                    x, targets = buffers[size]
                logits = network.backpropagate(x, targets)
                found.append(everything(network, logits))
                network.parameters -= 0.01 * np.sign(network.gradients)
                if number % predicts == 0:
                    found.append([network.predict(batch(network, 7)[0]).tobytes()])
            seen.append(found)
    assert seen[0] == seen[1]


def test_layers_are_asked_until_it_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted(nn.Dense):
        @replayable
        def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
            asked.append("forward")
            return super().forward(x, training)

        @replayable
        def backward(self, grad: np.ndarray, input_gradient: bool) -> np.ndarray:
            asked.append("backward")
            return super().backward(grad, input_gradient)

    monkeypatch.setattr(fusion, "COMPILE_AFTER", math.inf)
    asked: list[str] = []
    network = make([Counted(6)])
    x, targets = batch(network)
    for _ in range(5):
        network.backpropagate(x, targets)
    assert asked == ["forward", "backward"] * 2  # the first time and the second


@pytest.mark.skipif(fusion.compiler() is None, reason="llvmlite is not installed")
def test_what_has_been_compiled_meanwhile_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "COMPILE_AFTER", math.inf)
    asked: list[str] = []

    def counting(original):
        def called(self, *arrays):
            asked.append(self._kind)
            return original(self, *arrays)

        return called

    network = make([nn.Dense(6), nn.layers.ActivationLayer(Activation.named("relu"))])
    x, targets = batch(network)
    for _ in range(3):
        network.backpropagate(x, targets)
    monkeypatch.setattr(fusion, "COMPILE_AFTER", 0)
    for _ in range(2):
        network.backpropagate(x, targets)
    monkeypatch.setattr(fusion.Fused, "__call__", counting(fusion.Fused.__call__))
    expected = network.gradients.copy()
    network.backpropagate(x, targets)
    assert asked == []
    assert np.array_equal(network.gradients, expected)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_pass_that_is_overridden_is_asked_every_time(wrapped: bool) -> None:
    """It may do what the tape does not see."""

    class Doubled(nn.Dense):
        @functools.wraps(nn.Dense.forward if wrapped else lambda: None)
        def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
            asked.append(training)
            return 2 * super().forward(x, training)

    asked: list[bool] = []
    assert is_replayable(Doubled.backward)
    assert not is_replayable(Doubled.forward)
    network = make([Doubled(6)])
    x, targets = batch(network)
    for _ in range(5):
        network.backpropagate(x, targets)
    assert asked == [True] * 5


@pytest.mark.parametrize("given_as", ["flat", "another precision", "lists"])
def test_arrays_that_are_copied_first_are_looked_at_every_time(given_as: str) -> None:
    network = make([], seeds=[0])
    x, targets = batch(network)
    if given_as == "flat":
        x, targets = x[0], targets[0]
    elif given_as == "another precision":
        x, targets = x.astype(np.float64), targets.astype(np.float64)
    else:
        x, targets = x.tolist(), targets.tolist()
    gradients = []
    for number in range(4):
        if given_as == "lists":
            x[0][0][0] = float(number)
        else:
            x[..., 0, 0] = number
        network.backpropagate(x, targets)
        gradients.append(network.gradients.tobytes())
    assert len(set(gradients)) == 4


def test_one_array_of_two_that_is_another_is_another_batch() -> None:
    network, plain = make([]), make([])
    x, targets = batch(network)
    for _ in range(3):
        network.backpropagate(x, targets)
    before = network.gradients.copy()
    other = targets[:, ::-1].copy()
    network.backpropagate(x, other)
    plain.backpropagate(x.copy(), other.copy())
    assert np.array_equal(network.gradients, plain.gradients)
    assert not np.array_equal(network.gradients, before)


def test_an_error_in_a_pass_leaves_no_half_step(monkeypatch: pytest.MonkeyPatch) -> None:
    network, plain = make([nn.Dropout(0.5), nn.Dense(6)]), make([nn.Dropout(0.5), nn.Dense(6)])
    x, targets = batch(network)
    for one in (network, plain):
        one.backpropagate(x, targets)
    states = [network.random_states(run) for run in range(RUNS)]
    with monkeypatch.context() as broken:
        broken.setattr(nn.Dense, "backward", raising)
        with pytest.raises(FloatingPointError):
            network.backpropagate(x, targets)
    for run in range(RUNS):
        network.restore_random_states(run, states[run])
    for _ in range(3):
        for one in (network, plain):
            one.backpropagate(x if one is network else x.copy(), targets)
        assert np.array_equal(network.gradients, plain.gradients)


def raising(*_: object, **__: object) -> None:
    raise FloatingPointError("on purpose")


@pytest.mark.parametrize("fails", [False, True])
def test_few_batches_are_held(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """Those that come once are not, nor what was noted of a step that failed."""
    network = make([])
    alive = []
    for number in range(20):
        x, targets = batch(network, seed=number)
        network.backpropagate(x, targets)
        if number < 10:
            with monkeypatch.context() as broken, suppress(FloatingPointError):
                if fails:
                    broken.setattr(nn.Dense, "backward", raising)
                network.backpropagate(x, targets)
                network.backpropagate(x, targets)
        alive.append(weakref.ref(x))
    del x, targets
    gc.collect()
    assert sum(reference() is not None for reference in alive) <= 2


def test_every_layer_of_ours_is_replayable() -> None:
    kinds = map(Layer.class_named, names(Layer))
    ours = [kind for kind in kinds if kind.__module__.startswith("nn.layers.")]
    assert len(ours) >= 5
    for kind in ours:
        assert is_replayable(kind.forward)
        assert is_replayable(kind.backward)
