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

# Defaults only: whoever sets one of these knows why.
_ENVIRONMENT: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Its own retries take minutes when no server answers, and would make a run twice where the
    # server did make it but could not say so. We try again ourselves, looking first.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}


def prepare_mlflow(*, slim: bool = False) -> None:
    """Set MLflow's environment, quiet its log and import it.

    Parameters
    ----------
    slim : bool, default False
        Whether this process only publishes. MLflow is then imported without pandas, as its
        edition `mlflow-skinny` is, in two thirds of the time, unless
        `DESCENT_PLAIN=mlflow` is set. Models cannot be loaded then; `complete_mlflow` imports the
        rest.
    """
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if slim and switches.is_on("mlflow"):
        with hidden("pandas"), suppress(Exception):
            import mlflow
        if "mlflow" not in sys.modules:  # a version that needs pandas: import it from the start
            for name in [name for name in sys.modules if name.startswith("mlflow.")]:
                del sys.modules[name]
    import mlflow  # noqa: F401

    # Its import resets the level of its own logger.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"mlflow\.")


def complete_mlflow() -> None:
    """Import what was left out of MLflow, which a user's own code may ask for."""
    import mlflow.models

    if not hasattr(mlflow.models, "infer_signature"):
        importlib.reload(mlflow.models)


@contextmanager
def hidden(package: str) -> Iterator[None]:
    """Import something as if a package were not installed, unless it is imported already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
