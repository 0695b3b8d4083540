"""A stack of networks of one architecture: forward, backward, prediction, evaluation."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import Activation
from .layers import Binding, Layer
from .layers.chain import Chain, arrangements
from .layers.layer import Carried, RunningAverage
from .layers.shapes import check_carrying, check_ends, draws, layout_of, names_of, shapes_of
from .losses import Loss
from .objective import Objective
from .randomness import stream
from .sparse_rows import SparseMatrix, SparseRows, is_sparse
from .speed import is_on
from .speed.buffers import Workspace, is_transposed
from .speed.replay import CapturedStep, Tape
from .table_rows import TableRows
from .typing import Array, Float64Array, Indices, Shape

Inputs = Array | Indices | SparseRows | SparseMatrix

_ROWS = 512
"""Most rows of a block in prediction and evaluation: few, so that a stack's activations stay in the
cache."""

_SCRATCH = 1 << 18
"""Most numbers that a layer keeps for the rows of such a block, beside its output. Sums depend on
the size of a block, so that it follows from the architecture and not from the stack."""

_STREAMS = 32
"""Most streams of rows that continue each other, in prediction and evaluation."""

_LEAST = 32
"""Least rows of a block of sequences with outputs for each step."""

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
        If the first layer takes tokens, the samples are whole numbers.
    loss : Loss
        The loss that training minimizes.
    output_activation : Activation, optional
        Activation of the output layer; by default the loss's canonical one.
    seeds : sequence of int
        The seed of each run, on which alone its initial weights and dropout depend.
    dtype : {"float32", "float64"}, default "float32"
        Precision of parameters and activations.
    padded : bool, default False
        Whether samples may end before their last step, along their last axis; the numbers of all
        later steps are then NaN, their tokens -1. Layers see zeros in their place, and those that
        read samples step by step stop at their ends.
    carries : bool, default False
        Whether recurrent layers begin each batch with the states in which they left the batch
        before, of which its samples are the continuation (:class:`nn.orders.Streams`), until
        :meth:`restart`. Gradients end at the first step of a batch. Prediction and evaluation take
        the rows as up to 32 streams of adjacent rows.

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
    steps : tuple of int
        (length,) if the last layer gives (outputs, length), outputs for each step of a sequence,
        of which each has targets; otherwise ().

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
        padded: bool = False,
        carries: bool = False,
    ) -> None:
        self.objective = Objective(loss, output_activation)
        self.shape: Shape = (inputs,) if isinstance(inputs, int) else tuple(inputs)
        self.padded, self.carries = padded, carries
        self.seeds = list(seeds)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"networks train in float32 or float64, not {self.dtype}")
        self._architectures = _one_each(layers, len(self.seeds))
        self._names = names_of(self._architectures[0])
        self._shapes = shapes_of(self._architectures[0], self.shape)
        if padded:
            check_ends(self._architectures[0], self._shapes)
        if carries:
            check_carrying(self._architectures[0])
        self.steps: Shape = self._shapes[-1][1:]
        if len(self.steps) > 1:
            raise ValueError(
                f"the last layer, {self._names[-1]}, gives samples of shape {self._shapes[-1]}, "
                "but outputs are vectors, or (outputs, length) of a sequence; put "
                "nn.layers.Flatten and nn.layers.Dense after it"
            )
        self.layout = layout_of(self._architectures[0], self.shape)
        self.statistics_layout = layout_of(self._architectures[0], self.shape, "statistics")
        placed = zip(self._architectures[0], self._shapes, strict=False)
        scratch = max(layer.scratch(shape) for layer, shape in placed)
        # Each step of a sequence is a product with all weights, which few samples do not repay.
        least = _LEAST if self.steps else 1
        self._rows = max(least, min(_ROWS, _SCRATCH // max(scratch, 1)))
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
    def tokens(self) -> int:
        """Number of different tokens of which samples consist; 0 if they are real numbers."""
        return self._architectures[0][0].vocabulary

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
        ndarray of shape (runs, batch, *steps, outputs)
            A buffer that the next call overwrites.
        """
        if isinstance(x, np.ndarray):
            if x.shape[2:] != self.shape:
                x = x.reshape(*x.shape[:2], *self.shape)
            if self.padded:
                mask = self.workspace.array("mask", (self.runs, self.shape[-1], x.shape[1]))
                memory = self._indices if self.tokens else self.workspace
                zeroed = memory.array("zeroed", x.shape)
                self._do(_end_samples, x, zeroed, mask)
                x = zeroed
            if self.tokens:
                x = x.swapaxes(1, 2)
        logits = self._chain.forward(x, training)
        return logits.transpose(0, 3, 2, 1) if self.steps else logits

    def backpropagate(self, x: Inputs, targets: Array, weights: Array | None = None) -> Array:
        """Fill :attr:`gradients` with those of the batch's mean loss.

        Training is fastest if all batches are passed in the same arrays, which have the network's
        precision and a run axis. The network keeps the arrays of the last two batches.

        Parameters
        ----------
        x : ndarray of shape (runs, batch, *shape), or (batch, *shape) if all runs share it
            The inputs of the batch; or sparse rows, if the first layer takes them: a
            :class:`~nn.sparse_rows.SparseRows`, or a matrix (batch, features) as SciPy makes it.
        targets : ndarray of shape (runs, batch, *steps, outputs), or (batch, *steps, outputs)
            The encoded targets of the batch, or class indices, whole numbers without the last
            axis. Only those of the first call are checked. If samples may end early, the class of
            each step after the end, or of others without a target, is -1: the loss of a sample is
            the mean over its steps with a target.
        weights : ndarray of shape (runs, batch, 1), or (batch, 1), optional
            The weights of the rows, at least 0: the mean loss is then Σ wᵢ Lᵢ / Σ wᵢ. With a target
            for each step, (runs, batch, *steps), or (batch, *steps): those of the steps.

        Returns
        -------
        ndarray of shape (runs, batch, *steps, outputs)
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
            shape = self.steps or (1,)
            shares = self._stacked("weights", weights, inputs.shape[1], shape, self.dtype)
        if not self._checked:
            self._check(labels)
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
        grad = self._output_gradient(self._rows_of(logits), self._distributions(targets))
        shares = self._shares_of_rows(targets, weights)
        if shares is not None:
            self._do(_weigh, grad, shares)
        if self.steps:
            grad = grad.swapaxes(1, 2).reshape(self.runs, *self._shapes[-1], -1)
        self._chain.backward(grad, input_gradient=False)
        return logits

    def training_loss(
        self, logits: Array, targets: Array, weights: Array | None = None
    ) -> Float64Array:
        """Return the loss of each run, (runs,), whose gradient :meth:`backpropagate` computes.

        Unlike :meth:`loss`, it has label smoothing of class indices, and weights.

        Parameters
        ----------
        logits : ndarray of shape (runs, batch, *steps, outputs)
            A result of :meth:`backpropagate`.
        targets, weights : ndarray
            The arguments of :meth:`backpropagate`, with the run axis. They are not checked.
        """
        rows, distributions = self._rows_of(logits), self._distributions(targets)
        losses = self.objective.per_sample(rows, distributions).astype(np.float64, order="C")
        shares = self._shares_of_rows(targets, weights)
        if shares is None:
            unweighted: Float64Array = losses.mean(axis=1)
            return unweighted
        own = shares[:, :, 0].astype(np.float64)
        total = np.maximum(own.sum(axis=1), np.finfo(self.dtype).tiny)
        weighted: Float64Array = (losses * own).sum(axis=1) / total
        return weighted

    def _shares_of_rows(self, targets: Array, weights: Array | None) -> Array | None:
        """Return the weights of the rows of :meth:`_rows_of`, (runs, rows, 1); None if all are 1.

        In samples that may end early, each step with a target has a share of its sample's weight.
        """
        if not self.steps:
            return weights
        if self.padded:
            shares = self.workspace.array("shares of steps", targets.shape)
            self._do(_share, targets, weights, shares)
            weights = shares
        if weights is None:
            return None
        return self._steps_as_rows(self.workspace, "weights", weights)[..., np.newaxis]

    def _rows_of(self, logits: Array) -> Array:
        """View logits as (runs, rows, outputs), where all steps of all samples are rows.

        Those of steps lie in memory as (runs, outputs, steps, batch).
        """
        if not self.steps:
            return logits
        return logits.transpose(0, 3, 2, 1).reshape(len(logits), self.outputs, -1).swapaxes(1, 2)

    def _steps_as_rows(self, memory: Workspace, name: str, array: Array) -> Array:
        """Copy what each step of each sample has, (runs, batch, steps), to (runs, rows)."""
        copy = memory.array(("rows", name), array.swapaxes(1, 2).shape)
        self._do(np.copyto, copy, array.swapaxes(1, 2))
        return copy.reshape(len(copy), -1)

    def _distributions(self, targets: Array) -> Array:
        """Return targets of the shape of :meth:`_rows_of`."""
        if targets.dtype.kind == "i":
            classes = targets
            if self.steps:
                classes = self._steps_as_rows(self._indices, "classes", targets)
            shape = *classes.shape, self.outputs
            distributions = self._memory(shape[1])("distributions", shape)
            self._do(self.objective.loss.distributions, classes, distributions)
            return distributions
        if self.steps:
            last = targets.transpose(0, 3, 2, 1)
            copy = self.workspace.array("targets of steps", last.shape)
            self._do(np.copyto, copy, last)
            return self._rows_of(copy.transpose(0, 3, 2, 1))
        return targets

    def _memory(self, rows: int) -> Callable[[object, tuple[int, ...]], Array]:
        """Return what allocates arrays like the logits of so many rows."""
        # Sums and maxima over few outputs are faster in transposed arrays. Outputs of steps lie so.
        several = not self.objective.activation.elementwise and self.outputs < rows
        return self.workspace.transposed if self.steps or several else self.workspace.array

    def read_targets(self, targets: ArrayLike, n: int) -> Array:
        """Return the targets of `n` samples, the same for all runs, in the form to train on.

        Parameters
        ----------
        targets : array_like of shape (n, *steps, outputs), or (n, *steps)
            The encoded targets, or class indices, whole numbers without the last axis.
        n : int
            The number of samples.

        Returns
        -------
        ndarray
            The targets in the same shape; class indices are integers.

        Raises
        ------
        ValueError
            If they have another shape or differ between runs, or the loss cannot have them.
        """
        read = self._targets(np.asarray(targets), n)
        if len(read) > 1:
            raise ValueError(f"targets have an axis of {len(read)} runs; give the same to all")
        self._check(read)
        shared: Array = read[0]
        return shared

    def losses(self, logits: Array, targets: Array) -> Array:
        """Return the loss of each sample, which is the mean over its steps with a target.

        Parameters
        ----------
        logits : ndarray of shape (runs, batch, *steps, outputs)
            A result of :meth:`forward`.
        targets : ndarray of the same shape, or without the last axis
            The encoded targets, or class indices. They are not checked.

        Returns
        -------
        ndarray of shape (runs, batch)
        """
        losses = self.objective.per_sample(logits, targets)
        if self.padded and self.steps:
            counted = targets >= 0
            total: Array = np.where(counted, losses, 0).sum(axis=-1)
            total /= np.maximum(counted.sum(axis=-1), 1)
            return total
        return np.ascontiguousarray(losses).mean(axis=-1) if self.steps else losses

    def loss(self, x: Inputs, targets: Array) -> Float64Array:
        """Compute the mean loss of each run.

        Parameters
        ----------
        x : ndarray of shape (n, *shape), or (runs, n, *shape)
            The inputs, which may be sparse as in :meth:`backpropagate`.
        targets : ndarray of shape (n, *steps, outputs), or (runs, n, *steps, outputs)
            The encoded targets, or class indices, whole numbers without the last axis.

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
        self._check(targets)
        total = np.zeros(self.runs)
        for rows, logits in self.logits(inputs):
            losses = self.losses(logits, targets[:, rows])
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
        ndarray of shape (runs, n, *steps, outputs)
        """
        inputs = self._inputs(x)
        outputs = np.empty((self.runs, inputs.shape[1], *self.steps, self.outputs), self.dtype)
        for rows, logits in self.logits(inputs):
            outputs[:, rows] = self.objective.outputs(logits)
        return outputs

    def logits(self, x: Inputs | TableRows) -> Iterator[tuple[slice, Array]]:
        """Iterate over `x`, (n, *shape), (runs, n, *shape) or rows of a table, in blocks of rows.

        Yields
        ------
        rows : slice
            The rows of `x` in this block; if states are carried, the next row of each stream.
        logits : ndarray of shape (runs, rows, *steps, outputs)
            In a buffer that the next block overwrites.
        """
        source = x if isinstance(x, TableRows) else self._inputs(x)
        count = len(source) if isinstance(source, TableRows) else source.shape[1]
        for rows in self._blocks(count):
            block = source[:, rows] if isinstance(source, np.ndarray) else source.block(rows)
            # OpenBLAS may raise the flag for intermediate results that it discards.
            with np.errstate(invalid="ignore"):
                logits = self.forward(self._inputs(block))
            yield rows, logits

    def _blocks(self, count: int) -> Iterator[slice]:
        """Divide rows into blocks."""
        if not self.carries:
            for start in range(0, count, self._rows):
                yield slice(start, min(start + self._rows, count))
            return
        self.restart(evaluation_only=True)
        length = -(-count // min(_STREAMS, self._rows))
        for step in range(min(length, count)):
            yield slice(step, count, length)

    def restart(self, *, evaluation_only: bool = False) -> None:
        """Start the next batch from the initial states.

        Parameters
        ----------
        evaluation_only : bool, default False
            Whether the states of training stay as they are.
        """
        for carried, array in self._carried.items():
            if not (carried.training and evaluation_only):
                array.fill(0)

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

    @property
    def is_random(self) -> bool:
        """Whether a layer draws random numbers in training."""
        return draws(self._architectures[0])

    def measure_statistics(self, runs: Sequence[int], rows: TableRows, size: int) -> None:
        """Measure the statistics of normalization layers again, at the current parameters.

        They become the means of the statistics of batches of adjacent rows. Layers that draw random
        numbers are left out.

        Parameters
        ----------
        runs : sequence of int
            The runs whose statistics are measured.
        rows : TableRows
            The inputs of all runs.
        size : int
            Number of rows of a batch.
        """
        if not self.statistics.size:
            return
        quiet, own = self.only(runs), rows.keep(runs)
        if quiet.is_random:
            quiet = quiet.without_noise(self.dtype)
        quiet.statistics[...] = 0
        for count, start in enumerate(range(0, len(own), size), 1):
            quiet._averaging.batches = count
            block = own.block(slice(start, min(start + size, len(own))))
            quiet.restart()
            quiet.forward(quiet._inputs(block), training=True)
        self.statistics[runs] = quiet.statistics

    @property
    def carried(self) -> dict[Carried, Array]:
        """The states that layers carry to the next batch; empty if :attr:`carries` is False."""
        return self._carried

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
            padded=self.padded,
            carries=self.carries,
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
        self._do, self._averaging = Tape(), RunningAverage()
        # Keyed by the ids of x, targets and weights. A step keeps the arrays alive, so an id cannot
        # be reused.
        self._steps: dict[tuple[int, int, int], CapturedStep] = {}
        self._carried: dict[Carried, Array] = {}
        self._indices = Workspace(np.dtype(np.intp))
        self._gradient = self.objective.fused_gradient(self.workspace)
        parameters = self.layout.views(self.parameters)
        gradients = self.layout.views(self.gradients)
        statistics = self.statistics_layout.views(self.statistics)
        takes = self.tokens > 0
        batch_last = arrangements(self._architectures[0], self._shapes, batch_last=takes)
        tied = self._architectures[0][-1].tied
        if tied:
            for views in (parameters, gradients):
                views[f"{self._names[-1]}/tied"] = views[f"{self._names[0]}/weights"]
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
                    averaging=self._averaging,
                    padded=self.padded,
                    carried=self._carried if self.carries else None,
                    tied=tied and position in (0, len(self._names) - 1),
                )
            )
            for position, (name, layer) in enumerate(
                zip(self._names, self._architectures[0], strict=True)
            )
        ]
        self._chain = Chain(self.layers, takes=takes, gives=bool(self.steps))
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
        memory = self._memory(logits.shape[1])
        if memory == self.workspace.transposed:
            logits = self._transposed("logits", logits)
            targets = self._transposed("targets", targets)
        grad = memory("output gradient", logits.shape)
        self._do(self._gradient, grad, logits, targets)
        return grad

    def _transposed(self, name: str, array: Array) -> Array:
        """Copy an array to a transposed buffer, unless it is transposed."""
        if is_transposed(array):
            return array
        copy = self.workspace.transposed(name, array.shape)
        self._do(np.copyto, copy, array)
        return copy

    def _inputs(self, x: Inputs) -> Array | SparseRows:
        if isinstance(x, SparseRows):
            rows = x
        elif is_sparse(x):
            rows = SparseRows.of(x, self.dtype)
        elif self.tokens:
            return self._token_inputs(np.asarray(x))
        else:
            return self._stacked("inputs", np.asarray(x), None, self.shape, self.dtype)
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

    def _token_inputs(self, x: Array) -> Array:
        tokens = self._stacked("tokens", x, None, self.shape, np.dtype(np.intp))
        if tokens.size and not -self.padded <= tokens.min() <= tokens.max() < self.tokens:
            raise ValueError(
                f"tokens must lie between 0 and {self.tokens - 1}, but range from {tokens.min()} "
                f"to {tokens.max()}"
            )
        return tokens

    def _targets(self, targets: Array, n: int) -> Array:
        """Add the run axis to distributions or numbers, or to class indices."""
        if n == 0:
            raise ValueError("a loss is a mean over rows, and there are none")
        indices = np.asarray(targets).dtype.kind in "iu"
        try:
            return self._stacked("targets", targets, n, (*self.steps, self.outputs), self.dtype)
        except ValueError:
            if not indices:
                raise
        return self._stacked("class indices", targets, n, self.steps, np.dtype(np.intp))

    def _check(self, targets: Array) -> None:
        """Check that the loss can have targets, a result of :meth:`_targets`."""
        if targets.dtype.kind == "i":
            self.objective.loss.check_classes(
                np.asarray(targets, np.intp),
                self.outputs,
                may_lack=self.padded and bool(self.steps),
            )
        elif self.padded and self.steps:
            raise ValueError("steps of samples that may end early need targets as class indices")
        else:
            self.objective.loss.check(targets)

    def _stacked(
        self, what: str, array: Array, n: int | None, shape: Shape, dtype: np.dtype[Any]
    ) -> Array:
        """Add the run axis to a batch; reject other shapes, which NumPy might broadcast."""
        kind = np.asarray(array).dtype
        if kind.kind not in "biufO":  # O: numbers of Python
            raise ValueError(f"{what} must be real numbers, but are {kind}")
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            array = np.asarray(array, dtype)
        samples = [shape, (math.prod(shape),)] if shape else [shape]
        for sample in dict.fromkeys(samples):
            stacked = array[np.newaxis] if array.ndim == 1 + len(sample) else array
            if (
                stacked.ndim == 2 + len(sample)
                and stacked.shape[0] in (1, self.runs)
                and n in (None, stacked.shape[1])
                and stacked.shape[2:] == sample
            ):
                return stacked
        rows = "n" if n is None else n
        numbers = "".join(f", {size}" for size in shape)
        raise ValueError(
            f"{what} have shape {array.shape}, not ({rows}{numbers or ','}) "
            f"or ({self.runs}, {rows}{numbers})"
        )


def _end_samples(x: Array, zeroed: Array, mask: Array) -> None:
    """Write 0 after the ends of samples, and into `mask`, (runs, length, batch), what is not."""
    ended = x < 0 if x.dtype.kind == "i" else np.isnan(x)
    np.copyto(zeroed, x)
    np.copyto(zeroed, 0, where=ended)
    first = ended.reshape(*x.shape[:2], -1, x.shape[-1])[:, :, 0]  # all channels end together
    np.logical_not(first.swapaxes(1, 2), out=mask)


def _share(classes: Indices, weights: Array | None, out: Array) -> None:
    """Divide the weight of each sample among its steps with a target: all are (runs, batch, steps).

    Steps without a target get 0.
    """
    counted = classes >= 0
    np.divide(counted, np.maximum(counted.sum(axis=2, keepdims=True), 1), out=out)
    if weights is not None:
        out *= weights


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
