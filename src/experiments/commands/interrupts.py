"""Ctrl-C, and the other signals that ask a program to end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_BY_SIGNAL = 128  # plus the signal's number: the exit status, as shells have it
_PATIENCE = 10.0  # seconds that what is under way gets to end after Ctrl-C


class Terminated(KeyboardInterrupt):
    """Another signal that asks the program to end, handled as Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def signal_of(interrupt: KeyboardInterrupt) -> signal.Signals:
    """Return the signal that asked the program to end."""
    return signal.Signals(interrupt.number) if isinstance(interrupt, Terminated) else signal.SIGINT


def signals_that_terminate() -> list[signal.Signals]:
    """Return the signals, beside Ctrl-C's, that ask a program to end; Windows has no SIGHUP."""
    names = ("SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def ask_to_end(number: int, _: FrameType | None) -> None:
    """Handle a signal: raise an interrupt that :func:`signal_of` tells from Ctrl-C."""
    raise Terminated(number)


@contextmanager
def interrupts_end_the_program() -> Iterator[None]:
    """Treat every signal that asks the program to end as Ctrl-C.

    The program then exits with the status that shells expect. Whoever sets HYDRA_FULL_ERROR gets
    the traceback.
    """
    if os.environ.get("HYDRA_FULL_ERROR"):
        yield
        return
    for number in signals_that_terminate():
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, ask_to_end)
    try:
        yield
    except KeyboardInterrupt as error:
        # Whoever asks again is being obeyed already: the rest takes a moment.
        for number in (signal.SIGINT, *signals_that_terminate()):
            signal.signal(number, signal.SIG_IGN)
        sys.exit(_BY_SIGNAL + signal_of(error))


@contextmanager
def interrupts_deferred() -> Iterator[Callable[[], None]]:
    """Hold interrupts back: Ctrl-C, and the other signals that ask the program to end.

    Between epochs a run can be kept so that it can be resumed. While compiled modules are imported
    (NumPy's random numbers among them) an exception that a signal raises is lost, and the program
    would go on.

    A second interrupt is raised at once, and the first after `_PATIENCE` seconds at the latest.

    Yields
    ------
    callable
        Checks for interrupts: raises the one that has come, if any. The end of the context checks
        once more.
    """
    if threading.current_thread() is not threading.main_thread():  # which gets all signals
        yield lambda: None
        return
    came: list[KeyboardInterrupt] = []

    def check_for_interrupts() -> None:
        if came:
            _alarm(0)
            raise came[0]

    def handle(number: int, _: FrameType | None) -> None:
        if came:
            check_for_interrupts()
        came.append(KeyboardInterrupt() if number == signal.SIGINT else Terminated(number))
        if hasattr(signal, "SIGALRM"):  # Windows has none
            signal.signal(signal.SIGALRM, lambda *_: check_for_interrupts())
            _alarm(_PATIENCE)

    asking = (signal.SIGINT, *signals_that_terminate())
    before = {s: signal.signal(s, handle) for s in asking if signal.getsignal(s) != signal.SIG_IGN}
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
