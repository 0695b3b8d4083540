"""Messages about the address of a tracker."""

import pytest

from experiments.errors import TrackingError
from experiments.tracking.store import _cause, _default_cure, resolve_uri

SLASH = "postgresql://ada:p@ss/Sl4sh66@db.example.org/runs"


def test_a_library_that_quotes_a_piece_of_a_password() -> None:
    error = OSError('could not translate host name "ss" to address; no database "Sl4sh66@db"')
    cause = _cause(error, SLASH)
    assert cause == 'could not translate host name "***" to address; no database "***@db".'


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
