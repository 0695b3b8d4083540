"""Grouping of runs into stacks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from experiments.config.schema import Run
from experiments.datasets import Dataset, Samples, Source
from experiments.training.targets import encoding_for
from experiments.training.widths import equal_parts, stack_width

_LARGE: Final = 32 * 2**20
"""The size in bytes above which only splits of one table share a stack."""


def stack_key(run: Run, outputs: int, samples: Samples | None = None) -> Hashable:
    """Return the settings that runs must have in common to train in one stack.

    These settings determine array shapes and code paths: dataset, architecture, loss, batches,
    precision, and which penalties and kinds of clipping are active, and whether
    a step takes more than one gradient. All others may differ, among
    them the seed of the dataset, if its parts have the same sizes (see :func:`make_stacks`).

    Parameters
    ----------
    run : Run
        The configuration of the run.
    outputs : int
        Width of the network's output.
    samples : Samples, optional
        The form of the dataset's rows; by default numbers.

    Returns
    -------
    hashable
        A key that is equal for runs that can share a stack.
    """
    training = run.training
    # The objects and not their repr: a user's class may have the name of one of ours.
    return (
        run.optimizer.sam > 0,
        run.optimizer.searches,
        replace(run.dataset, seed=0),
        run.loss,
        run.model.output_activation,
        tuple(layer.structure() for layer in run.model.layers(outputs, samples)),
        training.batch_size,
        training.order,
        training.last_batch,
        training.steps,
        training.evaluations,
        training.dtype,
        training.test_every_epoch,
        training.metrics,
        training.probes,
        training.blas_threads,
        training.penalize_biases,
        training.l1 > 0,
        training.l2 > 0,
        training.clip_norm is None,
        training.clip_value is None,
        training.box is None,
    )


def _form(dataset: Dataset) -> Hashable:
    """Return what the datasets of a stack have in common.

    A stack holds one table of which its splits are drawn, and otherwise each of its datasets, so
    that several large ones would take too much memory.
    """
    sizes = tuple((name, part.shape) for name, part in dataset.parts.items())
    if sum(part.nbytes for part in dataset.parts.values()) <= _LARGE:
        return dataset.name, dataset.target_names, sizes
    drawn = dataset.train.drawn
    return sizes, dataset.digest if drawn is None else drawn.table.digest


def make_stacks(
    runs: Sequence[Run],
    datasets: Mapping[Source, Dataset],
    *,
    width: int | None = None,
    workers: int = 1,
) -> list[list[int]]:
    """Group runs into stacks.

    Parameters
    ----------
    runs : sequence of Run
        The runs to group.
    datasets : mapping of Source to Dataset
        The loaded dataset of each source that a run names.
    width : int, optional
        Largest number of runs in a stack. By default as many as fit the caches: many small
        networks, a few larger ones, or a single very large one.
    workers : int, default 1
        Number of workers. No stack is wider than a worker's equal share of the runs.

    Returns
    -------
    list of list of int
        Positions of the runs in each stack. Runs with the same kind of optimizer are adjacent.
    """
    alike: dict[Hashable, list[int]] = {}
    for position, run in enumerate(runs):
        dataset = datasets[run.dataset]
        outputs = encoding_for(dataset, run.objective).outputs
        key = stack_key(run, outputs, dataset.samples), _form(dataset)
        alike.setdefault(key, []).append(position)
    share = -(-len(runs) // workers)
    stacks = []
    for positions in alike.values():
        positions.sort(key=lambda p: (repr(runs[p].optimizer.variant()), p))
        first = runs[positions[0]]
        fitting = stack_width(first, datasets[first.dataset])
        most = max(1, min(width or fitting, share))
        stacks += [positions[part] for part in equal_parts(len(positions), most)]
    return stacks
