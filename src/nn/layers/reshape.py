"""Another shape for samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ..component import AtMost, Count
from ..typing import Shape
from .flatten import Flatten


@dataclass
class Reshape(Flatten):
    """Give samples another shape with as many numbers: (784,) → (1, 28, 28).

    Parameters
    ----------
    shape : list of int
        The new shape.
    """

    name: ClassVar[str] = "reshape"
    shape: Annotated[tuple[Count, ...], AtMost(8)]

    def output_shape(self, shape: Shape) -> Shape:
        new = tuple(self.shape)
        if math.prod(new) != math.prod(shape):
            raise ValueError(f"its {math.prod(shape)} numbers do not fill the shape {new}")
        return new
