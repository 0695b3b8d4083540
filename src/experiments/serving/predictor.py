"""Predict from a raw table with a trained run.

`scripts/predict.py` and the models in MLflow both use :class:`Predictor`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.errors import DataError, RecordError
from experiments.runs import layout
from experiments.runs.record import Record, corrupt
from experiments.runs.schema import samples_of
from experiments.serving.language_model import LanguageModel
from nn.sparse_rows import SparseMatrix, is_sparse
from nn.typing import Shape

if TYPE_CHECKING:
    import pandas as pd

    from experiments.datasets import RawTable

_BITS: Final = "bits_per_token"


class Predictor:
    """A run's preprocessing and network, which predict together.

    Parameters
    ----------
    record : Record
        The run.
    which : {"best", "final"}, default "best"
        The weights to use: those of the best validation epoch, or those after the last epoch.
    trusted : frozenset of str
        Packages, besides this project's, whose classes the run's network may be built of; see
        :mod:`experiments.config.trust`.

    Attributes
    ----------
    preprocessing : Preprocessing
        The encoding of raw tables.
    features : tuple of str
        The columns that a raw table must have.
    shape : tuple of int
        The shape of a sample; see `experiments.datasets.Dataset`.
    scales_images : bool
        Whether the images that the run was trained on were brought to one size.
    table_format : TableFormat
        The delimiter and the encoding of the CSV file that the run was trained on, if they were
        given.

    Raises
    ------
    RecordError
        If the run has no weights, or they are not finite or do not fit its configuration.
    ConfigError
        If the network cannot be built, or names a class that is not trusted.
    """

    def __init__(self, record: Record, which: str = "best", *, trusted: frozenset[str]) -> None:
        from experiments.datasets import Preprocessing, TableFormat, Task
        from experiments.runs.network import network_of

        self._network = network_of(record, record.weights(which), trusted=trusted)
        if not np.isfinite(self._network.parameters).all():
            raise RecordError(
                f"{record.folder / layout.WEIGHTS}: the {which} weights hold numbers that are not "
                f"finite (the run's status is {record.status}), so they predict nothing. Choose "
                "another run, or the best weights of a run that ended."
            )
        dataset = record.dataset
        self._task = Task(dataset["task"])
        self._targets = tuple(dataset["target_names"])
        self._samples = samples_of(dataset)
        self.shape = self._samples.shape
        self.preprocessing = Preprocessing.from_json(record.preprocessing_json)
        self.features = self.preprocessing.columns
        source = record.config.get("dataset")
        source = source if isinstance(source, Mapping) else {}
        self.table_format = TableFormat.of_config(source)
        self.scales_images = bool(source.get("size"))
        self._is_of_texts = self.preprocessing.vocabulary is not None
        problem = self._misfit(self._network.inputs, self._network.outputs)
        if problem is not None:
            raise corrupt(record.folder / layout.PREPROCESSING, problem)
        self._gives_probabilities = (
            self._network.objective.activation.gives_probabilities and not self._task.has_numbers
        )
        # The network writes to the same buffers in each call, and servers use several threads.
        self._lock = threading.Lock()

    @property
    def takes_samples(self) -> bool:
        """Whether the network takes images or sequences as such, and not their numbers in a row."""
        return len(self._network.shape) > 1

    @property
    def takes_texts(self) -> bool:
        """Whether a raw row is a text."""
        terms = getattr(self.preprocessing, "terms", None)
        return self._is_of_texts or terms is not None

    @cached_property
    def language_model(self) -> LanguageModel:
        """The network as one that predicts what follows in texts.

        Raises
        ------
        DataError
            If it is not such a network.
        """
        vocabulary = self.preprocessing.vocabulary
        if vocabulary is None or not self._samples.steps or vocabulary.tokens != self._targets:
            raise DataError(
                "the run was not trained to predict the next token of a text, such as by "
                "dataset=text. Choose one that was."
            )
        return LanguageModel(self._network, vocabulary)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the predictions, in this order."""
        if self._is_of_texts:
            return ("prediction", _BITS)
        probabilities = tuple(f"probability_{name}" for name in self._targets)
        given = probabilities if self._gives_probabilities else ()
        steps = ("row", "step") if self._samples.steps else ()
        return (*steps, *(self._targets if self._by_target else ("prediction",)), *given)

    def predict(self, raw: pd.DataFrame | RawTable | NDArray[Any] | SparseMatrix) -> pd.DataFrame:
        """Predict for every row of a raw table.

        Parameters
        ----------
        raw : DataFrame, RawTable, ndarray of shape (rows, columns) or sparse matrix
            The raw inputs. A table has the columns `features` in any order; other columns are
            ignored. An array has them in the order of `features`, or the shape of the samples:
            (rows, channels, length), (rows, channels, height, width), (rows, height, width) if
            there is one channel, or (rows, height, width, channels). A run on texts takes an array
            of them, too, and a run on sparse rows a matrix of compressed rows, such as SciPy's.

        Returns
        -------
        DataFrame with the index of `raw`
            For classification, the class as `prediction`. For several labels, a column of zeros
            and ones for each label. For regression, a column for each target, in its own unit. For
            a function to minimize, its value at the trained point, as `value`. If the network's
            outputs are probabilities, also a column `probability_<name>` for each class or label.
            A table with a column for each series has a forecast for each window, with the number
            of the window's last row, from 1, as `after_row`. A sequence with targets for its steps
            has a row for each step that it has, numbered by `row` and `step`, from 1. For texts,
            the most probable token after each as `prediction`, and the mean number of bits, -log₂
            of the probability, that each token after its first takes, as `bits_per_token`.

        Raises
        ------
        DataError
            If a column is missing, a cell cannot be encoded, or the outputs for a row are not
            finite; the message names row and column. If an array has the shape of other samples.
        """
        import pandas as pd

        if self._is_of_texts:
            return self._predict_texts(raw)
        index = raw.index if isinstance(raw, pd.DataFrame) else None
        before = self.preprocessing.window - 1 if self.preprocessing.takes_steps(raw) else 0
        if index is not None:
            index = index[before:]
        if not isinstance(raw, pd.DataFrame | Mapping) and not is_sparse(raw):
            raw = _flat(np.asarray(raw), self.shape)
        inputs = self.preprocessing.encode(raw)
        # What overflows is refused below.
        with self._lock, np.errstate(all="ignore"):
            outputs = np.asarray(self._network.predict(inputs)[0], dtype=np.float64)
        if self._task.has_numbers:
            outputs = self.preprocessing.decode_targets(outputs)
        finite = np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
        if not finite.all():
            raise DataError(
                f"row {int(np.argmin(finite)) + 1}: the outputs of the network are not finite, "
                "because a value is far larger than any in training. Correct the row."
            )
        named: dict[str, Any] = {}
        if self._samples.steps:
            read = ~np.isnan(inputs.reshape(len(inputs), -1, self._samples.steps)[:, 0])
            rows, steps = np.nonzero(read)
            outputs, index = outputs[read], None if index is None else index[rows]
            named = {"row": rows + 1, "step": steps + 1}
        if self.preprocessing.takes_steps(raw):
            named["after_row"] = np.arange(len(outputs)) + before + 1
        if self._task.has_numbers:
            named |= dict(zip(self._targets, outputs.T, strict=True))
        elif not self._task.has_classes:
            named = dict(zip(self._targets, (outputs > 0.5).astype(np.int64).T, strict=True))
        else:
            if outputs.shape[1] == 1:  # one output for two classes: that of the second
                outputs = np.hstack([1 - outputs, outputs])
            classes = np.array(self._targets, dtype=object)
            named["prediction"] = classes[outputs.argmax(axis=1)]
        if self._gives_probabilities:
            named |= {
                f"probability_{name}": column
                for name, column in zip(self._targets, outputs.T, strict=True)
            }
        return pd.DataFrame(named, index=index)

    def _predict_texts(self, raw: Any) -> pd.DataFrame:
        """Predict what follows each text of a column."""
        import pandas as pd

        model, [column] = self.language_model, self.features
        if isinstance(raw, pd.DataFrame | Mapping):
            if column not in raw:
                raise DataError(f"column {column!r}, of the texts, is missing. Add it.")
            texts = list(raw[column])
        else:
            texts = list(np.asarray(raw).reshape(-1))
        rows = []
        for number, text in enumerate(texts, 1):
            given = text if isinstance(text, str) else ""
            tokens = model.encode(given, f"row {number}, column {column!r}: the text")
            with self._lock:
                following = model.vocabulary.tokens[int(model.next(tokens).argmax())]
                rows.append((following, model.bits(tokens)))
        index = raw.index if isinstance(raw, pd.DataFrame) else None
        return pd.DataFrame(rows, columns=list(self.columns), index=index)

    def _misfit(self, features: int, outputs: int) -> str | None:
        """Describe how preprocessing and network do not fit each other; None if they do."""
        width, targets = self.preprocessing.width, self._targets
        if not self._is_of_texts and width != features:
            return f"it gives {width} features, and the network takes {features}"
        named = outputs if self._by_target else max(outputs, 2)  # one output for two classes
        if len(targets) != named:
            return f"the network has {outputs} outputs for {len(targets)} names of targets"
        scaled = len(self.preprocessing.target_scale)
        if scaled not in (0, outputs):
            return f"it scales {scaled} targets, and the network has {outputs}"
        return None

    @property
    def _by_target(self) -> bool:
        return not self._task.has_classes


def _flat(raw: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Turn an array of samples of this shape, in any usual arrangement, into rows of numbers."""
    sample = raw.shape[1:]
    if raw.ndim <= 2:
        return raw
    if sample == (*shape[1:], shape[0]) != shape:  # channels last
        raw = np.moveaxis(raw, -1, 1)
    elif sample != shape and sample != shape[1:] and math.prod(sample) != shape[0]:
        expected = f"(rows, {', '.join(map(str, shape))})"
        raise DataError(
            f"the array has the shape {raw.shape}, and the run takes samples as {expected}. "
            "Give an array of that shape."
        )
    return raw.reshape(len(raw), -1)
