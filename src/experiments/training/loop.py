"""Training a stack of runs: data × network × optimizers → epochs → outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from experiments.config.schema import Run
from experiments.datasets import Dataset
from experiments.training.outcome import Outcome
from experiments.training.stack import Stack
from experiments.training.state import State
from experiments.training.status import Status

EpochListener = Callable[[int, Sequence[tuple[int, float]]], None]
"""Called after each epoch with its number and, for each live run, position and validation loss."""


class Keeper(Protocol):
    """Keeps what a run needs to go on later."""

    def due(self, position: int) -> bool:
        """Whether it is time to keep the run at this position."""

    def keep(self, outcome: Outcome, state: State) -> None:
        """Keep a run that trains: what came of it so far, and its state."""


def train(
    runs: Sequence[Run],
    dataset: Dataset,
    on_epoch: EpochListener | None = None,
    *,
    states: Sequence[State] | None = None,
    keeper: Keeper | None = None,
) -> Iterator[Outcome]:
    """Train runs side by side in one stack.

    Each run gives the bits that it gives alone. A run that ends (its last epoch, divergence,
    early stopping) leaves the stack; the others go on unchanged.

    Parameters
    ----------
    runs : sequence of Run
        That can share a stack: same architecture, loss, batch size and precision (see
        :func:`experiments.training.stacking.stack_key`).
    dataset : Dataset
        Which all runs name.
    on_epoch : callable, optional
        Told of each epoch.
    states : sequence of State, optional
        From which the runs go on, all of one epoch. The bits are those of runs that were never
        interrupted.
    keeper : Keeper, optional
        Asked after each epoch, and given every run's state on a KeyboardInterrupt that comes
        between two epochs.

    Yields
    ------
    Outcome
        Of each run, when it ends. On KeyboardInterrupt the outcomes of the runs that have not
        ended follow, as "interrupted", and then the interrupt goes on.
    """
    stack = Stack(runs, dataset)
    try:
        if states is None:
            yield from stack.evaluate(0)
        else:
            stack.restore(states)
        while stack.live:
            stack.train_epoch()
            yield from stack.evaluate(stack.epoch)
            if on_epoch is not None and stack.live:
                on_epoch(stack.epoch, stack.losses())
            if keeper is not None:
                _keep(stack, keeper)
    except KeyboardInterrupt:
        if keeper is not None and stack.between_epochs:
            _keep(stack, keeper, all_runs=True)
        yield from stack.leave(dict.fromkeys(range(len(stack.live)), Status.INTERRUPTED))
        raise


def _keep(stack: Stack, keeper: Keeper, *, all_runs: bool = False) -> None:
    """Give `keeper` the runs that it wants to have now, or all of them."""
    for row, live in enumerate(stack.live):
        if all_runs or keeper.due(live.position):
            keeper.keep(stack.outcome(row), stack.state(row))
