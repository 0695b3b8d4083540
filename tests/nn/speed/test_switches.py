"""Speed-ups can be switched off, and change no bit."""

import os
import subprocess
import sys

import numpy as np
import pytest

import nn
from nn import speed
from nn.activations import Activation
from nn.optimizers import Optimizer, rule
from nn.speed import compile as compiling
from tests.nn.optimizers.stepping import STEPPING

PROBLEM = np.random.default_rng(0)
X = PROBLEM.standard_normal((4, 16, 5))
LABELS = PROBLEM.integers(0, 3, (4, 16))
SETTINGS = ["pages", "compile", "replay", "1"]


def weights(dtype: type, **architecture: object) -> list[bytes]:
    """Train every optimizer for some steps; return the parameters after each."""
    optimizers = [Optimizer.named(name, weight_decay=0.01) for name in STEPPING]
    layers = nn.mlp([200, 7], 3, **architecture)
    network = nn.Network(
        layers, 5, loss=nn.CrossEntropy(), seeds=range(len(optimizers)), dtype=dtype
    )
    optimizer = nn.OptimizerStack(optimizers, network.layout, network.dtype)
    x, y = np.empty((1, 16, 5), dtype), np.empty((1, 16, 3), dtype)
    found = []
    for batch, labels in zip(X, LABELS, strict=True):
        x[0], y[0] = batch, np.eye(3)[labels]
        network.backpropagate(x, y)
        optimizer.step(network.parameters, network.gradients)
        found.append(network.parameters.tobytes())
    return [*found, network.statistics.tobytes(), network.predict(X[0]).tobytes()]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile whatever can be compiled when it is called first."""
    monkeypatch.setattr(rule, "COMPILE_AFTER", 0)
    monkeypatch.setattr(compiling, "COMPILE_AFTER", 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "architecture",
    [
        {"activation": Activation.named("relu"), "dropout": 0.3},
        {"activation": Activation.named("gelu"), "normalization": "batch"},
        {"activation": Activation.named("elu"), "normalization": "layer"},
    ],
    ids=str,
)
def test_the_bits_are_the_same_without(at_once, monkeypatch, dtype, architecture) -> None:
    expected = weights(dtype, **architecture)
    for setting in SETTINGS:
        monkeypatch.setattr(speed, "off", speed.switched_off(setting))
        assert weights(dtype, **architecture) == expected, setting


def test_what_is_switched_off_is_not_used(at_once, monkeypatch) -> None:
    def used() -> dict[str, bool]:
        before = compiling.Fused.compilations
        network = nn.Network(nn.mlp([200], 3), 5, loss=nn.CrossEntropy(), seeds=range(20))
        x, y = np.zeros((1, 16, 5), np.float32), np.full((1, 16, 3), 1 / 3, np.float32)
        for _ in range(3):
            network.backpropagate(x, y)
        return {
            "pages": network.parameters.base is not None,
            "compile": compiling.Fused.compilations > before,
            "replay": bool(network._steps),
        }

    if compiling.compiler() is not None:
        assert used() == dict.fromkeys(speed.PARTS, True)
    for part in speed.PARTS:
        monkeypatch.setattr(speed, "off", speed.switched_off(part))
        assert not used()[part]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("", set()),
        ("0", set()),
        ("1", {"pages", "compile", "replay"}),
        ("replay", {"replay"}),
        (" compile, pages ", {"compile", "pages"}),
    ],
)
def test_the_environment_variable(setting: str, expected: set[str]) -> None:
    program = "import nn.speed; print(*sorted(nn.speed.off))"
    output = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DESCENT_PLAIN": setting},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(output.stdout.split()) == expected


def test_words_that_are_no_parts_of_nn_are_left_to_others() -> None:
    assert speed.switched_off("fork, replay") == {"replay"}
