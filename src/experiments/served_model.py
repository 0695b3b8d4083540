"""The file that MLflow runs to load a served run: a model from code, not from a pickle.

Nothing imports this module; `serving.save_model` names it to MLflow.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from experiments.serving import Predictor, served_record


class ServedRun(PythonModel):
    """One run's best weights behind MLflow's interface."""

    def load_context(self, context: PythonModelContext) -> None:
        self._predictor = Predictor(served_record(context.artifacts))

    # pandas is imported for this annotation: MLflow evaluates it, and warns where it cannot.
    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        return self._predictor.predict(model_input)


set_model(ServedRun())
