"""The windows of a convolution row by row: a row is a place along the first spatial axis.

The windows of one row of outputs lie in a few rows of the sample. Where these rows follow each
other in memory (with a dilation, after rearranging them), the input of all windows is one matrix.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from numpy.lib.stride_tricks import as_strided

from ..typing import Array
from .windows import Slices, Windows


@dataclass(frozen=True)
class Part:
    """Rows of outputs for which the same rows of the kernel lie within the sample.

    Parameters
    ----------
    windows : slice
        The rows of outputs.
    count : int
        Their number.
    kernel : slice
        The rows of the kernel that lie within the sample; the others see padding.
    first : int
        The position of the sample's row under the first of these, for the first row of outputs.
    step : int
        Distance of these positions between neighbouring rows of outputs.
    """

    windows: slice
    count: int
    kernel: slice
    first: int
    step: int

    def pieces(self, most: int) -> Iterator[Part]:
        """Divide the part into parts of at most so many rows of outputs."""
        for start in range(0, self.count, most):
            stop = min(start + most, self.count)
            stride = self.windows.step
            first = self.windows.start + start * stride
            yield replace(
                self,
                windows=slice(first, first + (stop - start - 1) * stride + 1, stride),
                count=stop - start,
                first=self.first + start * self.step,
            )


@dataclass(frozen=True)
class Rows:
    """The windows over samples, row by row.

    Parameters
    ----------
    shape : tuple of int
        Number of places along each spatial axis; samples with one such axis have one row.
    size : int
        Number of rows, with those that are added as :attr:`added` says.
    kernel, stride, dilation, before, count : int
        The settings of :class:`Windows` along the first axis; `count` is the number of rows of
        outputs.
    across : Windows
        The windows along the other axes.
    added : tuple of int
        Number of rows added at both ends. Rows of zeros are not added: products with them vanish.
    """

    shape: tuple[int, ...]
    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    count: int
    across: Windows
    added: tuple[int, int]

    @classmethod
    def of(cls, windows: Windows, *, adds_rows: bool) -> Rows:
        """Return windows row by row.

        Parameters
        ----------
        windows : Windows
            The windows.
        adds_rows : bool
            Whether the added places along the first axis have values.
        """
        if len(windows.size) == 1:
            windows = windows.behind_one_row()
        rows, across = windows.along(slice(0, 1)), windows.along(slice(1, None))
        [before], [after] = rows.before, rows.after
        added = (before, after) if adds_rows else (0, 0)
        return cls(
            shape=windows.size,
            size=rows.size[0] + sum(added),
            kernel=rows.kernel[0],
            stride=rows.stride[0],
            dilation=rows.dilation[0] if rows.kernel[0] > 1 else 1,
            before=0 if adds_rows else before,
            count=rows.count[0],
            across=across,
            added=added,
        )

    @property
    def pads(self) -> bool:
        """Whether samples are copied into an array with places around them."""
        return self.across.pads or any(self.added)

    @property
    def padded(self) -> tuple[int, ...]:
        """The number of places with those that are added."""
        return (self.size, *self.across.padded)

    @property
    def interior(self) -> Slices:
        """The places of the sample among those that are added."""
        return (self.own_rows, *self.across.interior)

    @property
    def own_rows(self) -> slice:
        """The rows of the sample among those that are added."""
        return slice(self.added[0], self.size - self.added[1])

    @property
    def plain(self) -> bool:
        """Whether windows are single places side by side, so that the input needs no copy."""
        side_by_side = set(self.across.stride) == {1} and not self.pads
        return self.kernel * self.across.area == 1 and side_by_side

    @property
    def seen_size(self) -> int:
        """How many numbers the windows see in all rows of a channel, one row at a time."""
        return self.size * self.across.area * math.prod(self.across.count)

    @property
    def order(self) -> list[tuple[slice, slice]]:
        """The positions of rows, and the rows, so that the rows of one window are neighbours."""
        first, result = 0, []
        for row in range(min(self.dilation, self.size)):
            count = len(range(row, self.size, self.dilation))
            result.append((slice(first, first + count), slice(row, None, self.dilation)))
            first += count
        return result

    def _position(self, row: int) -> int:
        """Return the position of a row in :attr:`order`."""
        first: int = self.order[row % self.dilation][0].start
        return first + row // self.dilation

    @property
    def parts(self) -> list[Part]:
        """All rows of outputs that see something, in parts."""
        parts: list[Part] = []
        # Every so many rows of outputs, the rows seen are neighbours in the order above.
        apart = self.dilation // math.gcd(self.stride, self.dilation)
        for start in range(min(apart, self.count)):
            kernel: slice | None = None
            for row in range(start, self.count, apart):
                last, kernel = kernel, self._kernel(row)
                if kernel.start >= kernel.stop:
                    continue
                if parts and kernel == last:
                    part = parts[-1]
                    parts[-1] = replace(
                        part,
                        windows=slice(part.windows.start, row + 1, apart),
                        count=part.count + 1,
                    )
                    continue
                first = row * self.stride - self.before + kernel.start * self.dilation
                parts.append(
                    Part(
                        windows=slice(row, row + 1, apart),
                        count=1,
                        kernel=kernel,
                        first=self._position(first),
                        step=self.stride * apart // self.dilation,
                    )
                )
        return parts

    @property
    def blind(self) -> list[int]:
        """The rows of outputs that see only padding."""
        kernels = [self._kernel(row) for row in range(self.count)]
        return [row for row, kernel in enumerate(kernels) if kernel.start >= kernel.stop]

    def _kernel(self, row: int) -> slice:
        """Return the rows of the kernel that see rows of the sample, for a row of outputs."""
        base = row * self.stride - self.before
        first = max(0, -(base // self.dilation))
        return slice(first, min(self.kernel, (self.size - 1 - base) // self.dilation + 1))

    def view(self, padded: Array, groups: int) -> Array:
        """Return a view of the windows' inputs in each row.

        Parameters
        ----------
        padded : ndarray of shape (runs, channels, *padded, batch)
            The samples.
        groups : int
            Number of groups of channels.

        Returns
        -------
        ndarray of shape (runs, groups, rows, channels / groups, *kernel, *count, batch)
            The kernel and the windows are those along the axes behind the first.
        """
        runs, channel, row, *places, batch = padded.strides
        across, channels = self.across, padded.shape[1] // groups
        seen = [step * d for step, d in zip(places, across.dilation, strict=True)]
        moved = [step * s for step, s in zip(places, across.stride, strict=True)]
        shape = (
            *(len(padded), groups, self.size, channels),
            *(*across.kernel, *across.count, padded.shape[-1]),
        )
        strides = (runs, channels * channel, row, channel, *seen, *moved, batch)
        return as_strided(padded, shape, strides)
