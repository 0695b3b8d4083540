"""Array types."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
"""An array in a network's precision, float32 or float64."""

Float64Array = NDArray[np.float64]
"""An array that is float64 whatever the network's precision."""

Indices = NDArray[np.integer]
"""Whole numbers that say which: tokens, or classes."""

Shape = tuple[int, ...]
