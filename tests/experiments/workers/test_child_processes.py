"""Processes that work for another: forks of the server, and where there are none, started anew."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.workers import child_processes
from experiments.workers.child_processes import ChildProcess
from experiments.workers.fork_server import CAN_FORK

KINDS = [
    pytest.param(True, id="forked", marks=pytest.mark.skipif(not CAN_FORK, reason="no forks")),
    pytest.param(False, id="started anew"),
]

ABANDONED = """
import os, signal, sys
from experiments.workers import child_processes
child_processes.CAN_FORK = sys.argv[1] == "True"
process = child_processes.ChildProcess()
print(process.submit(os.getpid).result(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


KILLED_SERVER = """
import os, signal, sys, threading, time
from experiments.workers.fork_server import server_pid, start_server
from experiments.workers.local_processes import Processes

start_server()
server = server_pid()
os.kill(server, signal.SIGSTOP)  # so that it forks nothing before it is killed
def kill():
    time.sleep(float(sys.argv[1]))
    os.kill(server, signal.SIGKILL)
threading.Thread(target=kill).start()
workers = Processes(1)
print(workers.result(workers.submit(int, "42")))
workers.close()
"""


@pytest.mark.parametrize("forked", KINDS)
def test_it_leaves_requests_to_end_to_its_parent(
    forked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_processes, "CAN_FORK", forked)
    process = ChildProcess()
    try:
        child = process.submit(os.getpid).result()
        assert child != os.getpid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(child, number)
        assert process.submit(os.getpid).result() == child
    finally:
        process.end()
    assert not is_alive(child)


@pytest.mark.parametrize("forked", KINDS)
def test_it_ends_with_its_parent(forked: bool, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABANDONED, str(forked)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    child = int(done.stdout)
    deadline = time.monotonic() + 100
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


@pytest.mark.skipif(not CAN_FORK, reason="no forks")
@pytest.mark.parametrize(
    "moment",
    [
        0.0,
        *(pytest.param(moment, marks=pytest.mark.slow) for moment in (0.2, 0.4)),
        *(pytest.param(moment, marks=pytest.mark.thorough) for moment in (0.05, 0.1, 0.3, 0.5)),
    ],
    ids=lambda moment: f"after {moment} s",
)
def test_a_server_that_was_killed_is_started_again(moment: float, tmp_path: Path) -> None:
    """Killed before it has forked anything: it is replaced, and the call returns its result."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED_SERVER, str(moment)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "42\n"


def test_what_the_server_imports_is_there() -> None:
    """Or it would leave it out without a word, and every fork import it by itself."""
    program = (
        "import gc, importlib, sys\n"
        "from experiments.commands import startup\n"
        "from experiments.workers.fork_server import _preloaded, preload\n"
        "preload(*startup.PRELOADED)\n"
        "for name in _preloaded: importlib.import_module(name)\n"
        "assert {'experiments.workers.task', 'experiments.tracking.process', 'loky'} "
        "<= set(sys.modules)\n"
        "assert not {'hydra', 'mlflow', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "print(gc.get_freeze_count() > 10_000, gc.isenabled(), flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "True True\n", done.stderr


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended may wait for its parent to ask for it."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
