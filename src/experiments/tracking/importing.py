"""Import MLflow quietly. The publishing process skips pandas, which publishing does not use.

MLflow takes most of a second to import, so it is imported where it is used, by
:func:`prepare_mlflow`.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from experiments import switches

# Defaults only: a variable that the user has set is kept.
_ENVIRONMENT: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's retries take minutes if no server answers, and create a run twice if the response
    # to the first request was lost. The publisher retries instead, after looking for the run.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}


def prepare_mlflow(*, slim: bool = False) -> None:
    """Set MLflow's environment, quiet its log and import it.

    Parameters
    ----------
    slim : bool, default False
        Whether this process only publishes. MLflow is then imported without pandas, like
        `mlflow-skinny`, which takes two thirds of the time but cannot load models.
        `complete_mlflow` imports the rest. Setting `DESCENT_PLAIN=mlflow` disables this.
    """
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if slim and switches.is_on("mlflow"):
        with hidden("pandas"), suppress(Exception):
            import mlflow
        if "mlflow" not in sys.modules:  # this version needs pandas: import all of it
            for name in [name for name in sys.modules if name.startswith("mlflow.")]:
                del sys.modules[name]
    import mlflow  # noqa: F401

    # Importing MLflow resets the level of its logger.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"mlflow\.")


def complete_mlflow() -> None:
    """Import the omitted parts of MLflow, which a user's code may need."""
    import mlflow.models

    if not hasattr(mlflow.models, "infer_signature"):
        importlib.reload(mlflow.models)


@contextmanager
def hidden(package: str) -> Iterator[None]:
    """Make a package look as if it were not installed, unless it is already imported."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
