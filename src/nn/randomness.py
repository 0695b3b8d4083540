"""Independent random streams, each derived from a seed and a purpose.

A stream depends on nothing else, such as the optimizer or the learning rate: with the same seed,
all optimizers start from the same weights and see the same batches. No global random state is
used.
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
        Numbers that distinguish the streams of one purpose, such as the layer's position.

    Returns
    -------
    numpy.random.Generator
        A generator independent of those with another seed, purpose or path. Its
        :class:`numpy.random.SeedSequence` has the purpose's CRC-32 and the path as spawn key.
    """
    key = (zlib.crc32(purpose.encode()), *path)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
