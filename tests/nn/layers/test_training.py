"""A network with a convolution and pooling, end to end, against plain loops for one run."""

import numpy as np

import nn
from nn.activations import ReLU
from tests.nn.layers import plain


class PlainNetwork:
    """conv 3×3 (padding 1) → ReLU → max-pool 2×2 → dense, trained by SGD: one sample at a time."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.kernels, self.b = weights["conv2d1/weights"].copy(), weights["conv2d1/bias"].copy()
        self.w, self.c = weights["dense1/weights"].copy(), weights["dense1/bias"].copy()

    def step(self, x: np.ndarray, y: np.ndarray, lr: float) -> None:
        sums = [np.zeros_like(one) for one in (self.kernels, self.b, self.w, self.c)]
        for sample, target in zip(x, y, strict=True):
            for total, gradient in zip(sums, self.gradients(sample, target), strict=True):
                total += gradient
        for parameter, total in zip((self.kernels, self.b, self.w, self.c), sums, strict=True):
            parameter -= lr * total / len(x)

    def forward(self, sample: np.ndarray):
        around = plain.padded(sample, (1, 1), (1, 1))
        z = plain.convolution(around, self.kernels, self.b, stride=(1, 1), dilation=(1, 1))
        a = np.maximum(z, 0)
        pooled = plain.pooled(a, (2, 2), (2, 2), np.max)
        return around, z, a, pooled, pooled.ravel() @ self.w + self.c

    def gradients(self, sample: np.ndarray, target: np.ndarray):
        around, z, a, pooled, logits = self.forward(sample)
        delta = np.exp(logits - logits.max())
        delta = delta / delta.sum() - target
        back = (self.w @ delta).reshape(pooled.shape)
        gradient = np.zeros_like(z)
        for channel, row, column in np.ndindex(pooled.shape):
            window = a[channel, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            i, j = divmod(int(window.argmax()), 2)
            gradient[channel, 2 * row + i, 2 * column + j] = back[channel, row, column]
        gradient *= z > 0
        kernels = np.zeros_like(self.kernels)
        for out, row, column in np.ndindex(z.shape):
            seen = around[:, row : row + 3, column : column + 3]
            kernels[out] += gradient[out, row, column] * seen
        bias = gradient.sum(axis=(1, 2))
        return kernels, bias, np.outer(pooled.ravel(), delta), delta


def test_training_follows_plain_loops() -> None:
    layers = [
        nn.Conv2d(3, 3, padding=1),
        nn.layers.ActivationLayer(ReLU()),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dense(4),
    ]
    network = nn.Network(layers, (2, 6, 6), loss=nn.CrossEntropy(), seeds=[5], dtype="float64")
    loops = PlainNetwork(network.weights())
    stack = nn.OptimizerStack.of(network, nn.SGD(lr=0.3))
    rng = np.random.default_rng(0)
    for _ in range(6):
        x, y = rng.standard_normal((5, 2, 6, 6)), np.eye(4)[rng.integers(0, 4, 5)]
        network.backpropagate(x, y)
        stack.step(network.parameters, network.gradients)
        loops.step(x, y, 0.3)
    weights = network.weights()
    for name, expected in (
        ("conv2d1/weights", loops.kernels),
        ("conv2d1/bias", loops.b),
        ("dense1/weights", loops.w),
        ("dense1/bias", loops.c),
    ):
        np.testing.assert_allclose(weights[name], expected, rtol=1e-9, atol=1e-12)
    logits = loops.forward(x[0])[-1]
    probabilities = np.exp(logits - logits.max())
    np.testing.assert_allclose(
        network.predict(x[:1])[0, 0], probabilities / probabilities.sum(), rtol=1e-9
    )


def test_fit_learns_which_half_is_bright() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, 1, 6, 6))
    classes = rng.integers(0, 2, 60)
    x[classes == 0, :, :3] += 2
    x[classes == 1, :, 3:] += 2
    network = nn.Network(
        nn.cnn([4], 2, kernels=[3], strides=[1], padding=["same"], pools=[2]),
        (1, 6, 6),
        loss=nn.CrossEntropy(),
        seeds=[0, 1],
    )
    nn.fit(network, nn.Adam(lr=0.01), x, np.eye(2)[classes], epochs=20, batch_size=16)
    assert (network.predict(x).argmax(axis=2) == classes).mean() > 0.95
