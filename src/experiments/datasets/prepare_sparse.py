"""Preparation of a dataset from texts, or from sparse rows of numbers, and a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.caveats import caveats
from experiments.datasets.dataset import Dataset, Part, Task
from experiments.datasets.digest import array_digest, dataset_digest
from experiments.datasets.scaling import fit_scaling
from experiments.datasets.sparse_preprocessing import Form, SparsePreprocessing
from experiments.datasets.splits import Split
from experiments.datasets.table import Table
from experiments.datasets.terms import Terms
from nn.sparse_rows import SparseMatrix, SparseRows

SparseScaling = Literal["none", "max"]


def prepare_texts(
    texts: Sequence[str],
    *,
    column: str,
    terms: Terms,
    least_texts: int,
    most_terms: int | None,
    split: Split,
    warnings: tuple[str, ...] = (),
    **options: Any,
) -> Dataset:
    """Encode texts by their terms, which are chosen on the training part.

    Parameters
    ----------
    texts : sequence of str
        The texts of all rows, none of them empty.
    column : str
        The name of their column.
    terms : Terms
        The kind of terms, not yet fitted.
    least_texts, most_terms
        See `Terms.fit`.
    split, warnings, **options
        See `prepare_rows`.

    Raises
    ------
    DataError
        If no text has a term, or see `prepare_rows`.
    """
    used = _used(split)
    fitted = terms.fit([texts[row] for row in split.train], least_texts, most_terms)
    matrix = fitted.rows([texts[row] for row in used])
    without = int(np.count_nonzero(np.diff(matrix.indptr) == 0))
    if without:
        doubt = (
            f"{without} of {len(used)} texts have none of the {len(fitted.terms)} terms, so they "
            "all look the same. Choose other terms: dataset.analyzer, dataset.ngrams or "
            "dataset.least_texts."
        )
        warnings = (*warnings, doubt)
    array = np.array(texts, object)
    table = Table((column,), np.empty((len(texts), 0)), {column: array})
    described = fitted.to_plain() | {"terms": [], "idf": []}  # they follow from texts and split
    limits = {"least_texts": least_texts, "most_terms": most_terms}
    return _prepare(
        matrix,
        table,
        {"texts": described | limits},
        split=split,
        terms=fitted,
        warnings=warnings,
        **options,
    )


def prepare_rows(matrix: Any, *, split: Split, **options: Any) -> Dataset:
    """Divide sparse rows of numbers into parts.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        All rows.
    split : Split
        The rows of each part.
    **options
        name, task, targets, target_names, notes, warnings as of
        :func:`~experiments.datasets.prepare.prepare`; scaling, "none" or "max"; form as of
        `SparsePreprocessing`; first, the number of the first feature in the file.

    Raises
    ------
    DataError
        If a number is not finite, or the rows need more memory than there is.
    """
    table = Table.of_numbers(np.zeros((matrix.shape[0], 1)), ["rows"])  # stands for the rows
    entries = array_digest(matrix.data, matrix.indices, matrix.indptr)
    described = {"width": matrix.shape[1], "entries": entries}
    return _prepare(matrix[_used(split)], table, described, split=split, **options)


def _prepare(
    matrix: SparseMatrix,
    table: Table,
    described: dict[str, Any],
    *,
    name: str,
    task: Task,
    targets: NDArray[Any],
    target_names: tuple[str, ...],
    split: Split,
    form: Form,
    scaling: SparseScaling,
    first: int = 1,
    terms: Terms | None = None,
    scale_targets: bool = True,
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Dataset:
    scaled = task is Task.REGRESSION and scale_targets
    targets = np.asarray(targets, np.int64 if task.has_classes else np.float64)
    used = _used(split)

    def places(rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.searchsorted(used, rows).astype(np.intp)

    largest = 1.0
    if scaling == "max":
        train = SparseRows.of(matrix, np.float64).select(places(split.train))
        _, entries = train.entries(train.starts[0], train.stops[0])
        largest = float(np.abs(train.data[entries]).max(initial=0)) or 1.0
    center = scale = ()
    if scaled:
        centers, scales = fit_scaling(targets[split.train], "standard", target_names)
        center, scale = tuple(centers.tolist()), tuple(scales.tolist())
    preprocessing = SparsePreprocessing(
        columns=table.names,
        center=(0.0,),
        scale=(largest,),
        target_center=center,
        target_scale=scale,
        width=matrix.shape[1],
        first=first,
        form=form,
        terms=terms,
    )
    description = {
        "task": str(task),
        "columns": table.names,
        "targets": target_names,
        "scaling": scaling,
        "scale_targets": scaled,
        "form": form,
        **described,
    }
    _, digest = dataset_digest(table, targets, split, description)
    inputs = preprocessing.encoded(matrix)

    def part(rows: NDArray[np.intp]) -> Part | None:
        if not len(rows):
            return None
        own = targets[rows] if task.has_classes else preprocessing.encode_targets(targets[rows])
        chosen = places(rows)
        return Part(inputs.select(chosen) if form == "sparse" else inputs[chosen], own)

    train_part = part(split.train)
    assert train_part is not None
    return Dataset(
        name=name,
        task=task,
        train=train_part,
        validation=part(split.validation),
        test=part(split.test),
        feature_names=table.names,
        target_names=target_names,
        preprocessing=preprocessing,
        digest=digest,
        notes=notes,
        warnings=(
            *warnings,
            *caveats(task, table, targets, target_names, split, preprocessing),
        ),
    )


def _used(split: Split) -> NDArray[np.intp]:
    return np.unique(np.concatenate([split.train, split.validation, split.test]))
