"""MNIST: handwritten digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from experiments.datasets.sources.idx_images import IdxImages


@dataclass(frozen=True, kw_only=True)
class Mnist(IdxImages):
    """Handwritten digits 0 to 9: 60000 training and 10000 test images of 28×28 pixels.

    Published by LeCun, Bottou, Bengio & Haffner (1998).

    Parameters
    ----------
    seed, limit, split, counts, validation, scaling, fallback_dir, download
        See `IdxImages`.
    dir : str, default "data/mnist"
        Folder of the files, relative to where the command is given.
    """

    name: ClassVar[str] = "mnist"
    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    openml_name: ClassVar[str] = "mnist_784"

    dir: str = "data/mnist"
