"""Workers that begin with their libraries imported, as forks of a process that has them.

A worker that starts from nothing takes a fifth of a second to import what it trains with, on every
core. So a process that does nothing else imports it once, while Hydra reads the configuration, and
each worker is a fork of it: there at once, and sharing the memory of what was imported.
"""

from __future__ import annotations

import multiprocessing.forkserver
import multiprocessing.resource_tracker
import signal
import sys
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Final

CAN_FORK: Final = sys.platform == "linux"
"""Elsewhere there are no forks, or system libraries that do not survive one."""

_IMPORTED: Final = ["experiments.sweeps.stack_training"]


def start_server() -> None:
    """Start the process that workers are forked from, if it does not run; it imports by itself.

    It hears no request to end, which a queueing system may send to it as well: its workers write
    first what they have. It ends with the last process that may ask for a fork.
    """
    if not CAN_FORK:
        return
    multiprocessing.forkserver.set_forkserver_preload(_IMPORTED)
    multiprocessing.resource_tracker.ensure_running()  # which would let requests through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Fork(ForkServerProcess):
    """A process that leaves the program's main module alone, in which nothing of its work is."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return ForkServerProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


class ForkContext(ForkServerContext):
    """Makes processes that are forks of the server."""

    Process = _Fork
