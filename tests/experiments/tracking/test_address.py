"""The address that a record names is used where it holds no secret."""

from pathlib import Path

import pytest

from experiments.errors import TrackingError
from experiments.tracking.address import recorded_uri, resolve_uri

SERVER = "http://127.0.0.1:5000"
MASKED = "https://ada:***@example.org"
WHOLE = "https://ada:hunter2@example.org"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URI", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


def test_the_address_of_the_record_comes_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert recorded_uri(SERVER) == SERVER
    assert recorded_uri(None) == resolve_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://other:5000")
    assert recorded_uri(SERVER) == SERVER
    assert recorded_uri(None) == "http://other:5000"


def test_a_masked_address_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrackingError) as raised:
        recorded_uri(MASKED)
    for way in ("--uri", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD"):
        assert way in str(raised.value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", WHOLE)
    assert recorded_uri(MASKED) == WHOLE


def test_a_database_that_does_not_exist_here_is_not_created(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/runs.db"
    with pytest.raises(TrackingError, match=f"--uri {uri}"):
        recorded_uri(uri)
    (tmp_path / "runs.db").touch()
    assert recorded_uri(uri) == uri


@pytest.mark.parametrize("name", ["PASSWORD", "TOKEN"])
def test_a_password_is_not_sent_to_a_server_that_only_a_record_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "hunter2hunter2")
    with pytest.raises(TrackingError, match=f"MLFLOW_TRACKING_{name} would be sent"):
        recorded_uri(SERVER)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", SERVER)
    assert recorded_uri(SERVER) == SERVER
