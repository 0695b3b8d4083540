"""The training steps that are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Size:
    """Networks of one architecture, trained on one dataset.

    Parameters
    ----------
    widths : tuple of int
        Number of inputs, of units in each hidden layer, and of outputs.
    batch : int
        Number of rows in a step.
    runs : int
        Number of networks.
    rows : int
        Number of rows in the dataset, a multiple of `batch`.
    epochs : int
        Smallest number of epochs in a repetition.
    """

    widths: tuple[int, ...]
    batch: int
    runs: int
    rows: int
    epochs: int

    @property
    def name(self) -> str:
        """The name for people and the command line: ``64-64-10``."""
        return "-".join(map(str, self.widths))

    @property
    def steps(self) -> int:
        """The number of steps in an epoch."""
        return self.rows // self.batch


SIZES: Final = (
    Size((2, 4, 2), batch=16, runs=100, rows=1024, epochs=2),
    Size((64, 64, 10), batch=32, runs=20, rows=1280, epochs=2),
    Size((784, 100, 10), batch=128, runs=8, rows=2048, epochs=2),
    Size((784, 1000, 1000, 10), batch=128, runs=4, rows=1024, epochs=1),
)

OPTIMIZERS: Final = {"adam": 0.001, "sgd": 0.1}
"""The optimizers and their learning rates."""
