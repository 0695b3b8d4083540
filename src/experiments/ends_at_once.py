"""What the fork server imports last: when it is not needed any more, it ends at once.

Putting away all that it has imported would take longer, and whoever reads a command's output
through a pipe waits for its last process.
"""

from __future__ import annotations

import atexit
import os

atexit.register(os._exit, 0)
