"""How a command that has done all it should ends: at once."""

from __future__ import annotations

import atexit
import os
import sys
import threading


def leave_at_once() -> None:
    """End this process with status 0, and leave its memory to the system, which takes it back.

    Python would first put away every module and object on its own. What else it does comes first
    as ever: threads are waited for, what is registered with `atexit` is called, and what is still
    to be printed is. Where that cannot be, this returns, and Python says so in its own words.

    To be called where interrupts still end the program as they should.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # it is where the program was started with it closed
                stream.flush()
    except (OSError, ValueError):  # a full disk, nobody who reads any more, or closed
        return
    os._exit(0)
