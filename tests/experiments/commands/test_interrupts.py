"""Interrupts that wait for a moment that suits."""

# ruff: noqa: PT012 - what happens between the interrupt and its raising is what is tested

import signal
import time

import pytest

from experiments.commands import interrupts
from experiments.commands.interrupts import ask_to_end, interrupts_deferred, signal_of


def test_one_that_would_be_swallowed_is_check() -> None:
    """Cython's modules ignore whatever is raised while they register their types."""
    with pytest.raises(KeyboardInterrupt), interrupts_deferred() as check:
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException:  # noqa: BLE001
            pytest.fail("it was not held back")
        check()
        pytest.fail("it was not heard")


def test_one_that_nobody_asks_for_comes_at_the_end() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), interrupts_deferred():
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done


def test_a_second_one_is_not_held_up() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts_deferred():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it was held up")


def test_nor_is_one_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_PATIENCE", 0.05)
    with pytest.raises(KeyboardInterrupt), interrupts_deferred():
        signal.raise_signal(signal.SIGINT)
        time.sleep(30)
        pytest.fail("it waited")


def test_one_that_was_heard_does_not_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_PATIENCE", 0.05)
    waited = False
    with pytest.raises(KeyboardInterrupt), interrupts_deferred() as check:
        signal.raise_signal(signal.SIGINT)
        try:
            check()
        finally:
            time.sleep(0.2)  # as workers are waited for
            waited = True
    assert waited


def test_the_signal_is_known_and_handlers_return() -> None:
    before = signal.signal(signal.SIGTERM, ask_to_end)
    try:
        with (
            pytest.raises(KeyboardInterrupt) as caught,
            interrupts_deferred() as check,
        ):
            signal.raise_signal(signal.SIGTERM)
            check()
        assert signal_of(caught.value) is signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is ask_to_end
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_is_ignored_stays_so() -> None:
    """As ``nohup`` has it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_deferred() as check:
            signal.raise_signal(signal.SIGINT)
            check()
    finally:
        signal.signal(signal.SIGINT, before)
