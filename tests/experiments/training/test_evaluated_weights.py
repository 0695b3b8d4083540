"""Weights that are evaluated in place of those in training, and gradients that are counted."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import nn
from experiments.config.models import MLP
from experiments.config.schema import Run
from experiments.training.loop import train
from experiments.training.outcome import Outcome
from nn.activations import Tanh
from nn.averaging import ExponentialAverage, NoAveraging, StochasticWeightAverage
from tests.experiments.small_runs import in_tiles_of, make_dataset, make_run

DATASET = make_dataset()  # 23 rows: 3 steps of 8
ROWS = len(DATASET.train)


def outcome_of(run: Run) -> Outcome:
    (outcome,) = train([run], DATASET)
    return outcome


def final(outcome: Outcome) -> dict[str, np.ndarray]:
    return {
        name.removeprefix("final/"): array
        for name, array in outcome.weights.items()
        if name.startswith("final/")
    }


def test_the_mean_of_the_weights_after_epochs_is_served() -> None:
    plain = [final(outcome_of(make_run(epochs=epochs))) for epochs in (2, 3, 4)]
    averaged = outcome_of(make_run(epochs=4, averaging=StochasticWeightAverage(start=1)))
    for name, array in final(averaged).items():
        mean = np.mean([weights[name] for weights in plain], axis=0)
        np.testing.assert_allclose(array, mean, rtol=1e-12)


def test_averages_do_not_change_the_training() -> None:
    """Before it begins, the weights in training are evaluated; then the average is."""
    plain = outcome_of(make_run(epochs=4))
    averaged = outcome_of(make_run(epochs=4, averaging=ExponentialAverage(0.9, start=2)))
    assert averaged.metrics["gradient_norm"] == plain.metrics["gradient_norm"]
    assert averaged.metrics["val/loss"][:3] == plain.metrics["val/loss"][:3]
    assert all(
        one != other
        for one, other in zip(
            averaged.metrics["val/loss"][3:], plain.metrics["val/loss"][3:], strict=True
        )
    )


@pytest.mark.parametrize("optimizer", [nn.ScheduleFreeSGD(lr=0.3), nn.SGD(lookahead=2), nn.SGD()])
def test_the_loss_is_that_of_the_weights_that_are_served(optimizer: nn.Optimizer) -> None:
    own = optimizer.evaluates_elsewhere
    run = make_run(
        optimizer=optimizer,
        averaging=NoAveraging() if own else ExponentialAverage(0.8),
        model=MLP(hidden=(4,), activation=Tanh(), normalization="batch"),
        report="last",
    )
    outcome = outcome_of(run)
    network = nn.Network(
        run.model.layers(DATASET.outputs), DATASET.features, loss=run.loss, dtype="float64"
    )
    network.load(final(outcome))
    targets = np.eye(DATASET.outputs)
    for name, part in DATASET.parts.items():
        column = {"train": "train/loss", "validation": "val/loss"}.get(name)
        if column is not None:
            loss = network.loss(part.inputs, targets[part.targets])
            np.testing.assert_allclose(outcome.metrics[column][-1], loss[0], rtol=1e-12)
    # The statistics are those of these weights, in the batches of the training part.
    weights = final(outcome)
    hidden = DATASET.train.inputs @ weights["dense1/weights"] + weights["dense1/bias"]
    means = [hidden[start : start + 8].mean(axis=0) for start in range(0, ROWS, 8)]
    np.testing.assert_allclose(weights["batchnorm1/running_mean"], np.mean(means, axis=0))


def test_runs_of_a_stack_are_evaluated_at_their_own_weights() -> None:
    model = MLP(hidden=(4,), activation=Tanh(), normalization="batch", dropout=0.3)
    runs = [
        make_run(optimizer=optimizer, averaging=averaging, seed=seed, model=model, epochs=epochs)
        for seed, (optimizer, averaging, epochs) in enumerate(
            [
                (nn.SGD(), NoAveraging(), 3),
                (nn.SGD(), ExponentialAverage(0.5), 2),
                (nn.ScheduleFreeAdamW(), NoAveraging(), 4),
                (nn.Adam(lookahead=4), StochasticWeightAverage(), 4),
            ]
        )
    ]
    alone = [outcome_of(run) for run in runs]
    for width in (1, 3, 4):
        with in_tiles_of(width):
            together = sorted(train(runs, DATASET), key=lambda outcome: outcome.position)
        for one, other in zip(together, alone, strict=True):
            assert one.metrics["val/loss"] == other.metrics["val/loss"]
            for name, array in final(one).items():
                np.testing.assert_array_equal(array, final(other)[name], name)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"optimizer": nn.SGD()}, None),
        ({"optimizer": nn.SGD(sam=0.1)}, [0, 6, 12, 18]),
        ({"optimizer": nn.SGD(sam=0.1), "evaluations": 15}, [0, 6, 12, 14]),
        ({"optimizer": nn.SGD(), "evaluations": 5}, None),
    ],
    ids=str,
)
def test_gradients_are_counted_where_a_step_takes_several(
    settings: dict[str, Any], expected: list[int] | None
) -> None:
    outcome = outcome_of(make_run(**settings))
    assert outcome.metrics.get("evaluations") == expected
    budget = settings.get("evaluations")
    if budget is not None and expected is None:
        assert outcome.metrics["step"][-1] == budget


def test_a_line_search_ends_when_its_gradients_are_spent() -> None:
    outcome = outcome_of(make_run(optimizer=nn.LBFGS(), batch_size="full", evaluations=20))
    counted = outcome.metrics["evaluations"]
    assert counted[0] == 0
    assert counted[-2] < 20 <= counted[-1]
    assert all(after > before for before, after in pairwise(counted))


def test_a_line_search_lowers_the_penalized_loss_at_every_step() -> None:
    run = make_run(optimizer=nn.LBFGS(), batch_size="full", epochs=15, l2=0.01, l1=0.001)
    outcome = outcome_of(run)
    losses = outcome.metrics["train/loss"]
    assert losses[-1] < 0.7 * losses[0]
