"""A text whose next token is to be predicted."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare_tokens
from experiments.datasets.reading import name_lists
from experiments.datasets.reading.encodings import check_encoding
from experiments.datasets.reading.memory import available_memory, require_memory
from experiments.datasets.reading.text_file import read_text
from experiments.datasets.source import Share, ShareOrNone, Source
from experiments.datasets.sources.paths import user_path
from experiments.datasets.splits import Split
from experiments.datasets.vocabulary import Unit, Vocabulary, split_text
from experiments.errors import ConfigError, DataError
from nn.component import Interval
from nn.randomness import stream

PYDOC_TOPICS: Final = "pydoc_topics"
SURNAMES: Final = "surnames"
UNKNOWN: Final = "<unknown>"
_BYTES: Final = 36  # that a token takes while the sequences are made, as measured


@dataclass(frozen=True, kw_only=True)
class Text(Source):
    """Sequences of a text; at each of its steps, the target is the token that follows.

    The text is cut into parts by position: its beginning trains, the next tokens validate, its end
    tests. Each part is cut into consecutive sequences; tokens at its end that do not fill a
    sequence are not used.

    Parameters
    ----------
    seed : int, default 0
        Seed of the order of surnames; otherwise nothing is drawn.
    limit : int, optional
        Largest number of tokens to use, from the beginning; by default all.
    source : str, default "pydoc_topics"
        The path of a text file (also .gz, .bz2, .xz or .zip); "pydoc_topics", the help texts about
        topics that come with Python, about 465,000 characters; or "surnames", those of the census
        of the United States of 1990 in random order, a line each, from the package `names`.
    unit : {"characters", "words"}, default "characters"
        The kind of tokens; among words are punctuation marks and line breaks.
    length : int, default 64
        Number of tokens of a sequence.
    vocabulary : int, optional
        Largest number of different words: the most frequent ones of the training part. All others
        count as one, "<unknown>". By default all words of the training part are tokens. All
        characters of the text are.
    validation, test : float, default 0.1
        Fractions of the tokens; a `validation` of 0 means no validation part.
    encoding : str, default "utf-8"
        The encoding of the file.
    """

    source: str = PYDOC_TOPICS
    unit: Unit = "characters"
    length: Annotated[int, Interval(1)] = 64
    vocabulary: Annotated[int, Interval(2)] | None = None
    validation: ShareOrNone = 0.1
    test: Share = 0.1
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding("dataset Text", self.encoding)
        if self.validation + self.test >= 1:
            raise ConfigError(
                f"dataset Text: dataset.validation={self.validation} and dataset.test={self.test} "
                "leave nothing for training. Lower one of them."
            )
        if self.vocabulary is not None and self.unit == "characters":
            raise ConfigError(
                "dataset Text: dataset.vocabulary limits words, and dataset.unit is characters. "
                "Leave it at null, or choose dataset.unit=words."
            )

    def files(self) -> tuple[Path, ...]:
        """Return the file of the text, or those of the package."""
        return name_lists.files() if self.source == SURNAMES else (self._path,)

    @property
    def _path(self) -> Path:
        if self.source != PYDOC_TOPICS:
            return user_path(self.source)
        found = importlib.util.find_spec("pydoc_data.topics")
        if found is None or found.origin is None:
            raise DataError(
                "This installation of Python has no module pydoc_data.topics, of which "
                "dataset.source=pydoc_topics consists. Give the path of a text instead."
            )
        return Path(found.origin)

    def load(self) -> Dataset:
        """Read, divide and encode the text."""
        tokens = split_text(self._text(), self.unit)[: self.limit]
        if not tokens:
            raise DataError(f"{self.source}: the text is empty. Give another.")
        require_memory(
            f"{self.source}: a text of {len(tokens):,} {self.unit}",
            _BYTES * len(tokens),
            available_memory(),
        )
        testing = max(1, round(len(tokens) * self.test))
        validating = max(1, round(len(tokens) * self.validation)) if self.validation else 0
        ends = np.cumsum([len(tokens) - validating - testing, validating, testing])
        if self.unit == "words":
            trained = tokens[: ends[0]]
            vocabulary = Vocabulary.of(trained, self.unit, most=self.vocabulary, unknown=UNKNOWN)
        else:
            vocabulary = Vocabulary.of(tokens, self.unit)
        numbers = vocabulary.encode(tokens, self.source)
        parts = [
            self._sequences(part, name)
            for name, part in zip(
                ("training", "validation", "test"), np.split(numbers, ends[:2]), strict=True
            )
        ]
        inputs, targets = (np.concatenate(each) for each in zip(*parts, strict=True))
        rows = np.cumsum([len(given) for given, _ in parts])
        return prepare_tokens(
            name=self.source if self.source in (PYDOC_TOPICS, SURNAMES) else "text",
            task=Task.MULTICLASS,
            tokens=inputs,
            targets=targets,
            target_names=vocabulary.tokens,
            vocabulary=vocabulary,
            split=Split(*np.split(np.arange(rows[-1]), rows[:2])),
            notes=(self._note(len(tokens), len(vocabulary), int(rows[-1])),),
        )

    def _note(self, tokens: int, different: int, rows: int) -> str:
        return (
            f"{tokens:,} {self.unit}, {different:,} different ones, in {rows:,} sequences of "
            f"{self.length}"
        )

    def _text(self) -> str:
        if self.source == PYDOC_TOPICS:
            from pydoc_data.topics import topics

            return "\n".join(topics.values())
        if self.source == SURNAMES:
            names = [name.capitalize() for name in name_lists.surnames()]
            order = stream(self.seed, "surnames").permutation(len(names))
            return "\n".join(names[place] for place in order)
        return read_text(self._path, self.encoding)

    def _sequences(
        self, tokens: NDArray[np.int32], part: str
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Cut a part into sequences, and return them and the tokens that follow each token."""
        count = (len(tokens) - 1) // self.length
        if len(tokens) == 0:
            count = 0
        elif count == 0:
            raise DataError(
                f"{self.source}: the {part} part has {len(tokens)} {self.unit}, but a sequence and "
                f"the token after it take {self.length + 1}. Give a longer text, a larger "
                "fraction, or a smaller dataset.length."
            )
        shape, used = (count, self.length), count * self.length
        return tokens[:used].reshape(shape), tokens[1 : used + 1].reshape(shape)
