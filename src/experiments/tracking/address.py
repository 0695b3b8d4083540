"""Tracking addresses: of servers, and of databases, whose paths are made absolute."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from experiments.errors import TrackingError
from experiments.files.masking import HIDDEN, mask_secrets, masked, pieces, secrets_in

SQLITE: Final = "sqlite:///"
DATABASE: Final = "mlflow.db"
_VARIABLE: Final = "MLFLOW_TRACKING_URI"
_CREDENTIALS: Final = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_SERVERS: Final = ("http", "https")
_DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")


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
    named = "tracking.uri" if uri else _VARIABLE
    uri = uri or os.environ.get(_VARIABLE) or default_uri()

    def refused(why: str) -> TrackingError:
        return TrackingError(
            f"{named} is {masked(uri)!r}, {why}. Give {SQLITE}FILE.db for a file, "
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
        path, question_mark, query = uri.removeprefix(SQLITE).partition("?")
        if not uri.startswith(SQLITE) or path in ("", ":memory:"):
            raise refused("which names no file, so its runs could not be viewed later")
        absolute = ((folder or _project()) / Path(path).expanduser()).resolve()
    except (ValueError, RuntimeError) as error:  # brackets, null characters, an unknown home
        raise refused(f"which is not a valid address: {mask_in(str(error), uri)}") from error
    if re.search("%[0-9A-Fa-f]{2}", str(absolute)):
        raise refused(
            f"whose path {absolute} contains a percent sign before two digits, which MLflow would "
            "decode as another character"
        )
    return f"{SQLITE}{absolute.as_posix()}{question_mark}{query}"


def default_uri() -> str:
    """Return the default address, not yet resolved."""
    return f"{SQLITE}{DATABASE}"


def recorded_uri(recorded: str | None) -> str:
    """Resolve the address to which a record was to be published; the default if it names none.

    Parameters
    ----------
    recorded : str or None
        `tracking.uri` in the record's configuration, in which secrets are masked.

    Raises
    ------
    TrackingError
        If the address lacks a secret, if it is a database that does not exist here, or if a
        password that the environment holds for another server would be sent to it.
    """
    variable = os.environ.get(_VARIABLE)
    if recorded is None or (variable and (HIDDEN in recorded or masked(variable) == recorded)):
        return resolve_uri()
    if HIDDEN in recorded:
        raise TrackingError(
            f"these runs were to be published to {recorded}, but records hold no passwords. Give "
            f"the whole address with --uri or in {_VARIABLE}, or one without the password, and set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    uri = resolve_uri(recorded)
    database = sqlite_file(uri)
    if database is not None and not database.exists():
        raise TrackingError(
            f"these runs were to be published to the database {database}, which does not exist "
            f"here. Give the address with --uri; to create this database: --uri {uri}"
        )
    known = [name for name in _CREDENTIALS if os.environ.get(name)]
    if is_server(uri) and known:  # records may come from others
        raise TrackingError(
            f"these runs were to be published to {uri}, to which {known[0]} would be sent. If that "
            f"is right, say so: --uri {uri}"
        )
    return uri


def sqlite_file(uri: str) -> Path | None:
    """Return the database file of a resolved address; None if it is not SQLite."""
    if not uri.startswith(SQLITE):
        return None
    return Path(uri.removeprefix(SQLITE).partition("?")[0])


def is_server(uri: str) -> bool:
    """Return whether the address is that of a server, which has its own pages."""
    return urlsplit(uri).scheme in _SERVERS


def mask_in(text: str, uri: str) -> str:
    """Mask the secrets of an address in a library's message, which may quote pieces of them."""
    return mask_secrets(text, pieces(secrets_in(uri)))


def _project() -> Path:
    folder = Path(__file__).resolve().parents[3]
    return folder if (folder / "run.py").is_file() else Path.cwd()
