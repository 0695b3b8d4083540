"""Splits of one table train from that table, with the bits of splits that were prepared alone."""

import gc
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nn
from experiments.config.models import MLP
from experiments.config.schema import Run
from experiments.datasets import Dataset, Part, Table, Task, prepare, split_rows
from experiments.errors import ConfigError
from experiments.training.checks import check
from experiments.training.loop import train
from experiments.training.outcome import Outcome
from experiments.training.shared_rows import inputs_of, targets_of
from experiments.training.stack import Stack
from experiments.training.stacking import make_stacks
from experiments.training.state import State
from experiments.training.targets import encoding_for
from tests.experiments.small_runs import make_run

LOSSES = {
    Task.BINARY: nn.BinaryCrossEntropy(label_smoothing=0.1),
    Task.MULTICLASS: nn.CrossEntropy(label_smoothing=0.1),
    Task.MULTILABEL: nn.BinaryCrossEntropy(),
    Task.REGRESSION: nn.MeanSquaredError(),
}


TASKS = list(LOSSES)


def mixed_table(rows: int = 60) -> Table:
    """Numbers, some missing, and a category, sometimes missing."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(3, 5, size=(rows, 3))
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    colours = rng.choice(["red", "green", "blue", ""], p=[0.4, 0.3, 0.2, 0.1], size=rows)
    return Table(("a", "b", "colour", "c"), numbers, {"colour": colours.astype(object)})


def split_of(seed: int, task: Task = Task.MULTICLASS, table: Table | None = None, **kw: Any):
    table = mixed_table() if table is None else table
    rng = np.random.default_rng(2)
    rows = len(table)
    targets: Any = {
        Task.BINARY: rng.integers(2, size=rows),
        Task.MULTICLASS: rng.integers(3, size=rows),
        Task.MULTILABEL: rng.integers(2, size=(rows, 3)).astype(float),
        Task.REGRESSION: rng.normal(50, 20, size=(rows, 2)),
    }[task]
    names = {Task.BINARY: "ab", Task.REGRESSION: "ab"}.get(task, "abc")
    classes = targets if task.has_classes else None
    options = {"impute": "mean", **kw}
    return prepare(
        name="mixed",
        task=task,
        table=table,
        targets=targets,
        target_names=tuple(names),
        split=split_rows(rows, classes, seed=seed, limit=None, validation=0.2, test=0.2),
        **options,
    )


def prepared_alone(dataset: Dataset) -> Dataset:
    """The same dataset with parts of its own, as a source without a table has them."""
    ready = {name: Part(part.inputs, part.targets) for name, part in dataset.parts.items()}
    return replace(dataset, **ready)


def bits(outcome: Outcome) -> Any:
    weights = {name: array.tobytes() for name, array in outcome.weights.items()}
    timed = ("seconds", "time/seconds", "time/us_per_step")
    metrics = {name: column for name, column in outcome.metrics.items() if name not in timed}
    summary = {name: value for name, value in outcome.summary.items() if name not in timed}
    return weights, repr(metrics), repr(summary)


def trained(runs: Sequence[Run], datasets: Sequence[Dataset], **options: Any) -> list[Any]:
    outcomes = train(runs, datasets, **options)
    return [bits(one) for one in sorted(outcomes, key=lambda outcome: outcome.position)]


class States:
    """Keeps the state of each run after an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.states = epoch, {}

    def due(self, position: int) -> bool:
        return True

    def keep(self, outcome: Outcome, state: State) -> None:
        if state.epoch == self.epoch:
            arrays = {name: array.copy() for name, array in state.arrays.items()}
            values = {**state.values, "metrics": {k: list(v) for k, v in outcome.metrics.items()}}
            self.states[outcome.position] = State(state.epoch, values, arrays)


@pytest.mark.parametrize("task", LOSSES)
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("batch", [7, "full"])
def test_a_run_has_the_same_bits_alone_stacked_and_resumed(
    task: Task, dtype: str, batch: int | str
) -> None:
    splits = [split_of(seed, task) for seed in (0, 1, 2)]
    own = [splits[i] for i in (0, 1, 0, 2)]
    assert len({id(d.train.drawn.table) for d in splits}) == 1
    assert not splits[0].preprocessing.scaling.equals(splits[1].preprocessing.scaling)
    assert splits[0].preprocessing.fills != splits[1].preprocessing.fills
    runs = [
        make_run(
            model=MLP(hidden=(4,)), loss=LOSSES[task], seed=seed, dtype=dtype, batch_size=batch,
            epochs=epochs,
        )
        for seed, epochs in ((0, 3), (1, 3), (5, 2), (2, 3))
    ]  # fmt: skip
    alone = [trained([run], [prepared_alone(d)])[0] for run, d in zip(runs, own, strict=True)]
    assert [trained([run], [d])[0] for run, d in zip(runs, own, strict=True)] == alone
    keeper = States(1)
    assert trained(runs, own, keeper=keeper) == alone
    states = [keeper.states[position] for position in range(len(runs))]
    resumed = list(train(runs, own, states=states))
    assert sorted(str(bits(one)[0]) for one in resumed) == sorted(str(one[0]) for one in alone)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "max", "none"])
def test_every_scaling(scaling: str) -> None:
    splits = [split_of(seed, scaling=scaling, impute="median") for seed in range(3)]
    runs = [make_run(seed=seed, epochs=1) for seed in range(3)]
    assert trained(runs, splits) == trained(runs, [prepared_alone(d) for d in splits])


def images(seed: int, scaling: Any = "max") -> Dataset:
    rng = np.random.default_rng(3)
    table = Table.of_numbers(rng.integers(0, 256, size=(1000, 400), dtype=np.uint8))
    return split_of(seed, table=table, shape=(1, 20, 20), impute=None, scaling=scaling)


@pytest.mark.parametrize("scaling", ["max", "standard"])
def test_ten_splits_take_the_memory_of_one_table(scaling: str) -> None:
    """What grows is the row numbers, the statistics and the labels of each split."""
    splits = [images(seed, scaling) for seed in range(10)]
    table = splits[0].train.drawn.table.inputs
    assert table.dtype == np.uint8
    runs = [make_run(seed=seed, dtype="float32", batch_size=20) for seed in range(10)]

    def memory(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        stack = Stack([runs[seed % count] for seed in range(10)], [splits[seed % count]
                      for seed in range(10)])  # fmt: skip
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(stack.parts["train"]) == count
        return size

    memory(2)
    two, ten = memory(2), memory(10)
    # Row numbers, labels and class indices of a thousand rows, and statistics of 400 columns.
    assert ten - two < 8 * (1000 * 8 * 4 + 400 * 3 * 4 * 4)
    assert ten - two < table.nbytes


@pytest.mark.parametrize("scaling", ["max", "standard"])
def test_the_parts_of_all_splits_read_one_array(scaling: str) -> None:
    splits = [images(seed, scaling) for seed in range(10)]
    encoding = encoding_for(splits[0], make_run().objective)
    for parts in (inputs_of(splits, "float32"), targets_of(splits, encoding, "float32")):
        assert len({id(rows.table) for rows in parts.values()}) == 1
        assert all(len(rows.table) == 1000 for rows in parts.values())
    table = inputs_of(splits, "float32")["train"].table
    # What is the same for all splits is scaled once; what is not, whenever it is read.
    assert (table is splits[0].train.drawn.table.inputs) == (scaling == "standard")


def test_large_splits_share_a_stack_if_they_share_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.training.stacking._LARGE", 100)
    runs = [make_run(seed=seed, dataset=replace(make_run().dataset, seed=seed)) for seed in (0, 1)]
    splits = [images(seed) for seed in (0, 1)]
    sources = [run.dataset for run in runs]
    assert make_stacks(runs, dict(zip(sources, splits, strict=True))) == [[0, 1]]
    alone = [prepared_alone(one) for one in splits]
    assert make_stacks(runs, dict(zip(sources, alone, strict=True))) == [[0], [1]]


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        (Task.BINARY, nn.BinaryCrossEntropy(class_weights="balanced")),
        (Task.MULTICLASS, nn.CrossEntropy(class_weights="balanced", label_smoothing=0.1)),
        (Task.MULTICLASS, nn.BinaryCrossEntropy(class_weights=(1, 5, 2))),
    ],
)
@pytest.mark.parametrize("batch", [7, "full"])
def test_each_split_weighs_by_its_own_training_part(
    task: Task, loss: nn.Loss, batch: int | str
) -> None:
    # Their classes have different numbers of rows.
    splits = [split_of(seed, task) for seed in (0, 1)]
    uneven = replace(splits[0], train=_without(splits[0].train, 6), digest="0" * 64)
    other = replace(splits[1], train=_without(splits[1].train, 6, of=1), digest="1" * 64)
    own = [uneven, other, uneven]
    runs = [make_run(loss=loss, seed=seed, epochs=2, batch_size=batch) for seed in range(3)]
    alone = [trained([run], [prepared_alone(d)])[0] for run, d in zip(runs, own, strict=True)]
    assert trained(runs, own) == alone
    plain = make_run(loss=replace(loss, class_weights=None), seed=0, epochs=2, batch_size=batch)
    assert trained([plain], [uneven])[0][0] != alone[0][0]
    # The untrained network's loss is the same: evaluation does not weigh.
    starts = [next(iter(train([run], uneven))).metrics["val/loss"][0] for run in (plain, runs[0])]
    assert starts[0] == starts[1]


def _without(part: Part, count: int, of: int = 0) -> Part:
    """Remove the last `count` rows of a class."""
    gone = np.flatnonzero(part.targets == of)[-count:]
    kept = np.setdiff1d(np.arange(len(part)), gone)
    drawn = replace(part.drawn, rows=part.drawn.rows[kept])
    return Part(drawn, part.targets[kept])


@pytest.mark.parametrize(
    ("task", "weights", "words"),
    [
        (Task.MULTICLASS, (1, 2), "has 2 numbers, but dataset mixed has 3 classes.*a, b, c"),
        (Task.BINARY, (1, 2, 3), "has 3 numbers, but dataset mixed has 2 classes"),
        (Task.MULTILABEL, "balanced", "rows of dataset mixed have several labels"),
    ],
)
def test_class_weights_that_do_not_fit_are_refused(task: Task, weights: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check(make_run(loss=nn.BinaryCrossEntropy(class_weights=weights)), split_of(0, task))
