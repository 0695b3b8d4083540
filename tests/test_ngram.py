"""The n-gram that language models are compared with."""

import numpy as np
import pytest

from tests.ngram import NGram


def test_probabilities_sum_to_1_after_any_context() -> None:
    tokens = np.random.default_rng(0).integers(0, 5, 300).tolist()
    model = NGram(tokens, 6, 3)
    for context in [(0, 1, 2), (5, 5, 5), (4, 4, 4)]:
        total = sum(model.probability(token, context) for token in range(6))
        assert total == pytest.approx(1)


def test_a_bigram_by_hand() -> None:
    model = NGram([0, 1, 0, 1, 0, 2], 3, 1)
    single = (3 + 3 / 3) / (6 + 3)  # of token 0, seen 3 times of 6, among 3 different ones
    assert model.probability(0, ()) == pytest.approx(single)
    after = (2 + 2 * model.probability(1, ())) / (3 + 2)
    assert model.probability(1, (0,)) == pytest.approx(after)
    assert model.bits([0, 1]) == pytest.approx(-np.log2(after))


def test_a_longer_context_helps_where_it_matters() -> None:
    tokens = [0, 1, 2, 3] * 100
    bits = [NGram(tokens, 4, order).bits(tokens) for order in range(3)]
    assert bits[0] == pytest.approx(2, abs=0.01)
    assert bits[1] < 0.1
