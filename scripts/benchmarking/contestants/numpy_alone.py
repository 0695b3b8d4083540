"""Descent as it is without its extra ``fast``: no update is ever compiled."""

from __future__ import annotations

import math

from benchmarking.contestants.descent import Descent
from benchmarking.contestants.worker import serve


class NumpyAlone(Descent):
    """The same stacks, updated by NumPy."""

    compile_after = math.inf

    def prepare(self) -> None:
        import llvmlite  # noqa: F401 - without it this would be Descent once more

        super().prepare()


if __name__ == "__main__":
    serve(NumpyAlone)
