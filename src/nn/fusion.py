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
import operator
import struct
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from nn.parameters import Workspace

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

define void @loop(ptr %place) {{
{loads}
  call void @passes({arguments})
  ret void
}}
"""
"""Three loops in each other; where they run is read from a list of 64-bit numbers."""


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

    def fill(self, value: float) -> None:
        """Do what the method of arrays does."""
        self.name = self._operand(value)

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
        if not isinstance(target, _Value) or target.mask:
            raise Unfusable(f"the target {target!r}")
        if result.mask:  # a truth value among numbers is 1 or 0
            result = self._emit(f"uitofp i1 {result.name} to %T")
        target.name = result.name
        return target


def _constant(value: np.floating) -> str:
    """Write a number in LLVM's language: exactly, by its bits in double precision."""
    return "0x" + struct.pack(">d", float(value)).hex()


Body = Callable[[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any]], object]


class Bound:
    """A loop and the arrays that it runs over: half a microsecond to call.

    Parameters
    ----------
    code : callable
        The machine code.
    place : ndarray of int64
        What it reads: how often each loop runs, and where the arrays are.
    owners : object
        Owns all that, so that it stays where it is.
    """

    def __init__(self, code: Any, place: NDArray[np.int64], owners: object) -> None:
        self._owners = place, owners
        self._nothing = not place[:3].all()
        self._run = functools.partial(code, place.ctypes.data)

    def __call__(self) -> None:
        """Run over the arrays as they are now."""
        if not self._nothing:
            self._run()


class Loop:
    """Elementwise code, compiled.

    Parameters
    ----------
    address : int
        Of the machine code.
    dtype : dtype
        Of the arrays that it is for.
    owner : object
        Owns the machine code.
    """

    def __init__(self, address: int, dtype: np.dtype[Any], owner: object) -> None:
        self._owner, self._dtype = owner, dtype
        self._code = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)

    def bind(self, arrays: Sequence[Array], numbers: Array | None = None) -> Bound | None:
        """Prepare to run over arrays, again and again.

        Parameters
        ----------
        arrays : sequence of ndarray
            Those that change, of shape (runs, rows, columns), none of which may overlap another;
            then those that are read, of this shape or stretched to it.
        numbers : ndarray of shape (runs, k), optional
            Contiguous.

        Returns
        -------
        Bound or None
            None if the arrays have another precision, or gaps within rows.
        """
        runs, rows, columns = shape = arrays[0].shape
        size = self._dtype.itemsize
        for array in arrays:
            gapless = array.strides[-1] == size and array.shape[-1] == columns
            if array.dtype != self._dtype or not gapless or not array.flags.aligned:
                return None
        steps = [np.broadcast_to(array, shape).strides for array in arrays]
        # One long row is faster than many short ones.
        if all(step[1] == columns * size for step in steps):
            rows, columns = 1, rows * columns
            if numbers is None and all(step[0] == columns * size for step in steps):
                runs, columns = 1, runs * columns
        place = [runs, rows, columns, 0 if numbers is None else numbers.ctypes.data]
        for array, step in zip(arrays, steps, strict=True):
            place += [array.ctypes.data, *step[:2]]
        return Bound(self._code, np.array(place, np.int64), (self, numbers, arrays))


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
        return _compile(program, dtype)
    except Exception:  # noqa: BLE001 - whatever code meant for arrays makes of what are none,
        return None  # and whatever a compiler of another age makes of ours


def _record(
    body: Body, changed: int, read: int, numbers: int, scratch: int, dtype: np.dtype[Any]
) -> str:
    """Write the loop in LLVM's language."""
    arrays = range(changed + read)
    run = [f"%first = mul i64 %u, {numbers}"]
    run += ["%own = getelementptr %T, ptr %numbers, i64 %first"]
    for n in range(numbers):
        run += [f"%at.n{n} = getelementptr %T, ptr %own, i64 {n}"]
        run += [f"%n{n} = load %T, ptr %at.n{n}"]
    row: list[str] = []
    lines: list[str] = []
    for a in arrays:
        run += [f"%run.offset{a} = mul i64 %u, %run.step{a}"]
        run += [f"%run{a} = getelementptr i8, ptr %array{a}, i64 %run.offset{a}"]
        row += [f"%row.offset{a} = mul i64 %r, %row.step{a}"]
        row += [f"%row{a} = getelementptr i8, ptr %run{a}, i64 %row.offset{a}"]
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
    places = ["i64 %runs", "i64 %rows", "i64 %columns", "ptr %numbers"]
    for a in arrays:
        places += [f"ptr %array{a}", f"i64 %run.step{a}", f"i64 %row.step{a}"]
    loads: list[str] = []
    for i, place in enumerate(places):
        kind, name = place.split()
        loads += [f"%place{i} = getelementptr i64, ptr %place, i64 {i}"]
        loads += [f"{name} = load {kind}, ptr %place{i}"]
    loop = _LOOP.format(
        parameters=", ".join(place.replace("ptr", "ptr noalias") for place in places),
        run="\n".join(run),
        row="\n".join(row),
        body="\n".join(lines),
        loads="\n".join(loads),
        arguments=", ".join(places),
    )
    kind, suffix = {"float32": ("float", "f32"), "float64": ("double", "f64")}[dtype.name]
    return f"%T = type {kind}\n" + (_DEFINITIONS + loop).replace("SUFFIX", suffix)


COMPILE_AFTER: float = 1 << 27
"""Elements after which :class:`Fused` code is compiled. Passing over so many takes NumPy about as
long as compiling takes, so that training costs at most twice what it might whether it ends soon
or late."""

_passed: Counter[Hashable] = Counter()
"""Elements that this process has passed over by each kind of code."""


class Fused:
    """Elementwise NumPy code that is compiled when that pays; until then, NumPy runs it.

    Parameters
    ----------
    code : callable
        Called as ``code(changed, *read, scratch)`` with the array that it changes, those that it
        reads, and a sequence of scratch arrays.
    kind : hashable
        What `code` does: elements are counted together for all that does the same.
    scratch : int
    workspace : Workspace
        For scratch space.
    """

    def __init__(
        self, code: Callable[..., object], kind: Hashable, scratch: int, workspace: Workspace
    ) -> None:
        self._code, self._kind, self._scratch, self._workspace = code, kind, scratch, workspace
        self._compiled = False
        self._loop: Loop | None = None
        self._bound: dict[tuple[int, ...], tuple[tuple[Array, ...], Bound]] = {}

    def __call__(self, *arrays: Array) -> None:
        """Run the code.

        Parameters
        ----------
        *arrays : ndarray
            The one that changes, (runs, rows, columns), and those that are read, of the same
            shape or stretched to it.
        """
        shape = arrays[0].shape
        bound_to, bound = self._bound.get(shape, ((), None))
        # In training the arrays are the buffers of the step before.
        if bound is None or not all(map(operator.is_, bound_to, arrays)):
            loop = self._fuse(arrays)
            bound = None if loop is None else loop.bind(arrays)
            if bound is None:
                # One memory for all code of this shape: it holds nothing between calls.
                work = self._workspace.array("scratch", (self._scratch, *shape))
                self._code(*arrays, work)
                return
            self._bound[shape] = arrays, bound
        bound()

    def _fuse(self, arrays: Sequence[Array]) -> Loop | None:
        if not self._compiled:
            _passed[self._kind] += arrays[0].size
            if _passed[self._kind] < COMPILE_AFTER:
                return None
            self._compiled = True
            self._loop = fuse(
                lambda changed, read, _, scratch: self._code(*changed, *read, scratch),
                changed=1,
                read=len(arrays) - 1,
                numbers=0,
                scratch=self._scratch,
                dtype=arrays[0].dtype,
            )
        return self._loop


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
def _compile(program: str, dtype: np.dtype[Any]) -> Loop:
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
    return Loop(engine.get_function_address("loop"), dtype, engine)
