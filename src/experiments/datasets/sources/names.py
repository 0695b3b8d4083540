"""First names, from whose letters the sex is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.reading import name_lists
from experiments.datasets.sources.term_source import TermSource
from experiments.datasets.terms import Analyzer, Weighting
from nn.component import Count


@dataclass(frozen=True, kw_only=True)
class Names(TermSource):
    """First names of the United States' census of 1990 and the sex in which each is more frequent.

    The names come with the package `names`, the extra of that name. A name is described by its
    letters in a row; a blank marks where it begins and ends.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, lowercase, least_texts, form
        See `TermSource`.
    analyzer : {"word", "char", "char_wb"}, default "char_wb"
        The kind of terms: words, or characters in a row.
    ngrams : sequence of two int, default (1, 4)
        The least and the largest number of letters in a row.
    weighting : {"tfidf", "counts", "presence"}, default "presence"
        The number of a term in a name.
    most_terms : int or None, default 2000
        The largest number of terms.
    """

    analyzer: Analyzer = "char_wb"
    ngrams: tuple[Count, ...] = (1, 4)
    weighting: Weighting = "presence"
    most_terms: Count | None = 2000

    def files(self) -> tuple[Path, ...]:
        """Return the files of the package."""
        return name_lists.files()

    def load(self) -> Dataset:
        """Read the names, and encode them by their letters."""
        sexes = name_lists.first_names()
        kinds = (name_lists.FEMALE, name_lists.MALE)
        return self.prepare_texts(
            list(sexes),
            name="names",
            task=Task.BINARY,
            column="name",
            targets=np.array([kinds.index(sex) for sex in sexes.values()]),
            target_names=kinds,
        )
