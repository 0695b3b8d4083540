"""A trained run as a function: a raw table in, named predictions out.

`scripts/predict.py` and the model that MLflow serves both predict through `Predictor`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.errors import RecordError
from experiments.runs import layout
from experiments.runs.record import Record

if TYPE_CHECKING:
    import pandas as pd


class Predictor:
    """Predicts with the weights of one run.

    Parameters
    ----------
    record
        The run.
    which : {"best", "final"}
        Its weights of the best validation epoch, or those after the last.
    trusted : frozenset of str
        Packages, besides this project's, whose classes the run's network may be built of; see
        :mod:`experiments.config.trust`.

    Attributes
    ----------
    features : tuple of str
        The raw columns it needs.
    columns : tuple of str
        The columns of its predictions.

    Raises
    ------
    RecordError
        Where the run left no weights, or they do not fit its configuration.
    ConfigError
        Where its network cannot be built, or of a class that is not trusted.
    """

    def __init__(self, record: Record, which: str = "best", *, trusted: frozenset[str]) -> None:
        from experiments.config.build import network_from_config
        from experiments.datasets import Preprocessing

        weights = record.weights(which)
        dataset = record.dataset
        self._task = str(dataset["task"])
        self._targets = tuple(str(name) for name in dataset["target_names"])
        self._preprocessing = Preprocessing.from_json(record.preprocessing_json)
        self.features = self._preprocessing.columns
        self._network = network_from_config(
            record.config, int(dataset["features"]), _output_width(weights), trusted=trusted
        )
        try:
            self._network.load(weights)
        except ValueError as error:
            raise RecordError(
                f"{record.folder / layout.WEIGHTS}: the weights do not fit the network that "
                f"{layout.CONFIG} describes: {error}. Run again with this version of the program."
            ) from error
        self._gives_probabilities = (
            self._network.objective.activation.gives_probabilities and self._task != "regression"
        )
        # The network computes in buffers of its own, and servers call from several threads.
        self._lock = threading.Lock()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the predictions, in order."""
        probabilities = tuple(f"probability_{name}" for name in self._targets)
        given = probabilities if self._gives_probabilities else ()
        return (self._targets if self._by_target else ("prediction",)) + given

    def predict(self, raw: pd.DataFrame | NDArray[Any]) -> pd.DataFrame:
        """Predict for every row of a raw table.

        Parameters
        ----------
        raw : DataFrame with the columns `features`, or ndarray of shape (n, features)
            Columns in any order; others are ignored. An array's columns are in the order of
            `features`; images may keep their shape, (n, height, width).

        Returns
        -------
        DataFrame of n rows
            Classification: `prediction`, a class, and where the network gives probabilities one
            column `probability_<class>` a class. Several labels: a column of 0 and 1 a label,
            and their probabilities. Regression: a column a target, in its own unit.

        Raises
        ------
        DataError
            Where a column is missing, or a cell cannot be encoded; names row and column.
        """
        import pandas as pd

        index = raw.index if isinstance(raw, pd.DataFrame) else None
        if not isinstance(raw, pd.DataFrame):
            raw = np.asarray(raw)
            raw = raw.reshape(len(raw), -1) if raw.ndim > 2 else raw
        inputs = self._preprocessing.encode(raw)
        with self._lock:
            outputs = np.asarray(self._network.predict(inputs)[0], dtype=np.float64)
        named: dict[str, Any] = {}
        if self._task == "regression":
            decoded = np.asarray(self._preprocessing.decode_targets(outputs))
            named = dict(zip(self._targets, decoded.reshape(len(outputs), -1).T, strict=True))
        elif self._task == "multilabel":
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

    @property
    def _by_target(self) -> bool:
        return self._task in ("regression", "multilabel")


def _output_width(weights: Mapping[str, NDArray[Any]]) -> int:
    """Read the width of the network's output off its last dense layer.

    The data do not tell: two classes may be one output or two, as the loss has it.
    """
    biases = {
        int(layer[1]): len(bias)
        for name, bias in weights.items()
        if (layer := re.fullmatch(r"dense(\d+)/bias", name)) is not None
    }
    return biases[max(biases)]
