"""A prepared dataset: three parts ready for a network, and what is needed to read them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.preprocessing import Preprocessing
from experiments.errors import DataError


class Task(StrEnum):
    """What is to be predicted."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"

    @property
    def has_classes(self) -> bool:
        """Whether each row belongs to exactly one class."""
        return self in (Task.BINARY, Task.MULTICLASS)


@dataclass(frozen=True, eq=False)
class Part:
    """The rows for training, for validation or for the test.

    The arrays are read-only: every run of a sweep shares them.

    Parameters
    ----------
    inputs : ndarray of shape (rows, features)
        Encoded and scaled. float64; float32 for images, where float64 would cost hundreds of
        megabytes and hold no more (the raw pixels are 8-bit).
    targets : ndarray
        Binary and multiclass: int64 class indices of shape (rows,). Multilabel: float64 zeros
        and ones of shape (rows, labels). Regression: float64 of shape (rows, outputs), in the
        scaled units that :meth:`Preprocessing.decode_targets` takes back to raw ones.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def __post_init__(self) -> None:
        for array in (self.inputs, self.targets):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Data as the networks see them.

    Parameters
    ----------
    name : str
        For people and records.
    task : Task
        What is to be predicted.
    train, validation, test : Part
        Disjoint rows, unless the source says otherwise (`Xor` does).
    feature_names : tuple of str
        The raw input columns; an encoded category makes several features of one column.
    target_names : tuple of str
        The classes, in the order of their indices; for multilabel and regression the columns.
    preprocessing : Preprocessing
        From a raw table to inputs, and from scaled predictions to raw ones.
    digest : str
        SHA-256 in hexadecimal of the raw data, the split and the kind of preprocessing.
    image_shape : tuple of int, optional
        (height, width) where each row of inputs is an image, row by row.
    notes : tuple of str
        What people should see of how the data were understood, such as the types inferred.

    Raises
    ------
    DataError
        If the parts do not fit the description: a source that is wrong is found here.
    """

    name: str
    task: Task
    train: Part
    validation: Part
    test: Part
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    preprocessing: Preprocessing
    digest: str
    image_shape: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part_name, part in self.parts.items():
            fault = self._fault(part)
            if fault:
                raise DataError(
                    f"dataset {self.name}, {part_name} part: {fault}. Correct the source of the "
                    "data."
                )

    @property
    def parts(self) -> dict[str, Part]:
        """The three parts by name: train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def features(self) -> int:
        """The number of encoded input features, that is of the network's inputs."""
        return int(self.train.inputs.shape[1])

    @property
    def outputs(self) -> int:
        """The number of classes (2 for a binary task), or of target columns."""
        return len(self.target_names)

    def _fault(self, part: Part) -> str | None:
        inputs, targets = part.inputs, part.targets
        if inputs.ndim != 2 or 0 in inputs.shape:
            return f"the inputs have shape {inputs.shape}, not (rows, features) with some of each"
        if inputs.dtype not in (np.float64, np.float32):
            return f"the inputs are {inputs.dtype}, not float64 (float32 for images)"
        if inputs.shape[1] != len(self.preprocessing.scale):
            return (
                f"the inputs have {inputs.shape[1]} features where preprocessing gives "
                f"{len(self.preprocessing.scale)}"
            )
        if not all_finite(inputs):
            return "an input is infinite or not a number"
        if self.task is Task.BINARY and self.outputs != 2:
            return f"a binary task has two classes, not {self.outputs}"
        kind = np.int64 if self.task.has_classes else np.float64
        shape = (len(part),) if self.task.has_classes else (len(part), self.outputs)
        if targets.shape != shape or targets.dtype != kind:
            return (
                f"the targets are {targets.dtype} of shape {targets.shape}, not "
                f"{np.dtype(kind)} of shape {shape} as the task ({self.task}) has them"
            )
        if not all_finite(targets):
            return "a target is infinite or not a number"
        if self.task.has_classes and not 0 <= targets.min() <= targets.max() < self.outputs:
            return f"a class index lies outside 0 to {self.outputs - 1}"
        if self.task is Task.MULTILABEL and not np.isin(targets, (0.0, 1.0)).all():
            return "a label is neither 0 nor 1"
        return None


def all_finite(array: NDArray[Any]) -> bool:
    """Whether every element is a finite number.

    Minimum and maximum carry NaN and infinity, and need no array of booleans.
    """
    return array.size == 0 or bool(np.isfinite(array.min()) and np.isfinite(array.max()))
