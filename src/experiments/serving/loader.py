"""The module that MLflow calls to load a served run: a model from code and numbers, not a pickle.

Nothing else imports it: the module that `serving.package` puts into each model does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from experiments.config.trust import allowed_packages
from experiments.runs.record import Record
from experiments.serving.predictor import Predictor

if TYPE_CHECKING:
    import pandas as pd

CODE: Final = "code"
"""Folder of a packed model that holds its code, beside that of the record."""


class ServedRun:
    """One run's best weights behind MLflow's interface.

    Parameters
    ----------
    record : Record
    trusted : frozenset of str
        As in :class:`experiments.serving.predictor.Predictor`.
    """

    def __init__(self, record: Record, *, trusted: frozenset[str]) -> None:
        self._predictor = Predictor(record, trusted=trusted)

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        return self._predictor.predict(model_input)


def _load_pyfunc(path: str) -> ServedRun:
    """Load the record in a model's folder, beside which is the code that it needs."""
    # Whoever loads a model runs the code that it carries, which MLflow has put first in the path.
    carried = {entry.stem for entry in (Path(path).parent / CODE).iterdir()}
    return ServedRun(Record.read(path), trusted=allowed_packages() | carried)
