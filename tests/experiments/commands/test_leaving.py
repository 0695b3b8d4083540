"""Leaving at once is only faster."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, sys, threading, time
from experiments.commands.leaving import leave_at_once

class Loud:
    def __del__(self):
        print("put away", file=sys.__stderr__, flush=True)

loud = Loud()
atexit.register(print, "registered")
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
print("printed", end=" ")
leave_at_once()
print("not reached")
"""


def test_everything_is_done_but_putting_away(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "printed thread\nregistered\n", "")


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_stream_that_is_closed_is_none(closed: str) -> None:
    program = (
        "import sys\n"
        "from experiments.commands.leaving import leave_at_once\n"
        f"sys.{closed} = None\n"
        "leave_at_once()\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_what_cannot_be_printed_is_told_as_python_does() -> None:
    program = (
        "from experiments.commands.leaving import leave_at_once\nprint('lost')\nleave_at_once()\n"
    )
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            text=True,
            check=False,
        )
    assert done.returncode == 120
    assert os.strerror(errno.ENOSPC) in done.stderr
