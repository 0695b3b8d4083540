"""The fork server: workers are forks of a process that has imported their libraries.

A new process takes a fifth of a second on its core to import what training needs. The fork server
imports it once; its forks start immediately and share the memory of the imported modules.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker, util
from pathlib import Path
from typing import Any, Final

from experiments import switches
from experiments.files.scratch import own_folder, shared_memory

CAN_FORK: Final = sys.platform == "linux" and switches.is_on("fork")
"""Whether processes can be forked safely: macOS's libraries fail after a fork, Windows has none."""

_preloaded = ["experiments.workers.preloaded"]

_POLL: Final = 0.01  # seconds between checks that the server has ended
_PATIENCE: Final = 2.0  # seconds to wait for a server that no longer answers


def preload(*modules: str) -> None:
    """Have the server import further modules; must be called before the server starts."""
    _preloaded.extend(name for name in modules if name not in _preloaded)


def start_server() -> None:
    """Start the fork server, if it is not running; it imports in the background.

    It ignores Ctrl-C and termination signals, which a terminal or a queueing system sends to the
    whole group, so that its forks can write their results first. It ends with the last process
    that can ask for a fork.
    """
    if not CAN_FORK:
        return
    forkserver.set_forkserver_preload(_preloaded)
    _keep_sockets_in(own_folder(shared_memory()))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        # Before the others are blocked: starting the tracker would unblock them in this thread.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    from multiprocessing import popen_forkserver  # noqa: F401 - so the first fork need not


def _keep_sockets_in(folder: Path) -> None:
    """Have multiprocessing create its folder of sockets in `folder`, where it is cleared.

    The path is short: the address of a socket has at most 107 bytes.
    """
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before


def server_pid() -> int | None:
    """Return the server's process id; None if it was not started."""
    pid: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return pid


def await_dead_server(pid: int | None) -> None:
    """Wait until a server that no longer answers has ended, so that a new one can be started.

    A killed server closes its connections first and ends only after its memory is freed. If the
    server is alive after all, the wait times out after `_PATIENCE` seconds.

    Parameters
    ----------
    pid : int or None
        The server's process id. The function returns at once if another server has replaced it.
    """
    deadline = time.monotonic() + _PATIENCE
    while pid is not None and pid == server_pid() and time.monotonic() < deadline:
        try:  # WNOWAIT leaves the exit status for multiprocessing to collect
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
        except ChildProcessError:  # multiprocessing has collected it
            return
        time.sleep(_POLL)


@contextmanager
def main_program_hidden() -> Iterator[None]:
    """Prevent processes that start inside the context from importing the main program.

    multiprocessing makes every new process import it, so a script without a check for
    ``__name__ == "__main__"`` would train again in each worker. Workers need nothing from it.
    """
    main: Any = sys.modules["__main__"]
    hidden = {name: getattr(main, name, None) for name in ("__file__", "__spec__")}
    try:
        for name in hidden:
            setattr(main, name, None)
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)
