"""How long a tracker may fail before a command stops waiting for it.

Only waiting for the tracker counts: calls that failed, and pauses before they are repeated. What
this process itself takes, to start, to import MLflow or because the machine is busy, does not.
Whatever the tracker stores renews the patience.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final, TypeVar, cast

from experiments.tracking.errors import may_pass
from experiments.tracking.importing import retry_after

T = TypeVar("T")

_TRIES: Final = 5  # attempts at one call, before its error is raised
_READS: Final = ("download_", "get_", "list_", "search_")
_FIRST_PAUSE: Final = 0.1  # seconds; twice as long after each further failure


class Patience:
    """Repeats calls that fail, and adds up for how long nothing has got through.

    Parameters
    ----------
    seconds : float
        The seconds in all for which nothing may get through.
    sleep, clock : callable, optional
        The functions that wait, and that return the time, in seconds.

    Attributes
    ----------
    silent : float
        The seconds of waiting for the tracker since it has stored something.
    """

    def __init__(
        self,
        seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self.silent = 0.0
        self._sleep = sleep
        self._clock = clock

    @property
    def left(self) -> float:
        """The seconds for which the tracker may still fail."""
        return max(0.0, self.seconds - self.silent)

    def wait(self, seconds: float) -> None:
        """Wait before another attempt."""
        self._sleep(seconds)
        self.silent += seconds

    def read(self, function: Callable[..., T], *arguments: Any, **keywords: Any) -> T:
        """Call the tracker, again after a failure that may pass.

        A server's `Retry-After` is followed as far as the patience lasts. The last of several
        errors is raised.
        """
        pause = _FIRST_PAUSE
        for tries in count(1):
            began = self._clock()
            try:
                return function(*arguments, **keywords)
            except Exception as error:
                self.silent += self._clock() - began
                asked = retry_after(error)
                if not may_pass(error) or not self.left or (tries >= _TRIES and asked is None):
                    raise
                self.wait(min(self.left, max(pause, asked or 0.0)))
                pause *= 2
        raise AssertionError("unreachable")

    def write(self, function: Callable[..., T], *arguments: Any, **keywords: Any) -> T:
        """Call the tracker likewise, to store something."""
        answer = self.read(function, *arguments, **keywords)
        self.silent = 0.0
        return answer

    def create(self, create: Callable[[], T], find: Callable[[], T | None]) -> T:
        """Create something once: an attempt that seemed to fail may have created it.

        Parameters
        ----------
        create : callable
            The function that creates it.
        find : callable
            A function that looks for it, which is called before each attempt but the first.
        """
        in_doubt = False

        def attempt() -> T:
            nonlocal in_doubt
            found = find() if in_doubt else None
            in_doubt = True
            return create() if found is None else found

        return self.write(attempt)

    def of(self, target: T) -> T:
        """Return an object with the methods of `target`, called by `read` or `write`."""
        return cast(T, _Patient(target, self))


class _Patient:
    def __init__(self, target: object, patience: Patience) -> None:
        self._target = target
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if not callable(attribute):
            return attribute
        call = self._patience.read if name.startswith(_READS) else self._patience.write
        return partial(call, attribute)
