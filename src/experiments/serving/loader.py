"""Load a packed model, as MLflow does: from code and numbers, not from a pickle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from experiments.config.trust import allowed_packages
from experiments.runs.record import Record
from experiments.serving.predictor import Predictor
from nn.sparse_rows import SparseMatrix

if TYPE_CHECKING:
    import pandas as pd


CODE: Final = "code"
"""The folder of a packed model that holds its code, beside the folder of the record."""

ARCHIVE: Final = "descent.zip"
"""The file with this project's code in a packed model."""


class ServedRun:
    """A run's best weights with the interface that MLflow expects of a model.

    Parameters
    ----------
    record : Record
        The run.
    trusted : frozenset of str
        Packages, besides this project's, whose classes the run's network may be built of.
    """

    def __init__(self, record: Record, *, trusted: frozenset[str]) -> None:
        self._predictor = Predictor(record, trusted=trusted)

    def predict(
        self,
        model_input: pd.DataFrame | NDArray[Any] | SparseMatrix,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Predict for every row of a table, or every sample; see :meth:`Predictor.predict`.

        The signature of the model makes columns optional whose missing values are filled in.
        """
        table: Any = model_input
        fills = self._predictor.preprocessing.fills
        if fills and hasattr(table, "columns"):
            absent = set(fills).difference(map(str, table.columns))
            table = table.assign(**dict.fromkeys(absent))
        return self._predictor.predict(table)


def load_served_run(path: str, carried: frozenset[str]) -> ServedRun:
    """Load the run of a packed model.

    Parameters
    ----------
    path : str
        The folder of the record.
    carried : frozenset of str
        The packages and modules that the model carries for its network. They are trusted, because
        whoever loads a model runs its code anyway.
    """
    return ServedRun(Record.read(path), trusted=allowed_packages() | carried)


def _load_pyfunc(path: str) -> ServedRun:
    """Load a model that was published before a model's code became one package.

    Such a model calls this function if `experiments` was imported before it. Otherwise it runs
    the code that it carries.
    """
    code = Path(path).resolve().parent / CODE
    # The model has put its archive first in the path. Its `nn` does not fit today's `experiments`.
    archive = str(code / ARCHIVE)
    sys.path[:] = [entry for entry in sys.path if entry != archive]
    return load_served_run(path, frozenset(entry.stem for entry in code.iterdir()))
