"""What a process does that works for another: it leaves Ctrl-C to that one, and ends with it."""

from __future__ import annotations

import multiprocessing.resource_tracker
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from joblib.externals import loky

_POLL = 1.0  # seconds between looks whether the parent lives


def serve_parent() -> None:
    """Run once in the process, before anything else: as a pool's initializer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, killed perhaps: nobody else would end it."""
    while os.getppid() == parent:
        time.sleep(_POLL)
    os._exit(1)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while processes start, before they can ignore it themselves.

    They inherit this, so that one that is still importing shows no traceback. An interrupt that
    comes meanwhile is delivered afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Started within, these would let interrupts through again.
    multiprocessing.resource_tracker.ensure_running()
    loky.backend.resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
