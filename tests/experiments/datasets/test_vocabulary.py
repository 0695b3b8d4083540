"""Tokens of texts."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.datasets import Preprocessing, Vocabulary
from experiments.datasets.vocabulary import split_text
from experiments.errors import DataError


@given(st.text())
def test_characters_are_restored(text: str) -> None:
    tokens = split_text(text, "characters")
    vocabulary = Vocabulary.of(tokens, "characters")
    assert list(vocabulary.tokens) == sorted(set(text))
    assert vocabulary.decode(vocabulary.encode(tokens)) == text


def test_words_marks_and_line_breaks() -> None:
    text = "Well, it isn't\n  well."
    tokens = split_text(text, "words")
    assert tokens == ["Well", ",", "it", "isn", "'", "t", "\n", "well", "."]
    vocabulary = Vocabulary.of(tokens, "words")
    assert vocabulary.decode(vocabulary.encode(tokens)) == "Well, it isn ' t\nwell."


def test_the_most_frequent_tokens_are_kept() -> None:
    tokens = ["b", "b", "c", "a", "d", "d", "d", "<unknown>"]
    vocabulary = Vocabulary.of(tokens, "words", most=4, unknown="<unknown>")
    assert vocabulary.tokens == ("<unknown>", "a", "b", "d")  # a before c
    assert vocabulary.encode(["d", "c", "<unknown>"]).tolist() == [3, 0, 0]
    assert vocabulary.encode([]).dtype == np.int32


def test_an_unknown_token_is_named_with_its_place() -> None:
    vocabulary = Vocabulary.of("abc", "characters")
    with pytest.raises(
        DataError, match=re.escape("row 3, character 2: 'é' does not occur in the 3 characters")
    ):
        vocabulary.encode("aé", "row 3")


def test_preprocessing_keeps_the_vocabulary() -> None:
    for unknown in (None, "x"):
        vocabulary = Vocabulary(("x", "\n", "é", '"'), "words", unknown)
        preprocessing = Preprocessing(("text",), (), (), vocabulary=vocabulary)
        assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing
    assert "vocabulary" not in json.loads(Preprocessing(("a",), (0.0,), (1.0,)).to_json())


@pytest.mark.parametrize(
    "damage",
    [
        {"tokens": ["a", "a"], "unit": "characters", "unknown": None},
        {"tokens": ["a"], "unit": "letters", "unknown": None},
        {"tokens": ["a"], "unit": "words", "unknown": "b"},
        {"tokens": ["a"], "unit": "words"},
        {"tokens": 3, "unit": "words", "unknown": None},
        7,
    ],
)
def test_a_damaged_vocabulary_is_refused(damage) -> None:
    good = Preprocessing(("text",), (), (), vocabulary=Vocabulary(("a",)))
    contents = json.loads(good.to_json()) | {"vocabulary": damage}
    with pytest.raises(DataError, match="preprocessing cannot be read"):
        Preprocessing.from_json(json.dumps(contents))
