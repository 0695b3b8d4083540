"""Sequences of texts."""

import contextlib
import gzip
from pathlib import Path

import numpy as np
import pytest

from experiments.datasets import Dataset, Text, load_dataset
from experiments.errors import ConfigError, DataError

LETTERS = "".join(chr(ord("a") + place % 26) for place in range(100))


def text_of(tmp_path: Path, content: str | bytes = LETTERS, **options) -> Dataset:
    path = tmp_path / "text.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Text(source=str(path), **options).load()


def decoded(dataset: Dataset, numbers) -> str:
    return dataset.preprocessing.vocabulary.decode(np.ravel(numbers))


def test_each_target_is_the_next_token_and_parts_follow_each_other(tmp_path: Path) -> None:
    dataset = text_of(tmp_path, length=4)
    assert dataset.samples.shape == (4,)
    assert (dataset.samples.tokens, dataset.samples.steps) == (26, 4)
    start = 0
    for part, size in (("train", 80), ("validation", 10), ("test", 10)):
        rows = dataset.parts[part]
        count = (size - 1) // 4
        assert rows.shape == (count, 4) == rows.targets.shape
        assert decoded(dataset, rows.inputs) == LETTERS[start : start + 4 * count]
        assert decoded(dataset, rows.targets) == LETTERS[start + 1 : start + 4 * count + 1]
        start += size


def test_no_validation_part(tmp_path: Path) -> None:
    dataset = text_of(tmp_path, validation=0, length=3)
    assert dataset.validation is None
    assert decoded(dataset, dataset.test.inputs) == LETTERS[90:99]


def test_the_limit_counts_tokens(tmp_path: Path) -> None:
    dataset = text_of(tmp_path, limit=50, length=2)
    assert len(dataset.train) == 19
    assert decoded(dataset, dataset.test.inputs) == LETTERS[45:49]


def test_words_of_the_training_part(tmp_path: Path) -> None:
    words = "one two two three " * 20 + "four five six seven"
    dataset = text_of(tmp_path, words, unit="words", length=3, vocabulary=3)
    assert dataset.target_names == ("<unknown>", "one", "two")
    assert "<unknown>" in decoded(dataset, dataset.test.inputs)


def test_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    dataset = text_of(tmp_path, "\ufeff" + "a\r\nb\rc\n" * 20, length=2)
    assert dataset.target_names == ("\n", "a", "b", "c")


def test_encodings_and_compression(tmp_path: Path) -> None:
    dataset = text_of(tmp_path, "é".encode("latin-1") * 100, encoding="latin-1", length=2)
    assert dataset.target_names == ("é",)
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress(LETTERS.encode()))
    assert len(Text(source=str(path), length=9).load().train) == 8


def test_the_help_texts_of_python() -> None:
    dataset = Text(length=50).load()
    assert dataset.name == "pydoc_topics"
    assert 90 < dataset.outputs < 130
    assert 7_000 < len(dataset.train) < 9_000


def test_surnames_are_lines_in_an_order_that_the_seed_decides() -> None:
    pytest.importorskip("names")
    one, other = (Text(source="surnames", seed=seed, limit=5000).load() for seed in (0, 1))
    assert one.name == "surnames"
    written = decoded(one, one.train.inputs)
    assert all(name.istitle() for name in written.split("\n")[1:-1])
    assert written != decoded(other, other.train.inputs)


def test_the_cache_returns_the_same(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(LETTERS)
    source = Text(source=str(path), length=4)
    first, again = (load_dataset(source, tmp_path / "cache") for _ in range(2))
    assert again.samples == first.samples
    assert again.digest == first.digest
    assert again.preprocessing == first.preprocessing
    for name, part in first.parts.items():
        assert (again.parts[name].inputs == part.inputs).all()
        assert again.parts[name].inputs.dtype == np.int32
        assert (again.parts[name].targets == part.targets).all()
    path.write_text(LETTERS[::-1])
    assert load_dataset(source, tmp_path / "cache").digest != first.digest


class TestWrongUse:
    def test_a_text_shorter_than_a_sequence(self, tmp_path: Path) -> None:
        with pytest.raises(
            DataError,
            match=r"the validation part has 10 characters, but a sequence and the token after it "
            r"take 17\. Give a longer text, a larger fraction, or a smaller dataset\.length",
        ):
            text_of(tmp_path, length=16)

    def test_an_empty_text(self, tmp_path: Path) -> None:
        for unit, content in (("characters", ""), ("words", "  ")):
            with pytest.raises(DataError, match=r"the text is empty"):
                text_of(tmp_path, content, unit=unit)

    def test_another_encoding(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"line 2: not UTF-8 text\. It may be latin-1"):
            text_of(tmp_path, b"a\nab\xff")
        with pytest.raises(DataError, match=r"dataset\.encoding=utf-16"):
            text_of(tmp_path, "abc".encode("utf-16"))
        with pytest.raises(DataError, match="line 2: a NUL character"):
            text_of(tmp_path, b"ab\na\0")
        with pytest.raises(ConfigError, match="which Python does not know"):
            text_of(tmp_path, encoding="utf-9")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such file"):
            Text(source=str(tmp_path / "absent.txt")).load()

    def test_a_vocabulary_of_characters(self) -> None:
        with pytest.raises(ConfigError, match=r"dataset\.vocabulary limits words"):
            Text(vocabulary=10)

    def test_nothing_left_to_train(self) -> None:
        with pytest.raises(ConfigError, match="leave nothing for training"):
            Text(validation=0.5, test=0.5)


def test_a_text_that_does_not_fit_in_memory_is_refused(tmp_path: Path, monkeypatch) -> None:
    for left, refused in ((3599, True), (3600, False)):
        monkeypatch.setattr(
            "experiments.datasets.sources.text.available_memory", lambda left=left: left
        )
        raised = pytest.raises(DataError, match="a text of 100 characters needs about")
        with raised if refused else contextlib.nullcontext():
            text_of(tmp_path, length=4)
