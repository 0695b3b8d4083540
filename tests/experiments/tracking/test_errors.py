"""What is said of an address that cannot be used: each fault with its own cause and cure."""

import http.server
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from experiments.errors import TrackerAwayError, TrackingError
from experiments.tracking.errors import describe
from experiments.tracking.runs import Tracker

CAN_BE_WRITTEN = "can be written"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "runs.db"
    Tracker(f"sqlite:///{path}", "x").open()
    return path


def old(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'bd07f7e963c5'")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")


def garbage(path: Path) -> None:
    path.write_bytes(b"These are the notes of last week's meeting.\n" * 100)


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE cakes (name)")


@pytest.mark.parametrize(
    ("spoil", "cause", "cure"),
    [
        (old, "schema of another version", "mlflow db upgrade sqlite:///"),
        (newer, "schema of another version", "newer than the MLflow that is installed"),
        (garbage, "is not a database", "Move it away"),
        (damaged, "is damaged", "from a backup"),
        (of_another_program, "of another program", "Choose another file"),
    ],
)
def test_each_fault_of_a_database_has_its_own_cure(
    spoil: Callable[[Path], None], cause: str, cure: str, database: Path, tmp_path: Path
) -> None:
    path = tmp_path / "runs.db"
    shutil.copy(database, path)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(TrackingError) as raised:
        Tracker(f"sqlite:///{path}", "x").open()
    message = str(raised.value)
    assert not isinstance(raised.value, TrackerAwayError)
    assert cause in message
    assert cure in message
    assert CAN_BE_WRITTEN not in message
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "runs.db").mkdir()
    with pytest.raises(TrackingError, match=CAN_BE_WRITTEN):
        Tracker(f"sqlite:///{tmp_path}/runs.db", "x").open()


@pytest.mark.parametrize(
    ("module", "package"), [("psycopg2", "psycopg2-binary"), ("pymysql", "pymysql")]
)
def test_a_missing_driver_is_named(module: str, package: str) -> None:
    error = ModuleNotFoundError(f"No module named {module!r}", name=module)
    cause, cure = describe(error, "postgresql://db.example.org/runs")
    assert cause == f"the driver of this database, {module}, is not installed"
    assert f"pip install '{package}'" in cure


def test_the_advice_of_sqlalchemy_is_left_out() -> None:
    error = OperationalError("SELECT 1", None, Exception("no such column: runs.colour"))
    assert "Background on this error" in str(error)
    cause, _ = describe(error, "postgresql://db.example.org/runs")
    assert cause.endswith("no such column: runs.colour")


@pytest.fixture
def web_server() -> Iterator[str]:
    """A server that knows GET alone, as Python's own."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("scheme", "says"), [("http", "not MLflow's"), ("https", "does not speak https")]
)
def test_a_server_that_is_not_mlflows(scheme: str, says: str, web_server: str) -> None:
    with pytest.raises(TrackingError, match=says) as raised:
        Tracker(f"{scheme}://{web_server}", "x").open()
    assert not isinstance(raised.value, TrackerAwayError)
