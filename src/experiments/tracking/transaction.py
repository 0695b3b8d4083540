"""Combine several calls to MLflow in one transaction.

MLflow commits nine transactions per run, each of which waits for the disk. One transaction is
faster, and a process that is killed leaves either all of its changes or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy.orm import Session

_SETTINGS: Final = (
    # MLflow's settings for each session; the first has no effect within a transaction.
    "foreign_keys = ON",
    "busy_timeout = 20000",
    "case_sensitive_like = true",
    # Nothing is written to the file before the commit, so that others can read until then.
    "cache_spill = OFF",
)


@contextmanager
def one_transaction(client: MlflowClient) -> Iterator[None]:
    """Run the body in one transaction of MLflow's SQLite database: all is written, or nothing.

    MLflow's sessions join an outer transaction, as described in SQLAlchemy's documentation under
    "Joining a Session into an External Transaction": a commit releases a savepoint, and a
    rollback returns to it. Other processes cannot write until the end.

    Parameters
    ----------
    client : MlflowClient
        The client of a SQLite database. If a version of MLflow stores its sessions elsewhere,
        each session remains a separate transaction.
    """
    from sqlalchemy.orm import sessionmaker

    store = client._tracking_client.store
    if not (hasattr(store, "ManagedSessionMaker") and hasattr(store, "engine")):
        yield
        return
    with store.engine.connect() as connection, connection.begin():
        for setting in _SETTINGS:
            connection.exec_driver_sql(f"PRAGMA {setting}")
        # Python's sqlite3 begins a transaction only at the first write, not at a savepoint.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        sessions = sessionmaker(bind=connection, join_transaction_mode="create_savepoint")

        @contextmanager
        def managed_session(read_only: bool = True) -> Iterator[Session]:  # noqa: ARG001 - MLflow's
            with _session_as_mlflow_has_it(sessions()) as session:
                yield session

        own = store.ManagedSessionMaker
        store.ManagedSessionMaker = managed_session
        try:
            yield
        finally:
            store.ManagedSessionMaker = own


@contextmanager
def _session_as_mlflow_has_it(session: Session) -> Iterator[Session]:
    """Commit at the end, and raise a database's errors as MLflow would."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import BAD_REQUEST, TEMPORARILY_UNAVAILABLE
    from sqlalchemy.exc import OperationalError, SQLAlchemyError

    try:
        yield session
        session.commit()
    except SQLAlchemyError as error:
        first = _first(error, SQLAlchemyError)
        code = TEMPORARILY_UNAVAILABLE if isinstance(first, OperationalError) else BAD_REQUEST
        raise MlflowException(str(first), error_code=code) from error
    finally:
        # After a full disk has ended the transaction, the savepoint no longer exists.
        with suppress(SQLAlchemyError):
            session.close()


def _first(error: BaseException, kind: type[BaseException]) -> BaseException:
    """Return the first error in a chain.

    When a disk is full, SQLite leaves the transaction; SQLAlchemy then cannot return to its
    savepoint and reports only that.
    """
    first, earlier = error, error.__context__
    while earlier is not None:
        if isinstance(earlier, kind):
            first = earlier
        earlier = earlier.__context__
    return first
