"""What networks of texts expect next, and what they write."""

from itertools import islice

import numpy as np
import pytest

import nn
from experiments.datasets import Vocabulary
from experiments.errors import DataError
from experiments.serving.language_model import LanguageModel

LETTERS = Vocabulary(("\n", "a", "b", "c", "d"))
LENGTH = 4


def model_of(layers=None, **options) -> LanguageModel:
    tokens = len(LETTERS)
    layers = layers or nn.recurrent(nn.GRU, [3], tokens, output="steps", tokens=tokens, **options)
    network = nn.Network(layers, (LENGTH,), loss=nn.CrossEntropy(), seeds=[3], dtype="float64")
    network.parameters += np.random.default_rng(0).normal(0, 1, network.parameters.shape)
    return LanguageModel(network, LETTERS)


MODELS = {
    "gru": model_of,
    "transformer": lambda: model_of(
        nn.transformer(1, 4, len(LETTERS), heads=2, tokens=len(LETTERS), steps=True)
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_bits_are_those_of_each_token_after_those_of_its_sequence(kind: str) -> None:
    model = MODELS[kind]()
    tokens = LETTERS.encode("abcdabbdca\n")
    bits = []
    for place in range(1, len(tokens)):
        start = (place - 1) // LENGTH * LENGTH  # of its sequence
        bits.append(-np.log2(model.next(tokens[start:place])[tokens[place]]))
    assert model.bits(tokens) == pytest.approx(np.mean(bits))
    assert np.isnan(model.bits(tokens[:1]))


def test_the_network_sees_the_last_tokens() -> None:
    model = model_of()
    assert (model.next([1, 2, 3, 4, 1, 2]) == model.next([3, 4, 1, 2])).all()
    assert model.next([1]).sum() == pytest.approx(1)


def test_samples_follow_the_probabilities() -> None:
    model = model_of()
    probabilities = model.next([1, 2])
    first = [next(model.sample([1, 2], 1.0, seed)) for seed in range(1000)]
    shares = np.bincount(first, minlength=len(LETTERS)) / len(first)
    np.testing.assert_allclose(shares, probabilities, atol=0.06)
    sharp = [next(model.sample([1, 2], 0.5, seed)) for seed in range(1000)]
    shares = np.bincount(sharp, minlength=len(LETTERS)) / len(sharp)
    np.testing.assert_allclose(shares, probabilities**2 / (probabilities**2).sum(), atol=0.06)


def test_a_seed_gives_the_same_text_and_temperature_0_the_most_probable() -> None:
    model = model_of()
    one, same, other = (list(islice(model.sample([0], 1.0, seed), 20)) for seed in (5, 5, 6))
    assert one == same != other
    seen = [0]
    for token in islice(model.sample([0], 0, 1), 10):
        assert token == model.next(seen).argmax()
        seen.append(token)


def test_a_network_that_sees_later_tokens_is_refused() -> None:
    with pytest.raises(DataError, match="cannot predict the next token"):
        model_of(bidirectional=True)
    tokens = len(LETTERS)
    with pytest.raises(DataError, match="cannot predict the next token"):
        model_of(nn.transformer(1, 4, tokens, heads=2, tokens=tokens, steps=True, causal=False))


def test_empty_texts_and_unknown_tokens_are_refused() -> None:
    with pytest.raises(DataError, match=r"row 3 is empty\. It needs at least one character"):
        model_of().encode("", "row 3")
    with pytest.raises(DataError, match=r"row 3, character 2: 'é' does not occur in the 5"):
        model_of().encode("aé", "row 3")
