"""Stand-ins for arrays: NumPy code called with them is noted down in LLVM's language."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Unfusable(TypeError):
    """Something is done to arrays that a loop over their elements cannot do."""


INSTRUCTIONS: Final[dict[np.ufunc, str]] = {
    np.add: "fadd %T {}, {}",
    np.subtract: "fsub %T {}, {}",
    np.multiply: "fmul %T {}, {}",
    np.divide: "fdiv %T {}, {}",
    np.negative: "fneg %T {}",
    np.square: "fmul %T {0}, {0}",
    np.sqrt: "call %T @llvm.sqrt.SUFFIX(%T {})",
    np.absolute: "call %T @llvm.fabs.SUFFIX(%T {})",
    np.maximum: "call %T @maximum(%T {}, %T {})",
    np.minimum: "call %T @minimum(%T {}, %T {})",
    np.sign: "call %T @sign(%T {})",
}
COMPARISONS: Final[dict[np.ufunc, str]] = {
    np.equal: "fcmp oeq %T {}, {}",
    np.not_equal: "fcmp une %T {}, {}",
    np.less: "fcmp olt %T {}, {}",
    np.less_equal: "fcmp ole %T {}, {}",
    np.greater: "fcmp ogt %T {}, {}",
    np.greater_equal: "fcmp oge %T {}, {}",
}
"""What each ufunc is for one element, in LLVM's language; %T is the type of the numbers."""

CALLS: Final = {np.exp, np.expm1, np.log, np.log1p, np.tanh}
"""Ufuncs whose bits are NumPy's own: a loop ends before one, and another begins after it."""

_DEFINITIONS: Final = """
declare %T @llvm.sqrt.SUFFIX(%T)
declare %T @llvm.fabs.SUFFIX(%T)

define internal %T @maximum(%T %a, %T %b) alwaysinline {
  %unordered = fcmp uno %T %a, %a
  %beyond = fcmp ogt %T %a, %b
  %first = or i1 %unordered, %beyond
  %result = select i1 %first, %T %a, %T %b
  ret %T %result
}

define internal %T @minimum(%T %a, %T %b) alwaysinline {
  %unordered = fcmp uno %T %a, %a
  %beyond = fcmp olt %T %a, %b
  %first = or i1 %unordered, %beyond
  %result = select i1 %first, %T %a, %T %b
  ret %T %result
}

define internal %T @sign(%T %a) alwaysinline {
  %positive = fcmp ogt %T %a, 0.0
  %negative = fcmp olt %T %a, 0.0
  %unordered = fcmp uno %T %a, %a
  %other = select i1 %unordered, %T %a, %T 0.0
  %low = select i1 %negative, %T -1.0, %T %other
  %result = select i1 %positive, %T 1.0, %T %low
  ret %T %result
}
"""

_LOOP: Final = """
define internal void @passes({parameters}) noinline {{
entry:
  br label %run
run:
  %u = phi i64 [0, %entry], [%u.next, %run.end]
{run}
  br label %row
row:
  %r = phi i64 [0, %run], [%r.next, %row.end]
{row}
  br label %element
element:
  %i = phi i64 [0, %row], [%i.next, %element]
{body}
  %i.next = add i64 %i, 1
  %i.more = icmp ult i64 %i.next, %columns
  br i1 %i.more, label %element, label %row.end
row.end:
  %r.next = add i64 %r, 1
  %r.more = icmp ult i64 %r.next, %rows
  br i1 %r.more, label %row, label %run.end
run.end:
  %u.next = add i64 %u, 1
  %u.more = icmp ult i64 %u.next, %runs
  br i1 %u.more, label %run, label %exit
exit:
  ret void
}}

define void @loop(ptr %inputs) {{
{reads}
  call void @passes({arguments})
  ret void
}}
"""
"""Three loops in each other; where they run is read from a list of 64-bit numbers."""


class Stretch:
    """Instructions between two calls of NumPy: what one loop does to each element.

    Attributes
    ----------
    lines : list of str
        The instructions.
    places : dict
        Where the elements are that it loads or stores: array and column, in the order in which
        the loop takes them.
    stores : dict
        The names of what it stores, by array and column.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.places: dict[tuple[int, int], int] = {}
        self.stores: dict[tuple[int, int], str] = {}

    def emit(self, instruction: str) -> str:
        """Add an instruction; return the name of its result."""
        name = f"%v{len(self.lines)}"
        self.lines.append(f"{name} = {instruction}")
        return name

    def load(self, array: int, column: int) -> str:
        """Return the name of an element as it is in memory."""
        return f"%x{self._place(array, column)}"

    def store(self, array: int, column: int, name: str) -> None:
        """Write an element back, at the end."""
        self._place(array, column)
        self.stores[array, column] = name

    def _place(self, array: int, column: int) -> int:
        return self.places.setdefault((array, column), len(self.places))

    def program(self, dtype: np.dtype[Any], numbers: int) -> str:
        """Write the loop, with so many numbers for each run."""
        run = [f"%first = mul i64 %u, {numbers}"]
        run += ["%own = getelementptr %T, ptr %numbers, i64 %first"]
        for n in range(numbers):
            run += [f"%at.n{n} = getelementptr %T, ptr %own, i64 {n}"]
            run += [f"%n{n} = load %T, ptr %at.n{n}"]
        row, loads = [], []
        inputs = ["i64 %runs", "i64 %rows", "i64 %columns", "ptr %numbers"]
        for p in self.places.values():
            inputs += [f"ptr %array{p}", f"i64 %run.step{p}", f"i64 %row.step{p}"]
            run += [f"%run.offset{p} = mul i64 %u, %run.step{p}"]
            run += [f"%run{p} = getelementptr i8, ptr %array{p}, i64 %run.offset{p}"]
            row += [f"%row.offset{p} = mul i64 %r, %row.step{p}"]
            row += [f"%row{p} = getelementptr i8, ptr %run{p}, i64 %row.offset{p}"]
            loads += [f"%at{p} = getelementptr %T, ptr %row{p}, i64 %i"]
            loads += [f"%x{p} = load %T, ptr %at{p}"]
        stores = [f"store %T {v}, ptr %at{self.places[at]}" for at, v in self.stores.items()]
        reads = []
        for i, given in enumerate(inputs):
            type_, name = given.split()
            reads += [f"%input{i} = getelementptr i64, ptr %inputs, i64 {i}"]
            reads += [f"{name} = load {type_}, ptr %input{i}"]
        loop = _LOOP.format(
            parameters=", ".join(given.replace("ptr", "ptr noalias") for given in inputs),
            run="\n".join(run),
            row="\n".join(row),
            body="\n".join([*loads, *self.lines, *stores]),
            reads="\n".join(reads),
            arguments=", ".join(inputs),
        )
        kind, suffix = {"float32": ("float", "f32"), "float64": ("double", "f64")}[dtype.name]
        return f"%T = type {kind}\n" + (_DEFINITIONS + loop).replace("SUFFIX", suffix)


class Recording:
    """What code does to stand-ins.

    Parameters
    ----------
    dtype : dtype
        Of the arrays.
    columns : int, optional
        How many numbers the last axis has, if they are apart in memory. Then what is done to each
        of them is noted one by one, and sums or maxima over them can be, too.

    Attributes
    ----------
    stretches : list of Stretch
    calls : list of (ufunc, int, int)
        What NumPy does between two stretches: from which array to which.
    """

    def __init__(self, dtype: np.dtype[Any], columns: int | None = None) -> None:
        self.dtype, self.columns = dtype, columns
        self.stretches = [Stretch()]
        self.calls: list[tuple[np.ufunc, int, int]] = []
        self._arrays: list[_InMemory] = []

    def array(self, shape: tuple[int, ...] | None = None, *, kept: bool = True) -> Value:
        """Make a stand-in for an array; `kept` if what is written to it lasts."""
        self._arrays.append(_InMemory(self, len(self._arrays), kept, shape))
        return self._arrays[-1]

    def scratch(self) -> Value:
        """Make a stand-in for scratch space that needs no memory."""
        return Value(self, None)

    def number(self, n: int) -> Value:
        """Make a stand-in for the n-th of the numbers of each run."""
        return Value(self, [f"%n{n}"])

    def programs(self, numbers: int) -> list[str]:
        """Write the loops in LLVM's language, with so many numbers for each run."""
        return [stretch.program(self.dtype, numbers) for stretch in self.stretches]

    def call(self, ufunc: np.ufunc, source: object, target: object) -> Value:
        """Let NumPy call a ufunc on what has been computed so far."""
        if not (isinstance(source, _InMemory) and isinstance(target, _InMemory)):
            raise Unfusable(f"{ufunc.__name__} of what is not in memory")
        self.end(self._arrays)
        for array in self._arrays:
            array.names = None
        self.calls.append((ufunc, source.index, target.index))
        self.stretches.append(Stretch())
        return target

    def end(self, arrays: Sequence[Any]) -> None:
        """Store what has been written to these arrays."""
        for array in arrays:
            if array.written and not array.kept:
                raise Unfusable("an array that is read is used as scratch space for too long")
            if array.written:
                for column, name in enumerate(array.names):
                    self.stretches[-1].store(array.index, column, name)
            array.written = False


class Value(NDArrayOperatorsMixin):
    """Stands for an array: each operation on it becomes an instruction on one element.

    Parameters
    ----------
    recording : Recording
    names : list of str or None
        What the element is called, in each column or in all; None for scratch space that nothing
        was written to.
    mask : bool, default False
        Whether it is a truth value, not a number.
    """

    flags = SimpleNamespace(c_contiguous=False)  # as of arrays whose columns are apart

    def __init__(self, recording: Recording, names: list[str] | None, mask: bool = False) -> None:
        self.recording, self.names, self.mask = recording, names, mask
        self.dtype, self.stretch = recording.dtype, len(recording.stretches)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Value:
        instruction = INSTRUCTIONS.get(ufunc) or COMPARISONS.get(ufunc)
        if method == "reduce" and options == {"axis": -1, "keepdims": True} and out is None:
            return self._reduce(str(instruction), inputs[0])
        if method != "__call__" or options:
            raise Unfusable(f"{ufunc.__name__} {method} {options}")
        if ufunc in CALLS and out is not None:
            return self.recording.call(ufunc, *inputs, *out)
        if instruction is None:
            raise Unfusable(ufunc.__name__)
        result = self._emit(instruction, *inputs, mask=ufunc in COMPARISONS)
        return result if out is None else self._write(out[0], result)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> None:
        if function is not np.copyto:
            raise Unfusable(function.__name__)
        self._copy(*args, **kwargs)

    def __bool__(self) -> bool:
        raise Unfusable("a decision that depends on the numbers")

    def fill(self, value: float) -> None:
        """Do what the method of arrays does."""
        self._copy(self, value)

    def _copy(self, target: Any, source: Any, *, where: Any = None) -> None:
        if where is None:
            self._write(target, Value(self.recording, self._operand(source)))
        elif isinstance(where, Value) and where.mask:
            chosen = Value(self.recording, where.current())
            self._write(target, self._emit("select i1 {}, %T {}, %T {}", chosen, source, target))
        else:
            raise Unfusable(f"where={where!r}")

    def _reduce(self, instruction: str, value: object) -> Value:
        # NumPy, too, takes one after the other where they are apart in memory.
        if self.recording.columns is None:
            raise Unfusable("a sum over what is not known to be apart in memory")
        parts = [Value(self.recording, [name]) for name in self._operand(value)]
        return functools.reduce(lambda a, b: self._emit(instruction, a, b), parts)

    def _operand(self, value: object) -> list[str]:
        if isinstance(value, Value) and not value.mask:
            return value.current()
        if type(value) in (int, float):  # which take the arrays' precision, as in NumPy
            return [_constant(self.dtype.type(value))]
        raise Unfusable(f"a number that is {value!r}")

    def current(self) -> list[str]:
        """Return the names of the element as it is now."""
        if self.names is None or self.stretch != len(self.recording.stretches):
            raise Unfusable("an array that nothing was written to, or that is not in memory")
        return self.names

    def _emit(self, instruction: str, *operands: object, mask: bool = False) -> Value:
        names = [self._operand(operand) for operand in operands]
        count = max(map(len, names))
        emit = self.recording.stretches[-1].emit
        results = [emit(instruction.format(*(n[i % len(n)] for n in names))) for i in range(count)]
        return Value(self.recording, results, mask)

    def _write(self, target: object, result: Value) -> Value:
        if not isinstance(target, Value) or target.mask:
            raise Unfusable(f"the target {target!r}")
        if result.mask:  # a truth value among numbers is 1 or 0
            result = self._emit("uitofp i1 {} to %T", Value(self.recording, result.current()))
        target.take(result.current())
        return target

    def take(self, names: list[str]) -> None:
        """Be what has these names from now on."""
        self.names, self.stretch = names, len(self.recording.stretches)


class _InMemory(Value):
    """Stands for an array that is somewhere, so that NumPy can go on with it."""

    def __init__(
        self, recording: Recording, index: int, kept: bool, shape: tuple[int, ...] | None
    ) -> None:
        super().__init__(recording, None)
        self.index, self.kept, self.written = index, kept, False
        if shape is not None:
            self.shape = shape

    def current(self) -> list[str]:
        if self.names is None:
            stretch = self.recording.stretches[-1]
            columns = range(self.recording.columns or 1)
            self.names = [stretch.load(self.index, column) for column in columns]
        return self.names

    def take(self, names: list[str]) -> None:
        columns = self.recording.columns or 1
        self.names, self.written = names * (columns // len(names)), True


def _constant(value: np.floating) -> str:
    """Write a number in LLVM's language: exactly, by its bits in double precision."""
    return "0x" + struct.pack(">d", float(value)).hex()
