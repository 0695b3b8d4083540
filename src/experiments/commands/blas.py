"""The threads of OpenBLAS, which NumPy's matrix products run on."""

from __future__ import annotations

import os


def start_with_one_thread() -> None:
    """Have OpenBLAS start no threads when NumPy is imported, unless the user has said how many.

    It would start one for each core, in every process of a sweep, and each would spin for a while
    before it sleeps. Training asks for as many as its configuration says, one by default.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
