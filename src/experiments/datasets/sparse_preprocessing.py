"""The transformation from texts, or from sparse rows, to the network's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.preprocessing import Preprocessing
from experiments.datasets.reading.memory import available_memory, require_memory
from experiments.datasets.reading.notation import Notation
from experiments.datasets.terms import Terms
from experiments.errors import DataError
from nn.randomness import stream
from nn.sparse_rows import SparseMatrix, SparseRows, is_sparse

Form = Literal["sparse", "dense", "mixed"]


@dataclass(frozen=True)
class SparsePreprocessing(Preprocessing):
    """The encoding of texts by their terms, or of sparse rows that are numbers already.

    Parameters
    ----------
    columns : tuple of str
        The column of texts, or a name for rows of numbers.
    center, scale : tuple of one float
        The number 0, and the number by which all entries are divided.
    dtype : {"float32"}
        Type of the encoded inputs.
    target_center, target_scale : tuple of float
        See `Preprocessing`.
    width : int
        The number of features.
    first : int
        The number that a svmlight file gives to the first feature, 0 or 1.
    form : {"sparse", "dense", "mixed"}
        The form of the inputs: sparse rows; the same as arrays with all zeros; or arrays in which
        each number mixes all of a row, with random signs, then by the orthonormal discrete cosine
        transform, so that the rows keep their lengths and the angles between them.
    terms : Terms or None
        The terms that texts are searched for; None for rows of numbers.
    """

    kind: ClassVar[str] = "sparse"

    dtype: Literal["float64", "float32"] = "float32"
    width: int = 0
    first: int = 1
    form: Form = "sparse"
    terms: Terms | None = None

    @cached_property
    def encoded_names(self) -> tuple[str, ...]:
        """The name of each feature: a term, or the number of a column."""
        if self.form == "mixed":
            return tuple(f"mixture {number}" for number in range(1, self.width + 1))
        if self.terms is not None:
            return self.terms.terms
        return tuple(map(str, range(self.first, self.first + self.width)))

    @property
    def takes_table(self) -> bool:
        """Whether raw rows are those of a table, with a column of texts."""
        return self.terms is not None

    def has_numbers(self, column: str) -> bool:
        return self.terms is None

    @property
    def requirements(self) -> tuple[str, ...]:
        """The distributions that encoding needs besides NumPy."""
        terms = () if self.terms is None else ("scikit-learn",)
        return (*terms, "scipy") if terms or self.form == "mixed" else ()

    def example(self) -> dict[str, float | str]:
        """Make up a raw row: a text of the first terms."""
        if self.terms is None:
            return dict.fromkeys(self.encoded_names, 0.0)
        return {self.columns[0]: " ".join(term.strip() for term in self.terms.terms[:3])}

    def encode(self, raw: Any) -> Any:
        """Encode raw rows as the training rows were encoded.

        Parameters
        ----------
        raw : frame or mapping of columns, array of str, or sparse matrix
            Texts, in the column of this name or in an array of shape (rows,) or (rows, 1). Or the
            features themselves, as a matrix of compressed rows such as SciPy's, or an array of
            numbers.

        Returns
        -------
        SparseRows, (1, rows, features), or ndarray of shape (rows, features)

        Raises
        ------
        DataError
            For a missing column, an empty text, or rows of another width.
        """
        if is_sparse(raw):
            return self.encoded(self._checked(raw))
        if isinstance(raw, Mapping) or hasattr(raw, "columns"):
            if self.terms is None:
                raise DataError(
                    f"the run takes rows of {self.width} numbers, not a table. Give a svmlight "
                    "file, or a sparse matrix."
                )
            return self.encode_texts(texts_of(self._cells(raw, self.columns)[self.columns[0]]))
        array = np.asarray(raw)
        if array.dtype.kind in "fiub" and array.ndim == 2:
            return self.encoded(self._checked(_compressed(array)))
        texts = array.ndim in (1, 2) and 0 < array.size == len(array)
        if self.terms is None or not texts:
            raise DataError(
                f"the rows have shape {array.shape}, not (rows, {self.width}). Give a number for "
                f"each feature{'' if self.terms is None else ', or a text for each row'}."
            )
        return self.encode_texts(texts_of(array.ravel()))

    def encode_texts(self, texts: Sequence[str]) -> Any:
        """Encode texts, none of which may be empty."""
        assert self.terms is not None
        refuse_empty(texts, lambda row: f"row {row + 1}, column {self.columns[0]!r}")
        return self.encoded(self.terms.rows(texts))

    def encoded(self, matrix: SparseMatrix) -> Any:
        """Scale rows of numbers, and bring them to their form; see `encode`."""
        with np.errstate(over="ignore"):
            rows = SparseRows.of(matrix, np.float32)
            if self.scale[0] != 1:
                rows = replace(rows, data=rows.data / np.float32(self.scale[0]))
        wrong = ~np.isfinite(rows.data)
        if wrong.any():
            entry = int(np.argmax(wrong))
            row = int(np.searchsorted(rows.stops[0], entry, side="right"))
            name = self.encoded_names[rows.indices[entry]]
            raise DataError(
                f"row {row + 1}, feature {name!r}: the value is not a number, infinite or beyond "
                "single precision. Correct it."
            )
        if self.form == "sparse":
            return rows
        require_memory(
            f"writing {rows.shape[1]} sparse rows as {self.width} numbers each",
            (3 if self.form == "mixed" else 1) * rows.shape[1] * self.width * 4,
            available_memory(),
        )
        (dense,) = rows.dense()
        return _mixed(dense) if self.form == "mixed" else dense

    def _checked(self, matrix: SparseMatrix) -> SparseMatrix:
        if len(matrix.shape) != 2 or matrix.shape[1] != self.width:
            raise DataError(
                f"the sparse rows have shape {tuple(matrix.shape)}, not (rows, {self.width}). Give "
                "the features that the run was trained on."
            )
        return matrix

    def contents(self) -> dict[str, Any]:
        return super().contents() | {
            "kind": self.kind,
            "width": self.width,
            "first": self.first,
            "form": self.form,
            "terms": None if self.terms is None else self.terms.to_plain(),
        }

    @classmethod
    def from_contents(cls, contents: Mapping[str, Any]) -> Self:
        terms = contents["terms"]
        preprocessing = cls(
            columns=tuple(map(str, contents["columns"])),
            center=tuple(map(float, contents["center"])),
            scale=tuple(map(float, contents["scale"])),
            dtype=contents["dtype"],
            target_center=tuple(map(float, contents["target_center"])),
            target_scale=tuple(map(float, contents["target_scale"])),
            width=int(contents["width"]),
            first=int(contents["first"]),
            form=contents["form"],
            terms=None if terms is None else Terms.from_plain(terms),
        )
        if len(preprocessing.columns) != 1 or preprocessing.form not in get_args(Form):
            raise ValueError("the columns or the form are of another kind")
        # The names are not made here: a record may claim any width.
        if preprocessing.width < 1:
            raise ValueError("there are no features")
        named = None if preprocessing.form == "mixed" else preprocessing.terms
        if named is not None and preprocessing.width != len(named.terms):
            raise ValueError("the features do not fit the terms")
        if len(preprocessing.scale) != 1 or preprocessing.dtype != "float32":
            raise ValueError("the features do not fit their scaling")
        return preprocessing


def texts_of(cells: Any) -> list[str]:
    """Return the cells of a column as texts without blanks around them, "" for a missing cell."""
    absent = Notation(missing=())
    return ["" if absent.is_missing(cell) else str(cell).strip() for cell in cells]


def refuse_empty(texts: Sequence[str], where: Callable[[int], str]) -> None:
    """Raise a DataError for an empty text; `where` describes the place of a row."""
    for row, text in enumerate(texts):
        if not text:
            raise DataError(f"{where(row)}: the text is empty. Fill it in, or leave the row out.")


def _mixed(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy.fft import dct

    signs = stream(0, "mixture").choice(np.array([-1, 1], np.float32), rows.shape[1])
    mixed: NDArray[np.float32] = dct(rows * signs, norm="ortho", axis=1)
    return mixed


def _compressed(array: NDArray[Any]) -> SparseMatrix:
    from scipy.sparse import csr_array

    matrix: SparseMatrix = csr_array(array)
    return matrix
