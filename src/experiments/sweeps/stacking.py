"""Which runs share a stack, and how wide a stack is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from experiments.config import Run
from experiments.datasets import Dataset, Source
from experiments.jobs import Job
from experiments.targets import encoding_for

_NEAR_BYTES = 3 * 2**20
"""What a stack may touch in a step, so that it stays in the caches of a core."""

_FAR_BYTES = 24 * 2**20
"""What a few runs may touch, each of which is too large for those caches anyway."""

_FEW = 8
"""Runs among which what a step costs beside arithmetic is divided; twice as many gain little."""


def stack_key(run: Run, outputs: int) -> Hashable:
    """Describe what runs must have in common to train in one stack.

    That is what fixes shapes and code: data, architecture, loss, batch size, precision, and
    which of the penalties and clippings are in use. Everything else may differ.

    Parameters
    ----------
    run : Run
    outputs : int
        Width of the network's output.

    Returns
    -------
    hashable
        Equal for runs that can share a stack.
    """
    training = run.training
    # The parts themselves: what they look like in print does not tell a class of one's own from
    # one of ours with the same name.
    return (
        run.dataset,
        run.loss,
        run.model.output_activation,
        tuple(layer.structure() for layer in run.model.layers(outputs)),
        training.batch_size,
        training.dtype,
        training.blas_threads,
        training.penalize_biases,
        training.l1 > 0,
        training.l2 > 0,
        training.clip_norm is None,
        training.clip_value is None,
    )


def make_stacks(
    jobs: Sequence[Job],
    datasets: Mapping[Source, Dataset],
    *,
    width: int | None = None,
    workers: int = 1,
) -> list[list[int]]:
    """Group jobs into stacks.

    Parameters
    ----------
    jobs : sequence of Job
    datasets : mapping of Source to Dataset
    width : int, optional
        Most runs in a stack. By default as many as fit the caches: many small networks, a few
        larger ones, or one very large one.
    workers : int, default 1
        No stack is wider than a worker's equal share of the jobs.

    Returns
    -------
    list of list of int
        Positions of the jobs in each stack, those with one optimizer next to each other.
    """
    alike: dict[Hashable, list[int]] = {}
    for position, job in enumerate(jobs):
        outputs = encoding_for(datasets[job.run.dataset], job.run.objective).outputs
        alike.setdefault(stack_key(job.run, outputs), []).append(position)
    share = -(-len(jobs) // workers)
    stacks = []
    for positions in alike.values():
        positions.sort(key=lambda p: (repr(jobs[p].run.optimizer.variant()), p))
        first = jobs[positions[0]].run
        fitting = cache_width(first, datasets[first.dataset])
        most = max(1, min(width or fitting, share))
        # Equal shares: 20 runs at most 16 wide are 10 and 10.
        count = -(-len(positions) // most)
        size = -(-len(positions) // count)
        stacks += [positions[i : i + size] for i in range(0, len(positions), size)]
    return stacks


def cache_width(run: Run, dataset: Dataset) -> int:
    """Return how many runs' parameters, gradients, state and activations fit the caches."""
    fan_in, parameters, units = dataset.features, 0, dataset.features
    outputs = encoding_for(dataset, run.objective).outputs
    for layer in run.model.layers(outputs):
        parameters += sum(p.size for p in layer.parameters(fan_in))
        fan_in = layer.width(fan_in)
        units += fan_in
    batch = run.training.batch_size
    rows = len(dataset.train) if batch == "full" else min(batch, len(dataset.train))
    state = 2 + len(run.optimizer.slots())
    numbers = parameters * (state + 1) + 2 * rows * units
    touched = numbers * (8 if run.training.dtype == "float64" else 4)
    return max(1, _NEAR_BYTES // touched, min(_FEW, _FAR_BYTES // touched))
