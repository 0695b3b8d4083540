"""What a process does that works for another: that one hears Ctrl-C and the like, and ends it.

A closing terminal or a queueing system asks every process of a group to end. The parent has its
children write what they have, and then ends them.
"""

from __future__ import annotations

import multiprocessing.resource_tracker
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from typing import TypeVar

import loky.backend.resource_tracker

from experiments.workers.fork_server import CAN_FORK, await_dead_server, server_pid, start_server

T = TypeVar("T")

_POLL = 1.0  # seconds between looks whether the parent lives
_PATIENCE = 1.0  # seconds that a thread gets to end


class ChildProcess:
    """A process that does what it is given, one thing after another.

    It starts with the first thing, and leaves Ctrl-C and the like to the process that made it.
    """

    def __init__(self) -> None:
        with interrupts_held():
            start_server()
            self._pool = loky.ProcessPoolExecutor(
                max_workers=1,
                context=multiprocessing.get_context("forkserver") if CAN_FORK else None,
                initializer=_serve_parent,
                initargs=(None if CAN_FORK else os.getpid(),),
            )

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Have a function called in the process, which starts if it has not yet.

        Raises
        ------
        BrokenExecutor
            If the process has died, or the server that it was to be forked from; a new
            `ChildProcess` then gets a new server.
        """
        server = server_pid()
        try:
            with interrupts_held():
                future: Future[T] = self._pool.submit(function, *arguments)
        except (EOFError, OSError) as error:
            await_dead_server(server)
            raise BrokenExecutor(f"no process could be started: {error}") from error
        return future

    def end(self) -> None:
        """End the process, whatever it does, and wait until nothing is left of it."""
        feeder = getattr(self._pool._call_queue, "_thread", None)
        self._pool.shutdown(wait=True, kill_workers=True)
        # loky does not wait for the thread that fed the process. If the program ended while that
        # thread releases the pool's semaphores, their tracker would complain of them.
        if feeder is not None:
            feeder.join(_PATIENCE)


def _serve_parent(parent: int | None) -> None:
    """Run once in the process, before anything else.

    The parent says who it is: it may be gone already, and then another seems to be the parent. Of
    a fork, whose parent is the server, multiprocessing knows whom it works for.
    """
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with, args=[parent], daemon=True).start()


def _end_with(parent: int | None) -> None:
    """End this process when its parent is gone, killed perhaps: nobody else would end it."""
    if parent is None:
        asked_by = multiprocessing.parent_process()
        assert asked_by is not None
        asked_by.join()
    else:
        while os.getppid() == parent:
            time.sleep(_POLL)
    os._exit(1)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C and hang-ups back while processes start, before they can ignore them themselves.

    They inherit this, so that one that is still importing shows no traceback. An interrupt that
    comes meanwhile is delivered afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        # Started later, these would let interrupts, which they ignore themselves, through again.
        multiprocessing.resource_tracker.ensure_running()
        if not CAN_FORK:  # loky keeps one for processes of its own kind
            loky.backend.resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
