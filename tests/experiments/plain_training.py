"""Training once more, in plain NumPy: one network with tanh units, one run, plain SGD.

Written from the definitions, in float64, with whole-array expressions; nothing here comes from
the package under test but the initial weights and the batch order, which the caller hands in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = dict[str, Array]


@dataclass
class Rules:
    """What is minimized, and how."""

    loss: str  # softmax, sigmoid or squares
    lr: float = 0.5
    factor: Callable[[int, int], float] = lambda epoch, step: 1.0
    smoothing: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    penalize_biases: bool = False
    clip_norm: float = np.inf
    momentum: Callable[[int], float] | None = None
    box: tuple[float, float] = (-np.inf, np.inf)
    clip_value: float = np.inf


@dataclass
class History:
    """What was measured, an entry an epoch; entry 0 before training."""

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    lr: list[float | None] = field(default_factory=lambda: [None])
    gradient_norm: list[float | None] = field(default_factory=lambda: [None])
    weights: list[Weights] = field(default_factory=list)
    gradients: list[Weights] = field(default_factory=list)  # of each epoch's last full batch


def forward(weights: Weights, x: Array) -> list[Array]:
    """Activations of each layer, the logits last."""
    layers = sum(name.endswith("/weights") for name in weights)
    activations = [x]
    for i in range(1, layers + 1):
        z = activations[-1] @ weights[f"dense{i}/weights"] + weights[f"dense{i}/bias"]
        activations.append(z if i == layers else np.tanh(z))
    return activations


def outputs(logits: Array, loss: str) -> Array:
    if loss == "softmax":
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(-logits)) if loss == "sigmoid" else logits


def mean_loss(weights: Weights, x: Array, y: Array, loss: str) -> float:
    p = outputs(forward(weights, x)[-1], loss)
    if loss == "softmax":
        return float(-(y * np.log(p)).sum(axis=1).mean())
    if loss == "sigmoid":
        return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())
    return float(((p - y) ** 2).mean())


def gradients(weights: Weights, x: Array, y: Array, loss: str) -> Weights:
    """Of the mean loss."""
    activations = forward(weights, x)
    delta = outputs(activations[-1], loss) - y
    if loss == "softmax":
        delta /= len(x)
    else:
        delta *= {"sigmoid": 1, "squares": 2}[loss] / delta.size
    found = {}
    for i in range(len(activations) - 1, 0, -1):
        below = activations[i - 1]
        found[f"dense{i}/weights"] = below.T @ delta
        found[f"dense{i}/bias"] = delta.sum(axis=0)
        delta = (delta @ weights[f"dense{i}/weights"].T) * (1 - below**2)
    return found


def smoothed(y: Array, rules: Rules) -> Array:
    classes = y.shape[1] if rules.loss == "softmax" else 2
    return (1 - rules.smoothing) * y + rules.smoothing / classes


def train_plainly(
    weights: Weights,
    train: tuple[Array, Array],
    validation: tuple[Array, Array],
    batches: Sequence[Sequence[NDArray[np.intp]]],
    rules: Rules,
) -> History:
    """Train on `batches`: the row numbers of each step of each epoch."""
    history = History()

    def measure() -> None:
        history.train_loss.append(mean_loss(weights, *train, rules.loss))
        history.val_loss.append(mean_loss(weights, *validation, rules.loss))
        history.weights.append({name: value.copy() for name, value in weights.items()})

    weights = {name: value.astype(np.float64) for name, value in weights.items()}
    x, y = train[0], smoothed(train[1], rules)
    measure()
    taken, velocity = 0, {name: np.zeros_like(value) for name, value in weights.items()}
    for epoch, steps in enumerate(batches):
        norms, rate, last_full = [], 0.0, {}
        for rows in steps:
            g = gradients(weights, x[rows], y[rows], rules.loss)
            for name, value in weights.items():
                if rules.penalize_biases or name.endswith("/weights"):
                    g[name] = g[name] + rules.l2 * value + rules.l1 * np.sign(value)
            if len(rows) == len(steps[0]):
                last_full = g
            norm = np.sqrt(sum((value**2).sum() for value in g.values()))
            norms.append(norm)
            rate = rules.lr * rules.factor(epoch, taken)
            taken += 1
            for name, value in g.items():
                clipped = value * min(1.0, rules.clip_norm / norm)
                step = np.clip(clipped, -rules.clip_value, rules.clip_value)
                if rules.momentum is not None:
                    step = velocity[name] = rules.momentum(taken - 1) * velocity[name] + step
                weights[name][...] = np.clip(weights[name] - rate * step, *rules.box)
        history.lr.append(rate)
        history.gradient_norm.append(float(np.mean(norms)))
        history.gradients.append(last_full)
        measure()
    return history
