"""The address of a tracker, and the SQLite database, which is created once."""

from pathlib import Path

import pytest

from experiments.errors import TrackingError
from experiments.tracking import store
from experiments.tracking.address import resolve_uri
from experiments.tracking.errors import _default_cure, describe

SLASH = "postgresql://ada:p@ss/Sl4sh66@db.example.org/runs"


def test_a_library_that_quotes_a_piece_of_a_password() -> None:
    error = OSError('could not translate host name "ss" to address; no database "Sl4sh66@db"')
    cause, _ = describe(error, SLASH)
    assert cause == 'could not translate host name "***" to address; no database "***@db"'


def test_a_password_that_an_address_cannot_hold_is_said_to_be_the_cause() -> None:
    assert "write @ as %40 and / as %2F" in _default_cure(SLASH)
    for uri in ("http://ada:p%40ss@host", "http://host/a@b/c", "http://host:5000"):
        assert "the server runs" in _default_cure(uri)


@pytest.mark.parametrize(
    "uri", ["ftp://ada:hunter2@host", "http://ada:[hunter2@host]:x", "sqlite:///?password=hunter2"]
)
def test_a_refused_address_is_shown_without_its_password(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrackingError) as error:
        resolve_uri(uri)
    assert "hunter2" not in str(error.value)
    assert "***" in str(error.value)


def test_what_a_killed_process_left_of_a_database_is_cleared(tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    database.write_text("the database")
    left = [".runs.db.0123abcd.tmp", ".runs.db.0123abcd.tmp-journal", ".runs.db.89abcdef.tmp"]
    others = ["other.db", ".runs.db.lock", ".runs.db.tmp", ".other.db.0123abcd.tmp", "runs.db-wal"]
    for name in (*left, *others):
        (tmp_path / name).write_text(name)
    store._make_database(database)
    assert {path.name for path in tmp_path.iterdir()} == {"runs.db", *others}
    assert database.read_text() == "the database"


def test_a_database_that_another_process_is_making_stays(tmp_path: Path) -> None:
    """It holds the lock; this process waits, and then there is nothing to clear."""
    from threading import Thread

    database = tmp_path / "runs.db"
    unfinished = tmp_path / ".runs.db.0123abcd.tmp"
    unfinished.write_text("the database")
    with store.creating(f"sqlite:///{database}"):
        other = Thread(target=store._make_database, args=[database])
        other.start()
        other.join(0.2)
        assert unfinished.exists()
        unfinished.replace(database)
    other.join()
    assert database.read_text() == "the database"
