"""Handling of Ctrl-C and of the other signals that terminate a program."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_BY_SIGNAL = 128  # plus the signal's number: the exit status by the convention of shells
_PATIENCE = 10.0  # seconds after which a deferred interrupt is raised anyway


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C's that terminates the program.

    Parameters
    ----------
    number : int
        The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def signal_of(interrupt: KeyboardInterrupt) -> signal.Signals:
    """Return the signal that caused an interrupt."""
    return signal.Signals(interrupt.number) if isinstance(interrupt, Terminated) else signal.SIGINT


def signals_that_terminate() -> list[signal.Signals]:
    """Return the signals other than Ctrl-C's that terminate a program; Windows has no SIGHUP."""
    names = ("SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def ask_to_end(number: int, _: FrameType | None) -> None:
    """Handle a signal by raising `Terminated`, from which :func:`signal_of` reads its number."""
    raise Terminated(number)


@contextmanager
def interrupts_end_the_program() -> Iterator[None]:
    """Handle every terminating signal like Ctrl-C, and exit with the status that shells expect.

    With HYDRA_FULL_ERROR in the environment, signals keep Python's handlers.
    """
    if os.environ.get("HYDRA_FULL_ERROR"):
        yield
        return
    for number in signals_that_terminate():
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, ask_to_end)
    try:
        yield
    except KeyboardInterrupt as error:
        # The program is about to exit, so further signals would only print tracebacks.
        for number in (signal.SIGINT, *signals_that_terminate()):
            signal.signal(number, signal.SIG_IGN)
        sys.exit(_BY_SIGNAL + signal_of(error))


@contextmanager
def interrupts_deferred() -> Iterator[Callable[[], None]]:
    """Defer interrupts: Ctrl-C, and the other terminating signals.

    Training defers them to the end of an epoch, at which a run can be saved and later resumed.
    Imports of compiled modules (such as `numpy.random`) defer them because such a module swallows
    an exception that a signal handler raises while it is imported.

    A second interrupt is raised immediately, and the first after `_PATIENCE` seconds at the latest.

    Yields
    ------
    callable
        A function that raises the interrupt that has arrived, if any. The end of the context
        calls it too.
    """
    if threading.current_thread() is not threading.main_thread():  # only it handles signals
        yield lambda: None
        return
    pending: list[KeyboardInterrupt] = []

    def check_for_interrupts() -> None:
        if pending:
            _alarm(0)
            raise pending[0]

    def handle(number: int, _: FrameType | None) -> None:
        if pending:
            check_for_interrupts()
        pending.append(KeyboardInterrupt() if number == signal.SIGINT else Terminated(number))
        if hasattr(signal, "SIGALRM"):  # Windows has none
            signal.signal(signal.SIGALRM, lambda *_: check_for_interrupts())
            _alarm(_PATIENCE)

    signals = (signal.SIGINT, *signals_that_terminate())
    before = {s: signal.signal(s, handle) for s in signals if signal.getsignal(s) != signal.SIG_IGN}
    try:
        yield check_for_interrupts
    finally:
        _alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)
    check_for_interrupts()


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
