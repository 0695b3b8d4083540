"""Tiles of a stack: which there are, and when their turn comes."""

from typing import Any

import numpy as np
import pytest

import nn
from experiments.config.schema import Run
from experiments.training.loop import train
from experiments.training.stack import Stack
from nn.optimizers import OptimizerStack
from tests.experiments.small_runs import in_tiles_of, make_dataset, make_run

DATASET = make_dataset()  # 23 rows: 3 steps of 8


def some_runs(*epochs: int) -> list[Run]:
    return [
        make_run(seed=seed, epochs=count, optimizer=nn.SGD(lr=0.1))
        for seed, count in enumerate(epochs)
    ]


@pytest.mark.parametrize(("width", "tiles"), [(1, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (5, [5])])
def test_a_stack_is_divided(width: int, tiles: list[int]) -> None:
    with in_tiles_of(width):
        stack = Stack(some_runs(2, 2, 2, 2, 2), [DATASET] * 5)
    assert [tile.network.runs for tile in stack.tiles] == tiles
    assert [seed for tile in stack.tiles for seed in tile.network.seeds] == [0, 1, 2, 3, 4]
    for tile in stack.tiles:
        assert np.shares_memory(tile.network.parameters, stack.network.parameters)
        assert tile.batches.seeds == tile.network.seeds


def test_each_tile_takes_all_steps_of_an_epoch_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widths: list[int] = []
    step = OptimizerStack.step

    def noted(
        stack: OptimizerStack, parameters: np.ndarray, *arguments: Any, **options: Any
    ) -> None:
        widths.append(len(parameters))
        step(stack, parameters, *arguments, **options)

    monkeypatch.setattr(OptimizerStack, "step", noted)
    monkeypatch.setattr("experiments.training.stack.seconds_per_step", lambda *_: 1e-6)
    with in_tiles_of(2):
        list(train(some_runs(1, 3, 3), DATASET))
    # After an epoch the first run has left its tile; the tiles stay two.
    assert widths == [2] * 3 + [1] * 3 + ([1] * 3 + [1] * 3) * 2


def test_a_tile_without_runs_is_gone() -> None:
    with in_tiles_of(2):
        stack = Stack(some_runs(3, 3, 3, 3, 3), [DATASET] * 5)
    stack._keep([0, 4])
    assert [tile.network.seeds for tile in stack.tiles] == [[0], [4]]
    for row, tile in enumerate(stack.tiles):
        assert np.shares_memory(tile.network.parameters, stack.network.parameters[row])
        assert tile.batches.seeds == [stack.network.seeds[row]]
    stack._keep([1])
    assert [tile.network.seeds for tile in stack.tiles] == [[4]]
