"""Resolve the address at which MLflow stores runs, and open it safely.

MLflow is imported inside functions, because its import takes more than a second, which commands
that only train or show a configuration should not spend.
"""

from __future__ import annotations

import errno
import getpass
import hashlib
import os
import re
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from experiments.errors import RefusedError, TrackerAwayError, TrackingError, UserError
from experiments.files.locks import locked
from experiments.files.masking import mask_secrets, masked, pieces, secrets_in
from experiments.tracking.importing import prepare_mlflow

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE: Final = "mlflow.db"
ARTIFACTS: Final = "mlartifacts"
_SQLITE: Final = "sqlite:///"
_SERVERS: Final = ("http", "https")
_OURS: Final = ("experiments.", "nn.")
_DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")

# Errors that last until somebody fixes the cause: MLflow's codes, the system's, and messages.
_REFUSALS: Final = frozenset(
    {
        "CUSTOMER_UNAUTHORIZED",
        "ENDPOINT_NOT_FOUND",
        "NOT_IMPLEMENTED",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
    }
)
_REFUSED_BY_SYSTEM: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENOENT}
)
_REFUSED_IN_WORDS: Final = re.compile(
    "readonly database|unable to open database file|file is not a database|malformed"
    "|out-of-date database schema|locate revision|Invalid url",
    re.IGNORECASE,
)
# Error codes that may concern a single record.
_RECORD_REFUSALS: Final = frozenset(
    {"BAD_REQUEST", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST"}
)


def resolve_uri(uri: str | None = None, folder: Path | None = None) -> str:
    """Make a tracking address absolute.

    Parameters
    ----------
    uri : str, optional
        A server (`http://...`) or a database (`sqlite:///runs.db`, `postgresql://...`). The
        default is `MLFLOW_TRACKING_URI` or, if that is not set, the database `mlflow.db`.
    folder : Path, optional
        The folder that contains a relative database; by default the project's folder (that of
        `run.py`), or the working directory if this package is installed without it.

    Returns
    -------
    str
        The absolute address.

    Raises
    ------
    TrackingError
        If the address cannot store runs.
    """
    named = "tracking.uri" if uri else "MLFLOW_TRACKING_URI"
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{DATABASE}"

    def refused(why: str) -> TrackingError:
        return TrackingError(
            f"{named} is {masked(uri)!r}, {why}. Give {_SQLITE}FILE.db for a file, "
            "http://HOST:PORT for a server, or tracking=none for neither."
        )

    try:
        scheme = urlsplit(uri).scheme.partition("+")[0]
        if scheme in _SERVERS:
            return uri.rstrip("/")
        if scheme not in _DATABASES:
            raise refused("which is neither a server nor a database")
        if scheme != "sqlite":
            return uri
        path, question_mark, query = uri.removeprefix(_SQLITE).partition("?")
        if not uri.startswith(_SQLITE) or path in ("", ":memory:"):
            raise refused("which names no file, so its runs could not be viewed later")
        absolute = ((folder or _project()) / Path(path).expanduser()).resolve()
    except (ValueError, RuntimeError) as error:  # brackets, null characters, an unknown home
        raise refused(f"which is not a valid address: {_mask(str(error), uri)}") from error
    if re.search("%[0-9A-Fa-f]{2}", str(absolute)):
        raise refused(
            f"whose path {absolute} contains a percent sign before two digits, which MLflow would "
            "decode as another character"
        )
    return f"{_SQLITE}{absolute.as_posix()}{question_mark}{query}"


def sqlite_file(uri: str) -> Path | None:
    """Return the database file of a resolved address; None if it is not SQLite."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def is_server(uri: str) -> bool:
    """Return whether the address is that of a server, which has its own pages."""
    return urlsplit(uri).scheme in _SERVERS


def open_client(uri: str) -> MlflowClient:
    """Open a resolved address, creating a missing SQLite database.

    Raises
    ------
    TrackingError
        If the address cannot be opened.
    """
    prepare_mlflow()
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


def lock_of(uri: str) -> Path:
    """Return the lock file that processes of this machine hold to create runs at an address."""
    database = sqlite_file(uri)
    if database is not None:
        return database.with_name(f".{database.name}.lock")
    name = hashlib.sha256(f"{user()} {uri}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"descent-{name}.lock")


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


@contextmanager
def tracking_errors(
    uri: str, doing: str, cure: str | None = None, *, of_record: bool = False
) -> Iterator[None]:
    """Convert any error of the tracker to one message with its cause and a cure.

    Parameters
    ----------
    uri : str
        The resolved address.
    doing : str
        The attempted action, such as `open`.
    cure : str, optional
        The advice to the user; by default to check the address.
    of_record : bool, default False
        Whether the published record may be the cause.

    Raises
    ------
    TrackerAwayError
        If a later attempt may succeed.
    RefusedError
        If only this record is refused.
    TrackingError
        If nothing can succeed until somebody fixes the cause.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except UserError:
        raise
    except Exception as error:
        # Artifact stores and database drivers raise further types of exceptions.
        theirs = isinstance(error, MlflowException | OSError | ImportError | sqlite3.Error)
        if not theirs and _raised_by_us(error):
            raise
        raise _kind(error, of_record)(
            f"MLflow at {masked(uri)}: could not {doing} it: {_cause(error, uri)} "
            f"{cure or _default_cure(uri)}"
        ) from error


def _raised_by_us(error: BaseException) -> bool:
    """Return whether an exception was raised in this project's code, so that it is a bug."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(_OURS)


def _kind(error: Exception, of_record: bool) -> type[TrackingError]:
    """Return the class of an error, which decides whether to retry."""
    code = getattr(error, "error_code", None)
    status = getattr(getattr(error, "response", None), "status_code", None)
    # A missing file belongs to the record, because the database was opened before.
    if of_record and (code in _RECORD_REFUSALS or isinstance(error, FileNotFoundError)):
        return RefusedError
    if (
        code in _REFUSALS
        or status in (401, 403, 404)
        or isinstance(error, ImportError)
        or (isinstance(error, OSError) and error.errno in _REFUSED_BY_SYSTEM)
        or _REFUSED_IN_WORDS.search(str(error))
    ):
        return TrackingError
    return TrackerAwayError


def _cause(error: BaseException, uri: str) -> str:
    """Return the part of an error's text that is useful to people."""
    text = _mask(str(getattr(error, "message", None) or error), uri)
    if "database is locked" in text:
        return "the database is locked by another program."
    # SQLAlchemy appends the statement, its parameters and a link; requests its pool's state.
    first = re.split(r"\n\[SQL|\(Background on| Response body:", text)[0].strip()
    known = re.search(
        r"Connection refused|Connection aborted|Name or service not known|timed out"
        r"|too many \d+ error responses|(?<=failed with )error code \d+",
        first,
    )
    if known is not None:
        return f"{known[0].replace('too many', 'the server gave only')}."
    return (first[:600] or type(error).__name__).rstrip(".") + "."


def _mask(text: str, uri: str) -> str:
    """Mask the secrets of an address in a library's message, which may quote pieces of them."""
    return mask_secrets(text, pieces(secrets_in(uri)))


def _default_cure(uri: str) -> str:
    database = sqlite_file(uri)
    if database is not None:
        return f"Check that {database} can be written, or choose another (--uri or tracking.uri)."
    if masked(uri) != uri and re.search("[@/?#]", uri.partition("://")[2].rpartition("@")[0]):
        return "In the user name and password of an address, write @ as %40 and / as %2F."
    if is_server(uri):
        return "Check that the server runs and can be reached (--uri or tracking.uri)."
    return "Check the address (--uri or tracking.uri)."


def _make_database(path: Path) -> None:
    """Create the tables once, even if several processes start at the same time."""
    if _is_made(path) and not _unfinished(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(lock_of(f"{_SQLITE}{path.as_posix()}")):
        for left in _unfinished(path):  # by a process that was killed: others wait for the lock
            left.unlink(missing_ok=True)
        if _is_made(path):
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        # Created under another name and renamed, so that a killed process leaves no partial file.
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            store = SqlAlchemyStore(  # type: ignore[no-untyped-call]
                f"{_SQLITE}{unfinished.as_posix()}", (path.parent / ARTIFACTS).as_uri()
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
        connection.execute("PRAGMA schema_version")


def _artifact_location(uri: str, experiment_name: str) -> str | None:
    """Return the location of files: next to a SQLite database; None if the server decides."""
    database = sqlite_file(uri)
    if database is None:
        return None
    folder = re.sub(r"[^\w.-]+", "_", experiment_name).strip(".") or "_"
    return (database.parent / ARTIFACTS / folder[:100]).as_uri()


def _project() -> Path:
    folder = Path(__file__).resolve().parents[3]
    return folder if (folder / "run.py").is_file() else Path.cwd()
