"""Samples: the inputs of a network for a row of data, and its targets."""

from __future__ import annotations

from dataclasses import dataclass

from nn.typing import Shape


@dataclass(frozen=True)
class Samples:
    """The form of a dataset's rows.

    Parameters
    ----------
    shape : tuple of int
        The shape of a sample; see :class:`experiments.datasets.Dataset`.
    tokens : int, default 0
        The number of different tokens if a sample is a sequence of tokens, (length,) whole numbers.
    steps : int, default 0
        The number of steps of a sequence of which each has a target; 0 if a row has one.
    padded : bool, default False
        Whether samples may end before their last step; see :class:`nn.Network`.
    """

    shape: Shape
    tokens: int = 0
    steps: int = 0
    padded: bool = False
