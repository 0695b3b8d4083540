"""Training steps that are captured once and replayed.

Every training step makes the same calls with the same arrays, whose contents differ. Finding out
which calls these are takes Python as long as the smallest networks take to compute, and a sixteenth
of a step of a 784-100-10 network. So the network captures the calls of a step and repeats them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ..sparse_rows import SparseRows
from ..typing import Array, Indices
from . import compile as compiling

Call = Callable[[], object]
Method = TypeVar("Method", bound=Callable[..., Any])


def bound(function: Callable[..., object], *arguments: Any) -> list[Call]:
    """Return calls without arguments that do what ``function(*arguments)`` does."""
    # Compiled code is replayed as its loops, without the checks before them.
    loops = getattr(function, "calls", None)
    return loops(*arguments) if loops else [partial(function, *arguments)]


class Tape:
    """Makes the calls of a training step, and captures them when asked to."""

    def __init__(self) -> None:
        self._captured: list[tuple[Callable[..., object], tuple[Any, ...]]] | None = None

    def __call__(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function.

        Parameters
        ----------
        function : callable
            A function that is called for its side effect on the arrays among its arguments. It
            may depend only on the contents of these arrays, and of objects that live as long as
            the layer.
        *arguments : object
            The same objects are passed again when the step is replayed.
        """
        function(*arguments)
        if self._captured is not None:
            self._captured.append((function, arguments))

    @contextmanager
    def capture(self) -> Iterator[list[Call]]:
        """Capture the calls made inside the ``with`` block.

        Yields
        ------
        list of callable
            Empty inside the block; filled when it ends.
        """
        calls: list[Call] = []
        self._captured = []
        try:
            yield calls
            for function, arguments in self._captured:
                calls += bound(function, *arguments)
        finally:
            self._captured = None


@dataclass
class CapturedStep:
    """The training step of one batch's arrays.

    Attributes
    ----------
    x, targets, weights : ndarray
        The batch; `x` may be :class:`~nn.sparse_rows.SparseRows`, and `weights` is None if rows are
        not weighted. Holding the arrays keeps their ids from being reused.
    logits : ndarray
        The buffer that receives the logits.
    calls : list of callable
        The calls of the step, once it is captured.
    compilations : int
        The value of ``Fused.compilations`` at that time; if it has grown since, `calls` may lack
        newer loops.
    """

    x: Array | Indices | SparseRows
    targets: Array
    weights: Array | None
    logits: Array = field(init=False)
    calls: list[Call] = field(init=False)
    compilations: int = field(default=-1, init=False)

    @property
    def is_ready(self) -> bool:
        """Whether the step can be replayed, with every loop that has been compiled so far."""
        return self.compilations == compiling.Fused.compilations

    def keep(self, calls: list[Call], logits: Array) -> None:
        """Keep the captured calls and the buffer of the logits."""
        self.calls, self.logits, self.compilations = calls, logits, compiling.Fused.compilations

    def replay(self) -> Array:
        """Repeat the step, and return its logits."""
        for call in self.calls:
            call()
        return self.logits


def replayable(method: Method) -> Method:
    """Mark a layer's pass that does all its work in calls through the tape."""
    # The mark is the method itself: `functools.wraps` copies it to a wrapper, which is not marked.
    method.replayable = method  # type: ignore[attr-defined]
    return method


def is_replayable(method: Callable[..., object]) -> bool:
    """Tell whether a layer's pass is marked; an override has to be marked again."""
    function = getattr(method, "__func__", method)
    return getattr(function, "replayable", None) is function
