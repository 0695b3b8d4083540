"""Errors of MLflow and its parts, as one message each: what failed, why, and what to do.

The class of the error that is raised says whether a later attempt may succeed.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from experiments.errors import RefusedError, TrackerAwayError, TrackingError, UserError
from experiments.files.masking import masked
from experiments.tracking.address import is_server, mask_in, sqlite_file

_OURS: Final = ("experiments.", "nn.")

# Errors that last until somebody fixes the cause: MLflow's codes, statuses, and the system's.
_REFUSALS: Final = frozenset(
    {
        "CUSTOMER_UNAUTHORIZED",
        "ENDPOINT_NOT_FOUND",
        "NOT_IMPLEMENTED",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
    }
)
_REFUSED_STATUS: Final = frozenset({401, 403, 404, 405, 501})
_REFUSED_BY_SYSTEM: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENOENT}
)
# Error codes that may concern a single record.
_RECORD_REFUSALS: Final = frozenset(
    {"BAD_REQUEST", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST"}
)

# The packages that install the modules of database drivers.
_DRIVERS: Final = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
}


@dataclass(frozen=True)
class _Fault:
    """A fault that is recognized by the words of its message.

    Parameters
    ----------
    words : str
        A regular expression for the message.
    cause : str
        The cause; ``{found}`` stands for what was recognized.
    cure : str
        The advice; ``{file}`` stands for the database's file and ``{uri}`` for the address.
    passes : bool, default False
        Whether a later attempt may succeed.
    """

    words: str
    cause: str
    cure: str
    passes: bool = False


_OF_DATABASES: Final = (
    _Fault(
        "database is locked",
        "the database is locked by another program",
        "Close that program, or wait until it is done.",
        passes=True,
    ),
    _Fault("database or disk is full", "{found}", "Free some space for {file}.", passes=True),
    _Fault(
        "file is not a database",
        "{file} is not a database",
        "Move it away, or choose another file (--uri or tracking.uri).",
    ),
    _Fault(
        "database disk image is malformed|malformed database schema",
        "the database is damaged ({found})",
        "Restore {file} from a backup, or move it away: publishing the records again fills a new "
        "one.",
    ),
    _Fault(
        r"out-of-date database schema \(found version (?P<revision>\w+)|locate revision",
        "the database has the schema of another version of MLflow",
        "",  # see `_schema_cure`
    ),
    _Fault(
        "readonly database|unable to open database file|Permission denied|Read-only file system",
        "{found}",
        "Check that {file} can be written, or choose another (--uri or tracking.uri).",
    ),
)
_OF_SERVERS: Final = (
    _Fault(
        "Connection refused|Connection aborted|Connection reset|Name or service not known"
        r"|timed out|too many \d+ error responses",
        "{found}",
        "Check that the server runs and can be reached (--uri or tracking.uri).",
        passes=True,
    ),
    _Fault(
        "WRONG_VERSION_NUMBER",
        "the server does not speak https",
        "Give its address with http:// (--uri or tracking.uri).",
    ),
    _Fault("Invalid url", "{found}", "Check the address (--uri or tracking.uri)."),
    _Fault(
        "Expecting value: line",  # from Python's decoder of JSON
        "the server answers with a page rather than with JSON, as a page for logging in does",
        "Check that the address is that of MLflow (--uri or tracking.uri).",
        passes=True,
    ),
    _Fault(
        r"error code (?:404|405|501)\b",
        "the server answers with {found}, as one that is not MLflow's does",
        "Check that the address is that of MLflow (--uri or tracking.uri).",
    ),
    _Fault(
        r"error code (?:401|403)\b",
        "the server refuses access ({found})",
        "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
    ),
    _Fault(
        r"error code \d+",
        "the server answers with {found}",
        "Check that the server runs and can be reached (--uri or tracking.uri).",
        passes=True,
    ),
)


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
        The advice for a fault that is not known; by default to check the address.
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
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not is_trackers(error):
            raise
        cause, own_cure = describe(error, uri, cure)
        raise _kind(error, of_record)(
            f"MLflow at {masked(uri)}: could not {doing} it: {cause}. {own_cure}"
        ) from error


def may_pass(error: BaseException) -> bool:
    """Return whether an error is the tracker's, and a later attempt may succeed."""
    if isinstance(error, UserError):
        return isinstance(error, TrackerAwayError)
    return (
        isinstance(error, Exception)
        and is_trackers(error)
        and _kind(error, of_record=True) is TrackerAwayError
    )


def is_trackers(error: Exception) -> bool:
    """Return whether an error is the tracker's, rather than a defect of this project."""
    from mlflow.exceptions import MlflowException

    # Artifact stores and database drivers raise further types of exceptions.
    known = isinstance(error, MlflowException | OSError | ImportError | sqlite3.Error)
    return known or not _raised_by_us(error)


def describe(error: BaseException, uri: str, cure: str | None = None) -> tuple[str, str]:
    """Return the cause of an error, and what to do about it, for people.

    Parameters
    ----------
    error : BaseException
        The error.
    uri : str
        The resolved address.
    cure : str, optional
        The advice for a fault that is not known.
    """
    text = _text(error)
    file = sqlite_file(uri)
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = _DRIVERS.get(error.name, error.name)
        return (
            f"the driver of this database, {error.name}, is not installed",
            f"Install it into this environment: pip install {package!r}.",
        )
    fault, found = _known(text)
    if fault is not None and found is not None:
        words = found[0].replace("too many", "the server gave only").replace(
            "error code", "the status"
        )  # fmt: skip
        advice = fault.cure or _schema_cure(found["revision"])
        if is_server(uri) and fault in _OF_DATABASES:
            advice = "Whoever runs the server can put that right."
        if fault in _OF_SERVERS:
            advice = _address_cure(uri) or advice
        return (
            fault.cause.format(found=words, file=file or "it"),
            advice.format(file=file or "the database", uri=masked(uri)),
        )
    # SQLAlchemy appends the statement, its parameters and general advice; requests the body.
    first = re.split(r"\n\[SQL|\s*\(Background on| Response body:", text)[0].strip()
    cause = (mask_in(first, uri)[:600] or type(error).__name__).rstrip(".")
    return cause, cure or _default_cure(uri)


def _known(text: str) -> tuple[_Fault | None, re.Match[str] | None]:
    for fault in (*_OF_DATABASES, *_OF_SERVERS):
        found = re.search(fault.words, text, re.IGNORECASE)
        if found is not None:
            return fault, found
    return None, None


def _text(error: BaseException) -> str:
    return str(getattr(error, "message", None) or error)


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
    fault, _ = _known(_text(error))
    if (
        code in _REFUSALS
        or status in _REFUSED_STATUS
        or isinstance(error, ImportError)
        or (isinstance(error, OSError) and error.errno in _REFUSED_BY_SYSTEM)
        or (fault is not None and not fault.passes)
    ):
        return TrackingError
    return TrackerAwayError


def _default_cure(uri: str) -> str:
    if sqlite_file(uri) is not None:
        return "Check the file, or choose another (--uri or tracking.uri)."
    if is_server(uri) and _address_cure(uri) is None:
        return "Check that the server runs and can be reached (--uri or tracking.uri)."
    return _address_cure(uri) or "Check the address (--uri or tracking.uri)."


def _address_cure(uri: str) -> str | None:
    """Return what to do about a password with a character that ends it; None if it has none."""
    if masked(uri) != uri and re.search("[@/?#]", uri.partition("://")[2].rpartition("@")[0]):
        return "In the user name and password of an address, write @ as %40 and / as %2F."
    return None


def _schema_cure(revision: str | None) -> str:
    """Return what to do about a database with the schema of another version of MLflow."""
    if revision is not None and _is_older(revision):
        return (
            "Back it up, then upgrade it: mlflow db upgrade {uri}. Or choose another (--uri or "
            "tracking.uri)."
        )
    return (
        "It is newer than the MLflow that is installed here: upgrade that, or choose another "
        "database (--uri or tracking.uri)."
    )


def _is_older(revision: str) -> bool:
    """Return whether the MLflow that is installed knows a revision of its schema."""
    package = find_spec("mlflow")
    folders = package.submodule_search_locations if package is not None else None
    versions = [Path(folder, "store", "db_migrations", "versions") for folder in folders or ()]
    return any(any(folder.glob(f"{revision}_*.py")) for folder in versions)
