"""Several calls to MLflow in one transaction.

MLflow ends a transaction with every part of a call, nine a run, and a disk confirms each. Together
they take less time; and somebody who is killed leaves all of them or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy.orm import Session

_SETTINGS: Final = (
    # As MLflow has them in each session; within a transaction it is too late for the first.
    "foreign_keys = ON",
    "busy_timeout = 20000",
    "case_sensitive_like = true",
    # Nothing is written before the end, so that others may read until then.
    "cache_spill = OFF",
)


@contextmanager
def one_transaction(client: MlflowClient) -> Iterator[None]:
    """Have what MLflow writes to its SQLite database meanwhile written at once, or not at all.

    Its sessions join a transaction begun here, as SQLAlchemy's documentation describes under
    "Joining a Session into an External Transaction": where MLflow would commit or roll back, a
    savepoint is released or gone back to. No other process can write before the end.

    Parameters
    ----------
    client : MlflowClient
        Of an address that is a SQLite database. Should a version of MLflow keep its sessions
        elsewhere, each is a transaction of its own, as it would be without this.
    """
    from sqlalchemy.orm import sessionmaker

    store = client._tracking_client.store
    if not (hasattr(store, "ManagedSessionMaker") and hasattr(store, "engine")):
        yield
        return
    with store.engine.connect() as connection, connection.begin():
        for setting in _SETTINGS:
            connection.exec_driver_sql(f"PRAGMA {setting}")
        # Python's module would begin one with the first write, and a savepoint be none.
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
    """Commit at the end; raise what a database refuses as MLflow does."""
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
        # What a full disk ends has no savepoint any more.
        with suppress(SQLAlchemyError):
            session.close()


def _first(error: BaseException, kind: type[BaseException]) -> BaseException:
    """Return what went wrong first: SQLite leaves the transaction when a disk is full.

    Then SQLAlchemy does not find the savepoint to which it would go back, and says only that.
    """
    first, earlier = error, error.__context__
    while earlier is not None:
        if isinstance(earlier, kind):
            first = earlier
        earlier = earlier.__context__
    return first
