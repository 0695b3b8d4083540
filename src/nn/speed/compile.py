"""Elementwise NumPy code compiled into one loop.

NumPy makes one pass over its arrays for each operation, and memory, not arithmetic, takes the time.
Here the code is traced (:mod:`~nn.speed.trace`), and LLVM compiles one loop that applies the same
operations in the same order to each element, none of them contracted or reordered: the same bits.
The NumPy code remains the only definition.

This needs `llvmlite <https://llvmlite.readthedocs.io>`_, the compiler behind Numba, which is
optional. Without it, and for code that is not elementwise, NumPy runs the code.
"""

from __future__ import annotations

import ctypes
import functools
import operator
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar, Final

import numpy as np

from ..typing import Array
from . import is_on
from .buffers import Workspace, is_transposed
from .trace import Stretch, Trace


class Bound(functools.partial[None]):
    """A loop bound to the arrays that it runs over.

    Attributes
    ----------
    owners : object
        References that keep the memory alive from which the machine code reads.
    """

    owners: object


class Loop:
    """A compiled loop.

    Parameters
    ----------
    code : callable
        The machine code.
    stretch : Stretch
        The instructions that were compiled.
    trace : Trace
        The trace of which they are part.
    """

    def __init__(self, code: Any, stretch: Stretch, trace: Trace) -> None:
        self._code, self._dtype = code, trace.dtype
        self._places, self._stores = stretch.places, stretch.stores
        self._transposed = trace.columns is not None  # then columns are arguments, not arrays

    def bind(self, arrays: Sequence[Array], numbers: Array | None = None) -> list[Bound] | None:
        """Bind the loop to arrays, for any number of calls.

        Parameters
        ----------
        arrays : sequence of ndarray of shape (runs, rows, columns), or broadcast to it
            The arguments of the code. Those that it changes must not overlap others.
        numbers : ndarray of shape (runs, k), optional
            Contiguous.

        Returns
        -------
        list of Bound or None
            One bound loop, none for empty arrays. None if the arrays have another precision, are
            not contiguous within rows, or are not writeable but would be written to.
        """
        if not all(arrays[a].flags.writeable for a, _ in self._stores):
            return None
        taken = [arrays[a] for a, _ in self._places]
        if self._transposed:
            taken = [arrays[a][:, np.newaxis, :, column] for a, column in self._places]
        runs, rows, columns = shape = np.broadcast_shapes(*(array.shape for array in taken))
        size = self._dtype.itemsize
        for array in taken:
            gapless = array.shape[-1] == columns and (array.strides[-1] == size or columns == 1)
            if array.dtype != self._dtype or not gapless or not array.flags.aligned:
                return None
        steps = [np.broadcast_to(array, shape).strides[:2] for array in taken]
        # One long row is faster than many short ones.
        if all(step[1] == columns * size for step in steps):
            rows, columns = 1, rows * columns
            if numbers is None and all(step[0] == columns * size for step in steps):
                runs, columns = 1, runs * columns
        inputs = [runs, rows, columns, 0 if numbers is None else numbers.ctypes.data]
        for array, step in zip(taken, steps, strict=True):
            inputs += [array.ctypes.data, *step]
        if 0 in inputs[:3]:  # a loop checks its length only after the first element
            return []
        read = np.array(inputs, np.int64)
        bound = Bound(self._code, read.ctypes.data)
        bound.owners = read, taken, numbers
        return [bound]


@dataclass(frozen=True)
class NumpyCall:
    """A call of a ufunc between two loops.

    Parameters
    ----------
    ufunc : ufunc
        The function to call.
    source, target : int
        Positions of its input and its output among the arrays of the code.
    """

    ufunc: np.ufunc
    source: int
    target: int

    def bind(self, arrays: Sequence[Array]) -> list[Callable[[], object]]:
        """Bind the call to arrays."""
        return [functools.partial(self.ufunc, arrays[self.source], arrays[self.target])]


Body = Callable[[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any]], object]
Steps = list[Callable[[], object]]


def fuse(
    body: Body, *, changed: int, read: int, numbers: int, scratch: int, dtype: np.dtype[Any]
) -> Loop | None:
    """Compile elementwise NumPy code into one loop.

    Parameters
    ----------
    body : callable
        The code, called as ``body(changed, read, numbers, scratch)`` with sequences of stand-ins
        for arrays: those that it changes; those that it reads, and may use as scratch space, since
        they are not written back; those with one number for each run; and scratch space. It may
        depend on nothing else.
    changed, read, numbers, scratch : int
        Lengths of these sequences.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    Loop or None
        None if llvmlite is not installed, or if `body` does something that no loop can do.
    """

    def traced() -> Trace:
        trace = Trace(dtype)
        arrays = [trace.array(kept=a < changed) for a in range(changed + read)]
        body(
            arrays[:changed],
            arrays[changed:],
            [trace.number(n) for n in range(numbers)],
            [trace.scratch() for _ in range(scratch)],
        )
        trace.end(arrays[:changed])
        return trace

    match _compile_all(traced, numbers):
        case [Loop() as loop]:
            return loop
    return None


def _compile_all(traced: Callable[[], Trace], numbers: int = 0) -> list[Loop | NumpyCall]:
    """Compile traced code into loops and the calls of NumPy between them.

    The list is empty if the code cannot be compiled, or does nothing to its arrays.
    """
    if _llvm() is None:
        return []
    try:
        trace, again = traced(), traced()
        programs = trace.programs(numbers)
        # Two traces differ if the code draws random numbers or counts its calls; a loop would
        # repeat what it did the first time.
        if again.programs(numbers) != programs or again.calls != trace.calls:
            return []
        steps: list[Loop | NumpyCall] = []
        for i, (stretch, program) in enumerate(zip(trace.stretches, programs, strict=True)):
            if stretch.stores:
                steps.append(Loop(_compile(program), stretch, trace))
            steps += [NumpyCall(*call) for call in trace.calls[i : i + 1]]
        return steps
    # Code written for arrays may raise anything when it gets stand-ins, and so may a version of
    # LLVM that does not know our instructions.
    except Exception:  # noqa: BLE001
        return []


COMPILE_AFTER: float = 0.05
"""Seconds that NumPy runs :class:`Fused` code before it is compiled. Compiling takes about as long,
so that whenever training ends it has taken at most twice the time of the better choice."""

_spent: defaultdict[str, float] = defaultdict(float)
"""Seconds that NumPy has run each kind of code in this process."""

_MOST_COLUMNS = 32
"""Most columns of a transposed array that is compiled, since each has its own instructions."""

_NOTHING: Final[tuple[Sequence[Array], Steps]] = ((), [])


class Fused:
    """Elementwise NumPy code that is compiled when that pays; until then, NumPy runs it.

    Exponentials and logarithms, whose bits only NumPy can reproduce, remain calls between two
    loops. Sums and maxima over the last axis are compiled where the arrays are transposed
    (:meth:`~nn.speed.buffers.Workspace.transposed`).

    Parameters
    ----------
    code : callable
        The code, called as ``code(changed, *read, scratch)`` with the array that it changes, those
        that it reads, and a sequence of scratch arrays. It may depend only on these and on shapes.
    kind : str
        Description of `code`; the time of all code with the same description is added up.
    scratch : int
        Number of scratch arrays.
    workspace : Workspace
        Workspace for the scratch arrays.

    Attributes
    ----------
    compilations : int
        Number of compilations in this process, of any code.
    """

    compilations: ClassVar[int] = 0

    def __init__(
        self, code: Callable[..., object], kind: str, scratch: int, workspace: Workspace
    ) -> None:
        self._code, self._kind, self._scratch, self._workspace = code, kind, scratch, workspace
        self._compiles: bool | None = None  # unknown until it pays to find out
        self._compiled: dict[Hashable, list[Loop | NumpyCall]] = {}
        self._bound: dict[tuple[int, ...], tuple[Sequence[Array], Steps]] = {}

    def __call__(self, *arrays: Array) -> None:
        """Run the code.

        Parameters
        ----------
        *arrays : ndarray of shape (runs, rows, columns), or broadcast to it
            The array that the code changes, and those that it reads.
        """
        changed = arrays[0]
        bound_to, steps = self._bound.get(changed.shape, _NOTHING)
        # In training the arrays are nearly always those of the previous step.
        if not steps or not all(map(operator.is_, bound_to, arrays)):
            # All code shares scratch arrays of one shape, which hold nothing between calls.
            memory = self._workspace.transposed if is_transposed(changed) else self._workspace.array
            scratch = memory("scratch", (self._scratch, *changed.shape))
            steps = self._bind([*arrays, *scratch], len(arrays)) if self._pays() else []
            if not steps:
                began = perf_counter()
                self._code(*arrays, scratch)
                _spent[self._kind] += perf_counter() - began
                return
            self._bound[changed.shape] = arrays, steps
        for step in steps:
            step()

    def calls(self, *arrays: Array) -> Steps:
        """Return calls without arguments that do what a call with `arrays` does, but faster."""
        bound_to, steps = self._bound.get(arrays[0].shape, _NOTHING)
        if steps and all(map(operator.is_, bound_to, arrays)):
            return steps
        return [functools.partial(self, *arrays)]

    def _pays(self) -> bool:
        """Tell whether it pays to compile, if that is possible."""
        if self._compiles is None and _spent[self._kind] >= COMPILE_AFTER:
            self._compiles = _llvm() is not None
        return bool(self._compiles)

    def _bind(self, arrays: Sequence[Array], given: int) -> Steps:
        """Bind the compiled code to arrays; return nothing if NumPy has to run it."""
        transposed = is_transposed(arrays[0])
        if transposed and arrays[0].shape[-1] > _MOST_COLUMNS:
            return []
        key = transposed, *(array.shape for array in arrays)
        if key not in self._compiled:
            self._compiled[key] = self._compile(arrays, given, transposed)
            Fused.compilations += 1
        steps: Steps = []
        for step in self._compiled[key]:
            bound = step.bind(arrays)
            if bound is None:
                return []
            steps += bound
        return steps

    def _compile(
        self, arrays: Sequence[Array], given: int, transposed: bool
    ) -> list[Loop | NumpyCall]:
        columns = arrays[0].shape[-1] if transposed else None

        def traced() -> Trace:
            trace = Trace(arrays[0].dtype, columns)
            values = [
                trace.array(array.shape, kept=not 0 < a < given) for a, array in enumerate(arrays)
            ]
            self._code(*values[:given], values[given:])
            trace.end(values[:1])
            return trace

        return _compile_all(traced)


def compiler() -> str | None:
    """Return the compiler's name and version; None if it is not installed."""
    llvm = _llvm()
    return None if llvm is None else "LLVM " + ".".join(map(str, llvm.llvm_version_info))


def _llvm() -> Any:
    """Return the compiler; None if it is not installed or switched off."""
    return _imported_llvm() if is_on("compile") else None


@functools.cache
def _imported_llvm() -> Any:
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError):
        return None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def _compile(program: str) -> Any:
    """Compile a program; return its loop."""
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
    code = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address("loop"))
    code.owner = engine  # type: ignore[attr-defined]
    return code
