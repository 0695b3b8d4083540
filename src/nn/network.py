"""A stack of networks of one architecture: forward, backward, prediction, evaluation."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .activations import Activation
from .layers import Binding, Layer
from .layers.chain import Chain, arrangements
from .layers.shapes import names_of, shapes_of
from .losses import Loss
from .objective import Objective
from .parameters import Layout
from .randomness import stream
from .sparse_rows import SparseMatrix, SparseRows, is_sparse
from .speed import is_on
from .speed.buffers import Workspace
from .speed.replay import CapturedStep, Tape
from .table_rows import TableRows
from .typing import Array, Float64Array, Shape

Inputs = Array | SparseRows | SparseMatrix

_ROWS = 512
"""Most rows of a block in prediction and evaluation: few, so that a stack's activations stay in the
cache."""

_SCRATCH = 1 << 18
"""Most numbers that a layer keeps for the rows of such a block, beside its output. Sums depend on
the size of a block, so that it follows from the architecture and not from the stack."""

_STEPS = 2
"""Batches whose steps are captured: the last batch of an epoch may be shorter than the others."""


class Network:
    """Networks of one architecture, one for each run, trained side by side.

    Parameters
    ----------
    layers : sequence of Layer, or sequence of such sequences
        The architecture; one for all runs, or each run's own, which may differ in what a layer
        lists as ``per_run`` (dropout rates, initializers).
    inputs : int or tuple of int
        Shape of an input sample: (features,), or their number; (channels, height, width), ...
    loss : Loss
        The loss that training minimizes.
    output_activation : Activation, optional
        Activation of the output layer; by default the loss's canonical one.
    seeds : sequence of int
        The seed of each run, on which alone its initial weights and dropout depend.
    dtype : {"float32", "float64"}, default "float32"
        Precision of parameters and activations.

    Attributes
    ----------
    parameters, gradients : ndarray of shape (runs, P)
        Contiguous arrays, of which layers hold views. Weights come before biases and gains.
    statistics : ndarray of shape (runs, S)
        Running statistics of normalization layers.
    layout : Layout
        Names, order and shapes of the parameters.
    shape : tuple of int
        Shape of an input sample.

    Raises
    ------
    ValueError
        If the runs' architectures cannot share a stack, a layer cannot take the samples that reach
        it, loss and output activation do not go together, or inputs or targets have another shape
        than they must.
    """

    def __init__(
        self,
        layers: Sequence[Layer] | Sequence[Sequence[Layer]],
        inputs: int | Shape,
        *,
        loss: Loss,
        output_activation: Activation | None = None,
        seeds: Sequence[int] = (0,),
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.objective = Objective(loss, output_activation)
        self.shape: Shape = (inputs,) if isinstance(inputs, int) else tuple(inputs)
        self.seeds = list(seeds)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"networks train in float32 or float64, not {self.dtype}")
        self._architectures = _one_each(layers, len(self.seeds))
        self._names = names_of(self._architectures[0])
        self._shapes = shapes_of(self._architectures[0], self.shape)
        if len(self._shapes[-1]) != 1:
            raise ValueError(
                f"the last layer, {self._names[-1]}, gives samples of shape {self._shapes[-1]}, "
                "but outputs are vectors; put nn.layers.Flatten and nn.layers.Dense after it"
            )
        placed = list(zip(self._names, self._architectures[0], self._shapes, strict=False))
        self.layout = Layout(
            replace(p, name=f"{name}/{p.name}")
            for name, layer, shape in placed
            for p in layer.parameters(shape)
        )
        self.statistics_layout = Layout(
            replace(p, name=f"{name}/{p.name}")
            for name, layer, shape in placed
            for p in layer.statistics(shape)
        )
        scratch = max(layer.scratch(shape) for _, layer, shape in placed)
        self._rows = max(1, min(_ROWS, _SCRATCH // max(scratch, 1)))
        self._generators = [
            [stream(seed, "dropout", position) for seed in self.seeds]
            for position in range(len(self._names))
        ]
        self.workspace = Workspace(self.dtype)
        self.parameters = self.workspace.zeros((self.runs, self.layout.size))
        self.statistics = np.zeros((self.runs, self.statistics_layout.size), self.dtype)
        self._checked = False  # whether targets have been checked
        self._bind()
        self._initialize()

    @property
    def runs(self) -> int:
        """Number of runs in the stack."""
        return len(self.seeds)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self._shapes[-1][0]

    @property
    def inputs(self) -> int:
        """Number of numbers of an input sample."""
        return math.prod(self.shape)

    def forward(self, x: Array | SparseRows, *, training: bool = False) -> Array:
        """Compute the logits.

        Parameters
        ----------
        x : ndarray of shape (runs, batch, *shape), or (1, batch, *shape) if all runs share it
            The inputs of the batch, which may be :class:`~nn.sparse_rows.SparseRows`; each sample
            may also be one row, (inputs,).
        training : bool, default False
            Whether dropout and batch statistics are in effect.

        Returns
        -------
        ndarray of shape (runs, batch, outputs)
            A buffer that the next call overwrites.
        """
        if isinstance(x, np.ndarray) and x.shape[2:] != self.shape:
            x = x.reshape(*x.shape[:2], *self.shape)
        return self._chain.forward(x, training)

    def backpropagate(self, x: Inputs, targets: Array, weights: Array | None = None) -> Array:
        """Fill :attr:`gradients` with those of the batch's mean loss.

        Training is fastest if all batches are passed in the same arrays, which have the network's
        precision and a run axis. The network keeps the arrays of the last two batches.

        Parameters
        ----------
        x : ndarray of shape (runs, batch, *shape), or (batch, *shape) if all runs share it
            The inputs of the batch; or sparse rows, if the first layer takes them: a
            :class:`~nn.sparse_rows.SparseRows`, or a matrix (batch, features) as SciPy makes it.
        targets : ndarray of shape (runs, batch, outputs), or (batch, outputs)
            The encoded targets of the batch. Only those of the first call are checked.
        weights : ndarray of shape (runs, batch, 1), or (batch, 1), optional
            The weights of the rows, at least 0: the mean loss is then Σ wᵢ Lᵢ / Σ wᵢ.

        Returns
        -------
        ndarray of shape (runs, batch, outputs)
            The logits, in a buffer that the next call overwrites.

        Raises
        ------
        ValueError
            If an array has another shape or no rows, or the loss cannot have the targets of the
            first call.
        """
        step = self._steps.get((id(x), id(targets), id(weights)))
        if step is not None and step.is_ready:
            return step.replay()
        inputs = self._inputs(x)
        labels = self._targets(targets, inputs.shape[1])
        shares = weights
        if weights is not None:
            shares = self._stacked("weights", weights, inputs.shape[1], (1,))
        if not self._checked:
            self.objective.loss.check(labels)
            self._checked = True
        if step is not None:  # batches come in the same arrays, as in training
            with self._do.capture() as calls:
                logits = self._pass(inputs, labels, shares)
            step.keep(calls, logits)
            return logits
        if self._replays and inputs is x and labels is targets and shares is weights:
            if len(self._steps) == _STEPS:
                self._steps.clear()
            self._steps[id(x), id(targets), id(weights)] = CapturedStep(x, targets, weights)
        return self._pass(inputs, labels, shares)

    def _pass(self, x: Array | SparseRows, targets: Array, weights: Array | None) -> Array:
        """Run the forward and the backward pass, and return the logits."""
        logits = self.forward(x, training=True)
        grad = self._output_gradient(logits, targets)
        if weights is not None:
            self._do(_weigh, grad, weights)
        self._chain.backward(grad, input_gradient=False)
        return logits

    def loss(self, x: Inputs, targets: Array) -> Float64Array:
        """Compute the mean loss of each run.

        Parameters
        ----------
        x : ndarray of shape (n, *shape), or (runs, n, *shape)
            The inputs, which may be sparse as in :meth:`backpropagate`.
        targets : ndarray of shape (n, outputs), or (runs, n, outputs)
            The encoded targets.

        Returns
        -------
        ndarray of shape (runs,), float64

        Raises
        ------
        ValueError
            If an array has another shape or no rows, or the loss cannot have such targets.
        """
        inputs = self._inputs(x)
        targets = self._targets(targets, inputs.shape[1])
        self.objective.loss.check(targets)
        total = np.zeros(self.runs)
        for rows, logits in self.logits(inputs):
            losses = self.objective.per_sample(logits, targets[:, rows])
            total += losses.astype(np.float64).sum(axis=1)
        mean: Float64Array = total / targets.shape[1]
        return mean

    def predict(self, x: Inputs) -> Array:
        """Compute the activated outputs.

        Parameters
        ----------
        x : ndarray of shape (n, *shape), or (runs, n, *shape)
            The inputs, which may be sparse as in :meth:`backpropagate`.

        Returns
        -------
        ndarray of shape (runs, n, outputs)
        """
        inputs = self._inputs(x)
        outputs = np.empty((self.runs, inputs.shape[1], self.outputs), self.dtype)
        for rows, logits in self.logits(inputs):
            outputs[:, rows] = self.objective.outputs(logits)
        return outputs

    def logits(self, x: Inputs | TableRows) -> Iterator[tuple[slice, Array]]:
        """Iterate over `x`, (n, *shape), (runs, n, *shape) or rows of a table, in blocks of rows.

        Yields
        ------
        rows : slice
            The rows of `x` in this block.
        logits : ndarray of shape (runs, rows, outputs)
            In a buffer that the next block overwrites.
        """
        source = x if isinstance(x, TableRows) else self._inputs(x)
        count = len(source) if isinstance(source, TableRows) else source.shape[1]
        for start in range(0, count, self._rows):
            rows = slice(start, min(start + self._rows, count))
            block = source[:, rows] if isinstance(source, np.ndarray) else source.block(rows)
            # OpenBLAS may raise the flag for intermediate results that it discards.
            with np.errstate(invalid="ignore"):
                logits = self.forward(self._inputs(block))
            yield rows, logits

    def weights(self, run: int = 0) -> dict[str, Array]:
        """Copy one run's parameters and statistics, by name, without the run axis."""
        views = self.layout.views(self.parameters) | self.statistics_layout.views(self.statistics)
        return {name: view[run].copy() for name, view in views.items()}

    def load(self, weights: Mapping[str, Array]) -> None:
        """Load parameters and statistics by name, as :meth:`weights` returns them.

        Raises
        ------
        ValueError
            If an array is missing or does not fit the architecture; then nothing changes.
        """
        unknown = [
            name
            for name in weights
            if name not in self.layout.slices and name not in self.statistics_layout.slices
        ]
        if unknown:
            raise ValueError(f"the network has no {unknown[0]!r}")
        for layout in (self.layout, self.statistics_layout):
            layout.check(weights, self.runs)
        self.layout.fill(self.parameters, weights)
        self.statistics_layout.fill(self.statistics, weights)

    def random_states(self, run: int) -> list[dict[str, Any]]:
        """Return the states of one run's random streams, one for each layer, ready for JSON."""
        return [dict(row[run].bit_generator.state) for row in self._generators]

    def restore_random_states(self, run: int, states: Sequence[Mapping[str, Any]]) -> None:
        """Set one run's random streams to the states that :meth:`random_states` returned."""
        for row, state in zip(self._generators, states, strict=True):
            row[run].bit_generator.state = state

    def only(self, runs: Sequence[int]) -> Network:
        """Return a copy of some runs; random streams are shared."""
        copied = copy.copy(self)
        copied.keep(runs)
        return copied

    def without_noise(self, dtype: DTypeLike) -> Network:
        """Return a copy in another precision, without the layers that draw random numbers."""
        copied = Network(
            [
                [kept for layer in own for kept in layer.without_noise()]
                for own in self._architectures
            ],
            self.shape,
            loss=self.objective.loss,
            output_activation=self.objective.activation,
            seeds=self.seeds,
            dtype=dtype,
        )
        copied.parameters[...] = self.parameters
        copied.statistics[...] = self.statistics
        return copied

    def keep(self, runs: Sequence[int]) -> None:
        """Remove all runs but these from the stack; the others are not affected.

        Parameters
        ----------
        runs : sequence of int
            Positions of the runs that stay, in their new order.
        """
        kept = list(runs)
        self.workspace = Workspace(self.dtype)
        self.parameters = self.workspace.rows(self.parameters, kept)
        self.statistics = self.statistics[kept]
        self._restrict(kept)

    def part(self, runs: slice) -> Network:
        """Return a network of runs next to each other.

        It shares their parameters, statistics and random streams with this network until
        :meth:`keep` is called on it. Gradients are not shared.
        """
        part = copy.copy(self)
        part.workspace = Workspace(self.dtype)
        part.parameters, part.statistics = self.parameters[runs], self.statistics[runs]
        part._restrict(range(self.runs)[runs])
        return part

    def _restrict(self, runs: Sequence[int]) -> None:
        """Restrict everything but parameters and statistics to these runs."""
        self.seeds = [self.seeds[run] for run in runs]
        self._architectures = [self._architectures[run] for run in runs]
        self._generators = [[row[run] for run in runs] for row in self._generators]
        self._bind()

    def _bind(self) -> None:
        """Give each layer its views of the stack's arrays."""
        self.gradients = self.workspace.zeros(self.parameters.shape)
        self._do = Tape()
        # Keyed by the ids of x, targets and weights. A step keeps the arrays alive, so an id cannot
        # be reused.
        self._steps: dict[tuple[int, int, int], CapturedStep] = {}
        self._gradient = self.objective.fused_gradient(self.workspace)
        parameters = self.layout.views(self.parameters)
        gradients = self.layout.views(self.gradients)
        statistics = self.statistics_layout.views(self.statistics)
        batch_last = arrangements(self._architectures[0], self._shapes, batch_last=False)
        self.layers = [
            layer.bind(
                Binding(
                    peers=[architecture[position] for architecture in self._architectures],
                    shape=self._shapes[position],
                    batch_last=batch_last[position],
                    parameters=_local(parameters, name),
                    gradients=_local(gradients, name),
                    statistics=_local(statistics, name),
                    generators=self._generators[position],
                    workspace=self.workspace,
                    name=name,
                    do=self._do,
                )
            )
            for position, (name, layer) in enumerate(
                zip(self._names, self._architectures[0], strict=True)
            )
        ]
        self._chain = Chain(self.layers, takes=False, gives=False)
        self._replays = is_on("replay") and self._chain.replays

    def _initialize(self) -> None:
        for run, (seed, architecture) in enumerate(
            zip(self.seeds, self._architectures, strict=True)
        ):
            for position, layer in enumerate(architecture):
                at = self.layers[position].at
                values = {k: v[run] for k, v in (at.parameters | at.statistics).items()}
                layer.initialize(stream(seed, "initialization", position), values)

    def _output_gradient(self, logits: Array, targets: Array) -> Array:
        """Compute the gradient of the batch's mean loss with respect to the logits."""
        memory = self.workspace.array
        # Sums and maxima over few outputs are faster in transposed arrays.
        if not self.objective.activation.elementwise and self.outputs < logits.shape[1]:
            memory = self.workspace.transposed
            logits = self._transposed("logits", logits)
            targets = self._transposed("targets", targets)
        grad = memory("output gradient", logits.shape)
        self._do(self._gradient, grad, logits, targets)
        return grad

    def _transposed(self, name: str, array: Array) -> Array:
        """Copy an array to a transposed buffer."""
        copy = self.workspace.transposed(name, array.shape)
        self._do(np.copyto, copy, array)
        return copy

    def _inputs(self, x: Inputs) -> Array | SparseRows:
        if isinstance(x, SparseRows):
            rows = x
        elif is_sparse(x):
            rows = SparseRows.of(x, self.dtype)
        else:
            return self._stacked("inputs", np.asarray(x), None, self.shape)
        if not self._architectures[0][0].takes_sparse:
            raise ValueError(
                f"the first layer, {self._names[0]}, takes no sparse rows; only nn.layers.Dense "
                "does. Put it first, or give the rows as a dense array (x.toarray())"
            )
        if rows.shape[0] not in (1, self.runs) or rows.shape[2:] != self.shape:
            raise ValueError(
                f"sparse inputs have {rows.columns} columns, and the network takes {self.inputs}"
            )
        return rows.astype(self.dtype)

    def _targets(self, targets: Array, n: int) -> Array:
        if n == 0:
            raise ValueError("a loss is a mean over rows, and there are none")
        return self._stacked("targets", targets, n, (self.outputs,))

    def _stacked(self, what: str, array: Array, n: int | None, shape: Shape) -> Array:
        """Add the run axis to a batch; reject other shapes, which NumPy might broadcast."""
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            array = np.asarray(array, self.dtype)
        for sample in dict.fromkeys([shape, (math.prod(shape),)]):
            stacked = array[np.newaxis] if array.ndim == 1 + len(sample) else array
            if (
                stacked.ndim == 2 + len(sample)
                and stacked.shape[0] in (1, self.runs)
                and n in (None, stacked.shape[1])
                and stacked.shape[2:] == sample
            ):
                return stacked
        rows = "n" if n is None else n
        numbers = ", ".join(map(str, shape))
        raise ValueError(
            f"{what} have shape {array.shape}, not ({rows}, {numbers}) "
            f"or ({self.runs}, {rows}, {numbers})"
        )


def _weigh(grad: Array, weights: Array) -> None:
    """Turn the gradient of the mean loss into that of the mean weighted by (runs, batch, 1)."""
    total = weights.sum(axis=1, keepdims=True)
    share = weights.shape[1] / np.maximum(total, np.finfo(weights.dtype).tiny)
    grad *= weights * share.astype(weights.dtype)


def _one_each(
    layers: Sequence[Layer] | Sequence[Sequence[Layer]], runs: int
) -> list[Sequence[Layer]]:
    if runs == 0:
        raise ValueError("a network needs at least one seed")
    if not layers:
        raise ValueError("a network needs at least one layer")
    each: list[Sequence[Layer]] = []
    for entry in layers:
        if isinstance(entry, Layer):
            each = [layers] * runs  # type: ignore[list-item]
            break
        each.append(entry)
    if len(each) != runs:
        raise ValueError(f"{len(each)} architectures for {runs} seeds")
    structures = {tuple(layer.structure() for layer in architecture) for architecture in each}
    if len(structures) > 1:
        raise ValueError("runs of different architectures cannot share a stack")
    return each


def _local(named: dict[str, Array], layer: str) -> dict[str, Array]:
    prefix = f"{layer}/"
    return {k.removeprefix(prefix): v for k, v in named.items() if k.startswith(prefix)}
