"""Sequences whose class is the order of a few symbols far apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Task
from experiments.datasets.sources.made_sequences import MadeSequences, one_hot

_SYMBOLS: Final = ("E", "B", "a", "b", "c", "d", "X", "Y")
_START, _END, _RELEVANT = (_SYMBOLS.index(symbol) for symbol in "EBX")
_DISTRACTORS: Final = slice(2, 6)
_LENGTHS: Final = (100, 110)
_PLACES: Final = {2: ((10, 20), (50, 60)), 3: ((10, 20), (33, 43), (66, 76))}
_CLASSES: Final = {2: tuple("QRSU"), 3: tuple("QRSUVABC")}


@dataclass(frozen=True, kw_only=True)
class TemporalOrder(MadeSequences):
    """The order of X and Y in a long sequence (Hochreiter & Schmidhuber 1997, tasks 6a and 6b).

    A sequence of 100 to 110 symbols starts with E and ends with B; between them are random symbols
    of a, b, c and d, but for X or Y at three places, t₁ from 10 to 20, t₂ from 33 to 43 and t₃ from
    66 to 76. Which of the two is at which place decides the class: X, X, X is Q, then R, S, U, V,
    A, B, and Y, Y, Y is C. Symbols are zeros with a one.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows
        See `MadeSequences`.
    relevant : {2, 3}, default 3
        Number of the places with X or Y; 2 for those of task 6a, from 10 to 20 and from 50 to 60,
        with four classes.
    """

    name: ClassVar[str] = "temporal_order"
    task: ClassVar[Task] = Task.MULTICLASS
    relevant: Literal[2, 3] = 3

    @property
    def target_names(self) -> tuple[str, ...]:
        """The classes, in the order of X before Y."""
        return _CLASSES[self.relevant]

    @property
    def channels(self) -> tuple[str, ...]:
        """The symbols."""
        return _SYMBOLS

    def make(
        self, rng: np.random.Generator, rows: int
    ) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
        """Draw sequences."""
        each, (least, longest) = np.arange(rows), _LENGTHS
        lengths = rng.integers(least, longest + 1, rows)
        first, stop = _DISTRACTORS.start, _DISTRACTORS.stop
        symbols = rng.integers(first, stop, (rows, longest))
        classes = np.zeros(rows, np.int64)
        for low, high in _PLACES[self.relevant]:
            bits = rng.integers(0, 2, rows)
            symbols[each, rng.integers(low, high + 1, rows)] = _RELEVANT + bits
            classes = 2 * classes + bits
        symbols[:, 0] = _START
        symbols[each, lengths - 1] = _END
        symbols[np.arange(longest) >= lengths[:, np.newaxis]] = -1
        return one_hot(symbols, len(_SYMBOLS)), classes
