"""The epochs at which a run's parameters are kept for pictures of its path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

_AUTOMATIC: Final = 50


def snapshot_epochs(
    wanted: int | Literal["auto"] | None, last: int, features: int
) -> Sequence[int]:
    """Choose the epochs after which a run's parameters are kept.

    The epochs are spaced geometrically, as far as whole numbers allow: a network changes fastest
    at first.

    Parameters
    ----------
    wanted : "auto", int or None
        The largest number of epochs; None keeps none; "auto" keeps 50 for a network with two
        inputs, whose decision boundary can be drawn, and none otherwise.
    last : int
        The last epoch.
    features : int
        Number of the network's inputs.

    Returns
    -------
    sequence of int
        Ascending epochs, including 0 (before training) and the last one; empty for none.

    Examples
    --------
    >>> snapshot_epochs(8, last=100, features=64)
    [0, 1, 2, 4, 9, 20, 45, 100]
    """
    count = wanted
    if count == "auto":
        count = _AUTOMATIC if features == 2 else None
    if count is None:
        return []
    if count > last:
        return range(last + 1)
    epochs = [0, 1] if count > 2 else [0, last]
    while len(epochs) < count:
        before = epochs[-1]
        ratio = (last / before) ** (1 / (count - len(epochs)))
        epochs.append(max(before + 1, round(before * ratio)))
    return epochs
