"""Run command lines, each in a fork of one process that has imported what all of them import.

To start Python and to import Hydra takes most of the time of a command line that trains little or
only shows an error; here both are done once. After the fork everything happens as in a process of
its own: `run.py` is the main program, and the interpreter ends as it does there.

This file is both sides: tests use `call`, and the process that forks runs the file as a program.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_STARTING = threading.Lock()


def call(
    program: Path, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> tuple[int, str, str]:
    """Run a program in a folder; return its exit status and what it printed on both streams."""
    command = {
        "arguments": [str(program), *arguments],
        "environment": dict(environment),
        "folder": str(folder),
    }
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(reading) as status:
        passed = [out.fileno(), err.fileno(), writing]
        with _STARTING:
            server = _server()
        socket.send_fds(server, [json.dumps(command).encode()], passed)
        os.close(writing)
        code = status.read()
        assert code, "the process that forks for each command line has ended"
        for stream in (out, err):
            stream.seek(0)
        return int(code), out.read().decode(), err.read().decode()


@functools.cache
def _server() -> socket.socket:
    """Start the process that forks, which ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(ours.close)
    return ours


def _serve(connection: socket.socket) -> list[str] | None:
    """Fork for each command; return its arguments in the fork, and None when there are no more."""
    while True:
        message, passed, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not message:
            return None
        out, err, status = passed
        if os.fork() == 0:  # this fork waits for the one that runs the command
            connection.close()
            if (pid := os.fork()) == 0:
                os.close(status)
                os.dup2(out, 1)
                os.dup2(err, 2)
                command = json.loads(message)
                os.environ.clear()
                os.environ.update(command["environment"])
                os.chdir(command["folder"])
                return list(command["arguments"])
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.write(status, str(code).encode())
            os._exit(0)
        for file in passed:
            os.close(file)


def _import_what_is_shared() -> None:
    from experiments.commands.startup import start_blas_with_one_thread

    start_blas_with_one_thread()  # as `run.py` does before NumPy is imported

    from hydra.core.plugins import Plugins

    from experiments.commands import main, train  # noqa: F401
    from experiments.commands.hydra import compose, defer, explain, launch  # noqa: F401

    Plugins.instance()  # searches the installed packages


if __name__ == "__main__":
    _import_what_is_shared()
    gc.freeze()
    if (arguments := _serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        sys.argv, sys.orig_argv = arguments, [sys.executable, *arguments]
        sys.path[0] = os.path.dirname(arguments[0])
        runpy.run_path(arguments[0], run_name="__main__")
