"""Symbols to write again after a long time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Task
from experiments.datasets.sources.made_sequences import MadeSequences, one_hot
from nn.component import Interval

_SYMBOLS: Final = tuple("abcdefgh")
_BLANK: Final = len(_SYMBOLS)
_DELIMITER: Final = _BLANK + 1
_COPIED: Final = 10


@dataclass(frozen=True, kw_only=True)
class Copy(MadeSequences):
    """Ten symbols to remember and to write again (Arjovsky et al. 2016, section 4.1).

    A sequence is ten random symbols of eight, T - 1 blanks, a delimiter, and ten blanks. The target
    of each of the T + 20 steps is a blank, but for the last ten, whose targets are the symbols.
    Without a memory, the loss is 10·log(8)/(T + 20) at best. Symbols are zeros with a one.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows
        See `MadeSequences`.
    delay : int, default 100
        T, from 1 to 10,000.
    """

    name: ClassVar[str] = "copy"
    task: ClassVar[Task] = Task.MULTICLASS
    padded: ClassVar[bool] = False
    delay: Annotated[int, Interval(1, 10_000)] = 100

    @property
    def target_names(self) -> tuple[str, ...]:
        """The symbols, and the blank."""
        return (*_SYMBOLS, "blank")

    @property
    def channels(self) -> tuple[str, ...]:
        """The symbols, the blank and the delimiter."""
        return (*_SYMBOLS, "blank", "delimiter")

    def make(
        self, rng: np.random.Generator, rows: int
    ) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
        """Draw sequences."""
        shape = rows, self.delay + 2 * _COPIED
        symbols, targets = np.full(shape, _BLANK), np.full(shape, _BLANK)
        symbols[:, :_COPIED] = targets[:, -_COPIED:] = rng.integers(0, _BLANK, (rows, _COPIED))
        symbols[:, -_COPIED - 1] = _DELIMITER
        return one_hot(symbols, len(self.channels)), targets
