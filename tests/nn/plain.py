"""A network's forward pass once more, for one run, in float64 arrays, with nothing from `nn`."""

import numpy as np
from scipy import special

ACTIVATIONS = {
    "identity": lambda z: z,
    "square": lambda z: z**2,
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: (
        1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))
    ),
    "softplus": lambda z: np.logaddexp(0, z),
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
    "softmax": lambda z: special.softmax(z, axis=-1),
}


def batch_norm(x: np.ndarray, gain: np.ndarray, shift: np.ndarray, eps: float) -> np.ndarray:
    mean, variance = x.mean(axis=0), x.var(axis=0)
    return (x - mean) / np.sqrt(variance + eps) * gain + shift


def layer_norm(x: np.ndarray, gain: np.ndarray, shift: np.ndarray, eps: float) -> np.ndarray:
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * gain + shift


def mlp_logits(
    x: np.ndarray,
    weights: dict[str, np.ndarray],
    depth: int,
    activation: str,
    normalization: str | None = None,
    training: bool = True,
) -> np.ndarray:
    """Logits of `depth` hidden layers, the arrays named as the network names them."""
    for i in range(1, depth + 1):
        x = x @ weights[f"dense{i}/weights"] + weights[f"dense{i}/bias"]
        if normalization == "batch":
            arrays = [weights[f"batchnorm{i}/{k}"] for k in ("gain", "shift")]
            if training:
                x = batch_norm(x, *arrays, 1e-5)
            else:
                mean = weights[f"batchnorm{i}/running_mean"]
                variance = weights[f"batchnorm{i}/running_variance"]
                x = (x - mean) / np.sqrt(variance + 1e-5) * arrays[0] + arrays[1]
        elif normalization == "layer":
            arrays = [weights[f"layernorm{i}/{k}"] for k in ("gain", "shift")]
            x = layer_norm(x, *arrays, 1e-5)
        x = ACTIVATIONS[activation](x)
    return x @ weights[f"dense{depth + 1}/weights"] + weights[f"dense{depth + 1}/bias"]


def loss(name: str, logits: np.ndarray, y: np.ndarray) -> float:
    """Mean loss of the batch, with the loss's own output activation."""
    if name == "mse":
        return float(((logits - y) ** 2).mean())
    if name == "mae":
        return float(np.abs(logits - y).mean())
    if name == "huber":
        return float(special.huber(1, logits - y).mean())
    if name == "binary_cross_entropy":
        terms = y * special.log_expit(logits) + (1 - y) * special.log_expit(-logits)
        return float(-terms.mean())
    log_p = special.log_softmax(logits, axis=-1)
    if name == "cross_entropy":
        return float(-(y * log_p).sum(axis=-1).mean())
    return float((special.xlogy(y, y) - y * log_p).sum(axis=-1).mean())
