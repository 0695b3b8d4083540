"""The live runs of a stack, which train side by side."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import Run
from experiments.datasets import Dataset
from experiments.training.evaluation import Evaluated, score_for
from experiments.training.live_run import LiveRun
from experiments.training.outcome import Outcome
from experiments.training.snapshots import snapshot_epochs
from experiments.training.state import State
from experiments.training.status import Status
from experiments.training.targets import encoding_for
from experiments.training.tile import Tile
from experiments.training.widths import equal_parts, tile_width
from nn.gradients import norms_by_layer
from nn.network import Network

Array = NDArray[np.floating]


# A diverging run overflows; that is found at the end of the epoch and is no warning. Set for
# each piece of work, not round the yields, where it would reach whoever takes the outcomes.
_overflow_allowed = np.errstate(all="ignore")


class Stack:
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
            LiveRun(position, run, frozenset(snapshot_epochs(run.training, dataset.features)))
            for position, run in enumerate(runs)
        ]
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
        rates = [live.run.optimizer.lr for live in self.live]
        self.rates = last[:, 0] * np.array(rates)
        self.seconds += time.perf_counter() - began
        self.run_steps += self.steps * self.network.runs

    def _factors(self) -> NDArray[np.float64] | None:
        """Factors of the learning rates in this epoch: (1 or steps, runs, 1), or all 1."""
        if all(p.run.schedule.is_constant for p in self.live):
            return None
        steps, columns = self.steps, []
        times: NDArray[np.float64]
        for live in self.live:
            schedule, epochs = live.run.schedule, live.run.training.epochs
            if schedule.by == "step":
                times = np.arange(steps, dtype=np.float64) + (self.epoch - 1) * steps
                total = float(epochs * steps)
            else:
                times, total = np.array([self.epoch - 1.0]), float(epochs)
            columns.append(schedule.factors(times, total, live.schedule_state))
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
        for row, live in enumerate(self.live):
            live.append(
                {
                    "epoch": epoch,
                    "step": epoch * self.steps,
                    "seconds": live.seconds + seconds,
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
        return norms_by_layer(self.network.parameters, self.network.layout)

    @_overflow_allowed
    def _measure(self, part: str, network: Network) -> tuple[NDArray[np.float64], ...]:
        """Loss and score of the runs of `network` on one part of the data."""
        return self.parts[part].measure(network)

    def _judge(self, row: int, epoch: int) -> Status | None:
        """Keep what is due of a run's parameters; return its status if it has ended."""
        live, network = self.live[row], self.network
        status = live.judge(epoch)
        if epoch in live.moments and status is not Status.DIVERGED:
            live.snapshots.append(
                np.concatenate([network.parameters[row], network.statistics[row]])
            )
        if live.best_epoch == epoch:
            self.best[row] = network.parameters[row]
            self.best_statistics[row] = network.statistics[row]
        return status

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

    def outcome(self, row: int) -> Outcome:
        """Return what came of a run so far."""
        live = self.live[row]
        return Outcome(live.position, Status.RUNNING, None, live.metrics, self._summary(live), {})

    def state(self, row: int) -> State:
        """Return everything that a run needs to go on, as views."""
        live, network = self.live[row], self.network
        arrays: dict[str, NDArray[Any]] = {
            "parameters": network.parameters[row],
            "statistics": network.statistics[row],
            "best/parameters": self.best[row],
            "best/statistics": self.best_statistics[row],
        }
        tile, own = self._place(row)
        state = tile.optimizers.state(own)
        if live.snapshots:
            arrays["snapshots"] = np.stack(live.snapshots)
        arrays |= {f"optimizer/{name}": array for name, array in state.items()}
        values = {
            **live.values(),
            "training_seconds": self._training_seconds(live),
            "batches": tile.batches.random_state(own),
            "layers": network.random_states(row),
        }
        return State(self.epoch, values, arrays)

    def restore(self, states: Sequence[State]) -> None:
        """Put every run where its state says it was, all after the same epoch."""
        (self.epoch,) = {state.epoch for state in states}
        for tile in self.tiles:
            tile.optimizers.t = self.epoch * self.steps
        for row, (live, state) in enumerate(zip(self.live, states, strict=True)):
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
            live.snapshots = list(arrays.get("snapshots", ()))
            live.restore(self.epoch, values)
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
            live = self.live[row]
            for array in finals[i].values():
                # The sign of a NaN depends on the order of operands, which depends on the stack.
                array[np.isnan(array)] = np.nan
            weights = {f"final/{name}": array for name, array in finals[i].items()}
            summary = self._summary(live)
            if live.best_epoch is not None:
                summary["test/loss"] = float(test_loss[i])
                summary[f"test/{self.score}"] = float(test_score[i])
                weights |= {f"best/{name}": array for name, array in at_best.weights(i).items()}
            yield Outcome(
                live.position,
                ended[row],
                live.message,
                live.metrics,
                summary,
                weights,
                self._snapshots(live),
            )
        self._keep([row for row in range(len(self.live)) if row not in ended])

    def _snapshots(self, live: LiveRun) -> dict[str, NDArray[Any]]:
        """Name what was kept of a run's parameters; the moments take the place of the runs."""
        if not live.snapshots:
            return {}
        parameters, statistics = self.network.layout, self.network.statistics_layout
        flat = np.stack(live.snapshots)
        return {
            "epoch": np.array(sorted(live.moments)[: len(flat)]),
            **parameters.views(flat[:, : parameters.size]),
            **statistics.views(flat[:, parameters.size :]),
        }

    def _training_seconds(self, live: LiveRun) -> float:
        """Seconds of training alone: a run's share of those of its stacks."""
        each = self.seconds / max(self.run_steps, 1)
        return live.training_seconds + each * (live.last_epoch - live.resumed_at) * self.steps

    def _summary(self, live: LiveRun) -> dict[str, float]:
        steps = max(live.last_epoch * self.steps, 1)
        return live.summary(self.score, self._training_seconds(live) / steps * 1e6)

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
