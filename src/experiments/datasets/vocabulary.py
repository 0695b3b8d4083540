"""The tokens of texts, and texts as sequences of their numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from experiments.errors import DataError

Unit = Literal["characters", "words"]

# A word, a punctuation mark or a line break; blanks only part them.
_WORDS: Final = re.compile(r"\w+|[^\w\s]|\n")


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that occur in texts, in the order of their numbers.

    Parameters
    ----------
    tokens : tuple of str
        The tokens.
    unit : {"characters", "words"}
        The kind of tokens.
    unknown : str, optional
        The token, one of `tokens`, that stands for all that are not; by default others are refused.
    """

    tokens: tuple[str, ...]
    unit: Unit = "characters"
    unknown: str | None = None

    def __post_init__(self) -> None:
        if len(set(self.tokens)) < len(self.tokens) or self.unit not in get_args(Unit):
            raise ValueError("the vocabulary has a token twice, or an unknown unit")
        if self.unknown is not None and self.unknown not in self._numbers:
            raise ValueError("the token for unknown tokens is not in the vocabulary")

    @classmethod
    def of(
        cls,
        tokens: Iterable[str],
        unit: Unit,
        *,
        most: int | None = None,
        unknown: str | None = None,
    ) -> Self:
        """Make the vocabulary of some tokens, sorted.

        Parameters
        ----------
        tokens : iterable of str
            The tokens, as :func:`split_text` returns them.
        unit : {"characters", "words"}
            The kind of tokens.
        most : int, optional
            The largest number of tokens, `unknown` included: the most frequent ones, and of
            equally frequent ones the first in the order of their characters. By default all.
        unknown : str, optional
            The token for all others, which is added.
        """
        counts = Counter(tokens)
        counts.pop(unknown, None)  # type: ignore[arg-type]
        ranked = sorted(counts, key=lambda token: (-counts[token], token))
        kept = sorted(ranked if most is None else ranked[: most - (unknown is not None)])
        return cls(tuple(kept if unknown is None else [unknown, *kept]), unit, unknown)

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    def encode(self, tokens: Sequence[str], where: str = "the text") -> NDArray[np.int32]:
        """Return the numbers of tokens.

        Parameters
        ----------
        tokens : sequence of str
            The tokens.
        where : str
            The name of the text, for the message.

        Raises
        ------
        DataError
            If a token is not in the vocabulary and no token stands for such ones.
        """
        default = -1 if self.unknown is None else self._numbers[self.unknown]
        found = (self._numbers.get(token, default) for token in tokens)
        numbers = np.fromiter(found, np.int32, len(tokens))
        if len(numbers) and numbers.min() < 0:
            place = int(np.argmax(numbers < 0))
            one = self.unit.removesuffix("s")
            raise DataError(
                f"{where}, {one} {place + 1}: {tokens[place]!r} does not occur in the "
                f"{len(self):,} {self.unit} that the network was trained on. Replace or remove it."
            )
        return numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of some tokens; words are parted by blanks."""
        texts = [self.tokens[number] for number in numbers]
        if self.unit == "characters":
            return "".join(texts)
        joined = " ".join(texts)
        return re.sub(r" ?\n ?", "\n", re.sub(r" ([.,;:!?)\]}])", r"\1", joined))

    def to_plain(self) -> dict[str, Any]:
        """Return the vocabulary as plain JSON values."""
        return {"tokens": list(self.tokens), "unit": self.unit, "unknown": self.unknown}

    @classmethod
    def from_plain(cls, values: Any) -> Self:
        """Return the vocabulary of a result of `to_plain`.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is not such a result.
        """
        unknown = values["unknown"]
        return cls(
            tuple(map(str, values["tokens"])),
            values["unit"],
            None if unknown is None else str(unknown),
        )


def split_text(text: str, unit: Unit) -> Sequence[str]:
    """Divide a text into characters, or into words, punctuation marks and line breaks."""
    return text if unit == "characters" else _WORDS.findall(text)
