"""Texts as numbers of their terms: words, or characters in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self, get_args

import numpy as np

from experiments.errors import DataError
from nn.sparse_rows import SparseMatrix

Analyzer = Literal["word", "char", "char_wb"]
Weighting = Literal["tfidf", "counts", "presence"]


@dataclass(frozen=True)
class Terms:
    """The state that a vectorizer of scikit-learn has learnt from the texts of a training part.

    Parameters
    ----------
    analyzer : {"word", "char", "char_wb"}
        The kind of terms: words of at least two letters or digits, characters in a row, or
        characters in a row within a word, to whose ends a blank is added.
    ngrams : tuple of int
        The least and the largest number of words, or of characters, in a term.
    weighting : {"tfidf", "counts", "presence"}
        The number of a term: how often the text has it times the logarithm of how rare it is, each
        text scaled to length 1; how often the text has it; or 1.
    lowercase : bool
        Whether texts are compared in small letters.
    terms : tuple of str
        The terms, in the order of the columns.
    idf : tuple of float
        The inverse document frequency of each term; empty unless `weighting` is "tfidf".
    """

    analyzer: Analyzer
    ngrams: tuple[int, int]
    weighting: Weighting
    lowercase: bool
    terms: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()

    def fit(self, texts: Sequence[str], least_texts: int, most_terms: int | None) -> Terms:
        """Choose the terms of training texts.

        Parameters
        ----------
        texts : sequence of str
            The texts.
        least_texts : int
            The number of texts that must have a term.
        most_terms : int or None
            The largest number of terms, of which the most frequent ones are kept.

        Raises
        ------
        DataError
            If no term is left.
        """
        vectorizer = self._vectorizer(min_df=least_texts, max_features=most_terms)
        try:
            vectorizer.fit(texts)
        except ValueError as error:
            raise DataError(
                f"no {'word' if self.analyzer == 'word' else 'row of characters'} is in "
                f"{least_texts} of the {len(texts)} training texts ({error}). Lower "
                "dataset.least_texts, or choose another dataset.analyzer or dataset.ngrams."
            ) from None
        idf = vectorizer.idf_ if self.weighting == "tfidf" else ()
        return Terms(
            self.analyzer,
            self.ngrams,
            self.weighting,
            self.lowercase,
            tuple(map(str, vectorizer.get_feature_names_out())),
            tuple(map(float, idf)),
        )

    def rows(self, texts: Sequence[str]) -> SparseMatrix:
        """Return the numbers of the terms of each text, float32 in compressed rows."""
        matrix: SparseMatrix = self._fitted.transform(texts).astype(np.float32)
        return matrix

    @cached_property
    def _fitted(self) -> Any:
        vectorizer = self._vectorizer(vocabulary=self.terms)
        if self.weighting == "tfidf":
            vectorizer.idf_ = np.array(self.idf)
        return vectorizer

    def _vectorizer(self, **options: Any) -> Any:
        from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

        kind = TfidfVectorizer if self.weighting == "tfidf" else CountVectorizer
        return kind(
            analyzer=self.analyzer,
            ngram_range=self.ngrams,
            binary=self.weighting == "presence",
            lowercase=self.lowercase,
            dtype=np.float64,
            **options,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the terms as plain JSON values."""
        return {
            "analyzer": self.analyzer,
            "ngrams": self.ngrams,
            "weighting": self.weighting,
            "lowercase": self.lowercase,
            "terms": self.terms,
            "idf": self.idf,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Restore the result of `to_plain`.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is not such a result.
        """
        low, high = map(int, plain["ngrams"])
        terms = cls(
            analyzer=plain["analyzer"],
            ngrams=(low, high),
            weighting=plain["weighting"],
            lowercase=bool(plain["lowercase"]),
            terms=tuple(map(str, plain["terms"])),
            idf=tuple(map(float, plain["idf"])),
        )
        known = terms.analyzer in get_args(Analyzer) and terms.weighting in get_args(Weighting)
        if not known or not 1 <= low <= high or not terms.terms:
            raise ValueError("the terms are of an unknown kind")
        if len(set(terms.terms)) < len(terms.terms):
            raise ValueError("a term occurs twice")
        if len(terms.idf) != (len(terms.terms) if terms.weighting == "tfidf" else 0):
            raise ValueError("the terms do not fit their frequencies")
        if not np.isfinite(terms.idf).all():
            raise ValueError("a frequency is not finite")
        return terms
