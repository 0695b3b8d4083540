"""What trains from a configuration and what trains in one call give the same bits."""

import numpy as np
import pytest

import nn
from experiments.training.tile import Tile
from tests.experiments.small_runs import make_dataset, make_run

DATASET = make_dataset()


@pytest.mark.parametrize("batch_size", [8, "full"])
def test_fit_gives_the_bits_of_a_run(batch_size: int | str) -> None:
    run = make_run(batch_size=batch_size, dtype="float32")
    inputs = DATASET.train.inputs.astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[DATASET.train.targets]
    fitted, trained = (
        nn.Network(run.model.layers(3), 3, loss=run.loss, seeds=[0, 4]) for _ in range(2)
    )
    size = None if batch_size == "full" else batch_size
    nn.fit(fitted, run.optimizer, inputs, targets, epochs=3, batch_size=size)
    tile = Tile([run, run], trained, inputs, targets, epochs=[3, 3])
    for _ in range(3):
        tile.train_epoch(tile.batches.steps, None)
    np.testing.assert_array_equal(fitted.parameters, trained.parameters)
