"""Child processes that leave Ctrl-C and termination signals to their parent.

A closing terminal or a queueing system signals every process of a group. Children ignore these
signals; the parent lets them write their results and then ends them.
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

from experiments.files.scratch import own_folder, shared_memory
from experiments.workers.fork_server import CAN_FORK, await_dead_server, server_pid, start_server

T = TypeVar("T")

_POLL = 1.0  # seconds between checks that the parent is alive
_PATIENCE = 1.0  # seconds to wait for a thread to end


class ChildProcess:
    """A process that runs calls one at a time and ignores Ctrl-C and termination signals.

    It starts with the first call.
    """

    def __init__(self) -> None:
        own_folder(shared_memory())  # by which the pool's semaphores are cleared if all is killed
        with interrupts_held():
            start_server()
            self._pool = loky.ProcessPoolExecutor(
                max_workers=1,
                context=multiprocessing.get_context("forkserver") if CAN_FORK else None,
                initializer=_serve_parent,
                initargs=(None if CAN_FORK else os.getpid(),),
            )

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call a function in the process, which is started if necessary.

        Raises
        ------
        BrokenExecutor
            If the process has died, or the fork server has; a new `ChildProcess` then starts a
            new server.
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
        """Kill the process and wait until it has ended."""
        feeder = getattr(self._pool._call_queue, "_thread", None)
        self._pool.shutdown(wait=True, kill_workers=True)
        # loky does not wait for the thread that feeds the process. If the program ended while the
        # thread still held the pool's semaphores, the resource tracker would report a leak.
        if feeder is not None:
            feeder.join(_PATIENCE)


def _serve_parent(parent: int | None) -> None:
    """Initialize the process: ignore signals and watch the parent.

    `parent` is the parent's process id, which os.getppid() no longer gives if the parent has died.
    A fork gets None: its system parent is the fork server, and multiprocessing knows the process
    that asked for it.
    """
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with, args=[parent], daemon=True).start()


def _end_with(parent: int | None) -> None:
    """End this process when its parent has ended: a killed parent cannot end its children."""
    if parent is None:
        process = multiprocessing.parent_process()
        assert process is not None
        process.join()
    else:
        while os.getppid() == parent:
            time.sleep(_POLL)
    os._exit(1)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Block Ctrl-C and hang-ups while processes start, until they can ignore them.

    The processes inherit the signal mask, so that none prints a traceback while it imports. An
    interrupt that arrives inside the context is delivered at its end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        # Before SIGINT is blocked: a tracker that is started later would unblock it in this thread.
        multiprocessing.resource_tracker.ensure_running()
        if not CAN_FORK:  # processes that loky starts use loky's own tracker
            loky.backend.resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
