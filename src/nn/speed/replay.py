"""A training step's calls, noted so that they can be made again without asking what they are.

A step does what the one before has done: the same functions to the same arrays, which hold other
numbers. To find out which functions and arrays takes Python as long as the smallest networks take
to compute, and a sixteenth of a step of 784-100-10. So the network notes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ..typing import Array
from . import compile as fusion

Call = Callable[[], object]
Method = TypeVar("Method", bound=Callable[..., Any])


class Tape:
    """Makes calls, and notes them while it records."""

    def __init__(self) -> None:
        self._noted: list[tuple[Callable[..., object], tuple[Any, ...]]] | None = None

    def __call__(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function with arrays, and whatever else.

        Parameters
        ----------
        function : callable
            Its result does not matter, but what it does to the arrays. That must depend on nothing
            but what these, and objects that last as long, hold when it is called.
        *arguments
            The same objects whenever the call is made again.
        """
        function(*arguments)
        if self._noted is not None:
            self._noted.append((function, arguments))

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """Note the calls made meanwhile in the list that is given; at the end they are in it."""
        calls: list[Call] = []
        self._noted = []
        try:
            yield calls
            for function, arguments in self._noted:
                calls += _calls(function, arguments)
        finally:
            self._noted = None


def _calls(function: Callable[..., object], arguments: Sequence[Any]) -> Sequence[Call]:
    if isinstance(function, fusion.Fused):
        return function.steps(*arguments)
    return [partial(function, *arguments)]


@dataclass
class Step:
    """A training step over certain arrays.

    Attributes
    ----------
    x, targets : ndarray
        Its batch: these very arrays.
    logits : ndarray
        The buffer in which its logits are.
    calls : list of callable
        What it calls, once that was noted.
    compilations : int
        How much was compiled by then; what has been compiled since is not in `calls`.
    """

    x: Array
    targets: Array
    logits: Array = field(init=False)
    calls: list[Call] = field(init=False)
    compilations: int = field(default=-1, init=False)

    @property
    def is_noted(self) -> bool:
        """Whether it is known what it calls, by what is compiled now."""
        return self.compilations == fusion.Fused.compilations

    def note(self, calls: list[Call], logits: Array) -> None:
        """Take note of what it has just called."""
        self.calls, self.logits, self.compilations = calls, logits, fusion.Fused.compilations

    def play(self) -> Array:
        """Take the step again, and return its logits."""
        for call in self.calls:
            call()
        return self.logits


def replayable(method: Method) -> Method:
    """Mark a layer's pass of which nothing matters but what it calls through the tape."""
    # By itself: `functools.wraps` would give a plain mark to what is wrapped round it.
    method.replayable = method  # type: ignore[attr-defined]
    return method


def is_replayable(method: Callable[..., object]) -> bool:
    """Tell whether a layer's pass was so marked; one that overrides it has to be marked anew."""
    function = getattr(method, "__func__", method)
    return getattr(function, "replayable", None) is function
