"""What the fork server imports, for every fork of it to have, and how it ends.

What is imported is kept from the garbage collector: whoever looks through it in a fork has pages of
memory copied that all could share.
"""

from __future__ import annotations

import atexit
import os

from experiments.workers.garbage import imports_uncollected

with imports_uncollected():
    import experiments.tracking.process
    import experiments.workers.task  # noqa: F401

# When it is not needed any more, it ends at once. Putting away all that it has imported would take
# longer, and whoever reads a command's output through a pipe waits for its last process.
atexit.register(os._exit, 0)
