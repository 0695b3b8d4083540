"""The progress of a repeated experiment on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Self

from experiments.commands.console import SlowLoop
from experiments.commands.interrupts import interrupts_deferred
from experiments.commands.standings import Standings
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.sweeps.listener import Listener


class Progress(Listener):
    """Shows the progress of an experiment on a terminal, and lets it be interrupted."""

    def __init__(self) -> None:
        self._display = ExitStack()
        self._interrupts = ExitStack()
        self._preparing = SlowLoop("preparing runs")
        self._raise_interrupt: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        self._raise_interrupt = self._interrupts.enter_context(interrupts_deferred())
        return self

    def __exit__(self, *_: object) -> None:
        self._display.close()
        self._interrupts.close()

    def check_for_interrupts(self) -> None:
        self._raise_interrupt()

    def prepared(self, done: int, runs: int) -> None:
        self._preparing.show(done, runs)
        super().prepared(done, runs)

    def training_begun(self, jobs: Sequence[Job], epochs: Sequence[int]) -> None:
        groups = [job.name.rpartition("-seed")[0] for job in jobs]
        self._standings = self._display.enter_context(Standings(groups, sum(epochs)))

    def progressed(self, epochs: float, losses: Sequence[float]) -> None:
        self._standings.show(epochs, losses)

    def run_ended(self, position: int, record: Record) -> None:
        self._standings.end(position, record.objective)

    def training_ended(self) -> None:
        self._display.close()
