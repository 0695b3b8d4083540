"""How many runs share a stack, and how many of them a tile."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from experiments.config.models import GRU, MLP
from experiments.config.schema import Run
from experiments.datasets import Dataset, Mnist1d
from experiments.training.widths import equal_parts, stack_width, tile_width
from nn.optimizers import Optimizer
from tests.experiments.small_runs import make_dataset, make_run

NEAR = 3 * 2**20
DATASET = make_dataset()


def wide(**changes: Any) -> tuple[Run, Dataset]:
    dataset = make_dataset(rows=(500, 100, 100), features=784, outputs=10)
    return make_run(**{"dtype": "float32", "batch_size": 128, **changes}), dataset


def test_large_networks_train_one_by_one_and_small_ones_many() -> None:
    run, dataset = wide(model=MLP(hidden=(1000, 1000)))
    assert stack_width(run, dataset) == 1
    assert stack_width(make_run(model=MLP(hidden=(4,))), DATASET) > 100


@pytest.mark.parametrize(
    ("hidden", "optimizer", "width"),
    # For each run its batch and activations twice, 2·128·(784 + 2·hidden + 10), and of each
    # parameter two numbers, a spare one and the state: 4 bytes each, of 24 MB, at most 8 runs.
    [
        (10, nn.Adam(), 8),
        (100, nn.Adam(), 8),  # 24 MB / 2,608,056 bytes = 9.6
        (300, nn.Adam(), 4),  # 24 MB / 6,197,656 = 4.06
        (300, nn.SGD(), 5),  # 24 MB / 4,289,576 = 5.87
        (700, nn.Adam(), 1),  # 24 MB / 13,376,856 = 1.88
    ],
)
def test_a_few_large_networks_share_the_far_cache(
    hidden: int, optimizer: Optimizer, width: int
) -> None:
    run, dataset = wide(model=MLP(hidden=(hidden,)), optimizer=optimizer)
    assert stack_width(run, dataset) == width
    double, _ = wide(model=MLP(hidden=(hidden,)), optimizer=optimizer, dtype="float64")
    assert stack_width(double, dataset) <= width


def test_many_small_networks_fit_the_near_caches() -> None:
    small = [make_run(model=MLP(hidden=(20,)), optimizer=o) for o in (nn.Adam(), nn.SGD())]
    adam, sgd = (stack_width(run, DATASET) for run in small)
    parameters = DATASET.features * 20
    assert 8 < adam < sgd
    assert adam <= NEAR // (4 * parameters * 4)


def test_a_batch_larger_than_the_dataset_counts_as_the_dataset() -> None:
    run = make_run(batch_size=10**6)
    assert stack_width(run, DATASET) == stack_width(make_run(batch_size="full"), DATASET)


@pytest.mark.parametrize(
    ("hidden", "optimizer", "runs", "width"),
    # Bytes as above, of 2 MB.
    [
        (10, nn.SGD(), 8, 2),  # 2 MB / 929,656 bytes = 2.26
        (10, nn.SGD(), 3, 3),  # together below 3 MB
        (10, nn.SGD(), 4, 2),
        (100, nn.SGD(), 8, 1),  # 2 MB / 1,971,976 = 1.06
        (100, nn.Adam(), 8, 8),  # not even one: 2,608,056
        (300, nn.SGD(), 5, 5),
    ],
)
def test_tiles_are_what_the_cache_holds(
    hidden: int, optimizer: Optimizer, runs: int, width: int
) -> None:
    run, dataset = wide(model=MLP(hidden=(hidden,)), optimizer=optimizer)
    assert tile_width([run] * runs, dataset) == width


def test_the_hungriest_run_decides_on_tiles() -> None:
    model = MLP(hidden=(100,))
    (sgd, dataset), (adam, _) = (
        wide(model=model, optimizer=optimizer) for optimizer in (nn.SGD(), nn.Adam())
    )
    for runs in ([sgd, adam, sgd], [adam, sgd, sgd], [sgd, sgd, adam]):
        assert tile_width(runs, dataset) == 3
    assert tile_width([sgd] * 3, dataset) == 1


def test_runs_of_recurrent_networks_share_the_overhead_of_their_many_calls() -> None:
    dataset = Mnist1d(limit=300).load()
    run = make_run(model=GRU(units=(16,)), batch_size=32)
    assert stack_width(run, dataset) == tile_width([run] * 20, dataset) == 8


def test_small_networks_stay_together() -> None:
    run = make_run(model=MLP(hidden=(4,)))
    runs = [run] * stack_width(run, DATASET)
    assert tile_width(runs, DATASET) == len(runs) > 100


@given(count=st.integers(0, 50), most=st.integers(1, 60))
def test_equal_parts(count: int, most: int) -> None:
    parts = [list(range(count)[part]) for part in equal_parts(count, most)]
    assert [i for part in parts for i in part] == list(range(count))
    assert len(parts) == -(-count // most)
    sizes = [len(part) for part in parts]
    # The last may be smaller.
    assert all(size == sizes[0] <= most for size in sizes[:-1])
    assert all(0 < size <= sizes[0] for size in sizes[-1:])
