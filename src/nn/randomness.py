"""Named randomness: independent streams from ``(seed, purpose)``.

Nothing else enters a stream, neither the optimizer nor the learning rate, so that with one
seed all optimizers start from the same weights and see the same batches. There is no global
random state.
"""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, purpose: str, *path: int) -> np.random.Generator:
    """Open the random stream of one purpose.

    Parameters
    ----------
    seed : int
        The run's seed, at least 0.
    purpose : str
        Purpose of the numbers: ``"initialization"``, ``"batches"``, ``"dropout"``, ...
    *path : int
        Tells several streams of one purpose apart, such as the layer's position.

    Returns
    -------
    numpy.random.Generator
        Independent of every stream with another seed, purpose or path
        (:class:`numpy.random.SeedSequence` with the purpose's CRC-32 as spawn key).
    """
    key = (zlib.crc32(purpose.encode()), *path)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
