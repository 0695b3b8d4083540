"""Training in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .averaging import Averaging
from .batches import Batches
from .lengths import lengths_of
from .network import Network
from .optimizers import Optimizer, OptimizerStack
from .optimizers.closure import Closure
from .sparse_rows import SparseMatrix, SparseRows, is_sparse
from .table_rows import TableRows
from .typing import Array


def fit(
    network: Network,
    optimizers: Optimizer | Sequence[Optimizer],
    x: ArrayLike | SparseMatrix,
    y: ArrayLike,
    *,
    epochs: int,
    batch_size: int | None = None,
    averaging: Averaging | None = None,
) -> None:
    """Train all runs of a network.

    Parameters
    ----------
    network : Network
        The networks, whose parameters are changed.
    optimizers : Optimizer or sequence of Optimizer
        One optimizer for all runs, or one for each run. Every call starts from the optimizer's
        initial state.
    x : array_like of shape (n, *shape)
        The inputs of the training data, NaN (tokens -1) after the end of a sample of a padded
        network; or a sparse matrix of compressed rows, as SciPy makes it.
    y : array_like of shape (n, *steps, outputs), or (n, *steps)
        The targets; classes are one-hot encoded, or class indices, whole numbers without the last
        axis (-1 for the steps after the end of a sample). `steps` is empty unless the network has
        outputs for each step.
    epochs : int
        Number of passes over the training data.
    batch_size : int, optional
        Number of rows in a step. Rows are shuffled before each epoch in an order that only the
        run's seed decides. By default each step uses all rows, in their order.
    averaging : Averaging, optional
        The average of the weights that training ends with, such as
        :class:`nn.averaging.ExponentialAverage`; by default the weights are not averaged.

    Raises
    ------
    ValueError
        If `x` or `y` has another shape, an input is not finite in the network's precision, the loss
        cannot have such targets (:meth:`nn.Network.read_targets`), a padded sample has no step or a
        gap (:func:`nn.lengths.lengths_of`), or there are too few or too many optimizers. If an
        optimizer needs all rows in every step and `batch_size` is smaller, or the same loss in
        every evaluation and a layer draws random numbers; if one of its groups matches no
        parameter, or the average would begin after the last step.

    Examples
    --------
    >>> import numpy as np, nn
    >>> x = np.linspace(-1, 1, 21).reshape(-1, 1)
    >>> network = nn.Network(nn.mlp([16], 1), inputs=1, loss=nn.MeanSquaredError(), seeds=[0, 1])
    >>> nn.fit(network, nn.Adam(lr=0.01), x, x**2, epochs=300, batch_size=7)
    >>> bool((network.loss(x, x**2) < 0.01).all())
    True
    """
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused below
        inputs: Array | SparseRows
        if is_sparse(x):
            inputs = SparseRows.of(x, network.dtype)
            shape, numbers = inputs.shape[1:], inputs.data
        else:
            inputs = numbers = np.asarray(x, network.dtype)
            shape = inputs.shape
    rows = shape[0] if shape else 0
    if rows == 0 or shape != (rows, *network.shape):
        sample = ", ".join(map(str, network.shape))
        raise ValueError(f"x must have shape (n, {sample}), but has {shape}")
    if network.padded:
        ended = np.where(numbers < 0, np.nan, numbers) if network.tokens else numbers
        lengths_of(ended, network.shape)
    if (np.isinf(numbers) if network.padded else ~np.isfinite(numbers)).any():
        raise ValueError(f"x holds a number that is NaN, or infinite in {network.dtype}")
    targets = network.read_targets(y, rows)
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, but is {batch_size}")
    for optimizer in optimizers if isinstance(optimizers, Sequence) else [optimizers]:
        if optimizer.full_batch and batch_size is not None and batch_size < rows:
            raise ValueError(
                f"{optimizer.label} needs all {rows} rows in every step; leave out batch_size"
            )
        if optimizer.searches and network.is_random:
            raise ValueError(
                f"{optimizer.label} needs the same loss in every evaluation; leave out the layers "
                "that draw random numbers, such as dropout"
            )
    loss = network.objective.loss
    weights, targets = loss.row_weights(targets), loss.smooth(targets)
    if weights is not None:
        weights = weights.astype(network.dtype).reshape(rows, *(network.steps or (1,)))
    batches = Batches(inputs, targets, batch_size or rows, network.seeds, weights=weights)
    stack = OptimizerStack.of(network, optimizers, averaging, batches.steps, epochs)
    for _ in range(epochs):
        for batch in batches.epoch():
            closure = Closure(network, batch) if stack.reevaluates else None
            if not stack.recall(network.gradients):
                network.backpropagate(*batch)
            stack.step(network.parameters, network.gradients, closure=closure)
    runs, evaluated = stack.evaluated(network.parameters)
    if runs:
        network.parameters[runs] = evaluated
        network.measure_statistics(runs, TableRows(inputs), batches.batch_size)
