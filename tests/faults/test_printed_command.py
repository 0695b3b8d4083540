"""The command that is printed after an outage publishes what is missing, as it is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.command_line import FEW_POINTS, ROOT, RUN, environment
from tests.experiments.tracking.server import free_port, served
from tests.faults.sweeps import assert_published_once, newest_sweep

FEW = (*FEW_POINTS, "training.epochs=2", "tracking.patience=0", "tracking.models=none")
PROGRAMS = {
    "checkout": [sys.executable, str(RUN)],
    "installed": [str(Path(sys.executable).parent / "descent")],
}


def call(
    command: Sequence[str] | str, folder: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def printed(text: str) -> list[str]:
    """Return the lines below "not published yet; publish with"."""
    _, _, after = text.partition("not published yet; publish with\n")
    lines = after.splitlines()
    return [line.strip() for line in lines if line.startswith("  ")]


@contextmanager
def no_database_elsewhere(*folders: Path) -> Iterator[None]:
    before = [sorted(folder.glob("*.db")) for folder in folders]
    yield
    assert [sorted(folder.glob("*.db")) for folder in folders] == before


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
@pytest.mark.parametrize("program", list(PROGRAMS))
def test_the_whole_sweep_gets_to_the_tracker_for_which_it_was_trained(
    tmp_path: Path, program: str
) -> None:
    here = tmp_path / "where the user stands"
    here.mkdir()
    port = free_port()
    address = f"tracking.uri=http://127.0.0.1:{port}"
    swept = call([*PROGRAMS[program], "-m", "seed=0,1,2", *FEW, address], here)
    assert swept.returncode == 0, swept.stderr
    (command,) = printed(swept.stdout)
    server = tmp_path / "server"
    server.mkdir()
    with no_database_elsewhere(here, ROOT), served(f"sqlite:///{server}/mlflow.db", server, port):
        done = call(command, here)
        assert done.returncode == 0, done.stderr
        assert "3 published" in done.stdout
        # The records name the address, too.
        without = call(command.partition(" --uri")[0], here)
        assert f"publishing to MLflow at http://127.0.0.1:{port}\n" in without.stdout
        assert "3 published before" in without.stdout
    assert_published_once(newest_sweep(here), server / "mlflow.db")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
def test_a_password_is_asked_for_again(tmp_path: Path) -> None:
    port = free_port()
    address = f"http://ada:hunter2hunter2@127.0.0.1:{port}"
    command = [*PROGRAMS["checkout"], "-m", "seed=0,1", *FEW, f"tracking.uri={address}"]
    strict = call([*command, "tracking.strict=true"], tmp_path)
    assert strict.returncode == 1
    assert "error: 2 runs are not published (tracking.strict=true)" in strict.stderr
    assert "hunter2" not in strict.stdout + strict.stderr
    publish, advice = printed(strict.stdout)
    assert "MLFLOW_TRACKING_URI" in advice
    server = tmp_path / "server"
    server.mkdir()
    with (
        no_database_elsewhere(tmp_path, ROOT),
        served(f"sqlite:///{server}/mlflow.db", server, port),
    ):
        refused = call(publish, tmp_path)
        assert refused.returncode == 1
        assert "MLFLOW_TRACKING_URI" in refused.stderr
        assert "MLFLOW_TRACKING_PASSWORD" in refused.stderr
        done = call(publish, tmp_path, MLFLOW_TRACKING_URI=address)
        assert done.returncode == 0, done.stderr
        assert "hunter2" not in done.stdout + done.stderr
    assert_published_once(newest_sweep(tmp_path), server / "mlflow.db")
