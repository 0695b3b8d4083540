"""Processes that begin with their libraries imported, as forks of one that has them.

A process that starts from nothing takes a fifth of a second to import what it trains with, on every
core. So one that does nothing else imports it, and each worker is a fork of it: there at once, and
sharing the memory of what was imported.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from typing import Any, Final

CAN_FORK: Final = sys.platform == "linux"
"""Elsewhere there are no forks, or system libraries that do not survive one."""

_preloaded = ["experiments.workers.preloaded"]

_POLL: Final = 0.01  # seconds between looks whether the server has ended
_PATIENCE: Final = 2.0  # seconds that one gets that answers no more


def preload(*modules: str) -> None:
    """Have the server import these modules too, for every fork to have; call before it starts."""
    _preloaded.extend(name for name in modules if name not in _preloaded)


def start_server() -> None:
    """Start the process that is forked, if it does not run; it imports by itself.

    It hears neither Ctrl-C nor other requests to end, which a terminal or a queueing system sends
    to it as well: its forks write first what they have. It ends with the last process that may ask
    for a fork.
    """
    if not CAN_FORK:
        return
    forkserver.set_forkserver_preload(_preloaded)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        # Started later, this would let the others, which it ignores itself, through again.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    from multiprocessing import popen_forkserver  # noqa: F401 - or the first to fork imports it


def server_pid() -> int | None:
    """Return the server's process; None if none was started."""
    pid: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return pid


def await_dead_server(pid: int | None) -> None:
    """Wait until a server that answers no more has ended: `start_server` starts no other before.

    One that is killed closes its connections first and is gone only when its memory is freed. One
    that lives after all, and did not answer for another reason, is waited for in vain, not long.

    Parameters
    ----------
    pid
        Its process. If it is the server no more, there is another already.
    """
    deadline = time.monotonic() + _PATIENCE
    while pid is not None and pid == server_pid() and time.monotonic() < deadline:
        try:  # it is left to multiprocessing to hear of its end
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
        except ChildProcessError:  # which has
            return
        time.sleep(_POLL)


@contextmanager
def main_program_hidden() -> Iterator[None]:
    """Have no process that starts meanwhile import the main program a second time.

    multiprocessing has every new process import it. A script that trains without asking whether
    ``__name__ == "__main__"`` would train in each worker again; nothing here needs its contents.
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
