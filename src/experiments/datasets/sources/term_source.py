"""The base class of sources whose texts become numbers of their terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare_sparse import prepare_texts
from experiments.datasets.scaling import Scaling
from experiments.datasets.source import SplitSource
from experiments.datasets.sparse_preprocessing import Form
from experiments.datasets.terms import Analyzer, Terms, Weighting
from experiments.errors import ConfigError
from nn.component import Count


@dataclass(frozen=True, kw_only=True)
class TermSource(SplitSource):
    """A source of texts, or of other sparse rows.

    Parameters
    ----------
    seed, limit, split, counts, validation, test
        See `SplitSource`.
    scaling : {"none", "max"}, default "none"
        Whether all numbers are divided by the largest one of the training part. Other kinds of
        scaling move zeros, and are refused.
    analyzer : {"word", "char", "char_wb"}, default "word"
        The kind of terms; see `Terms`.
    ngrams : sequence of two int, default (1, 1)
        The least and the largest number of words, or of characters, in a term.
    weighting : {"tfidf", "counts", "presence"}, default "tfidf"
        The number of a term in a text; see `Terms`.
    lowercase : bool, default True
        Whether texts are compared in small letters.
    least_texts : int, default 1
        The number of training texts that must have a term.
    most_terms : int or None, default 20000
        The largest number of terms, of which the most frequent ones are kept; None for all.
    form : {"sparse", "dense", "mixed"}, default "sparse"
        The form of the inputs; see `SparsePreprocessing`.
    """

    scaling: Scaling = "none"
    analyzer: Analyzer = "word"
    ngrams: tuple[Count, ...] = (1, 1)
    weighting: Weighting = "tfidf"
    lowercase: bool = True
    least_texts: Count = 1
    most_terms: Count | None = 20000
    form: Form = "sparse"

    def __post_init__(self) -> None:
        if isinstance(self.ngrams, Sequence) and not isinstance(self.ngrams, str):
            object.__setattr__(self, "ngrams", tuple(self.ngrams))  # sources are hashed
        super().__post_init__()
        where = f"dataset {type(self).__name__}"
        if self.scaling not in ("none", "max"):
            raise ConfigError(
                f"{where}: dataset.scaling={self.scaling} would move the zeros of sparse rows. "
                "Choose max, which divides by the largest number, or none."
            )
        if len(self.ngrams) != 2 or self.ngrams[0] > self.ngrams[1]:
            raise ConfigError(
                f"{where}: dataset.ngrams must be the least and the largest number of words or "
                f"characters in a term, such as [1,2], but is {list(self.ngrams)}."
            )

    def prepare_texts(
        self, texts: Sequence[str], *, task: Task, targets: NDArray[Any], **options: Any
    ) -> Dataset:
        """Split texts and encode them by their terms, with the options of this source."""
        low, high = self.ngrams
        return prepare_texts(
            texts,
            terms=Terms(self.analyzer, (low, high), self.weighting, self.lowercase),
            least_texts=self.least_texts,
            most_terms=self.most_terms,
            split=self.split_rows(len(texts), task, targets),
            task=task,
            targets=targets,
            form=self.form,
            scaling=self.scaling,
            **options,
        )
