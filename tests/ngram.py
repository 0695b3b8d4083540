"""An interpolated n-gram of tokens: what a neural language model has to beat."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np


class NGram:
    """Counts of tokens after contexts of 0 to `order` tokens, interpolated (Witten & Bell 1991).

    The probability after a context is (c + d · p) / (n + d), where the token was seen c times among
    the n tokens after it, which are d different ones, and p is its probability after a context that
    is shorter by one token; after none, all tokens are equally probable.
    """

    def __init__(self, tokens: Sequence[int], vocabulary: int, order: int) -> None:
        self.vocabulary, self.order = vocabulary, order
        self.counts: list[dict[tuple[int, ...], Counter[int]]] = []
        for length in range(order + 1):
            after: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
            for place in range(length, len(tokens)):
                after[tuple(tokens[place - length : place])][tokens[place]] += 1
            self.counts.append(dict(after))

    def probability(self, token: int, context: tuple[int, ...]) -> float:
        """The probability of a token after at least as many tokens as the order."""
        share = 1 / self.vocabulary
        for length, after in enumerate(self.counts):
            seen = after.get(context[len(context) - length :])
            if seen is not None:
                different = len(seen)
                share = (seen[token] + different * share) / (seen.total() + different)
        return share

    def bits(self, tokens: Sequence[int]) -> float:
        """Mean -log₂ probability of all tokens that have a whole context."""
        tokens = list(tokens)
        shares = [
            self.probability(tokens[place], tuple(tokens[place - self.order : place]))
            for place in range(self.order, len(tokens))
        ]
        return float(-np.log2(shares).mean())
