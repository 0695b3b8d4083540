"""What only saves time, and can be switched off by one environment variable.

``DESCENT_PLAIN=1`` switches everything off, ``DESCENT_PLAIN=fork,compile`` parts: to find out what
they save, or whether one of them is at fault. Results stay the same, bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from experiments.errors import ConfigError

VARIABLE: Final = "DESCENT_PLAIN"

PARTS: Final[Mapping[str, str]] = {
    "ahead": "what a command will need is started before Hydra is imported",
    "fork": "worker processes are forks of one that has imported what they need",
    "garbage": "Python's garbage collector runs seldom",
    "mlflow": "the publishing process imports MLflow without pandas",
    "tiles": "as many runs of a stack as a cache holds take an epoch's steps together",
    # These are `nn.speed.PARTS`, which reads the variable itself.
    "compile": "elementwise code is compiled into loops",
    "pages": "what a training step goes over lies on large pages of memory",
    "replay": "the calls of a training step are captured and repeated",
}


def is_on(part: str) -> bool:
    """Whether one of :data:`PARTS` is in use in this process."""
    return not {"1", part} & _words()


def check() -> None:
    """Check the variable.

    Raises
    ------
    ConfigError
        If it names a part that does not exist.
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
