"""The layout of parameters in one contiguous array ``(runs, size)``; layers hold views of it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from .typing import Array


@dataclass(frozen=True)
class Parameter:
    """One named array of a layer.

    Parameters
    ----------
    name : str
        Name, unique in the network, such as ``"dense1/weights"``.
    shape : tuple of int
        Shape without the run axis.
    decays : bool
        Whether weight decay acts on it: true for weights, false for biases and gains.
    normalizes : bool
        Whether it scales or shifts what is normalized, as the gains of normalization layers do.
    """

    name: str
    shape: tuple[int, ...]
    decays: bool = False
    normalizes: bool = False

    def __post_init__(self) -> None:
        if not all(isinstance(size, int) for size in self.shape):
            raise ValueError(
                f"the parameter {self.name!r} has the shape {self.shape}, which is not one of "
                "whole numbers: a layer's parameters(shape) gets the shape of a sample, such as "
                "(64,), and not its width"
            )

    @property
    def layer(self) -> str:
        """Name of the layer that it belongs to."""
        return self.name.partition("/")[0]

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def matrix(self) -> tuple[int, int]:
        """Shape (fan_in, fan_out) of :meth:`as_matrices`, without the run axis."""
        rows = self.shape[0]
        rest = self.size // rows
        return (rows, rest) if len(self.shape) <= 2 else (rest, rows)

    @staticmethod
    def as_matrices(weights: Array) -> Array:
        """View weights as one matrix for each run, (runs, fan_in, fan_out).

        Parameters
        ----------
        weights : ndarray of shape (runs, *shape)
            A matrix (fan_in, fan_out), or kernels (channels, *what each sees), for each run.
        """
        if weights.ndim <= 3:
            return weights.reshape(*weights.shape[:2], -1)
        return weights.reshape(*weights.shape[:2], -1).swapaxes(1, 2)


class Layout:
    """The order of a network's parameters in one flat array.

    Parameters that decay come first, so that weight decay and penalties act on one slice.

    Parameters
    ----------
    parameters : iterable of Parameter
        The parameters, in any order.

    Attributes
    ----------
    size : int
        Length of one run's flat array.
    decayed : int
        Number of leading entries on which weight decay acts.
    slices : dict of str to slice
        The place of each parameter.
    layers : dict of str to list of slice
        The places of each layer's decaying parameters, by its name; nearly always one slice.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.parameters = sorted(parameters, key=lambda p: not p.decays)  # stable
        self.slices: dict[str, slice] = {}
        start = 0
        for parameter in self.parameters:
            self.slices[parameter.name] = slice(start, start + parameter.size)
            start += parameter.size
        self.size = start
        self.decayed = sum(p.size for p in self.parameters if p.decays)
        self.layers: dict[str, list[slice]] = {}
        for parameter in self.parameters:
            if parameter.decays:
                pieces = self.layers.setdefault(parameter.layer, [])
                pieces.append(self.slices[parameter.name])

    def parts(self, keys: Sequence[Hashable]) -> list[tuple[slice, Layout, Any]]:
        """Divide the array where parameters have other keys than their neighbours.

        Parameters
        ----------
        keys : sequence
            A key for each of :attr:`parameters`.

        Returns
        -------
        list of tuple
            The columns of each part, its own layout, and its key.
        """
        parts, start = [], 0
        keyed = zip(self.parameters, keys, strict=True)
        for key, group in groupby(keyed, key=lambda pair: pair[1]):
            layout = Layout(parameter for parameter, _ in group)
            parts.append((slice(start, start + layout.size), layout, key))
            start += layout.size
        return parts

    def views(self, flat: Array) -> dict[str, Array]:
        """Return views of each parameter, (runs, *shape), into the flat array (runs, size)."""
        runs = len(flat)
        return {
            p.name: flat[:, self.slices[p.name]].reshape(runs, *p.shape) for p in self.parameters
        }

    def fill(self, flat: Array, values: Mapping[str, Array]) -> None:
        """Copy named arrays, (*shape) or (runs, *shape), into the flat array.

        Raises
        ------
        ValueError
            If an array is missing or has another shape; then nothing is copied.
        """
        self.check(values, len(flat))
        for name, view in self.views(flat).items():
            view[...] = values[name]

    def check(self, values: Mapping[str, Array], runs: int) -> None:
        """Raise the error that :meth:`fill` would raise for an array of `runs` runs."""
        for p in self.parameters:
            if p.name not in values:
                raise ValueError(f"the weights lack {p.name!r}")
            shape = np.shape(values[p.name])
            if shape not in (p.shape, (runs, *p.shape)):
                raise ValueError(f"{p.name!r} has shape {shape}, not {p.shape}")
