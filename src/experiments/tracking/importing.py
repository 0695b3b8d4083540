"""How MLflow is imported: quiet, and in a process that only publishes without what that needs not.

It takes the better part of a second, which runs that only train, or only show their configuration,
should not pay: whoever needs it calls :func:`prepare_mlflow`.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Final
from urllib.parse import urlsplit

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
    """Set MLflow's environment and quiet its log; call before the first import of it.

    Parameters
    ----------
    slim
        Whether this process only publishes. It imports MLflow as the edition without pandas does,
        `mlflow-skinny`, without pyarrow, which files on Hadoop need, and without FastAPI, of
        which its gateway's server takes an exception: that is nearly twice as fast. Models cannot
        be loaded then, and `complete_mlflow` imports the rest.
    """
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if slim:
        server_error = {"HTTPException": Exception}
        with (
            hidden("pandas"),
            hidden("pyarrow"),
            _stand_in("fastapi", server_error),
            suppress(Exception),
        ):
            import mlflow
        if "mlflow" not in sys.modules:  # a version that needs it after all: from the start
            for name in [name for name in sys.modules if name.startswith("mlflow.")]:
                del sys.modules[name]
    import mlflow  # noqa: F401

    # Its import resets the level of its own logger.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"mlflow\.")


def complete_mlflow() -> None:
    """Import what was left out of MLflow, which the code of others may ask for."""
    import mlflow.models

    if not hasattr(mlflow.models, "infer_signature"):
        importlib.reload(mlflow.models)


def complete_for_files(uri: str) -> None:
    """Import what was left out of MLflow that files at an address need."""
    if urlsplit(uri).scheme in ("hdfs", "viewfs"):
        from mlflow.store.artifact import hdfs_artifact_repo

        if not hasattr(hdfs_artifact_repo, "HadoopFileSystem"):
            importlib.reload(hdfs_artifact_repo)


@contextmanager
def hidden(package: str) -> Iterator[None]:
    """Import something as if a package were not installed, unless it is imported already."""
    with _standing_for(package, None):
        yield


@contextmanager
def _stand_in(package: str, contents: Mapping[str, object]) -> Iterator[None]:
    """Import something with a package that has these contents, unless it is imported already."""
    module = ModuleType(package)
    vars(module).update(contents)
    with _standing_for(package, module):
        yield


@contextmanager
def _standing_for(package: str, module: ModuleType | None) -> Iterator[None]:
    if package in sys.modules:
        yield
        return
    sys.modules[package] = module  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
