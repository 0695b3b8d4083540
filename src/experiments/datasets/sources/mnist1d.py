"""MNIST-1D: ten short curves in place of the digits, made rather than collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.scaling import Scaling
from experiments.datasets.source import DividedSource, ShareOrNone
from experiments.datasets.splits import split_published
from experiments.datasets.table import Table

_ROWS: Final = 5000
_TRAIN_ROWS: Final = 4000
_LENGTH: Final = 40
_PADDING: Final = (36, 60)  # least and most zeros behind a template
_LONG: Final = 72  # samples of a curve before it is sampled down to `_LENGTH`
_SHIFTS: Final = 48
_SCALE: Final = 0.4
_SHEAR: Final = 0.75
_SMOOTH_NOISE: Final = 0.25
_NOISE: Final = 0.02
_DECIMALS: Final = 8
_KERNEL_WIDTH: Final = 2.0  # standard deviation of the filter of the smooth noise, in samples

_TEMPLATES: Final = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)


@dataclass(frozen=True, kw_only=True)
class Mnist1d(DividedSource):
    """Curves of 40 points in the shape of ten digits: 4000 for training and 1000 for testing.

    Each curve is a template that was stretched, scaled, shifted, sheared and overlaid with noise
    (Greydanus & Kobak 2024, "Scaling down deep learning with MNIST-1D"). The numbers are made by
    the published recipe from its seed, 42, and are the published ones, rounded to eight decimals;
    nothing is downloaded. They have mean 0 and standard deviation 1 over all rows.

    The validation part is taken from the training set.

    Parameters
    ----------
    seed : int, default 0
        Seed of the split and of the subset that `limit` selects.
    limit, split, counts
        See `DividedSource`; `limit` applies to the training set and to the test set separately,
        and `counts` are those of training and validation rows.
    validation : float, default 0.1
        Fraction of the training set; 0 for no validation part.
    shuffled : bool, default False
        Whether the 40 positions are put in another order, the same for all rows, which takes
        away what convolution and recurrence make use of.
    scaling : {"standard", "channel", "minmax", "max", "none"}, default "none"
        Scaling of the inputs, fitted on the training part.
    """

    counted = ("training", "validation")

    validation: ShareOrNone = 0.1
    shuffled: bool = False
    scaling: Scaling = "none"

    def load(self) -> Dataset:
        """Make, split and encode the curves."""
        curves, digits = make_curves(shuffled=self.shuffled)
        return prepare(
            name="mnist1d",
            task=Task.MULTICLASS,
            table=Table.of_numbers(curves, [f"x_{place}" for place in range(_LENGTH)]),
            targets=digits,
            target_names=tuple("0123456789"),
            split=split_published(
                digits[:_TRAIN_ROWS],
                digits[_TRAIN_ROWS:],
                seed=self.seed,
                limit=self.limit,
                validation=self.validation,
                counts=self.counts,
                method=self.split,
            ),
            scaling=self.scaling,
            shape=(1, _LENGTH),
        )


def make_curves(*, shuffled: bool = False) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Make the published curves.

    Parameters
    ----------
    shuffled : bool, default False
        Whether the positions are shuffled.

    Returns
    -------
    curves : float64 ndarray of shape (5000, 40)
        The training rows, then the 1000 test rows.
    digits : int64 ndarray of shape (5000,)
        The digit that each curve shows.
    """
    # The recipe was published with NumPy's old generator, whose numbers never change.
    generator = np.random.RandomState(42)
    digits = np.repeat(np.arange(10), _ROWS // 10)
    templates = _templates()
    curves = np.stack([_curve(templates[digit], generator) for digit in digits])
    order = generator.permutation(_ROWS)
    curves, digits = curves[order], digits[order]
    if shuffled:
        curves = curves[:, generator.permutation(_LENGTH)]
    # Rounded, the numbers are the same where sums and interpolation differ in the last bit.
    curves = (curves - curves.mean()) / curves.std()
    return np.round(curves, _DECIMALS) + 0.0, digits


def _templates() -> NDArray[np.float64]:
    templates = np.array(_TEMPLATES)
    templates -= templates.mean(axis=1, keepdims=True)
    templates /= templates.std(axis=1, keepdims=True)
    started: NDArray[np.float64] = (templates - templates[:, :1]) / 6  # each begins at 0
    return started


def _curve(template: NDArray[np.float64], generator: np.random.RandomState) -> NDArray[np.float64]:
    """Draw one curve of shape (40,); the order of the draws is that of the recipe."""
    least, most = _PADDING
    zeros = least + int(generator.rand() * (most - least + 1))
    # The padding is exactly 0, and 1e-8 marks the places of the template, even those that are 0.
    curve = _resampled(np.concatenate([template + 1e-8, np.zeros(zeros)]), _LONG)
    curve *= 1 + _SCALE * (generator.rand() - 0.5)
    curve = np.roll(curve, generator.choice(_SHIFTS))
    smooth = _smoothed(_SMOOTH_NOISE * generator.randn(_LONG))
    curve = np.where(curve != 0, curve, smooth) + _NOISE * generator.randn(_LONG)
    slope = _SHEAR * (generator.rand() - 0.5)
    return _resampled(curve - slope * np.linspace(-0.5, 0.5, _LONG), _LENGTH)


def _resampled(curve: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    places, given = np.linspace(0, 1, length), np.linspace(0, 1, len(curve))
    resampled: NDArray[np.float64] = np.interp(places, given, curve)
    return resampled


def _smoothed(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filter by a Gaussian that ends at four standard deviations; the edges are mirrored."""
    reach = int(4 * _KERNEL_WIDTH)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _KERNEL_WIDTH) ** 2)
    padded = np.pad(noise, reach, "symmetric")
    return np.convolve(padded, kernel / kernel.sum(), "valid")
