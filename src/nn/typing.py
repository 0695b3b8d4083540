"""The types of arrays that the package speaks of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
"""Numbers in a network's precision, float32 or float64."""

Float64Array = NDArray[np.float64]
"""Numbers that are float64 whatever the network's precision."""

Shape = tuple[int, ...]
