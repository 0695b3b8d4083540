"""The network and the digits of LeCun et al. 1989, as in a public reproduction on MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.sources.mnist import Mnist
from experiments.datasets.splits import Split
from experiments.datasets.table import Table
from experiments.errors import DataError
from nn.component import Count
from nn.layers import Layer
from nn.losses import Loss
from nn.parameters import Parameter
from nn.randomness import stream
from nn.typing import Array, Shape

_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class SmallDigits(Mnist):
    """MNIST's digits at 16 × 16 pixels from -1 to 1, as many as there were in 1989.

    Parameters
    ----------
    seed
        Seed of the rows that are drawn, from the training and from the test set.
    rows, test_rows : int, default 7291 and 2007
        Numbers of rows to train and to test on.
    limit, split, counts, validation, scaling, dir, fallback_dir, download
        Those of `IdxImages`, of which only the folders matter.
    """

    rows: Count = 7291
    test_rows: Count = 2007

    def load(self) -> Dataset:
        """Read the files, draw the rows and shrink the images."""
        paths = self.files()
        if not paths:
            raise DataError(self._not_found())
        images = self._read(paths)
        generator = stream(self.seed, "small digits")
        train = generator.permutation(len(images.train_labels))[: self.rows]
        test = generator.permutation(len(images.test_labels))[: self.test_rows]
        chosen = np.concatenate([images.train_images[train], images.test_images[test]])
        small = shrunk(chosen.astype(np.float64)) / 127.5 - 1
        numbers = np.arange(len(small))
        return prepare(
            name="small_digits",
            task=Task.MULTICLASS,
            table=Table.of_numbers(small.reshape(len(small), -1)),
            targets=np.concatenate([images.train_labels[train], images.test_labels[test]]),
            target_names=self.class_names,
            split=Split(numbers[: len(train)], numbers[:0], numbers[len(train) :]),
            scaling="none",
            shape=(1, _SIZE, _SIZE),
        )


def shrunk(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate images linearly between the centres of their pixels, to 16 × 16."""
    size = images.shape[-1]
    places = (np.arange(_SIZE) + 0.5) * size / _SIZE - 0.5
    weights = np.maximum(0, 1 - np.abs(places[:, np.newaxis] - np.arange(size)))
    small: NDArray[np.float64] = weights @ images @ weights.T
    return small


@dataclass
class UnitBias(Layer):
    """z = x + b, with a bias for each unit of each map."""

    name: ClassVar[str] = "unit_bias"
    axes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")

    def batch_last(self, shape: Shape) -> bool:
        return True

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [Parameter("bias", shape)]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        values["bias"][...] = 0

    def forward(self, x: Array, training: bool) -> Array:
        z: Array = x + self.at.parameters["bias"][..., np.newaxis]
        return z

    def backward(self, grad: Array, input_gradient: bool) -> Array:
        np.sum(grad, axis=-1, out=self.at.gradients["bias"])
        return grad


@dataclass
class EightOfTwelve(Layer):
    """Copies 12 maps so that each of three groups sees eight: 1-8, 5-12, and 9-12 with 1-4."""

    name: ClassVar[str] = "eight_of_twelve"
    axes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")
    chosen: ClassVar[tuple[int, ...]] = (*range(8), *range(4, 12), *range(8, 12), *range(4))

    def batch_last(self, shape: Shape) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] != 12:
            raise ValueError(f"{self.label} takes 12 maps, not {shape[0]}")
        return (len(self.chosen), *shape[1:])

    def forward(self, x: Array, training: bool) -> Array:
        return x[:, self.chosen]

    def backward(self, grad: Array, input_gradient: bool) -> Array:
        back = np.zeros((len(grad), 12, *grad.shape[2:]), grad.dtype)
        for place, channel in enumerate(self.chosen):
            back[:, channel] += grad[:, place]
        return back


@dataclass(frozen=True)
class PlusMinusError(Loss):
    """The mean of (ŷ - t)² over the outputs, where t is 1 for the right class and -1 for others."""

    name: ClassVar[str] = "plus_minus_error"

    def value(self, outputs: Array, targets: Array) -> Array:
        error: Array = (outputs - (2 * targets - 1)) ** 2
        mean: Array = error.mean(axis=-1)
        return mean

    def gradient(self, outputs: Array, targets: Array, out: Array) -> None:
        np.subtract(outputs, 2 * targets - 1, out=out)
        out *= 2 / outputs.shape[-1]
