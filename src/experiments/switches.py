"""Optimizations that only save time, and the environment variable that switches them off.

``DESCENT_PLAIN=1`` switches off all of them, ``DESCENT_PLAIN=fork,compile`` only some: to measure
what they save, or to find out whether one of them causes a problem. The results are the same, bit
for bit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from experiments.errors import ConfigError

VARIABLE: Final = "DESCENT_PLAIN"

PARTS: Final[Mapping[str, str]] = {
    "ahead": "helper processes are started before Hydra is imported",
    "bulk": "new runs are written to MLflow's database together",
    "fork": "worker processes are forked from one that has imported what they need",
    "garbage": "Python's garbage collector runs less often",
    "mlflow": "the publishing process imports MLflow without pandas",
    "tiles": "a stack trains for an epoch in parts that fit the cache",
    # These are `nn.speed.PARTS`; `nn` reads the variable itself.
    "compile": "elementwise code is compiled into loops",
    "pages": "the arrays of a training step lie on large memory pages",
    "replay": "the calls of a training step are captured and replayed",
}


def is_on(part: str) -> bool:
    """Whether one of :data:`PARTS` is in use in this process."""
    return not {"1", part} & _words()


def check() -> None:
    """Validate the variable.

    Raises
    ------
    ConfigError
        If the variable names a part that does not exist.
    """
    unknown = sorted(_words() - {"0", "1", *PARTS})
    if unknown:
        raise ConfigError(
            f"{VARIABLE}={os.environ[VARIABLE]}: there is no part {unknown[0]!r}; give 1 to switch "
            f"off everything that only saves time, or some of {', '.join(sorted(PARTS))}"
        )


def _words() -> frozenset[str]:
    words = os.environ.get(VARIABLE, "").split(",")
    return frozenset(word.strip() for word in words) - {""}
