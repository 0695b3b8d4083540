"""Many passes over arrays in one: elementwise NumPy code, recorded once and compiled.

NumPy goes over its arrays once for each operation; memory, not arithmetic, takes the time. Here
such code is called with stand-ins that note what is done to them, and LLVM compiles one loop
that does the same to each element: the same operations in the same order, none of them
contracted or reordered, and so the same bits. The NumPy code stays the only definition.

This needs `llvmlite <https://llvmlite.readthedocs.io>`_, the compiler behind Numba, which is
optional; without it, or for code that is not elementwise, there is no loop and NumPy goes on.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

Array = NDArray[np.floating]


class Unfusable(TypeError):
    """Something is done to arrays that a loop over their elements cannot do."""


_INSTRUCTIONS: Final[dict[np.ufunc, str]] = {
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
_COMPARISONS: Final[dict[np.ufunc, str]] = {
    np.equal: "fcmp oeq %T {}, {}",
    np.not_equal: "fcmp une %T {}, {}",
    np.less: "fcmp olt %T {}, {}",
    np.less_equal: "fcmp ole %T {}, {}",
    np.greater: "fcmp ogt %T {}, {}",
    np.greater_equal: "fcmp oge %T {}, {}",
}
"""What each ufunc is for one element, in LLVM's language; %T is the type of the numbers."""

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
define void @loop(i64 %rows, i64 %columns, i64 %stride, ptr noalias %numbers{parameters}) {{
entry:
  br label %row
row:
  %r = phi i64 [0, %entry], [%r.next, %end]
  %start = mul i64 %r, %stride
{before}
  br label %element
element:
  %i = phi i64 [0, %row], [%i.next, %element]
{body}
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %columns
  br i1 %more, label %element, label %end
end:
  %r.next = add i64 %r, 1
  %r.more = icmp ult i64 %r.next, %rows
  br i1 %r.more, label %row, label %exit
exit:
  ret void
}}
"""


class _Value(NDArrayOperatorsMixin):
    """Stands for an array: each operation on it becomes an instruction on one element.

    Parameters
    ----------
    body : list of str
        The instructions so far, to which those on this array are added.
    dtype : dtype
    name : str, optional
        What the element is called; None for scratch space that nothing was written to.
    mask : bool, default False
        Whether it is a truth value, not a number.
    """

    def __init__(
        self, body: list[str], dtype: np.dtype[Any], name: str | None = None, mask: bool = False
    ) -> None:
        self.body, self.dtype, self.name, self.mask = body, dtype, name, mask

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, out: Any = None, **options: object
    ) -> _Value:
        instruction = _INSTRUCTIONS.get(ufunc) or _COMPARISONS.get(ufunc)
        if instruction is None or method != "__call__" or options:
            raise Unfusable(f"{ufunc.__name__} {method} {options}")
        operands = [self._operand(value) for value in inputs]
        result = self._emit(instruction.format(*operands), mask=ufunc in _COMPARISONS)
        return result if out is None else self._write(out[0], result)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> None:
        if function is not np.copyto:
            raise Unfusable(function.__name__)
        self._copy(*args, **kwargs)

    def __bool__(self) -> bool:
        raise Unfusable("a decision that depends on the numbers")

    def _copy(self, target: Any, source: Any, *, where: Any = None) -> None:
        value = self._operand(source)
        if where is not None:
            kept = self._operand(target)
            if not (isinstance(where, _Value) and where.mask):
                raise Unfusable(f"where={where!r}")
            value = str(self._emit(f"select i1 {where.name}, %T {value}, %T {kept}").name)
        self._write(target, _Value(self.body, self.dtype, value))

    def _operand(self, value: object) -> str:
        if isinstance(value, _Value) and value.name is not None and not value.mask:
            return value.name
        if type(value) in (int, float):  # which take the arrays' precision, as in NumPy
            return _constant(self.dtype.type(value))
        raise Unfusable(f"a number that is {value!r}")

    def _emit(self, instruction: str, *, mask: bool = False) -> _Value:
        name = f"%v{len(self.body)}"
        self.body.append(f"{name} = {instruction}")
        return _Value(self.body, self.dtype, name, mask)

    def _write(self, target: object, result: _Value) -> _Value:
        if not isinstance(target, _Value) or target.mask or result.mask:
            raise Unfusable(f"the target {target!r}")
        target.name = result.name
        return target


def _constant(value: np.floating) -> str:
    """Write a number in LLVM's language: exactly, by its bits in double precision."""
    return "0x" + struct.pack(">d", float(value)).hex()


Body = Callable[[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any]], None]


class Loop:
    """Elementwise code, compiled.

    Parameters
    ----------
    address : int
        Of the machine code.
    arrays : int
        How many arrays it takes.
    owner : object
        Owns the machine code.
    """

    def __init__(self, address: int, arrays: int, owner: object) -> None:
        self._owner = owner
        pointers = [ctypes.c_void_p] * (1 + arrays)
        self._call = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3, *pointers)(address)

    def __call__(self, arrays: Sequence[Array], columns: slice, numbers: Array) -> None:
        """Run over some columns of arrays that are :func:`alike`.

        Parameters
        ----------
        arrays : sequence of ndarray of shape (rows, n)
            Those that change, then those that are read; none may overlap.
        columns : slice
            With a start and a stop, within the arrays.
        numbers : ndarray of shape (rows, k)
            Contiguous and writeable.
        """
        rows, width = arrays[0].shape
        if rows and columns.start < columns.stop:
            skipped = columns.start * arrays[0].itemsize
            self._call(
                rows,
                columns.stop - columns.start,
                width,
                _address(numbers) if numbers.size else None,
                *[_address(array) + skipped for array in arrays],
            )


def alike(arrays: Sequence[Array]) -> bool:
    """Tell whether arrays have one precision and shape, and are contiguous and writeable."""
    dtype, shape = arrays[0].dtype, arrays[0].shape
    return all(a.dtype == dtype and a.shape == shape and a.flags.carray for a in arrays)


def _address(array: Array) -> int:
    # Four times as fast as asking the array itself, which counts with small networks.
    return ctypes.addressof(ctypes.c_char.from_buffer(array.data))


def fuse(
    body: Body, *, changed: int, read: int, numbers: int, scratch: int, dtype: np.dtype[Any]
) -> Loop | None:
    """Compile elementwise NumPy code.

    Parameters
    ----------
    body : callable
        Called as ``body(changed, read, numbers, scratch)`` with sequences of stand-ins for as
        many arrays: those that it changes; those that it reads, and may use as scratch space,
        since nothing is written back; those with one number a row; and scratch space. What it
        does must depend on nothing else.
    changed, read, numbers, scratch : int
    dtype : dtype
        float32 or float64.

    Returns
    -------
    Loop or None
        None where llvmlite is not installed or `body` does what no loop can.
    """
    if _llvm() is None:
        return None
    try:
        program = _record(body, changed, read, numbers, scratch, dtype)
        # Code that draws a number or counts its calls would have it frozen in the loop.
        if _record(body, changed, read, numbers, scratch, dtype) != program:
            return None
        return _compile(program, changed + read)
    except Exception:  # noqa: BLE001 - whatever code meant for arrays makes of what are none,
        return None  # and whatever a compiler of another age makes of ours


def _record(
    body: Body, changed: int, read: int, numbers: int, scratch: int, dtype: np.dtype[Any]
) -> str:
    """Write the loop in LLVM's language."""
    arrays = range(changed + read)
    before = [f"%row{a} = getelementptr %T, ptr %array{a}, i64 %start" for a in arrays]
    before += [f"%first = mul i64 %r, {numbers}"]
    before += ["%own = getelementptr %T, ptr %numbers, i64 %first"]
    for n in range(numbers):
        before += [f"%at.n{n} = getelementptr %T, ptr %own, i64 {n}"]
        before += [f"%n{n} = load %T, ptr %at.n{n}"]
    lines: list[str] = []
    for a in arrays:
        lines += [f"%at{a} = getelementptr %T, ptr %row{a}, i64 %i"]
        lines += [f"%x{a} = load %T, ptr %at{a}"]
    values = [_Value(lines, dtype, f"%x{a}") for a in arrays]
    body(
        values[:changed],
        values[changed:],
        [_Value(lines, dtype, f"%n{n}") for n in range(numbers)],
        [_Value(lines, dtype) for _ in range(scratch)],
    )
    lines += [f"store %T {values[a].name}, ptr %at{a}" for a in range(changed)]
    loop = _LOOP.format(
        parameters="".join(f", ptr noalias %array{a}" for a in arrays),
        before="\n".join(before),
        body="\n".join(lines),
    )
    kind, suffix = {"float32": ("float", "f32"), "float64": ("double", "f64")}[dtype.name]
    return f"%T = type {kind}\n" + (_DEFINITIONS + loop).replace("SUFFIX", suffix)


def compiler() -> str | None:
    """Name the compiler and its version; None where there is none."""
    llvm = _llvm()
    return None if llvm is None else "LLVM " + ".".join(map(str, llvm.llvm_version_info))


@functools.cache
def _llvm() -> Any:
    """Import the compiler; None where there is none."""
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError):
        return None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def _compile(program: str, arrays: int) -> Loop:
    llvm = _llvm()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    module = llvm.parse_assembly(program)
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    passes = llvm.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return Loop(engine.get_function_address("loop"), arrays, engine)
