"""A trained network of texts: what it expects next, and what it writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.vocabulary import Vocabulary, split_text
from experiments.errors import DataError
from nn.layers.shapes import check_causal, shapes_of
from nn.network import Network
from nn.randomness import stream

Probabilities = NDArray[np.float64]


class LanguageModel:
    """A network that predicts the next token at each step of a sequence.

    The network takes sequences of the length that it was trained on. Shorter ones are filled up at
    their end, which changes nothing before it; of longer ones, it sees the last tokens.

    Parameters
    ----------
    network : Network
        The network, of one run.
    vocabulary : Vocabulary
        The tokens, which are also its classes.

    Raises
    ------
    DataError
        If the network sees later tokens at a step, so that it predicts what it has seen.
    """

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        self._network, self.vocabulary = network, vocabulary
        (self.length,) = network.shape
        try:
            check_causal(network.layers, shapes_of(network.layers, network.shape))
        except ValueError as error:
            raise DataError(
                f"{error}, so the network cannot predict the next token. Choose another run."
            ) from error

    def encode(self, text: str, where: str = "the text") -> NDArray[np.int32]:
        """Return the numbers of a text's tokens.

        Raises
        ------
        DataError
            If the text is empty, or a token is not in the vocabulary; the message begins with
            `where`.
        """
        tokens = split_text(text, self.vocabulary.unit)
        if not tokens:
            one = self.vocabulary.unit.removesuffix("s")
            raise DataError(f"{where} is empty. It needs at least one {one}.")
        return self.vocabulary.encode(tokens, where)

    def next(self, tokens: Sequence[int] | NDArray[np.integer]) -> Probabilities:
        """Return the probability of each next token after a sequence of at least one token."""
        seen = list(tokens)[-self.length :]
        probabilities: Probabilities = self._predict([seen])[0, len(seen) - 1]
        return probabilities

    def bits(self, tokens: NDArray[np.integer]) -> float:
        """Return the mean -log₂ probability of each token after the first.

        The text is cut into sequences as in training, of which each is read as if nothing came
        before it. NaN for a single token.
        """
        if len(tokens) < 2:
            return float("nan")
        given, following = tokens[:-1], tokens[1:]
        starts = range(0, len(given), self.length)
        predicted = self._predict([given[start : start + self.length] for start in starts])
        shares = predicted.reshape(-1, len(self.vocabulary))[np.arange(len(given)), following]
        return float(-np.log2(np.maximum(shares, np.finfo(np.float32).tiny)).mean())

    def sample(
        self, tokens: Sequence[int] | NDArray[np.integer], temperature: float, seed: int
    ) -> Iterator[int]:
        """Draw token after token, each given those before it, without end.

        Parameters
        ----------
        tokens : sequence of int
            The tokens to begin with, at least one, which are not returned.
        temperature : float
            Probabilities are raised to the power of its reciprocal: below 1, the probable tokens
            become more so; 0 always takes the most probable one.
        seed : int
            The seed of the draws.
        """
        seen, generator = list(tokens), stream(seed, "sample")
        while True:
            probabilities = self.next(seen)
            chosen = int(probabilities.argmax())
            if temperature > 0:
                scores = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)) / temperature
                shares = np.cumsum(np.exp(scores - scores.max()))
                place = np.searchsorted(shares, generator.random() * shares[-1], side="right")
                chosen = min(int(place), len(shares) - 1)
            seen = [*seen[-self.length :], chosen]
            yield chosen

    def _predict(self, sequences: Sequence[Sequence[int] | NDArray[np.integer]]) -> Probabilities:
        filled = np.zeros((len(sequences), self.length), np.intp)
        for row, sequence in zip(filled, sequences, strict=True):
            row[: len(sequence)] = sequence
        return np.asarray(self._network.predict(filled)[0], np.float64)
