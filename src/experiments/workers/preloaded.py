"""The imports of the fork server, which all its forks share.

The imported objects are hidden from the garbage collector: a collection in a fork would write to
the shared memory pages and so copy them.
"""

from __future__ import annotations

import atexit
import os

from experiments.workers.garbage import imports_uncollected

with imports_uncollected():
    # Every fork runs a function of `child_processes`. Importing it also registers loky's start
    # method, which a fork inherits if joblib has started this program.
    import experiments.workers.child_processes
    import experiments.workers.task  # noqa: F401

# The server exits without tearing down its modules, which would take longer: a pipe that reads a
# command's output stays open until the command's last process has ended.
atexit.register(os._exit, 0)
