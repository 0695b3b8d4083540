"""Descent without its optional extra ``fast``: nothing is compiled."""

from __future__ import annotations

import math

from benchmarking.contestants.descent import Descent
from benchmarking.contestants.worker import serve


class NumpyAlone(Descent):
    """The same stacks, trained by NumPy alone."""

    compile_after = math.inf

    def prepare(self) -> None:
        import llvmlite  # noqa: F401 - without it, this contestant would equal Descent

        super().prepare()


if __name__ == "__main__":
    serve(NumpyAlone)
