"""Elementwise NumPy code as a list of instructions.

The code is called with stand-ins for arrays, whose operations append instructions in LLVM's
language to a :class:`Trace` instead of computing anything.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Untraceable(TypeError):
    """The code does something that a loop over the elements of its arrays cannot do."""


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
"""The LLVM instruction of each ufunc for one element; %T is the type of the numbers."""

CALLS: Final = {np.exp, np.expm1, np.log, np.log1p, np.tanh}
"""Ufuncs whose bits only NumPy can reproduce: they remain calls between two loops."""

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

OUTER: Final = 4
"""Loops around the innermost one. The first runs over runs, whose constants may differ."""

_LOOP: Final = """
define internal void @passes({parameters}) noinline {{
entry:
  br label %outer0
{outer}
  br label %element
element:
  %i = phi i64 [0, %outer{last}], [%i.next, %element]
{body}
  %i.next = add i64 %i, 1
  %i.more = icmp ult i64 %i.next, %columns
  br i1 %i.more, label %element, label %end{last}
{ends}
exit:
  ret void
}}

define void @loop(ptr %inputs) {{
{reads}
  call void @passes({arguments})
  ret void
}}
"""
"""Nested loops, whose lengths and addresses are read from a list of 64-bit numbers."""


class Stretch:
    """The instructions between two calls of NumPy, which become one loop.

    Attributes
    ----------
    lines : list of str
        The instructions.
    places : dict of (int, int) to int
        The arrays and columns that the loop loads or stores, numbered in the order of its
        arguments.
    stores : dict of (int, int) to str
        The name of the value to be stored in each array and column.
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
        """Return the name of an element as loaded from memory."""
        return f"%x{self._place(array, column)}"

    def store(self, array: int, column: int, name: str) -> None:
        """Store a value in an element when the loop ends."""
        self._place(array, column)
        self.stores[array, column] = name

    def _place(self, array: int, column: int) -> int:
        return self.places.setdefault((array, column), len(self.places))

    def program(
        self, dtype: np.dtype[Any], numbers: int, constant: frozenset[int] = frozenset()
    ) -> str:
        """Return the loop in LLVM's language.

        Parameters
        ----------
        dtype : dtype
            Precision of the arrays.
        numbers : int
            How many numbers it reads for each run.
        constant : frozenset of int
            The arrays that have one value for the whole innermost loop.
        """
        fixed = [p for (array, _), p in self.places.items() if array in constant]
        inputs = [f"i64 %count{level}" for level in range(OUTER)]
        inputs += ["i64 %columns", "ptr %numbers"]
        for p in self.places.values():
            inputs += [f"ptr %array{p}", *(f"i64 %step{p}.{level}" for level in range(OUTER))]
        outer: list[str] = []
        ends: list[str] = []
        for level in range(OUTER):
            before = f"%outer{level - 1}" if level else "%entry"
            outer += [f"outer{level}:"]
            outer += [f"%k{level} = phi i64 [0, {before}], [%k{level}.next, %end{level}]"]
            if level == 0:
                outer += [f"%first = mul i64 %k0, {numbers}"]
                outer += ["%own = getelementptr %T, ptr %numbers, i64 %first"]
                for n in range(numbers):
                    outer += [f"%at.n{n} = getelementptr %T, ptr %own, i64 {n}"]
                    outer += [f"%n{n} = load %T, ptr %at.n{n}"]
            for p in self.places.values():
                base = f"%base{p}.{level - 1}" if level else f"%array{p}"
                outer += [f"%offset{p}.{level} = mul i64 %k{level}, %step{p}.{level}"]
                outer += [
                    f"%base{p}.{level} = getelementptr i8, ptr {base}, i64 %offset{p}.{level}"
                ]
            if level < OUTER - 1:
                outer += [f"br label %outer{level + 1}"]
            further = f"%end{level - 1}" if level else "%exit"
            ends = [
                f"end{level}:",
                f"%k{level}.next = add i64 %k{level}, 1",
                f"%k{level}.more = icmp ult i64 %k{level}.next, %count{level}",
                f"br i1 %k{level}.more, label %outer{level}, label {further}",
                *ends,
            ]
        last = OUTER - 1
        loads = []
        for p in self.places.values():
            if p in fixed:
                outer += [f"%x{p} = load %T, ptr %base{p}.{last}"]
            else:
                loads += [f"%at{p} = getelementptr %T, ptr %base{p}.{last}, i64 %i"]
                loads += [f"%x{p} = load %T, ptr %at{p}"]
        stores = [f"store %T {v}, ptr %at{self.places[at]}" for at, v in self.stores.items()]
        reads = []
        for i, given in enumerate(inputs):
            type_, name = given.split()
            reads += [f"%input{i} = getelementptr i64, ptr %inputs, i64 {i}"]
            reads += [f"{name} = load {type_}, ptr %input{i}"]
        loop = _LOOP.format(
            parameters=", ".join(given.replace("ptr", "ptr noalias") for given in inputs),
            outer="\n".join(outer),
            last=last,
            body="\n".join([*loads, *self.lines, *stores]),
            ends="\n".join(ends),
            reads="\n".join(reads),
            arguments=", ".join(inputs),
        )
        kind, suffix = {"float32": ("float", "f32"), "float64": ("double", "f64")}[dtype.name]
        return f"%T = type {kind}\n" + (_DEFINITIONS + loop).replace("SUFFIX", suffix)


class Trace:
    """The instructions equivalent to some NumPy code.

    Parameters
    ----------
    dtype : dtype
        Precision of the arrays.
    columns : int, optional
        Length of the last axis of transposed arrays. Each column then gets separate instructions,
        so that sums and maxima over the last axis can be traced too.
    constant : frozenset of int, default frozenset()
        The arrays that have one value for the whole last axis; they cannot be changed.

    Attributes
    ----------
    stretches : list of Stretch
        The loops.
    calls : list of (ufunc, int, int)
        The calls of NumPy between two stretches, with the numbers of their input and output arrays.
    """

    def __init__(
        self,
        dtype: np.dtype[Any],
        columns: int | None = None,
        constant: frozenset[int] = frozenset(),
    ) -> None:
        self.dtype, self.columns, self.constant = dtype, columns, constant
        self.stretches = [Stretch()]
        self.calls: list[tuple[np.ufunc, int, int]] = []
        self._arrays: list[_InMemory] = []

    def array(self, shape: tuple[int, ...] | None = None, *, kept: bool = True) -> Value:
        """Return a stand-in for an array; `kept` says whether it is written back at the end."""
        self._arrays.append(_InMemory(self, len(self._arrays), kept, shape))
        return self._arrays[-1]

    def scratch(self) -> Value:
        """Return a stand-in for scratch space, which needs no memory."""
        return Value(self, None)

    def number(self, n: int) -> Value:
        """Return a stand-in for the n-th number of each run."""
        return Value(self, [f"%n{n}"])

    def programs(self, numbers: int) -> list[str]:
        """Return the loops in LLVM's language, which read this many `numbers` for each run."""
        return [stretch.program(self.dtype, numbers, self.constant) for stretch in self.stretches]

    def call(self, ufunc: np.ufunc, source: object, target: object) -> Value:
        """Append a call of NumPy, which sees everything written so far."""
        if not (isinstance(source, _InMemory) and isinstance(target, _InMemory)):
            raise Untraceable(f"{ufunc.__name__} of what is not in memory")
        self.end(self._arrays)
        for array in self._arrays:
            array.names = None
        self.calls.append((ufunc, source.index, target.index))
        self.stretches.append(Stretch())
        return target

    def end(self, arrays: Sequence[Any]) -> None:
        """Store what has been written to these arrays, at the end of a loop."""
        for array in arrays:
            if array.written and array.index in self.constant:
                raise Untraceable("an array is changed that has one value for the whole last axis")
            if array.written and not array.kept:
                raise Untraceable("an array that is read is used as scratch space for too long")
            if array.written:
                for column, name in enumerate(array.names):
                    self.stretches[-1].store(array.index, column, name)
            array.written = False


class Value(NDArrayOperatorsMixin):
    """A stand-in for an array: each operation on it becomes an instruction on one element.

    Parameters
    ----------
    trace : Trace
        The trace that receives the instructions.
    names : list of str or None
        The name of the value in each column, or one name for all columns; None for scratch space
        that nothing was written to.
    mask : bool, default False
        Whether the value is a truth value rather than a number.
    """

    flags = SimpleNamespace(c_contiguous=False)  # like a transposed array

    def __init__(self, trace: Trace, names: list[str] | None, mask: bool = False) -> None:
        self.trace, self.names, self.mask = trace, names, mask
        self.dtype, self.stretch = trace.dtype, len(trace.stretches)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Value:
        instruction = INSTRUCTIONS.get(ufunc) or COMPARISONS.get(ufunc)
        if method == "reduce" and options == {"axis": -1, "keepdims": True} and out is None:
            return self._reduce(str(instruction), inputs[0])
        if method != "__call__" or options:
            raise Untraceable(f"{ufunc.__name__} {method} {options}")
        if ufunc in CALLS and out is not None:
            return self.trace.call(ufunc, *inputs, *out)
        if instruction is None:
            raise Untraceable(ufunc.__name__)
        result = self._emit(instruction, *inputs, mask=ufunc in COMPARISONS)
        return result if out is None else self._write(out[0], result)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> None:
        if function is not np.copyto:
            raise Untraceable(function.__name__)
        self._copy(*args, **kwargs)

    def __bool__(self) -> bool:
        raise Untraceable("a decision that depends on the numbers")

    def fill(self, value: float) -> None:
        """Fill the array with a number."""
        self._copy(self, value)

    def _copy(self, target: Any, source: Any, *, where: Any = None) -> None:
        if where is None:
            self._write(target, Value(self.trace, self._operand(source)))
        elif isinstance(where, Value) and where.mask:
            chosen = Value(self.trace, where.current())
            self._write(target, self._emit("select i1 {}, %T {}, %T {}", chosen, source, target))
        else:
            raise Untraceable(f"where={where!r}")

    def _reduce(self, instruction: str, value: object) -> Value:
        # NumPy also adds the columns of a transposed array one by one.
        if self.trace.columns is None:
            raise Untraceable("a sum over the last axis of an array that is not transposed")
        parts = [Value(self.trace, [name]) for name in self._operand(value)]
        return functools.reduce(lambda a, b: self._emit(instruction, a, b), parts)

    def _operand(self, value: object) -> list[str]:
        if isinstance(value, Value) and not value.mask:
            return value.current()
        if type(value) in (int, float):  # they take the arrays' precision, as in NumPy
            return [_constant(self.dtype.type(value))]
        raise Untraceable(f"a number that is {value!r}")

    def current(self) -> list[str]:
        """Return the names of the current value."""
        if self.names is None or self.stretch != len(self.trace.stretches):
            raise Untraceable("an array that nothing was written to, or that is not in memory")
        return self.names

    def _emit(self, instruction: str, *operands: object, mask: bool = False) -> Value:
        names = [self._operand(operand) for operand in operands]
        count = max(map(len, names))
        emit = self.trace.stretches[-1].emit
        results = [emit(instruction.format(*(n[i % len(n)] for n in names))) for i in range(count)]
        return Value(self.trace, results, mask)

    def _write(self, target: object, result: Value) -> Value:
        if not isinstance(target, Value) or target.mask:
            raise Untraceable(f"the target {target!r}")
        if result.mask:  # a truth value among numbers is 1 or 0
            result = self._emit("uitofp i1 {} to %T", Value(self.trace, result.current()))
        target.take(result.current())
        return target

    def take(self, names: list[str]) -> None:
        """Take the value with these names."""
        self.names, self.stretch = names, len(self.trace.stretches)


class _InMemory(Value):
    """A stand-in for an array in memory, which calls of NumPy can read and write."""

    def __init__(self, trace: Trace, index: int, kept: bool, shape: tuple[int, ...] | None) -> None:
        super().__init__(trace, None)
        self.index, self.kept, self.written = index, kept, False
        if shape is not None:
            self.shape = shape

    def current(self) -> list[str]:
        if self.names is None:
            stretch = self.trace.stretches[-1]
            columns = range(self.trace.columns or 1)
            self.names = [stretch.load(self.index, column) for column in columns]
        return self.names

    def take(self, names: list[str]) -> None:
        columns = self.trace.columns or 1
        self.names, self.written = names * (columns // len(names)), True


def _constant(value: np.floating) -> str:
    """Return a number in LLVM's language: exactly, by its bits in double precision."""
    return "0x" + struct.pack(">d", float(value)).hex()
