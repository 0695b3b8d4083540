"""A prepared dataset: its parts ready for a network, and their description."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.encoded_table import DrawnRows
from experiments.datasets.preprocessing import Preprocessing, beyond_single
from experiments.datasets.samples import Samples
from experiments.errors import DataError
from nn.sparse_rows import SparseRows
from nn.typing import Shape

_LOOKED_AT: Final = 64  # sequences that are looked at for what they show


class Task(StrEnum):
    """The kind of prediction."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"
    MINIMIZATION = "minimization"
    """No prediction: the network's only output is the value of a function to minimize."""

    @property
    def has_classes(self) -> bool:
        """Whether each row belongs to exactly one class."""
        return self in (Task.BINARY, Task.MULTICLASS)

    @property
    def has_numbers(self) -> bool:
        """Whether outputs are numbers, neither classes nor labels."""
        return self in (Task.REGRESSION, Task.MINIMIZATION)


def is_image(shape: Shape) -> bool:
    """Whether samples of this shape are images, (channels, height, width)."""
    return len(shape) == 3


class Part:
    """One part of a dataset: the training, validation or test rows.

    The arrays are read-only, because all runs of a sweep share them.

    Parameters
    ----------
    inputs : ndarray of shape (rows, features), DrawnRows, or SparseRows, (1, rows, features)
        Tokens are int32 numbers of the vocabulary, (rows, length). Otherwise the encoded and scaled
        inputs: float64, or float32 for images, whose 8-bit pixels would take hundreds of megabytes
        as float64 for no gain in precision, and for sparse rows. Rows that are drawn from a table,
        which other splits share, are scaled when they are read.
    targets : ndarray
        The targets. Binary and multiclass: int64 class indices of shape (rows,), or (rows, steps)
        if each step of a sequence has one. Multilabel:
        float64 zeros and ones of shape (rows, labels). Regression: float64 of shape
        (rows, outputs), in scaled units, which :meth:`Preprocessing.decode_targets` converts
        back to raw ones. Minimization: float64 zeros of shape (rows, 1).

    Attributes
    ----------
    drawn : DrawnRows or None
        The rows of a shared table, if the inputs are such.
    sparse : SparseRows or None
        The inputs, if they are sparse.
    shape : tuple of int
        The shape of the inputs.
    dtype : dtype
        The type of the inputs.
    """

    def __init__(
        self, inputs: NDArray[Any] | DrawnRows | SparseRows, targets: NDArray[Any]
    ) -> None:
        self.targets = targets
        self.drawn: DrawnRows | None = None
        self.sparse: SparseRows | None = None
        self.shape: tuple[int, ...]
        self.dtype: np.dtype[Any]
        if isinstance(inputs, DrawnRows):
            self.drawn = inputs
            self.shape = len(inputs.rows), *inputs.table.inputs.shape[1:]
            self.dtype = inputs.scaling.scale.dtype
        elif isinstance(inputs, SparseRows):
            self.sparse = inputs
            for array in (inputs.data, inputs.indices, inputs.starts, inputs.stops):
                array.flags.writeable = False
            self.shape, self.dtype = inputs.shape[1:], inputs.dtype
        else:
            self._inputs: NDArray[Any] = inputs
            inputs.flags.writeable = False
            self.shape, self.dtype = inputs.shape, inputs.dtype
        targets.flags.writeable = False

    @property
    def inputs(self) -> Any:
        """The inputs; if the rows are drawn from a shared table, each access makes new arrays."""
        if self.drawn is not None:
            return self.drawn.inputs()
        return self._inputs if self.sparse is None else self.sparse

    def every(self, step: int) -> Any:
        """Return the inputs of every row whose number is a multiple of `step`."""
        rows = slice(None, None, step)
        return self.inputs[rows] if self.sparse is None else self.sparse.block(rows)

    def take(self, rows: Sequence[int]) -> NDArray[Any]:
        """Return the inputs of some rows, also of sparse ones as a dense array."""
        if self.sparse is not None:
            dense: NDArray[Any] = self.sparse.select(np.array(rows, np.intp)).dense()[0]
            return dense
        if self.drawn is None:
            return self._inputs[list(rows)]
        return replace(self.drawn, rows=self.drawn.rows[list(rows)]).inputs()

    @property
    def nbytes(self) -> int:
        """The size in bytes of the inputs; of sparse ones, that of the matrix they are part of."""
        if self.sparse is not None:
            return self.sparse.data.nbytes + self.sparse.indices.nbytes
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A prepared dataset, in the form that networks train on.

    Parameters
    ----------
    name : str
        Name for people and records.
    task : Task
        The kind of prediction.
    train, validation, test : Part
        The three parts, whose rows are disjoint unless the source says otherwise (as `Xor` does).
        `validation` or `test` is None if there is no such part.
    feature_names : tuple of str
        The raw input columns. A categorical column is encoded as several features.
    target_names : tuple of str
        The classes in the order of their indices, or for multilabel and regression the target
        columns.
    preprocessing : Preprocessing
        The transformation from raw tables to inputs, and from scaled predictions to raw ones.
    digest : str
        SHA-256 in hexadecimal of the raw data, the split and the preprocessing options.
    shape : tuple of int
        The shape of a sample: (channels, height, width) of an image, (channels, length) of a
        sequence, whose numbers are a row of the inputs in this order; by default (features,), which
        is (length,) of tokens.
    notes : tuple of str
        Messages for people about how the data were interpreted, such as the inferred types.
    warnings : tuple of str
        Messages for people about what makes results on these data doubtful.

    Raises
    ------
    DataError
        If the parts do not match the description, which reveals a mistake in the source.
    """

    name: str
    task: Task
    train: Part
    validation: Part | None
    test: Part | None
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    preprocessing: Preprocessing
    digest: str
    shape: Shape = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.shape:
            object.__setattr__(self, "shape", (self.features,))
        for part_name, part in self.parts.items():
            fault = self._fault(part)
            if fault:
                raise DataError(
                    f"dataset {self.name}, {part_name} part: {fault}. Correct the source of the "
                    "data."
                )

    @property
    def parts(self) -> dict[str, Part]:
        """The parts by name: train, and validation and test if the dataset has them."""
        held_out = {"validation": self.validation, "test": self.test}
        return {
            "train": self.train,
            **{name: part for name, part in held_out.items() if part is not None},
        }

    @property
    def features(self) -> int:
        """The number of encoded features, which is the number of the network's inputs."""
        return int(self.train.shape[1])

    @property
    def is_sparse(self) -> bool:
        """Whether the inputs are sparse rows."""
        return self.train.sparse is not None

    @property
    def samples(self) -> Samples:
        """The form of the rows, on which a network's layers depend."""
        vocabulary, targets = self.preprocessing.vocabulary, self.train.targets
        by_step = self.task.has_classes and targets.ndim == 2
        tokens = 0 if vocabulary is None else len(vocabulary)
        padded = self.preprocessing.steps is not None
        return Samples(self.shape, tokens, targets.shape[1] if by_step else 0, padded)

    @property
    def shows_targets(self) -> bool:
        """Whether each step of a sequence shows the target of the step before, as in a text."""
        samples, part = self.samples, self.train
        if not samples.steps or part.sparse is not None:
            return False
        shown = part.take(range(min(len(part), _LOOKED_AT)))
        if not samples.tokens:
            if self.shape[0] != self.outputs or self.outputs < 2:
                return False
            numbers = shown.reshape(len(shown), *self.shape)
            # A channel for each class; a sequence that has ended shows none.
            shown = np.where(np.isnan(numbers).any(axis=1), -1, numbers.argmax(axis=1))
        targets, following = part.targets[:_LOOKED_AT, :-1], shown[:, 1:]
        told = (targets >= 0) & (following >= 0)
        return bool(told.any() and (targets == following)[told].all())

    @property
    def predicts_characters(self) -> bool:
        """Whether the classes are the characters of a text, one of which follows each step."""
        vocabulary = self.preprocessing.vocabulary
        return self.samples.steps > 0 and vocabulary is not None and vocabulary.unit == "characters"

    @property
    def outputs(self) -> int:
        """The number of classes (2 for a binary task), or of target columns."""
        return len(self.target_names)

    def _fault_of_inputs(self, part: Part) -> str | None:
        """Describe what is wrong with the type or the values of a part's inputs."""
        vocabulary, columns = self.preprocessing.vocabulary, part.shape[1]
        if vocabulary is not None:
            if part.dtype != np.int32:
                return f"the tokens are {part.dtype}, not int32"
            if not 0 <= part.inputs.min() <= part.inputs.max() < len(vocabulary):
                return f"a token lies outside 0 to {len(vocabulary) - 1}"
            return None
        if part.dtype not in (np.float64, np.float32):
            return f"the inputs are {part.dtype}, not float64 (float32 for images)"
        if columns != self.preprocessing.width:
            return (
                f"the inputs have {columns} features, but the preprocessing produces "
                f"{self.preprocessing.width}"
            )
        if part.drawn is not None:
            return None  # `prepare` has checked the rows of a shared table, without a copy of them
        numbers = part.inputs if part.sparse is None else part.sparse.data
        if beyond_single(numbers) is not None:
            return "an input is not a number, infinite or beyond single precision"
        return None

    def _fault(self, part: Part) -> str | None:
        shape, targets = part.shape, part.targets
        if len(shape) != 2 or 0 in shape:
            return f"the inputs have shape {shape}, not (rows, features), neither of them 0"
        fault = self._fault_of_inputs(part)
        if fault is not None:
            return fault
        if shape[1] != math.prod(self.shape):
            return f"the inputs have {shape[1]} features, which do not make {self.shape}"
        if self.task is Task.BINARY and self.outputs != 2:
            return f"a binary task has two classes, not {self.outputs}"
        kind = np.int64 if self.task.has_classes else np.float64
        expected = (len(part),) if self.task.has_classes else (len(part), self.outputs)
        if self.samples.steps:
            expected = len(part), self.samples.steps
        if targets.shape != expected or targets.dtype != kind:
            return (
                f"the targets are {targets.dtype} of shape {targets.shape}, not "
                f"{np.dtype(kind)} of shape {expected} as the task ({self.task}) requires"
            )
        if beyond_single(targets) is not None:
            return "a target is not a number, infinite or beyond single precision"
        least = -1 if self.samples.padded and self.samples.steps else 0  # -1: no target
        if self.task.has_classes and not least <= targets.min() <= targets.max() < self.outputs:
            return f"a class index lies outside 0 to {self.outputs - 1}"
        if self.task is Task.MULTILABEL and not np.isin(targets, (0.0, 1.0)).all():
            return "a label is neither 0 nor 1"
        return None
