"""A stack: runs of one architecture that train together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import Run
from experiments.datasets import Dataset
from experiments.training.evaluation import Evaluated, score_for
from experiments.training.length import length_of
from experiments.training.live_run import LiveRun
from experiments.training.measures import Measures
from experiments.training.metrics import UNTRAINED
from experiments.training.outcome import Outcome
from experiments.training.probing import is_due, measure
from experiments.training.report import TEST_CURVE, report_for, score_name
from experiments.training.row_losses import TEST_LOSSES, in_groups
from experiments.training.shared_rows import inputs_of, targets_of, weights_of
from experiments.training.snapshots import snapshot_epochs
from experiments.training.state import State
from experiments.training.status import Status
from experiments.training.step_time import seconds_per_step
from experiments.training.targets import encoding_for
from experiments.training.tile import Tile
from experiments.training.widths import equal_parts, tile_width
from nn.gradients import norms_by_layer
from nn.network import Network
from nn.table_rows import TableRows

Array = NDArray[np.floating]


# A diverging run overflows, and `judge` detects it after the epoch: NumPy need not warn. Applied
# to single methods and not around the yields, where it would affect the caller's code too.
_overflow_allowed = np.errstate(all="ignore")


class Stack:
    """The live runs of a stack; row i of the network is run i of `live`.

    Training steps are taken tile by tile; evaluation covers all runs at once.

    Parameters
    ----------
    runs : sequence of Run
        Runs with equal :func:`experiments.training.stacking.stack_key`.
    datasets : sequence of Dataset
        The dataset of each run. They may be different splits, with parts of equal sizes.
    """

    def __init__(self, runs: Sequence[Run], datasets: Sequence[Dataset]) -> None:
        first, dataset = runs[0], datasets[0]
        settings = first.training
        encoding = encoding_for(dataset, first.objective)
        # Runs with the same split share its rows.
        splits = {one.digest: one for one in datasets}
        places = {digest: place for place, digest in enumerate(splits)}
        inputs = inputs_of(list(splits.values()), settings.dtype)
        targets = targets_of(list(splits.values()), encoding, settings.dtype)
        self.parts = {
            name: [
                _evaluated(one, name, inputs[name].of([split]), targets[name].of([split]), first)
                for split, one in enumerate(splits.values())
            ]
            for name in dataset.parts
        }
        # What is measured of a held-out part beside the loss, the score first.
        score = score_name(dataset.task)
        keys = [metric.key for metric in settings.metrics]
        self.scores = list(dict.fromkeys(keys if score is None else [score, *keys]))
        self.curves = {"train": "train"}  # the parts measured after each epoch, by their columns
        if "validation" in self.parts:
            self.curves["val"] = "validation"
        if settings.test_every_epoch:
            self.curves[TEST_CURVE] = "test"
        self.live = [
            LiveRun(
                position,
                run,
                places[one.digest],
                length,
                report_for(run.training, dataset),
                frozenset(snapshot_epochs(run.training.snapshots, length.epochs, dataset.features)),
            )
            for position, (run, one) in enumerate(zip(runs, datasets, strict=True))
            for length in [length_of(run, dataset)]
        ]
        self._outputs, self._samples = encoding.outputs, dataset.samples
        self._shape = first.model.input_shape(dataset.samples)
        self._rows = (
            inputs["train"],
            targets["train"].mapped(first.loss.smooth),
            weights_of(list(splits.values()), encoding, first.loss, settings.dtype),
        )
        self.network = self._network(runs)
        self.tiles = [
            self._tile(runs[rows], self.network.part(rows), self.live[rows])
            for rows in equal_parts(len(runs), tile_width(runs, dataset))
        ]
        self._step_times: dict[tuple[Any, ...], float] = {}
        self.epoch = 0
        self.between_epochs = False  # a state may be taken only between two epochs
        self.started = time.perf_counter()
        self.rates = np.zeros(len(runs))  # the learning rates of the last step
        # The parameters before training, which probes compare with.
        self.initial = self.network.parameters.copy() if settings.probes else None
        # The weights and statistics in training, while the network holds those to evaluate.
        self.trained: tuple[Array, Array] | None = None
        self.reported = np.empty_like(self.network.parameters)
        self.reported_statistics = np.empty_like(self.network.statistics)

    def _network(self, runs: Sequence[Run]) -> Network:
        """Create the networks of some runs, as they are before training."""
        first = runs[0]
        return Network(
            [run.model.layers(self._outputs, self._samples) for run in runs],
            self._shape,
            loss=first.loss,
            output_activation=first.model.output_activation,
            seeds=[run.seed for run in runs],
            dtype=first.training.dtype,
            padded=self._samples.padded,
            carries=first.training.order.carries,
        )

    def _tile(self, runs: Sequence[Run], network: Network, live: Sequence[LiveRun]) -> Tile:
        """Create a tile of some runs, each on the rows of its split."""
        inputs, targets, weights = self._rows
        splits = [one.split for one in live]
        return Tile(
            runs,
            network,
            inputs.of(splits),
            targets.of(splits),
            None if weights is None else weights.of(splits),
            epochs=[one.length.epochs for one in live],
        )

    @_overflow_allowed
    def _seconds_per_step(self, live: LiveRun) -> float:
        """Return the time of a step of a run that trains alone, measured once an optimizer."""
        kind = live.run.optimizer.variant()
        if kind not in self._step_times:
            alone = self._tile([live.run], self._network([live.run]), [live])
            self._step_times[kind] = seconds_per_step(alone, live.run.training.blas_threads)
        return self._step_times[kind]

    @_overflow_allowed
    def train_epoch(self) -> None:
        """Train all runs for one epoch."""
        self.between_epochs = False
        self.epoch += 1
        if self.trained is not None:
            self.network.parameters[...], self.network.statistics[...] = self.trained
            self.trained = None
        steps = self.live[0].length.within(self.epoch)  # as of all runs, or they were apart
        factors, momenta = self._factors(steps), self._momenta(steps)
        for rows, tile in self._placed_tiles():
            tile.train_epoch(
                steps,
                None if factors is None else factors[:, rows],
                None if momenta is None else momenta[:, rows],
                measures_layers=_measures_layers(self.epoch),
            )
        last = np.ones((self.network.runs, 1)) if factors is None else factors[-1]
        rates = [live.run.optimizer.lr for live in self.live]
        self.rates = last[:, 0] * np.array(rates)

    def _factors(self, steps: int) -> NDArray[np.float64] | None:
        """Return this epoch's factors of the learning rates, for so many steps.

        Returns
        -------
        ndarray of shape (1 or steps, runs, 1), or None
            None if all factors are 1.
        """
        if all(p.run.schedule.is_constant for p in self.live):
            return None
        columns = []
        for live in self.live:
            times, total = self._times(live, steps)
            columns.append(live.run.schedule.factors(times, total, live.schedule_state))
        return _table(columns)

    def _momenta(self, steps: int) -> NDArray[np.float64] | None:
        """Return this epoch's momenta like `_factors`, or None if no schedule prescribes any."""
        if not any(live.run.schedule.sets_momentum for live in self.live):
            return None
        columns = []
        for live in self.live:
            if live.run.schedule.sets_momentum:
                columns.append(live.run.schedule.momenta(*self._times(live, steps)))
            else:
                columns.append(np.array([getattr(live.run.optimizer, "momentum", 0.0)]))
        return _table(columns)

    def _times(self, live: LiveRun, steps: int) -> tuple[NDArray[np.float64], float]:
        """Return the times of this epoch's steps and the total time, in the schedule's unit."""
        if live.run.schedule.by == "step":
            times = np.arange(steps, dtype=np.float64) + live.length.after(self.epoch - 1)
            return times, float(live.length.steps)
        return np.array([self.epoch - 1.0]), float(live.length.epochs)

    def evaluate(self, epoch: int) -> Iterator[Outcome]:
        """Evaluate all live runs after `epoch`, and yield and remove those that have ended."""
        began = self.epoch > 0
        self._show_evaluated()
        norms = self._layer_norms(epoch)
        gradient_norms = np.concatenate([tile.norms for tile in self.tiles])
        measured: dict[str, NDArray[np.float64]] = {}
        if not began and "test" in self.parts:
            self._measure_untrained()
        for curve, part in self.curves.items():
            values = self._measure(part, self.network, self.live)
            measured |= {f"{curve}/{name}": column for name, column in values.items()}
        probed = self._probe(epoch)
        evaluations = None
        if any(tile.optimizers.reevaluates for tile in self.tiles):
            evaluations = np.concatenate([tile.optimizers.evaluations for tile in self.tiles])
        seconds = time.perf_counter() - self.started
        for row, live in enumerate(self.live):
            live.append(
                {
                    "epoch": epoch,
                    "step": live.length.after(epoch),
                    **({} if evaluations is None else {"evaluations": float(evaluations[row])}),
                    "seconds": live.seconds + seconds,
                    **{
                        name: self._recorded(name, column[row]) for name, column in measured.items()
                    },
                    "lr": float(self.rates[row]) if began else None,
                    "gradient_norm": float(gradient_norms[row]) if began else None,
                    **{name: column[row] for name, column in (norms | probed).items()},
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

    @_overflow_allowed
    def _show_evaluated(self) -> None:
        """Put into the network the weights to evaluate, of the runs where these are others."""
        network = self.network
        for rows, tile in self._placed_tiles():
            own, weights = tile.optimizers.evaluated(network.parameters[rows])
            if not own:
                continue
            if self.trained is None:
                self.trained = network.parameters.copy(), network.statistics.copy()
            tile.network.parameters[own] = weights
            tile.measure_statistics(own)

    def _recorded(self, name: str, value: np.float64) -> float | None:
        """Return a value as it is recorded: None for a metric that is undefined."""
        is_metric = name.rpartition("/")[2] in self.scores[1:]
        return None if is_metric and np.isnan(value) else float(value)

    def _measure_untrained(self) -> None:
        """Measure the test part before training; a diverged run counts with these values."""
        measured = self._measure("test", self.network, self.live)
        for row, live in enumerate(self.live):
            values = {name: self._recorded(name, each[row]) for name, each in measured.items()}
            live.untrained = {
                f"{UNTRAINED}/test_{name}": value
                for name, value in values.items()
                if value is not None
            }

    def _layer_norms(self, epoch: int) -> dict[str, list[float | None]]:
        """Return the norms of each layer's weights and of their gradients by metric name."""
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
    def _probe(self, epoch: int) -> dict[str, list[float | None]]:
        """Return what the probes that are due measure, by metric name."""
        if self.initial is None:
            return {}
        measured: dict[str, list[float | None]] = {}
        for probe in self.live[0].run.training.probes:  # as of all runs, or they were apart
            rows = [
                row
                for row, live in enumerate(self.live)
                if is_due(probe, epoch, live.length.epochs)
            ]
            if not rows:
                continue
            columns = measure(
                probe,
                self.network.only(rows),
                self.parts[probe.part],
                [self.live[row].split for row in rows],
                self.initial[rows],
                self._preconditioner()[rows],
            )
            for name, values in columns.items():
                measured[name] = [None] * len(self.live)
                for row, value in zip(rows, values, strict=True):
                    measured[name][row] = value
        return measured

    def _preconditioner(self) -> NDArray[np.float64]:
        size = self.network.layout.size
        return np.concatenate([tile.optimizers.preconditioner(size) for tile in self.tiles])

    @_overflow_allowed
    def _weight_norms(self) -> dict[str, Array]:
        return norms_by_layer(self.network.parameters, self.network.layout)

    @_overflow_allowed
    def _measure(
        self, part: str, network: Network, runs: Sequence[LiveRun], each: Array | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Measure the `runs` of `network`, each on one part of its dataset: (runs,) by name.

        `each`, of shape (runs, rows), receives the losses of the rows.
        """
        splits = self.parts[part]
        if len(splits) == 1:
            return splits[0].measure(network, each)
        measured: dict[str, NDArray[np.float64]] = {}
        for split, evaluated in enumerate(splits):
            rows = [row for row, live in enumerate(runs) if live.split == split]
            if not rows:
                continue
            own = None if each is None else each[rows]
            for name, values in evaluated.measure(network.only(rows), own).items():
                measured.setdefault(name, np.empty(len(runs)))[rows] = values
            if each is not None:
                each[rows] = own
        return measured

    def _judge(self, row: int, epoch: int) -> Status | None:
        """Return the status of a run that has ended; keep its snapshot and reported parameters."""
        live, network = self.live[row], self.network
        status = live.judge(epoch)
        if epoch in live.moments and status is not Status.DIVERGED:
            live.snapshots.append(
                np.concatenate([network.parameters[row], network.statistics[row]])
            )
        if live.reported_epoch == epoch:
            self.reported[row] = network.parameters[row]
            self.reported_statistics[row] = network.statistics[row]
        return status

    def _place(self, row: int) -> tuple[Tile, int]:
        """Return the tile of a run, and the run's row in it."""
        for rows, tile in self._placed_tiles():
            if row < rows.stop:
                return tile, row - rows.start
        raise IndexError(row)

    def _placed_tiles(self) -> list[tuple[slice, Tile]]:
        """Return each tile with its rows of the stack."""
        ends = accumulate(tile.network.runs for tile in self.tiles)
        return [
            (slice(end - tile.network.runs, end), tile)
            for end, tile in zip(ends, self.tiles, strict=True)
        ]

    def losses(self) -> list[tuple[int, float]]:
        """Return the position of each live run and the loss by which it counts so far."""
        return [(live.position, live.loss or 0.0) for live in self.live]

    def outcome(self, row: int) -> Outcome:
        """Return the outcome of a run so far, without weights."""
        live = self.live[row]
        return Outcome(
            live.position, Status.RUNNING, None, live.metrics, live.summary(self.scores), {}
        )

    def state(self, row: int) -> State:
        """Return the state from which a run can be resumed; its arrays are views."""
        live, network = self.live[row], self.network
        parameters, statistics = self.trained or (network.parameters, network.statistics)
        arrays: dict[str, NDArray[Any]] = {
            "parameters": parameters[row],
            "statistics": statistics[row],
            "reported/parameters": self.reported[row],
            "reported/statistics": self.reported_statistics[row],
        }
        tile, own = self._place(row)
        state = tile.optimizers.state(own)
        if live.snapshots:
            arrays["snapshots"] = np.stack(live.snapshots)
        arrays |= {f"optimizer/{name}": array for name, array in state.items()}
        values = {
            **live.values(),
            "batches": tile.batches.random_state(own),
            "layers": network.random_states(row),
        }
        return State(self.epoch, values, arrays)

    def restore(self, states: Sequence[State]) -> None:
        """Restore the state of every run.

        Parameters
        ----------
        states : sequence of State
            One state for each run, all after the same epoch.
        """
        (self.epoch,) = {state.epoch for state in states}
        for tile in self.tiles:
            tile.optimizers.t = self.live[0].length.after(self.epoch)
        for row, (live, state) in enumerate(zip(self.live, states, strict=True)):
            values, arrays = state.values, state.arrays
            self.network.parameters[row] = arrays["parameters"]
            self.network.statistics[row] = arrays["statistics"]
            self.reported[row] = arrays["reported/parameters"]
            self.reported_statistics[row] = arrays["reported/statistics"]
            prefix = "optimizer/"
            slots = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            tile, own = self._place(row)
            tile.optimizers.restore(own, slots)
            if "evaluations" in values["metrics"]:
                spent = values["metrics"]["evaluations"][-1]
                tile.optimizers.extra[own] = spent - tile.optimizers.t
            self.network.restore_random_states(row, values["layers"])
            tile.batches.restore_random_state(own, values["batches"])
            live.snapshots = list(arrays.get("snapshots", ()))
            live.restore(self.epoch, values)
        self._show_evaluated()
        self.between_epochs = True

    def leave(self, ended: dict[int, Status]) -> Iterator[Outcome]:
        """Remove runs from the stack.

        Parameters
        ----------
        ended : dict of int to Status
            The status of each run to remove, by row.

        Yields
        ------
        Outcome
            The outcome of each removed run, with test metrics and weights.
        """
        rows = list(ended)
        finals = [self.network.weights(row) for row in rows]
        reported = self.network.only(rows)
        reported.parameters[...] = self.reported[rows]
        reported.statistics[...] = self.reported_statistics[rows]
        tested, losses = self._test(reported, [self.live[row] for row in rows])
        for i, row in enumerate(rows):
            live = self.live[row]
            for array in finals[i].values():
                # The sign of a NaN depends on the order of operands, and so on the stack's width.
                array[np.isnan(array)] = np.nan
            weights = {f"final/{name}": array for name, array in finals[i].items()}
            summary = live.summary(self.scores)
            if ended[row] is not Status.INTERRUPTED:
                summary["time/us_per_step"] = self._seconds_per_step(live) * 1e6
                tile, own = self._place(row)
                state = tile.optimizers.state(own).values()
                summary["memory/state_bytes"] = float(sum(array.nbytes for array in state))
            if live.reported_epoch is not None:
                for name, column in tested.items():
                    if (value := self._recorded(name, column[i])) is not None:
                        summary[f"{live.report.test}/{name}"] = value
                weights |= {f"best/{name}": array for name, array in reported.weights(i).items()}
                if losses is not None:
                    weights[TEST_LOSSES] = in_groups(losses[i])
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

    def _test(
        self, network: Network, runs: Sequence[LiveRun]
    ) -> tuple[dict[str, NDArray[np.float64]], Array | None]:
        """Measure the test part, if there is one, and return the losses of its rows too."""
        if "test" not in self.parts:
            return {}, None
        losses = np.empty((len(runs), len(self.parts["test"][0].inputs)), network.dtype)
        return self._measure("test", network, runs, losses), losses

    def _snapshots(self, live: LiveRun) -> dict[str, NDArray[Any]]:
        """Return a run's snapshots by parameter name, of shape (snapshots, *shape)."""
        if not live.snapshots:
            return {}
        parameters, statistics = self.network.layout, self.network.statistics_layout
        flat = np.stack(live.snapshots)
        return {
            "epoch": np.array(sorted(live.moments)[: len(flat)]),
            **parameters.views(flat[:, : parameters.size]),
            **statistics.views(flat[:, parameters.size :]),
        }

    def _keep(self, rows: list[int]) -> None:
        self.between_epochs = False  # network, tiles and `live` disagree until the end
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
        if self.initial is not None:
            self.initial = self.initial[rows]
        if self.trained is not None:
            parameters, statistics = self.trained
            self.trained = parameters[rows], statistics[rows]
        self.reported = self.reported[rows]
        self.reported_statistics = self.reported_statistics[rows]
        self.rates = self.rates[rows]
        self.between_epochs = True


def _evaluated(
    dataset: Dataset, part: str, inputs: TableRows, targets: TableRows, run: Run
) -> Evaluated:
    """Prepare one part of a split for evaluation."""
    score = score_for(dataset.task, dataset.parts[part].targets, targets)
    measured = None if score is None else score.name
    metrics = [metric for metric in run.training.metrics if metric.key != measured]
    measures = Measures(metrics, dataset, part) if metrics and part != "train" else None
    return Evaluated(inputs, targets, score, measures)


def _table(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Join a column for each run to a table of shape (1 or steps, runs, 1)."""
    longest = max(len(column) for column in columns)
    table = np.stack([np.broadcast_to(column, longest) for column in columns], axis=1)
    return table[:, :, np.newaxis]


def _measures_layers(epoch: int) -> bool:
    """Whether norms by layer are measured: every epoch below 1000, every tenth below 10,000, ..."""
    apart: int = 10 ** max(len(str(epoch)) - 3, 0)
    return epoch % apart == 0
