"""Many passes over arrays in one: elementwise NumPy code, recorded once and compiled.

NumPy goes over its arrays once for each operation; memory, not arithmetic, takes the time. Here
such code is called with stand-ins that note what is done to them (:mod:`nn.speed.trace`), and LLVM
compiles one loop that does the same to each element: the same operations in the same order, none
of them contracted or reordered, and so the same bits. The NumPy code stays the only definition.

This needs `llvmlite <https://llvmlite.readthedocs.io>`_, the compiler behind Numba, which is
optional; without it, or for code that is not elementwise, there is no loop and NumPy goes on.
"""

from __future__ import annotations

import ctypes
import functools
import operator
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from time import perf_counter
from typing import Any, ClassVar, Final

import numpy as np

from ..typing import Array
from .buffers import Workspace, is_turned
from .trace import Recording, Stretch


class Bound(functools.partial[None]):
    """A loop and the arrays that it runs over, as they are when it is called.

    Attributes
    ----------
    owners : object
        Owns what the machine code reads, so that it stays where it is.
    """

    owners: object


class Loop:
    """Elementwise code, compiled.

    Parameters
    ----------
    code : callable
        The machine code.
    stretch : Stretch
        What it does, and to which arrays.
    recording : Recording
        What it is a part of.
    """

    def __init__(self, code: Any, stretch: Stretch, recording: Recording) -> None:
        self._code, self._dtype = code, recording.dtype
        self._places, self._stores = stretch.places, stretch.stores
        self._turned = recording.columns is not None  # it takes columns, not whole arrays

    def bind(self, arrays: Sequence[Array], numbers: Array | None = None) -> list[Bound] | None:
        """Prepare to run over arrays, again and again.

        Parameters
        ----------
        arrays : sequence of ndarray
            Those of the code, each of shape (runs, rows, columns) or stretched to it. Those that
            change must not overlap others.
        numbers : ndarray of shape (runs, k), optional
            Contiguous.

        Returns
        -------
        list of Bound or None
            What to call: one, or nothing for empty arrays. None if the arrays have another
            precision, or gaps within rows, or must not change.
        """
        if not all(arrays[a].flags.writeable for a, _ in self._stores):
            return None
        taken = [arrays[a] for a, _ in self._places]
        if self._turned:
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
        if 0 in inputs[:3]:  # the loop would do something before it asks how long it is
            return []
        read = np.array(inputs, np.int64)
        bound = Bound(self._code, read.ctypes.data)
        bound.owners = read, taken, numbers
        return [bound]


Body = Callable[[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any]], object]
Call = tuple[np.ufunc, int, int]
Steps = list[Callable[[], object]]


def fuse(
    body: Body, *, changed: int, read: int, numbers: int, scratch: int, dtype: np.dtype[Any]
) -> Loop | None:
    """Compile elementwise NumPy code into one loop.

    Parameters
    ----------
    body : callable
        Called as ``body(changed, read, numbers, scratch)`` with sequences of stand-ins for as
        many arrays: those that it changes; those that it reads, and may use as scratch space,
        since nothing is written back; those with one number a run; and scratch space. What it
        does must depend on nothing else.
    changed, read, numbers, scratch : int
    dtype : dtype
        float32 or float64.

    Returns
    -------
    Loop or None
        None where llvmlite is not installed or `body` does what no loop can.
    """

    def record() -> Recording:
        recording = Recording(dtype)
        arrays = [recording.array(kept=a < changed) for a in range(changed + read)]
        body(
            arrays[:changed],
            arrays[changed:],
            [recording.number(n) for n in range(numbers)],
            [recording.scratch() for _ in range(scratch)],
        )
        recording.end(arrays[:changed])
        return recording

    match _compile_all(record, numbers):
        case [Loop() as loop]:
            return loop
    return None


def _compile_all(record: Callable[[], Recording], numbers: int = 0) -> list[Loop | Call]:
    """Compile what is recorded: loops, and what NumPy does between them; nothing if it cannot be.

    Code that does nothing to its arrays gives nothing, either.
    """
    if _llvm() is None:
        return []
    try:
        recording, again = record(), record()
        programs = recording.programs(numbers)
        # Code that draws a number or counts its calls would have it frozen in the loop.
        if again.programs(numbers) != programs or again.calls != recording.calls:
            return []
        steps: list[Loop | Call] = []
        for i, (stretch, program) in enumerate(zip(recording.stretches, programs, strict=True)):
            if stretch.stores:
                steps.append(Loop(_compile(program), stretch, recording))
            steps += recording.calls[i : i + 1]
        return steps
    except Exception:  # noqa: BLE001 - whatever code meant for arrays makes of what are none,
        return []  # and whatever a compiler of another age makes of ours


COMPILE_AFTER: float = 0.05
"""Seconds of NumPy's after which :class:`Fused` code is compiled, about as many as that takes, so
that training costs at most twice what it might whether it ends soon or late."""

_spent: defaultdict[str, float] = defaultdict(float)
"""Seconds that NumPy has spent in this process with each kind of code."""

_MOST_COLUMNS = 32
"""Of arrays whose columns are apart in memory; each has its own instructions."""

_NOTHING: Final[tuple[Sequence[Array], Steps]] = ((), [])


class Fused:
    """Elementwise NumPy code that is compiled when that pays; until then, NumPy runs it.

    What no loop can do with the same bits, exponentials and the like, stays with NumPy: then
    there is a loop before and one after it. Sums and maxima over the last axis are done in a loop
    where the arrays are turned (:meth:`~nn.speed.buffers.Workspace.turned`).

    Parameters
    ----------
    code : callable
        Called as ``code(changed, *read, scratch)`` with the array that it changes, those that it
        reads, and a sequence of scratch arrays. What it does must depend on shapes alone.
    kind : str
        What `code` does: time is taken together for all that does the same.
    scratch : int
    workspace : Workspace
        For scratch space.

    Attributes
    ----------
    compilations : int
        How often any of it has been compiled in this process.
    """

    compilations: ClassVar[int] = 0

    def __init__(
        self, code: Callable[..., object], kind: str, scratch: int, workspace: Workspace
    ) -> None:
        self._code, self._kind, self._scratch, self._workspace = code, kind, scratch, workspace
        self._compiles: bool | None = None  # not known before it pays to find out
        self._compiled: dict[Hashable, list[Loop | Call]] = {}
        self._bound: dict[tuple[int, ...], tuple[Sequence[Array], Steps]] = {}

    def __call__(self, *arrays: Array) -> None:
        """Run the code.

        Parameters
        ----------
        *arrays : ndarray
            The one that changes, (runs, rows, columns), and those that are read, of the same
            shape or stretched to it.
        """
        changed = arrays[0]
        bound_to, steps = self._bound.get(changed.shape, _NOTHING)
        # In training the arrays are the buffers of the step before.
        if not steps or not all(map(operator.is_, bound_to, arrays)):
            # One memory for all code of this shape: it holds nothing between calls.
            memory = self._workspace.turned if is_turned(changed) else self._workspace.array
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

    def steps(self, *arrays: Array) -> Steps:
        """Return what a call with the arrays of the last one comes to: loops, once compiled."""
        bound_to, steps = self._bound.get(arrays[0].shape, _NOTHING)
        if steps and all(map(operator.is_, bound_to, arrays)):
            return steps
        return [functools.partial(self, *arrays)]

    def _pays(self) -> bool:
        """Tell whether it pays to compile, which may turn out impossible."""
        if self._compiles is None and _spent[self._kind] >= COMPILE_AFTER:
            self._compiles = _llvm() is not None
        return bool(self._compiles)

    def _bind(self, arrays: Sequence[Array], given: int) -> Steps:
        """Return what the code does to these arrays, step by step; nothing if that is NumPy's."""
        turned = is_turned(arrays[0])
        if turned and arrays[0].shape[-1] > _MOST_COLUMNS:
            return []
        key = turned, *(array.shape for array in arrays)
        if key not in self._compiled:
            self._compiled[key] = self._compile(arrays, given, turned)
            Fused.compilations += 1
        steps: Steps = []
        for step in self._compiled[key]:
            if isinstance(step, Loop):
                bound = step.bind(arrays)
                if bound is None:
                    return []
                steps += bound
            else:
                ufunc, source, target = step
                steps.append(functools.partial(ufunc, arrays[source], arrays[target]))
        return steps

    def _compile(self, arrays: Sequence[Array], given: int, turned: bool) -> list[Loop | Call]:
        columns = arrays[0].shape[-1] if turned else None

        def record() -> Recording:
            recording = Recording(arrays[0].dtype, columns)
            values = [
                recording.array(array.shape, kept=not 0 < a < given)
                for a, array in enumerate(arrays)
            ]
            self._code(*values[:given], values[given:])
            recording.end(values[:1])
            return recording

        return _compile_all(record)


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
