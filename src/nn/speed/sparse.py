"""Products of sparse rows and a dense matrix, run by run and entry by entry.

The NumPy code is the definition: each number is the sum of its products in the order of the
entries. LLVM compiles the same sums into loops, in the same order: the same bits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

import numpy as np

from ..sparse_rows import SparseRows
from ..typing import Array
from . import compile as compiling

Call = Callable[[], object]

_AT_ONCE: Final = 1 << 18
"""The largest number of products that NumPy holds at a time."""

_LOOP: Final = """
define internal void @add(ptr noalias %sum, ptr noalias %row, %T %factor, i64 %units) alwaysinline {
entry:
  br label %body
body:
  %u = phi i64 [ 0, %entry ], [ %next, %body ]
  %at = getelementptr %T, ptr %row, i64 %u
  %x = load %T, ptr %at
  %product = fmul %T %factor, %x
  %to = getelementptr %T, ptr %sum, i64 %u
  %before = load %T, ptr %to
  %after = fadd %T %before, %product
  store %T %after, ptr %to
  %next = add i64 %u, 1
  %done = icmp eq i64 %next, %units
  br i1 %done, label %end, label %body
end:
  ret void
}

define void @loop(ptr noalias %inputs) {
entry:
INPUTS
  br label %run
run:
  %r = phi i64 [ 0, %entry ], [ %r.next, %run.end ]
  %o.rows = mul i64 %r, %rows.step
  %o.outer = mul i64 %r, %outer.step
  %o.inner = mul i64 %r, %inner.step
  %outer.run = getelementptr i8, ptr %outer, i64 %o.outer
  %inner.run = getelementptr i8, ptr %inner, i64 %o.inner
  br label %row
row:
  %b = phi i64 [ 0, %run ], [ %b.next, %row.end ]
  %o.pair = add i64 %o.rows, %b
  %at.start = getelementptr i64, ptr %starts, i64 %o.pair
  %at.stop = getelementptr i64, ptr %stops, i64 %o.pair
  %start = load i64, ptr %at.start
  %stop = load i64, ptr %at.stop
  %o.row = mul i64 %b, %units
  %outer.row = getelementptr %T, ptr %outer.run, i64 %o.row
  %none = icmp sge i64 %start, %stop
  br i1 %none, label %row.end, label %entries
entries:
  %j = phi i64 [ %start, %row ], [ %j.next, %entries ]
  %at.factor = getelementptr %T, ptr %data, i64 %j
  %factor = load %T, ptr %at.factor
  %at.column = getelementptr i32, ptr %indices, i64 %j
  %narrow = load i32, ptr %at.column
  %column = sext i32 %narrow to i64
  %o.column = mul i64 %column, %units
  %inner.row = getelementptr %T, ptr %inner.run, i64 %o.column
  call void @add(ptr %SUM.row, ptr %ROW.row, %T %factor, i64 %units)
  %j.next = add i64 %j, 1
  %j.done = icmp eq i64 %j.next, %stop
  br i1 %j.done, label %row.end, label %entries
row.end:
  %b.next = add i64 %b, 1
  %b.done = icmp eq i64 %b.next, %rows
  br i1 %b.done, label %run.end, label %row
run.end:
  %r.next = add i64 %r, 1
  %r.done = icmp eq i64 %r.next, %runs
  br i1 %r.done, label %end, label %run
end:
  ret void
}
"""
"""`outer` has a row for each row of the sparse matrix, and `inner` one for each of its columns."""

_INPUTS: Final = (
    *(("i64", name) for name in ("runs", "rows", "units")),
    *(("i64", f"{name}.step") for name in ("rows", "outer", "inner")),
    *(("ptr", name) for name in ("starts", "stops", "indices", "data", "outer", "inner")),
)


class _Product:
    """Sums of products of entries with the rows of a matrix; compiled when that pays."""

    def __init__(self, *, by_row: bool) -> None:
        self._by_row = by_row
        self._spent = 0.0  # seconds that NumPy has computed such products in this process

    def __call__(self, x: SparseRows, source: Array, out: Array) -> None:
        """Compute the products.

        Parameters
        ----------
        x : SparseRows, (runs, rows, columns), or (1, rows, columns) if all runs share them
            The sparse rows.
        source : ndarray of shape (runs, columns, units), or (runs, rows, units)
            The other factor of each run, which is contiguous.
        out : ndarray of shape (runs, rows, units), or (runs, columns, units)
            The array that receives the products, contiguous in each run.
        """
        for call in self._bind(x, source, out):
            call()

    def calls(self, x: SparseRows, source: Array, out: Array) -> list[Call]:
        """Return calls without arguments that do what a call with these arguments does."""
        if self._pays():
            return self._bind(x, source, out)
        return [functools.partial(self, x, source, out)]  # which may pay later

    def _pays(self) -> bool:
        pays = self._spent >= compiling.COMPILE_AFTER
        return pays and compiling.compiler() is not None

    def _bind(self, x: SparseRows, source: Array, out: Array) -> list[Call]:
        clear = functools.partial(out.fill, 0)
        if out.size == 0 or x.shape[1] == 0:
            return [clear]
        if not self._pays():
            return [clear, functools.partial(self._add, x, source, out)]
        code = _compiled("float" if x.dtype == np.float32 else "double", self._by_row)
        outer, inner = (out, source) if self._by_row else (source, out)
        step = x.starts.strides[0] // x.starts.itemsize if len(x.starts) > 1 else 0
        sizes = len(out), x.shape[1], out.shape[-1], step, outer.strides[0], inner.strides[0]
        arrays = x.starts, x.stops, x.indices, x.data, outer, inner
        read = np.array([*sizes, *(array.ctypes.data for array in arrays)], np.int64)
        add = compiling.Bound(code, read.ctypes.data)
        add.owners = read, x, source, out
        return [clear, add]

    def _add(self, x: SparseRows, source: Array, out: Array) -> None:
        """Add the products to `out` by NumPy."""
        began = perf_counter()
        units = out.shape[-1]
        step = max(1, _AT_ONCE // max(units, 1))
        for run in range(len(out)):
            own = min(run, len(x.starts) - 1)
            rows, entries = x.entries(x.starts[own], x.stops[own])
            columns = x.indices[entries]
            to, of = (rows, columns) if self._by_row else (columns, rows)
            flat = out[run].reshape(-1)  # a view, as the matrix of a run is contiguous
            for first in range(0, len(entries), step):
                part = slice(first, first + step)
                products = x.data[entries[part], np.newaxis] * source[run, of[part]]
                places = to[part, np.newaxis].astype(np.intp) * units + np.arange(units)
                np.add.at(flat, places.ravel(), products.ravel())
        self._spent += perf_counter() - began


multiply: Final = _Product(by_row=True)
"""``multiply(x, weights, out)`` computes x·W, (runs, rows, units)."""

multiply_transposed: Final = _Product(by_row=False)
"""``multiply_transposed(x, grad, out)`` computes xᵀ·grad, (runs, columns, units)."""


@functools.cache
def _compiled(real: str, by_row: bool) -> Any:
    loaded = []
    for i, (kind, name) in enumerate(_INPUTS):
        loaded += [f"  %input{i} = getelementptr i64, ptr %inputs, i64 {i}"]
        loaded += [f"  %{name} = load {kind}, ptr %input{i}"]
    to, of = ("outer", "inner") if by_row else ("inner", "outer")
    program = _LOOP.replace("INPUTS", "\n".join(loaded)).replace("%T", real)
    code = compiling.machine_code(program.replace("%SUM", f"%{to}").replace("%ROW", f"%{of}"))
    compiling.Fused.compilations += 1  # captured steps lack this loop
    return code
