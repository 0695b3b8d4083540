"""A PostgreSQL server of our own, from what the machine has installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_PASSWORD = "s3cret"
_PATIENCE = 60.0


def binaries() -> Path | None:
    """Where PostgreSQL's programs are: on the path, or where Debian keeps each version's."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in versions), default=None, key=lambda p: int(p.parent.name))


def missing() -> str | None:
    """Say what the machine lacks to run a server; None if nothing."""
    if binaries() is None:
        return "PostgreSQL is not installed (apt install postgresql)"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL does not run as root, and there is no runuser to start it as another"
    return None


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server on the loopback address; yield the address of an empty database."""
    import psycopg2

    programs = binaries()
    assert programs is not None
    # Not below a test's own folder, which is closed to everybody else.
    folder = Path(tempfile.mkdtemp(prefix="descent-postgres-"))
    (folder / "password").write_text(_PASSWORD)
    as_other: list[str] = []
    if os.geteuid() == 0:
        as_other = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
        shutil.chown(folder / "password", "postgres")
    port = free_port()
    made = ["--pgdata", str(folder / "data"), "--pwfile", str(folder / "password"), "--no-sync"]
    subprocess.run(
        [*as_other, str(programs / "initdb"), *made, "--username=descent", "--auth=scram-sha-256"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    settings = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*as_other, str(programs / "postgres"), "-D", str(folder / "data"), *settings],
            cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    place = f"descent:{_PASSWORD}@127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                connection = psycopg2.connect(f"postgresql://{place}/postgres")
                break
            except psycopg2.OperationalError:
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        with closing(connection):
            connection.autocommit = True
            connection.cursor().execute("CREATE DATABASE mlflow")
        # The driver is named: which one SQLAlchemy takes by itself depends on its version.
        yield f"postgresql+psycopg2://{place}/mlflow"
    finally:
        server.terminate()
        server.wait(timeout=_PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)
