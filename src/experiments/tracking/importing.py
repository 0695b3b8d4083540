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
from typing import Any, Final

from experiments import switches

_TIMEOUT: Final = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_SHORTEST: Final = 10  # seconds that any request may take
_LONGEST: Final = 30

# Defaults only: a variable that the user has set is kept.
_ENVIRONMENT: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's retries take minutes if no server answers, and create a run twice if the response
    # to the first request was lost. `experiments.tracking.patience` repeats requests instead.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    _TIMEOUT: str(_LONGEST),
    "PGCONNECT_TIMEOUT": "30",  # otherwise minutes, if PostgreSQL's machine is down
    "GIT_PYTHON_REFRESH": "quiet",
}

_set_here: set[str] = set()
_RETRY_AFTER: Final = "descents_retry_after"


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
        if variable not in os.environ:
            os.environ[variable] = value
            _set_here.add(variable)
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
    _note_retry_after()


def limit_requests(patience: float) -> None:
    """Limit the time of a request to `patience` seconds, unless the user has set a limit."""
    if _TIMEOUT in _set_here:
        os.environ[_TIMEOUT] = str(round(min(max(patience, _SHORTEST), _LONGEST)))


def retry_after(error: BaseException) -> float | None:
    """Return for how many seconds the server that an error comes from asked to wait, if it did."""
    cause: BaseException | None = error
    while cause is not None:
        for part in (cause, *cause.args):
            seconds = getattr(part, _RETRY_AFTER, None)
            if seconds is not None:
                return float(seconds)
        cause = cause.__cause__ or cause.__context__
    return None


def _note_retry_after() -> None:
    """Have MLflow's errors carry the `Retry-After` of the response, which it drops.

    This replaces the class by which MLflow's session counts its attempts. If another version of
    MLflow has no such class, only the waiting times that servers ask for are lost.
    """
    from mlflow.utils import request_utils
    from urllib3.exceptions import InvalidHeader, MaxRetryError

    base: Any = getattr(request_utils, "Retry", None)
    if base is None or hasattr(base, _RETRY_AFTER):
        return

    class NotingRetry(base):  # type: ignore[misc]
        def increment(
            self, method: Any = None, url: Any = None, response: Any = None, *rest: Any, **more: Any
        ) -> Any:
            try:
                return super().increment(method, url, response, *rest, **more)
            except MaxRetryError as error:
                if response is not None:
                    with suppress(InvalidHeader):
                        setattr(error, _RETRY_AFTER, self.get_retry_after(response))
                raise

    setattr(NotingRetry, _RETRY_AFTER, None)
    request_utils.Retry = NotingRetry  # type: ignore[attr-defined]


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
