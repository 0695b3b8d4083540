"""Open the address at which MLflow stores runs, safely.

MLflow is imported inside functions, because its import takes more than a second, which commands
that only train or show a configuration should not spend.
"""

from __future__ import annotations

import getpass
import hashlib
import math
import re
import secrets
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.errors import TrackingError
from experiments.files.locks import locked
from experiments.files.masking import masked
from experiments.files.scratch import temporary
from experiments.tracking.address import SQLITE, is_server, sqlite_file
from experiments.tracking.errors import tracking_errors
from experiments.tracking.importing import limit_requests, prepare_mlflow

if TYPE_CHECKING:
    from mlflow import MlflowClient

ARTIFACTS: Final = "mlartifacts"


def open_client(uri: str, patience: float = math.inf) -> MlflowClient:
    """Open a resolved address, creating a missing SQLite database.

    Parameters
    ----------
    uri : str
        The address.
    patience : float, optional
        The seconds after which waiting for a server's answer ends. Unlimited by default, but each
        request has its own limit.

    Raises
    ------
    TrackingError
        If the address cannot be opened.
    """
    prepare_mlflow()
    limit_requests(patience)
    with tracking_errors(uri, "open"):
        from mlflow import MlflowClient

        database = sqlite_file(uri)
        if database is not None:
            _make_database(database)
            _check_database(database)
        if not is_server(uri):
            from mlflow.store.db import utils

            utils.MAX_RETRY_COUNT = 1  # ten tries take two minutes; the publisher retries
        client = MlflowClient(tracking_uri=uri)
        # The first call opens the database or contacts the server.
        client.search_experiments(max_results=1)
        return client


def user() -> str:
    """Return the name of the current user."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without a user database
        return "unknown"


def creating(uri: str, patience: float = math.inf) -> AbstractContextManager[None]:
    """Hold the lock under which processes of this machine create runs at an address.

    Raises
    ------
    TimeoutError
        If another process has held the lock for `patience` seconds.
    """
    database = sqlite_file(uri)
    if database is not None:
        return locked(database.with_name(f".{database.name}.lock"), patience)
    name = hashlib.sha256(f"{user()} {uri}".encode()).hexdigest()[:16]
    return locked(temporary() / f"descent-{name}.lock", patience, temporary=True)


def find_or_create_experiment(client: MlflowClient, uri: str, name: str) -> str:
    """Return the id of the experiment called `name`, creating it if it is missing.

    Raises
    ------
    TrackingError
        If the experiment was deleted.
    """
    from mlflow.exceptions import MlflowException

    with tracking_errors(uri, f"open the experiment {name!r} of"):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return client.create_experiment(
                    name,
                    artifact_location=_artifact_location(uri, name),
                    # Otherwise a fresh browser opens the page for generative AI.
                    tags={"mlflow.experimentKind": "custom_model_development"},
                )
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                # Another process has just created it.
                experiment = client.get_experiment_by_name(name)
    if experiment is None or experiment.lifecycle_stage != "active":
        number = "ID" if experiment is None else experiment.experiment_id
        raise TrackingError(
            f"{masked(uri)}: the experiment {name!r} was deleted. Restore it (with "
            f"MLFLOW_TRACKING_URI set to this address: mlflow experiments restore --experiment-id "
            f"{number}), or choose another name with experiment_name=NAME."
        )
    return str(experiment.experiment_id)


def _make_database(path: Path) -> None:
    """Create the tables once, even if several processes start at the same time."""
    if _is_made(path) and not _unfinished(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with creating(f"{SQLITE}{path.as_posix()}"):
        for left in _unfinished(path):  # by a process that was killed: others wait for the lock
            left.unlink(missing_ok=True)
        if _is_made(path):
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        # Created under another name and renamed, so that a killed process leaves no partial file.
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            store = SqlAlchemyStore(  # type: ignore[no-untyped-call]
                f"{SQLITE}{unfinished.as_posix()}", (path.parent / ARTIFACTS).as_uri()
            )
            store.engine.dispose()
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _is_made(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _unfinished(path: Path) -> list[Path]:
    """List the files of databases that were to become `path`, SQLite's journals included."""
    name = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}\.tmp(-journal|-wal|-shm)?")
    if not path.parent.is_dir():
        return []
    return [file for file in path.parent.iterdir() if name.fullmatch(file.name)]


def _check_database(path: Path) -> None:
    """Fail immediately for a file that is not a database, which MLflow would retry for minutes."""
    # A locked database is not an error: MLflow waits for it.
    with closing(sqlite3.connect(path, timeout=20)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if tables and "experiments" not in tables:
        raise TrackingError(
            f"{path} is a database of another program, to which MLflow's tables would be added. "
            "Choose another file (--uri or tracking.uri)."
        )


def _artifact_location(uri: str, experiment_name: str) -> str | None:
    """Return the location of files: next to a SQLite database; None if the server decides."""
    database = sqlite_file(uri)
    if database is None:
        return None
    folder = re.sub(r"[^\w.-]+", "_", experiment_name).strip(".") or "_"
    return (database.parent / ARTIFACTS / folder[:100]).as_uri()
