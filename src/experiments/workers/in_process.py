"""Training in this process, one stack after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from experiments.runs.execute import execute
from experiments.runs.execution import Execution
from experiments.runs.layout import RECORD
from experiments.runs.write import discard_record


class InProcess:
    """A `Trainer` that trains stacks in this process.

    No process has to be started. The sweep's listener is called after every epoch.
    """

    count: Final = 1

    def open(self) -> None:
        pass

    def train(
        self,
        folder: Path,
        executions: Sequence[Execution],
        stacks: Sequence[Sequence[int]],
        *,
        warn: Callable[[str], None],
        spares_one: Callable[[], bool],
    ) -> _Training:
        return _Training(executions, stacks)

    def close(self, *, kill: bool = False) -> None:
        pass


class _Training:
    def __init__(self, executions: Sequence[Execution], stacks: Sequence[Sequence[int]]) -> None:
        self._executions = executions
        self._stacks = stacks
        self._epochs = [0] * len(executions)
        self._losses = [0.0] * len(executions)

    def __enter__(self) -> Self:
        for execution in self._executions:
            discard_record(execution.job.folder)
        return self

    def finished(self, on_wait: Callable[[], None]) -> Iterator[int]:
        for stack in self._stacks:
            yield from self._train(stack, on_wait)

    def _train(self, stack: Sequence[int], on_wait: Callable[[], None]) -> Iterator[int]:
        executions = [self._executions[position] for position in stack]
        positions = {e.job.folder: p for e, p in zip(executions, stack, strict=True)}

        def on_epoch(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
            for place, loss in losses:
                self._epochs[stack[place]], self._losses[stack[place]] = epoch, loss
            on_wait()

        for folder in execute(executions, on_epoch):
            position = positions[folder]
            self._epochs[position] = self._executions[position].epochs
            self._losses[position] = 0.0
            yield position

    def epochs(self) -> float:
        return float(sum(self._epochs))

    def losses(self) -> list[float]:
        return list(self._losses)

    def stop(self) -> Iterator[int]:
        for position, execution in enumerate(self._executions):
            if (execution.job.folder / RECORD).exists():
                yield position

    def __exit__(self, *_: object) -> None:
        pass
