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
from .trace import OUTER, Stretch, Trace


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
        self._constant = trace.constant

    def bind(self, arrays: Sequence[Array], numbers: Array | None = None) -> list[Bound] | None:
        """Bind the loop to arrays, for any number of calls.

        Parameters
        ----------
        arrays : sequence of ndarray of shape (runs, ..., columns), or broadcast to it
            The arguments of the code. Those that it changes must not overlap others.
        numbers : ndarray of shape (runs, k), optional
            Contiguous.

        Returns
        -------
        list of Bound or None
            One bound loop, none for empty arrays. None if the arrays have another precision, are
            not contiguous within rows, need too many nested loops, or are not writeable but would
            be written to.
        """
        if not all(arrays[a].flags.writeable for a, _ in self._stores):
            return None
        taken = [arrays[a] for a, _ in self._places]
        if self._transposed:
            taken = [arrays[a][..., column] for a, column in self._places]
        if not all(array.dtype == self._dtype and array.flags.aligned for array in taken):
            return None
        shape = np.broadcast_shapes(*(array.shape for array in taken))
        if 0 in shape:  # a loop checks its length only after the first element
            return []
        strides = [np.broadcast_to(array, shape).strides for array in taken]
        size = self._dtype.itemsize
        wanted = [0 if a in self._constant else size for a, _ in self._places]
        if shape[-1] > 1 and [steps[-1] for steps in strides] != wanted:
            return None
        axes = _merged(shape, strides, wanted, runs_apart=numbers is not None)
        if len(axes) > OUTER + 1:
            return None
        (columns, _), outer = axes[-1], axes[:-1]
        none = 1, (0,) * len(taken)
        outer = [*outer[:1], *[none] * (OUTER - len(outer)), *outer[1:]]
        inputs = [*(count for count, _ in outer), columns]
        inputs += [0 if numbers is None else numbers.ctypes.data]
        for place, array in enumerate(taken):
            inputs += [array.ctypes.data, *(steps[place] for _, steps in outer)]
        read = np.array(inputs, np.int64)
        bound = Bound(self._code, read.ctypes.data)
        bound.owners = read, taken, numbers
        return [bound]


def _merged(
    shape: tuple[int, ...],
    strides: Sequence[tuple[int, ...]],
    wanted: Sequence[int],
    *,
    runs_apart: bool,
) -> list[tuple[int, tuple[int, ...]]]:
    """Merge axes that a single loop can go through: one long row is faster than many short ones.

    Parameters
    ----------
    shape : tuple of int
        The common shape of all arrays.
    strides : sequence of tuple of int
        The strides of each array.
    wanted : sequence of int
        The stride that each array should have along the last axis.
    runs_apart : bool
        Whether the first axis must not be merged with another one.

    Returns
    -------
    list of (int, tuple of int)
        The length of each axis, from the outermost, and each array's stride along it. There are at
        least two.
    """
    axes = list(zip(shape, zip(*strides, strict=True), strict=True))
    runs, inner = (axes[:1], axes[1:]) if runs_apart else ([], axes)
    merged: list[tuple[int, tuple[int, ...]]] = []
    for length, steps in reversed(inner):
        if length == 1:
            continue
        count, within = merged[-1] if merged else (0, steps)
        if merged and all(s == count * w for s, w in zip(steps, within, strict=True)):
            merged[-1] = length * count, within
        else:
            merged.append((length, steps))
    if not merged or list(merged[0][1]) != list(wanted):
        merged.insert(0, (1, tuple(wanted)))
    merged += runs
    if len(merged) == 1:
        merged.append((1, (0,) * len(wanted)))
    return merged[::-1]


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
                steps.append(Loop(machine_code(program), stretch, trace))
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
        The code, called as ``code(*changed, *read, scratch)`` with the arrays that it changes,
        those that it reads, and a sequence of scratch arrays. It may depend only on these and on
        shapes. An array that it reads may be broadcast along any axes.
    kind : str
        Description of `code`; the time of all code with the same description is added up.
    scratch : int
        Number of scratch arrays.
    workspace : Workspace
        Workspace for the scratch arrays.
    changed : int, default 1
        Number of arrays that the code changes, all of one shape.

    Attributes
    ----------
    compilations : int
        Number of compilations in this process, of any code.
    """

    compilations: ClassVar[int] = 0

    def __init__(
        self,
        code: Callable[..., object],
        kind: str,
        scratch: int,
        workspace: Workspace,
        changed: int = 1,
    ) -> None:
        self._code, self._kind, self._scratch, self._workspace = code, kind, scratch, workspace
        self._changed = changed
        self._compiles: bool | None = None  # unknown until it pays to find out
        self._compiled: dict[Hashable, list[Loop | NumpyCall]] = {}
        self._bound: dict[tuple[int, ...], tuple[Sequence[Array], Steps]] = {}

    def __call__(self, *arrays: Array) -> None:
        """Run the code.

        Parameters
        ----------
        *arrays : ndarray of shape (runs, ..., columns), or broadcast to it
            The arrays that the code changes, and those that it reads.
        """
        shape = arrays[0].shape
        bound_to, steps = self._bound.get(shape, _NOTHING)
        # In training the arrays are nearly always those of the previous step.
        if not steps or not all(map(operator.is_, bound_to, arrays)):
            scratch = self._scratch_for(arrays[0])
            steps = self._bind([*arrays, *scratch], len(arrays)) if self._pays() else []
            if not steps:
                began = perf_counter()
                self._code(*arrays, scratch)
                _spent[self._kind] += perf_counter() - began
                return
            self._bound[shape] = arrays, steps
        for step in steps:
            step()

    def calls(self, *arrays: Array) -> Steps:
        """Return calls without arguments that do what a call with `arrays` does, but faster.

        They are bound to these arrays also if the code has run with others since, as the code of
        a recurrent layer does, which runs for each step in time.
        """
        bound_to, steps = self._bound.get(arrays[0].shape, _NOTHING)
        if steps and all(map(operator.is_, bound_to, arrays)):
            return steps
        if self._pays():
            steps = self._bind([*arrays, *self._scratch_for(arrays[0])], len(arrays))
            if steps:
                return steps
        return [functools.partial(self, *arrays)]

    def _scratch_for(self, changed: Array) -> Array:
        """Return scratch arrays like the first array that the code changes.

        All code shares those of one shape, which hold nothing between calls.
        """
        memory = self._workspace.transposed if is_transposed(changed) else self._workspace.array
        return memory("scratch", (self._scratch, *changed.shape))

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
        length = arrays[0].shape[-1]
        constant = frozenset(
            a for a, array in enumerate(arrays) if not transposed and array.shape[-1] < length
        )

        def traced() -> Trace:
            trace = Trace(arrays[0].dtype, length if transposed else None, constant)
            values = [
                trace.array(array.shape, kept=not self._changed <= a < given)
                for a, array in enumerate(arrays)
            ]
            self._code(*values[:given], values[given:])
            trace.end(values[: self._changed])
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
def machine_code(program: str) -> Any:
    """Compile a program; return its function `loop`, which takes the address of its inputs."""
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
