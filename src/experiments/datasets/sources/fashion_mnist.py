"""Fashion-MNIST: images of clothes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from experiments.datasets.sources.idx_images import IdxImages


@dataclass(frozen=True, kw_only=True)
class FashionMnist(IdxImages):
    """Ten kinds of clothes: 60000 training and 10000 test images of 28×28 pixels.

    The format is that of MNIST, the task is harder (Xiao, Rasul & Vollgraf 2017).

    Parameters
    ----------
    seed, limit, split, counts, validation, scaling, fallback_dir, download
        See `IdxImages`.
    dir : str, default "data/fashion_mnist"
        Folder of the files, relative to where the command is given.
    """

    name: ClassVar[str] = "fashion_mnist"
    class_names: ClassVar[tuple[str, ...]] = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    openml_name: ClassVar[str] = "Fashion-MNIST"

    dir: str = "data/fashion_mnist"
