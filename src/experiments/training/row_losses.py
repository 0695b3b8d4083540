"""The losses of a part's rows, from which the standard error over rows is computed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TEST_LOSSES: Final = "rows/test_loss"
"""The name of the test losses among a run's arrays."""

MOST: Final = 1000
"""The largest number of groups. Their means give the standard error as well as single rows do."""


def in_groups(losses: NDArray[Any]) -> NDArray[Any]:
    """Average the losses of neighbouring rows, so that a large part takes little room.

    Parameters
    ----------
    losses : ndarray of shape (rows,)
        The loss of each row.

    Returns
    -------
    ndarray of shape (groups,)
        The mean of each group of neighbouring rows; the rows themselves if there are at most
        `MOST`. A few rows at the end are left out if the groups do not divide the rows.
    """
    each = -(-len(losses) // MOST)
    groups = len(losses) // each
    means: NDArray[np.float64] = (
        losses[: groups * each].reshape(groups, each).mean(axis=1, dtype=np.float64)
    )
    return means.astype(losses.dtype)
