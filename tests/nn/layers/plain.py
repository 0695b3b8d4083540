"""Layers of one sample by their definitions: loops, nothing from `nn`."""

import itertools

import numpy as np


def padded(x: np.ndarray, before, after, value: float = 0.0) -> np.ndarray:
    widths = [(0, 0), *zip(before, after, strict=True)]
    return np.pad(x, widths, constant_values=value)


def places(size, kernel, stride, dilation):
    """Each window's index, and the places of the padded sample that it sees."""
    counts = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    ]
    for window in itertools.product(*map(range, counts)):
        yield (
            window,
            tuple(
                slice(w * s, w * s + (k - 1) * d + 1, d)
                for w, k, s, d in zip(window, kernel, stride, dilation, strict=True)
            ),
        )


def outputs(size, kernel, stride, dilation) -> tuple[int, ...]:
    return tuple(
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    )


def convolution(x, weights, bias=None, *, stride, dilation, groups=1) -> np.ndarray:
    """Cross-correlation of a padded sample (channels, ...)."""
    kernel = weights.shape[2:]
    z = np.zeros((len(weights), *outputs(x.shape[1:], kernel, stride, dilation)))
    for out in range(len(weights)):
        group = out // (len(weights) // groups)
        own = x[group * weights.shape[1] : (group + 1) * weights.shape[1]]
        for window, seen in places(x.shape[1:], kernel, stride, dilation):
            z[(out, *window)] = (own[(slice(None), *seen)] * weights[out]).sum()
            if bias is not None:
                z[(out, *window)] += bias[out]
    return z


def pooled(x, kernel, stride, summary) -> np.ndarray:
    """`summary` (max or mean) of each window of a padded sample (channels, ...)."""
    ones = (1,) * len(kernel)
    z = np.zeros((len(x), *outputs(x.shape[1:], kernel, stride, ones)))
    for window, seen in places(x.shape[1:], kernel, stride, ones):
        for channel in range(len(x)):
            z[(channel, *window)] = summary(x[(channel, *seen)])
    return z


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def rnn(x, weights, recurrent, bias, state) -> np.ndarray:
    """States (units, length) of a simple recurrent layer over a sample (channels, length)."""
    states = []
    for step in x.T:
        state = np.tanh(step @ weights + state @ recurrent + bias)
        states.append(state)
    return np.stack(states, axis=1)


def lstm(x, weights, recurrent, bias, state, cell) -> np.ndarray:
    states = []
    for step in x.T:
        i, f, g, o = np.split(step @ weights + state @ recurrent + bias, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        state = sigmoid(o) * np.tanh(cell)
        states.append(state)
    return np.stack(states, axis=1)


def gru(x, weights, recurrent, bias, state) -> np.ndarray:
    n_bias, r_bias, z_bias, state_bias = np.split(bias, 4)
    states = []
    for step in x.T:
        n_in, r_in, z_in = np.split(step @ weights, 3)
        r_state, z_state, n_state = np.split(state @ recurrent, 3)
        r = sigmoid(r_in + r_state + r_bias)
        z = sigmoid(z_in + z_state + z_bias)
        n = np.tanh(n_in + n_bias + r * (n_state + state_bias))
        state = (1 - z) * n + z * state
        states.append(state)
    return np.stack(states, axis=1)
