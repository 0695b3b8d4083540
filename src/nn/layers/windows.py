"""The places at which a kernel looks, in samples with the batch axis last."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from numpy.lib.stride_tricks import as_strided

from ..component import Count, Interval
from ..typing import Array

Lengths = Count | tuple[Count, ...]
"""A length along each axis, or one for all."""

Whole = Annotated[int, Interval(0)] | tuple[Annotated[int, Interval(0)], ...]
"""Like :data:`Lengths`, but may be 0."""

Padding = Literal["valid", "same"] | Whole
"""Padding on both sides of each axis: none, as much as keeps the size, or a number of places."""

Slices = tuple[slice, ...]


def lengths(value: int | tuple[int, ...], axes: int, what: str) -> tuple[int, ...]:
    """Return one length for each axis.

    Raises
    ------
    ValueError
        If there are too few or too many.
    """
    if isinstance(value, int):
        return (value,) * axes
    if len(value) != axes:
        raise ValueError(f"{what} must be a whole number or {axes} of them, but is {list(value)}")
    return tuple(value)


@dataclass(frozen=True)
class Windows:
    """The windows of a kernel over the places of a sample, along each spatial axis.

    Parameters
    ----------
    size : tuple of int
        Number of places of the sample.
    kernel, stride, dilation : tuple of int
        Number of places that a window sees, distance between windows, and between places in one.
    before, after : tuple of int
        Number of places added at both ends.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(
        cls,
        size: tuple[int, ...],
        kernel: int | tuple[int, ...],
        stride: int | tuple[int, ...],
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
    ) -> Windows:
        """Lay windows over samples of this size.

        With padding "same" there are ⌈size / stride⌉ windows; if the number of added places is
        odd, there is one more at the end.

        Raises
        ------
        ValueError
            If a setting has the wrong number of axes, or a window is larger than the sample.
        """
        axes = len(size)
        kernel, stride = lengths(kernel, axes, "kernel"), lengths(stride, axes, "stride")
        dilation = lengths(dilation, axes, "dilation")
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        if padding == "same":
            total = [
                max(0, (-(-n // s) - 1) * s + r - n)
                for n, s, r in zip(size, stride, reach, strict=True)
            ]
            before = tuple(t // 2 for t in total)
            after = tuple(t - b for t, b in zip(total, before, strict=True))
        else:
            before = after = lengths(0 if isinstance(padding, str) else padding, axes, "padding")
        if any(r > n + b + a for r, n, b, a in zip(reach, size, before, after, strict=True)):
            dilated = "" if set(dilation) == {1} else f" with dilation {_by(dilation)}"
            padded = f", padded by {_by(before)}" if any(before) else ""
            raise ValueError(
                f"a kernel of {_by(kernel)}{dilated} does not fit into {_by(size)} places{padded}"
            )
        return cls(size, kernel, stride, dilation, before, after)

    def along(self, axes: slice) -> Windows:
        """Return the windows along some of the axes."""
        return Windows(*(getattr(self, f.name)[axes] for f in fields(self)))

    def behind_one_row(self) -> Windows:
        """Return the same windows for samples with an axis of length 1 before the others."""
        first = {"size": 1, "kernel": 1, "stride": 1, "dilation": 1, "before": 0, "after": 0}
        return Windows(*((first[f.name], *getattr(self, f.name)) for f in fields(self)))

    @property
    def count(self) -> tuple[int, ...]:
        """The number of windows along each axis."""
        return tuple(
            (n + b + a - (k - 1) * d - 1) // s + 1
            for n, b, a, k, d, s in zip(
                self.size,
                self.before,
                self.after,
                self.kernel,
                self.dilation,
                self.stride,
                strict=True,
            )
        )

    @property
    def area(self) -> int:
        """The number of places in a window."""
        return math.prod(self.kernel)

    @property
    def pads(self) -> bool:
        """Whether places are added."""
        return any(self.before) or any(self.after)

    @property
    def padded(self) -> tuple[int, ...]:
        """The number of places with those that are added."""
        return tuple(b + n + a for b, n, a in zip(self.before, self.size, self.after, strict=True))

    @property
    def interior(self) -> Slices:
        """The places of the sample among those that are added."""
        return tuple(slice(b, b + n) for b, n in zip(self.before, self.size, strict=True))

    @property
    def overlap(self) -> bool:
        """Whether a place may be in several windows."""
        return any(
            (k - 1) * d + 1 > s
            for k, d, s in zip(self.kernel, self.dilation, self.stride, strict=True)
        )

    @property
    def tile(self) -> bool:
        """Whether every place, added or not, is in exactly one window."""
        return set(self.dilation) == {1} and all(
            k == s and n % s == 0
            for k, s, n in zip(self.kernel, self.stride, self.padded, strict=True)
        )

    def columns(self, padded: Array) -> Array:
        """Return a view of the windows, (runs, channels, *kernel, *count, batch).

        Parameters
        ----------
        padded : ndarray of shape (runs, channels, *padded, batch)
        """
        runs, channels, *places, batch = padded.strides
        seen = [step * d for step, d in zip(places, self.dilation, strict=True)]
        moved = [step * s for step, s in zip(places, self.stride, strict=True)]
        shape = (*padded.shape[:2], *self.kernel, *self.count, padded.shape[-1])
        return as_strided(padded, shape, (runs, channels, *seen, *moved, batch))

    def views(self, padded: Array) -> list[Array]:
        """Return for each place of the kernel a view of all windows' inputs there.

        Each has the shape (runs, channels, *count, batch).
        """
        columns = self.columns(padded)
        return [places(columns, *place) for place in itertools.product(*map(range, self.kernel))]

    def parts(self) -> Iterator[tuple[tuple[int, ...], Slices, Slices]]:
        """Iterate over the places of the kernel.

        Yields
        ------
        place : tuple of int
            The place.
        seen : tuple of slice
            The places of the sample, without those that are added, that windows see there.
        windows : tuple of slice
            The windows that see them; possibly an empty range.
        """
        for place in itertools.product(*map(range, self.kernel)):
            seen, windows = [], []
            for n, i, d, s, b, count in zip(
                self.size, place, self.dilation, self.stride, self.before, self.count, strict=True
            ):
                offset = i * d - b  # the place that the first window sees
                first = max(0, -(offset // s))
                last = min(count, (n - 1 - offset) // s + 1)
                if first >= last:
                    break
                windows.append(slice(first, last))
                seen.append(slice(first * s + offset, (last - 1) * s + offset + 1, s))
            else:
                yield place, tuple(seen), tuple(windows)


def edges(array: Array, interior: Slices) -> Iterator[Array]:
    """Iterate over views of the places around those of the interior."""
    for axis, inner in enumerate(interior):
        before = [slice(None)] * axis
        for outer in (slice(0, inner.start), slice(inner.stop, None)):
            view = places(array, *before, outer)
            if view.size:
                yield view


def places(array: Array, *index: Any) -> Array:
    """Return a view of some places of all runs and channels, with the whole batch."""
    view: Array = array[(slice(None), slice(None), *index)]
    return view


def _by(numbers: tuple[int, ...]) -> str:
    return "×".join(map(str, numbers))
