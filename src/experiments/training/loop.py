"""Training a stack of runs: data × network × optimizers → epochs → outcomes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import Run
from experiments.datasets import Dataset
from experiments.runs.checkpoints import State
from experiments.training.evaluation import Evaluated, score_for
from experiments.training.snapshots import snapshot_epochs
from experiments.training.status import Status
from experiments.training.targets import encoding_for
from experiments.training.tile import Tile
from experiments.training.widths import equal_parts, tile_width
from nn import regularization
from nn.network import Network

Array = NDArray[np.floating]


@dataclass
class Outcome:
    """What training one run gave.

    Parameters
    ----------
    position : int
        Of the run in what was given to :func:`train`.
    status : Status
    message : str or None
        Why, for people, where it is not plain.
    metrics : dict of str to list
        A column for each metric, an entry for each epoch; entry 0 is before training, where
        what was not measured is None.
    summary : dict of str to float
    weights : dict of str to ndarray
        ``final/<name>`` and ``best/<name>``, the latter of the best validation epoch; empty
        while it trains.
    snapshots : dict of str to ndarray
        ``epoch`` (moments,), and parameters and statistics as they were then, each
        (moments, *shape); empty where none were asked for.
    """

    position: int
    status: Status
    message: str | None
    metrics: dict[str, list[float | None]]
    summary: dict[str, float]
    weights: dict[str, NDArray[Any]]
    snapshots: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass
class _Progress:
    """What is known of one run while it trains."""

    position: int
    run: Run
    moments: frozenset[int]  # the epochs after which a snapshot is taken
    metrics: dict[str, list[float | None]] = field(default_factory=dict)
    snapshots: list[Array] = field(default_factory=list)  # each (parameters + statistics,)
    schedule_state: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    waited: int = 0
    to_beat: float = np.inf
    message: str | None = None
    resumed_at: int = 0  # the epoch, with the seconds that had passed, and those of training alone
    seconds: float = 0.0
    training_seconds: float = 0.0

    def append(self, row: dict[str, float | None]) -> None:
        for name, value in row.items():
            self.metrics.setdefault(name, []).append(value)

    @property
    def best_loss(self) -> float:
        if self.best_epoch is None:
            return np.inf
        loss = self.metrics["val/loss"][self.best_epoch]
        return np.inf if loss is None else loss


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
    stack = _Stack(runs, dataset)
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
                stack.keep_due(keeper)
    except KeyboardInterrupt:
        if keeper is not None and stack.between_epochs:
            stack.keep_all(keeper)
        yield from stack.leave(dict.fromkeys(range(len(stack.live)), Status.INTERRUPTED))
        raise


# A diverging run overflows; that is found at the end of the epoch and is no warning. Set for
# each piece of work, not round the yields, where it would reach whoever takes the outcomes.
_overflow_allowed = np.errstate(all="ignore")


class _Stack:
    """The live runs, row by row the same in the network and in what is known of them.

    Tiles of them take the steps; what has been reached is measured of all together.
    """

    def __init__(self, runs: Sequence[Run], dataset: Dataset) -> None:
        first = runs[0]
        settings = first.training
        encoding = encoding_for(dataset, first.objective)
        self.parts: dict[str, Evaluated] = {}
        for name, part in dataset.parts.items():
            encoded = encoding.encode(part, settings.dtype)
            inputs = np.ascontiguousarray(part.inputs, settings.dtype)
            score = score_for(dataset.task, part.targets, encoded)
            self.parts[name] = Evaluated(inputs, encoded, score)
        self.score = self.parts["train"].score.name
        self.live = [
            _Progress(position, run, frozenset(snapshot_epochs(run.training, dataset.features)))
            for position, run in enumerate(runs)
        ]
        for progress in self.live:
            progress.schedule_state = progress.run.schedule.initial_state()
        self.network = Network(
            [run.model.layers(encoding.outputs) for run in runs],
            dataset.features,
            loss=first.loss,
            output_activation=first.model.output_activation,
            seeds=[run.seed for run in runs],
            dtype=settings.dtype,
        )
        smoothed = first.loss.smooth(self.parts["train"].targets).astype(settings.dtype)
        self.tiles = [
            Tile(runs[rows], self.network.part(rows), self.parts["train"].inputs, smoothed)
            for rows in equal_parts(len(runs), tile_width(runs, dataset))
        ]
        self.steps = self.tiles[0].batches.steps
        self.epoch = 0
        self.between_epochs = False  # else a state is half one epoch's, half the next one's
        self.seconds = 0.0  # of training alone, without evaluation
        self.started = time.perf_counter()
        self.run_steps = 0  # steps times runs, over the whole training
        self.rates = np.zeros(len(runs))  # of the last step
        self.best = np.empty_like(self.network.parameters)
        self.best_statistics = np.empty_like(self.network.statistics)

    @_overflow_allowed
    def train_epoch(self) -> None:
        """Take one epoch's steps."""
        began = time.perf_counter()
        self.between_epochs = False
        self.epoch += 1
        factors = self._factors()
        for rows, tile in self._placed_tiles():
            own = None if factors is None else factors[:, rows]
            tile.train_epoch(own, measures_layers=_measures_layers(self.epoch))
        last = np.ones((self.network.runs, 1)) if factors is None else factors[-1]
        rates = [progress.run.optimizer.lr for progress in self.live]
        self.rates = last[:, 0] * np.array(rates)
        self.seconds += time.perf_counter() - began
        self.run_steps += self.steps * self.network.runs

    def _factors(self) -> NDArray[np.float64] | None:
        """Factors of the learning rates in this epoch: (1 or steps, runs, 1), or all 1."""
        if all(p.run.schedule.is_constant for p in self.live):
            return None
        steps, columns = self.steps, []
        times: NDArray[np.float64]
        for progress in self.live:
            schedule, epochs = progress.run.schedule, progress.run.training.epochs
            if schedule.by == "step":
                times = np.arange(steps, dtype=np.float64) + (self.epoch - 1) * steps
                total = float(epochs * steps)
            else:
                times, total = np.array([self.epoch - 1.0]), float(epochs)
            columns.append(schedule.factors(times, total, progress.schedule_state))
        longest = max(len(column) for column in columns)
        table = np.stack([np.broadcast_to(column, longest) for column in columns], axis=1)
        return table[:, :, np.newaxis]

    def evaluate(self, epoch: int) -> Iterator[Outcome]:
        """Measure all live runs after `epoch` and let those that have ended leave."""
        began = self.epoch > 0
        norms = self._layer_norms(epoch)
        gradient_norms = np.concatenate([tile.norms for tile in self.tiles])
        train_loss, train_score = self._measure("train", self.network)
        val_loss, val_score = self._measure("validation", self.network)
        seconds = time.perf_counter() - self.started
        for row, progress in enumerate(self.live):
            progress.append(
                {
                    "epoch": epoch,
                    "step": epoch * self.steps,
                    "seconds": progress.seconds + seconds,
                    "train/loss": float(train_loss[row]),
                    f"train/{self.score}": float(train_score[row]),
                    "val/loss": float(val_loss[row]),
                    f"val/{self.score}": float(val_score[row]),
                    "lr": float(self.rates[row]) if began else None,
                    "gradient_norm": float(gradient_norms[row]) if began else None,
                    **{name: column[row] for name, column in norms.items()},
                }
            )
        ended: dict[int, Status] = {}
        for row in range(len(self.live)):
            status = self._judge(row, epoch)
            if status is not None:
                ended[row] = status
        self.between_epochs = True
        if ended:
            yield from self.leave(ended)

    def _layer_norms(self, epoch: int) -> dict[str, list[float | None]]:
        """Norms of each layer's weights and of their gradient, by the name of the metric."""
        measured, layers = {}, self.network.layout.layers
        if _measures_layers(epoch):
            measured["weight_norm"] = self._weight_norms()
            if epoch > 0:
                measured["gradient_norm"] = {
                    layer: np.concatenate([tile.gradient_norms[layer] for tile in self.tiles])
                    for layer in layers
                }
        unmeasured: list[float | None] = [None] * len(self.live)
        return {
            f"{name}/{layer}": measured[name][layer].tolist() if name in measured else unmeasured
            for name in ("weight_norm", "gradient_norm")
            for layer in layers
        }

    @_overflow_allowed
    def _weight_norms(self) -> dict[str, Array]:
        return regularization.norms_by_layer(self.network.parameters, self.network.layout)

    @_overflow_allowed
    def _measure(self, part: str, network: Network) -> tuple[NDArray[np.float64], ...]:
        """Loss and score of the runs of `network` on one part of the data."""
        return self.parts[part].measure(network)

    def _judge(self, row: int, epoch: int) -> Status | None:
        """Take note of an epoch's validation loss; return the status of a run that has ended."""
        progress = self.live[row]
        training = progress.run.training
        losses = [progress.metrics[name][epoch] for name in ("train/loss", "val/loss")]
        if not all(np.isfinite(loss) for loss in losses if loss is not None):
            progress.message = f"the loss was not finite after epoch {epoch}"
            return Status.DIVERGED
        loss = losses[1]
        assert loss is not None
        if epoch in progress.moments:
            network = self.network
            progress.snapshots.append(
                np.concatenate([network.parameters[row], network.statistics[row]])
            )
        if epoch > 0:
            progress.run.schedule.observe(progress.schedule_state, loss)
        progress.waited += 1
        if loss < progress.to_beat - training.early_stopping.min_delta:
            progress.waited, progress.to_beat = 0, loss
        if loss < progress.best_loss:
            progress.best_epoch = epoch
            self.best[row] = self.network.parameters[row]
            self.best_statistics[row] = self.network.statistics[row]
        if epoch >= training.epochs:
            return Status.DONE
        patience = training.early_stopping.patience
        if patience is not None and progress.waited >= patience:
            progress.message = f"no better validation loss for {patience} epochs"
            return Status.STOPPED_EARLY
        return None

    def _place(self, row: int) -> tuple[Tile, int]:
        """Find a run's tile, and its row there."""
        for rows, tile in self._placed_tiles():
            if row < rows.stop:
                return tile, row - rows.start
        raise IndexError(row)

    def _placed_tiles(self) -> list[tuple[slice, Tile]]:
        """Return the tiles with the rows that are theirs."""
        ends = accumulate(tile.network.runs for tile in self.tiles)
        return [
            (slice(end - tile.network.runs, end), tile)
            for end, tile in zip(ends, self.tiles, strict=True)
        ]

    def losses(self) -> list[tuple[int, float]]:
        """Position and last validation loss of each live run."""
        return [(p.position, p.metrics["val/loss"][-1] or 0.0) for p in self.live]

    def keep_due(self, keeper: Keeper) -> None:
        """Give `keeper` the runs that it wants to have now."""
        for row, progress in enumerate(self.live):
            if keeper.due(progress.position):
                self._keep_state(row, keeper)

    def keep_all(self, keeper: Keeper) -> None:
        """Give `keeper` every run."""
        for row in range(len(self.live)):
            self._keep_state(row, keeper)

    def _keep_state(self, row: int, keeper: Keeper) -> None:
        progress = self.live[row]
        summary = self._summary(progress)
        outcome = Outcome(progress.position, Status.RUNNING, None, progress.metrics, summary, {})
        keeper.keep(outcome, self._state(row))

    def _state(self, row: int) -> State:
        """Everything that a run needs to go on, as views."""
        progress, network = self.live[row], self.network
        arrays: dict[str, NDArray[Any]] = {
            "parameters": network.parameters[row],
            "statistics": network.statistics[row],
            "best/parameters": self.best[row],
            "best/statistics": self.best_statistics[row],
        }
        tile, own = self._place(row)
        state = tile.optimizers.state(own)
        if progress.snapshots:
            arrays["snapshots"] = np.stack(progress.snapshots)
        arrays |= {f"optimizer/{name}": array for name, array in state.items()}
        values = {
            "metrics": progress.metrics,
            "schedule": progress.schedule_state,
            "best_epoch": progress.best_epoch,
            "waited": progress.waited,
            "to_beat": progress.to_beat,
            "training_seconds": self._training_seconds(progress),
            "batches": tile.batches.random_state(own),
            "layers": network.random_states(row),
        }
        return State(self.epoch, values, arrays)

    def restore(self, states: Sequence[State]) -> None:
        """Put every run where its state says it was, all after the same epoch."""
        (self.epoch,) = {state.epoch for state in states}
        for tile in self.tiles:
            tile.optimizers.t = self.epoch * self.steps
        for row, (progress, state) in enumerate(zip(self.live, states, strict=True)):
            values, arrays = state.values, state.arrays
            self.network.parameters[row] = arrays["parameters"]
            self.network.statistics[row] = arrays["statistics"]
            self.best[row] = arrays["best/parameters"]
            self.best_statistics[row] = arrays["best/statistics"]
            prefix = "optimizer/"
            slots = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            tile, own = self._place(row)
            tile.optimizers.restore(own, slots)
            self.network.restore_random_states(row, values["layers"])
            tile.batches.restore_random_state(own, values["batches"])
            progress.snapshots = list(arrays.get("snapshots", ()))
            progress.metrics = values["metrics"]
            progress.schedule_state = values["schedule"]
            progress.best_epoch, progress.waited = values["best_epoch"], values["waited"]
            progress.to_beat = values["to_beat"]
            progress.resumed_at = self.epoch
            progress.seconds = progress.metrics["seconds"][-1] or 0.0
            progress.training_seconds = values["training_seconds"]
        self.between_epochs = True

    def leave(self, ended: dict[int, Status]) -> Iterator[Outcome]:
        """Take runs out of the stack.

        Parameters
        ----------
        ended : dict of int to Status
            Status of each leaving run, by row.
        """
        rows = list(ended)
        finals = [self.network.weights(row) for row in rows]
        at_best = copy.copy(self.network)
        at_best.keep(rows)
        at_best.parameters[...] = self.best[rows]
        at_best.statistics[...] = self.best_statistics[rows]
        test_loss, test_score = self._measure("test", at_best)
        for i, row in enumerate(rows):
            progress = self.live[row]
            for array in finals[i].values():
                # The sign of a NaN depends on the order of operands, which depends on the stack.
                array[np.isnan(array)] = np.nan
            weights = {f"final/{name}": array for name, array in finals[i].items()}
            summary = self._summary(progress)
            if progress.best_epoch is not None:
                summary["test/loss"] = float(test_loss[i])
                summary[f"test/{self.score}"] = float(test_score[i])
                weights |= {f"best/{name}": array for name, array in at_best.weights(i).items()}
            yield Outcome(
                progress.position,
                ended[row],
                progress.message,
                progress.metrics,
                summary,
                weights,
                self._snapshots(progress),
            )
        self._keep([row for row in range(len(self.live)) if row not in ended])

    def _snapshots(self, progress: _Progress) -> dict[str, NDArray[Any]]:
        """Name what was kept of a run's parameters; the moments take the place of the runs."""
        if not progress.snapshots:
            return {}
        parameters, statistics = self.network.layout, self.network.statistics_layout
        flat = np.stack(progress.snapshots)
        return {
            "epoch": np.array(sorted(progress.moments)[: len(flat)]),
            **parameters.views(flat[:, : parameters.size]),
            **statistics.views(flat[:, parameters.size :]),
        }

    def _training_seconds(self, progress: _Progress) -> float:
        """Seconds of training alone: a run's share of those of its stacks."""
        each = self.seconds / max(self.run_steps, 1)
        steps = (self._measured(progress) - progress.resumed_at) * self.steps
        return progress.training_seconds + each * steps

    def _measured(self, progress: _Progress) -> int:
        """Return the last epoch that was measured."""
        return max(len(progress.metrics.get("epoch", ())) - 1, 0)

    def _summary(self, progress: _Progress) -> dict[str, float]:
        summary: dict[str, float] = {}

        def add(name: str, column: str, epoch: int) -> None:
            value = progress.metrics[column][epoch]
            if value is not None:
                summary[name] = value

        if progress.best_epoch is not None:
            best = progress.best_epoch
            summary["best/epoch"] = best
            add("best/val_loss", "val/loss", best)
            add(f"best/val_{self.score}", f"val/{self.score}", best)
            add("best/train_loss", "train/loss", best)
        steps = self._measured(progress) * self.steps
        summary["time/us_per_step"] = self._training_seconds(progress) / max(steps, 1) * 1e6
        if progress.metrics:  # empty if interrupted before anything was measured
            for part in ("train", "val"):
                add(f"final/{part}_loss", f"{part}/loss", -1)
                add(f"final/{part}_{self.score}", f"{part}/{self.score}", -1)
            add("time/seconds", "seconds", -1)
        return summary

    def _keep(self, rows: list[int]) -> None:
        self.between_epochs = False  # until all parts have the same runs
        self.live = [self.live[row] for row in rows]
        if not rows:
            return
        self.network.keep(rows)
        tiles: list[Tile] = []
        first = 0
        for old, tile in self._placed_tiles():
            own = [row - old.start for row in rows if old.start <= row < old.stop]
            if own:
                tile.keep(own, self.network.part(slice(first, first + len(own))))
                tiles.append(tile)
                first += len(own)
        self.tiles = tiles
        self.best = self.best[rows]
        self.best_statistics = self.best_statistics[rows]
        self.rates = self.rates[rows]
        self.between_epochs = True


def _measures_layers(epoch: int) -> bool:
    """Whether norms by layer are taken: every epoch below 1000, every tenth below 10,000, ..."""
    apart: int = 10 ** max(len(str(epoch)) - 3, 0)
    return epoch % apart == 0
