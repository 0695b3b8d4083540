"""Fashion-MNIST: pictures of clothes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from experiments.datasets.sources.idx_images import IdxImages


@dataclass(frozen=True, kw_only=True)
class FashionMnist(IdxImages):
    """Ten kinds of clothes, 28×28: 60000 training and 10000 test images.

    Harder than MNIST in the same form (Xiao, Rasul & Vollgraf 2017).

    Parameters
    ----------
    seed, limit, validation, scaling, fallback_dir, download
        See `IdxImages`.
    dir : str, default "data/fashion_mnist"
        The folder of the files.
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
