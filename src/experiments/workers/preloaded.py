"""What the fork server imports, for every fork of it to have, and how it ends.

What is imported is kept from the garbage collector: a collection in a fork would write to the
memory that all forks share, and so copy it.
"""

from __future__ import annotations

import atexit
import os

from experiments.workers.garbage import imports_uncollected

with imports_uncollected():
    # Every fork runs what is in it, and it makes the start method "loky" known, which a fork
    # inherits where a launcher has started this program's processes by joblib.
    import experiments.workers.child_processes
    import experiments.workers.task  # noqa: F401

# The server ends at once when it is needed no more. Tearing down all that it has imported would
# take longer, and whoever reads a command's output through a pipe waits for its last process.
atexit.register(os._exit, 0)
