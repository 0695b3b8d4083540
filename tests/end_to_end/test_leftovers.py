"""What is left when a command and all its processes are killed at once, and that it is cleared."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    RUN,
    environment,
    run,
    succeeded,
)

SWEEP = ("-m", "seed=0,1", *FEW_POINTS, NOT_TRACKED, "hydra.launcher.n_jobs=1")
PATIENCE = 120.0  # seconds; a machine may be busy


def left_by(pid: int, temporary: Path) -> list[str]:
    """Names in shared memory that have a process's id, and all temporary files."""
    names = [path.name for path in Path("/dev/shm").iterdir()]
    found = [name for name in names if name.startswith((f"sem.loky-{pid}-", f"descent-{pid}-"))]
    return [*found, *(path.name for path in temporary.iterdir())]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_next_command_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {"TMPDIR": str(temporary)}
    long = (*SWEEP, "training.epochs=100000", "checkpoint.seconds=0", "hydra.sweep.dir=sweep")
    killed = subprocess.Popen(
        [sys.executable, RUN, *long],
        cwd=tmp_path,
        env=environment(**variables),
        start_new_session=True,
    )
    progress = tmp_path / "sweep" / "0" / "progress.json"
    deadline = time.monotonic() + PATIENCE
    while not progress.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert progress.exists()
    assert len(left_by(killed.pid, temporary)) > 2
    assert list((tmp_path / "sweep").glob(".shared-*"))

    short = (*SWEEP, "training.epochs=1", "hydra.sweep.dir=another")
    succeeded(run(*short, folder=tmp_path, env=variables))
    assert left_by(killed.pid, temporary) == []
    assert not list((tmp_path / "another").glob(".shared-*"))
