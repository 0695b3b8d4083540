"""Strings of the embedded Reber grammar, to predict the next symbol at each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Task
from experiments.datasets.sources.made_sequences import MadeSequences, one_hot
from nn.component import Interval
from nn.metrics import Predictions, Wrong

SYMBOLS: Final = "BTSXPVE"

_REBER: Final = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)
"""The grammar of Reber (1967): for each state, the symbols that may follow, and the next state."""


def _embedded() -> tuple[dict[str, int], ...]:
    """Return the grammar in which a Reber string stands between two T, or between two P."""
    size = len(_REBER) + 1  # its states, and the one after it
    states: list[dict[str, int]] = [{"B": 1}, {"T": 2, "P": 2 + size}]
    for place, symbol in enumerate("TP"):
        first = 2 + place * size
        states += [{s: first + to for s, to in row.items()} for row in _REBER]
        states.append({symbol: 2 + 2 * size})
    return (*states, {"E": 3 + 2 * size})


GRAMMAR: Final = _embedded()
"""The embedded grammar. The first state is 0; the last one has no row, since it ends the string."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedReber(MadeSequences):
    """Strings of the embedded Reber grammar (Hochreiter & Schmidhuber 1997, task 1).

    A string is B, T or P, a string of the Reber grammar, the same T or P again, and E; where two
    symbols may follow, each is as likely. The target of each step is the next symbol. The last but
    one depends on what came at least nine steps before. Symbols are zeros with a one. How many
    strings are right is counted by :class:`WrongStrings`.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows
        See `MadeSequences`.
    longest : int, default 40
        Largest number of symbols of a string, at least 20; longer ones are drawn again, since all
        sequences take the memory and the time of the longest.
    """

    name: ClassVar[str] = "embedded_reber"
    task: ClassVar[Task] = Task.MULTICLASS
    longest: Annotated[int, Interval(20, 1000)] = 40

    @property
    def target_names(self) -> tuple[str, ...]:
        """The symbols."""
        return tuple(SYMBOLS)

    @property
    def channels(self) -> tuple[str, ...]:
        """The symbols."""
        return tuple(SYMBOLS)

    def make(
        self, rng: np.random.Generator, rows: int
    ) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
        """Draw strings."""
        symbols = np.full((rows, self.longest), -1)
        for row in range(rows):
            string = self._drawn(rng)
            symbols[row, : len(string)] = [SYMBOLS.index(symbol) for symbol in string]
        inputs, targets = symbols[:, :-1].copy(), symbols[:, 1:]
        inputs[targets < 0] = -1  # nothing follows the last symbol
        return one_hot(inputs, len(SYMBOLS)), targets

    def _drawn(self, rng: np.random.Generator) -> str:
        while True:
            string, state = "", 0
            while state < len(GRAMMAR) and len(string) <= self.longest:
                following = sorted(GRAMMAR[state])
                symbol = following[rng.integers(len(following))]
                string, state = string + symbol, GRAMMAR[state][symbol]
            if len(string) <= self.longest:
                return string


@dataclass(frozen=True)
class WrongStrings(Wrong):
    """Number of strings of the embedded Reber grammar that are predicted wrongly.

    A string is right if at each step the largest outputs are those of the symbols that may follow
    (Hochreiter & Schmidhuber 1997, task 1).
    """

    name: ClassVar[str] = "wrong_strings"
    title: ClassVar[str] = "wrong strings"
    tasks = ("multiclass",)

    def wrong(self, predictions: Predictions) -> NDArray[np.bool_]:
        """Return which steps are wrong, (runs, steps)."""
        may_follow = self._may_follow(predictions)
        lowest = np.where(may_follow, predictions.outputs, np.inf).min(axis=2)
        highest = np.where(may_follow, -np.inf, predictions.outputs).max(axis=2)
        wrong: NDArray[np.bool_] = ~(lowest > highest)
        return wrong

    @staticmethod
    def _may_follow(predictions: Predictions) -> NDArray[np.bool_]:
        """Return which symbols may follow at each step, (steps, symbols), read from the truth."""
        sequences = predictions.sequences
        if sequences is None:
            raise ValueError("wrong_strings is for sequences")
        may_follow = np.zeros(predictions.targets.shape, bool)
        state, last = 0, -1
        for step, symbol in enumerate(predictions.targets.argmax(axis=1).tolist()):
            if sequences[step] != last:  # the first target follows the first symbol
                last, state = sequences[step], GRAMMAR[0]["B"]
            following = GRAMMAR[state]
            for one in following:
                may_follow[step, SYMBOLS.index(one)] = True
            state = following[SYMBOLS[symbol]]
        return may_follow
