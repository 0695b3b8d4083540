"""Draw a sample, or a part of one: an image, or the curves of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import is_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_sample(axes: Axes, values: NDArray[Any], *, signed: bool = False) -> None:
    """Draw values of shape (channels, height, width) or (channels, length), without ticks.

    Parameters
    ----------
    axes : Axes
        The axes.
    values : ndarray
        The values. Three channels of an image are red, green and blue; otherwise the mean of the
        channels is drawn. A sequence has a curve for each channel.
    signed : bool, default False
        Whether the sign of a value matters, as in a kernel: red is positive, blue negative.
    """
    if not is_image(values.shape):
        axes.plot(values.T, linewidth=1)
        if signed:
            axes.axhline(0, color="#d0d0d0", linewidth=0.5, zorder=0)
    elif len(values) == 3:
        least, most = values.min(), values.max()
        axes.imshow(np.moveaxis((values - least) / max(most - least, 1e-300), 0, -1))
    else:
        image = values.mean(axis=0)
        limit = max(float(np.abs(image).max()), 1e-300)
        if signed:
            axes.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
        else:
            axes.imshow(image, cmap="Greys")
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d0d0d0")
