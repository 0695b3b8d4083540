"""Training the point of a function, alone and in stacks, with and without data."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nn
from experiments.config.models import MLP, Minimization
from experiments.config.schema import Run, Training
from experiments.datasets import Displacements, Slopes, Source, Task
from experiments.errors import ConfigError
from experiments.training.checks import check
from experiments.training.outcome import Outcome
from experiments.training.status import Status
from nn.functions import Eigenvalues, Function, Linear, Quadratic, Rosenbrock
from nn.orders import AsGiven
from nn.schedules import Constant
from tests.experiments.runs.test_resuming import interrupted
from tests.experiments.small_runs import make_dataset, make_run
from tests.experiments.training.test_loop import bits, outcome_of, outcomes

PLANE = Displacements(name="plane", coordinates=2)
NOISY = Displacements(name="noisy", coordinates=5, noise=0.5, rows=12, test_rows=7, seed=42)
QUADRATIC = Quadratic(spectrum=(Eigenvalues(0.6, 0, 1), Eigenvalues(0.4, 30, 60)))
REDDI = Slopes(name="reddi", slopes=(1010, -10), times=(1, 100))


def run_of(source: Source, function: Function, optimizer: Any = None, **settings: Any) -> Run:
    seed = settings.pop("seed", 0)
    return Run(
        dataset=source,
        model=Minimization(function=function),
        loss=nn.Value(),
        optimizer=optimizer or nn.SGD(lr=1e-3),
        schedule=Constant(),
        training=Training(**{"epochs": 4, "batch_size": 5, "dtype": "float64", **settings}),
        seed=seed,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("source", "function"),
    [(PLANE, Rosenbrock(spread=0.3)), (NOISY, replace(QUADRATIC, spread=0.1)), (REDDI, Linear())],
)
def test_a_run_has_the_bits_that_it_has_alone(
    source: Source, function: Function, dtype: str
) -> None:
    rules = [nn.SGD(lr=1e-3), nn.Adam(lr=0.1), nn.Muon(), nn.SGD(lr=1e30)]
    runs = [
        run_of(source, function, rule, seed=seed, dtype=dtype) for seed in (0, 1) for rule in rules
    ]
    dataset = source.load()
    for run, outcome in zip(runs, outcomes(runs, dataset), strict=True):
        assert bits(outcome) == bits(outcome_of(run, dataset))


@pytest.mark.parametrize(
    ("source", "function"), [(PLANE, Rosenbrock(spread=0.3)), (NOISY, QUADRATIC)]
)
def test_a_run_that_is_resumed_has_the_same_bits(source: Source, function: Function) -> None:
    rules = [nn.SGD(lr=1e-3), nn.Adam(lr=0.1), nn.SGD(lr=1e30)]
    runs = [run_of(source, function, rule, seed=seed) for seed in (0, 1) for rule in rules]
    dataset = source.load()
    whole = [bits(outcome) for outcome in outcomes(runs, dataset)]
    assert interrupted(runs, 2, range(len(runs)), dataset) == whole


def trained(source: Source, function: Function, optimizer: Any, **settings: Any) -> Outcome:
    run = run_of(source, function, optimizer, **settings)
    dataset = source.load()
    check(run, dataset)
    return outcome_of(run, dataset)


def test_without_data_the_final_value_is_all_that_is_measured() -> None:
    outcome = trained(PLANE, Rosenbrock(), nn.SGD(lr=1e-3), epochs=2)
    assert outcome.metrics["train/loss"][0] == pytest.approx(24.2)
    assert outcome.summary["final/train_loss"] == outcome.metrics["train/loss"][-1]
    measured = {name.partition("/")[0] for name in outcome.summary} - {"time", "memory"}
    assert measured == {"final"}
    point = np.array([-1.2, 1.0])
    for _ in range(2):
        x, y = point
        slope = -400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)
        point = point - 1e-3 * np.array(slope)
    np.testing.assert_allclose(outcome.weights["final/rosenbrock1/point"], point)
    assert set(outcome.weights) == {"final/rosenbrock1/point", "best/rosenbrock1/point"}


def test_rows_displace_the_point_and_others_test_it() -> None:
    outcome = trained(NOISY, QUADRATIC, nn.SGD(lr=1e-3), batch_size="full", epochs=1)
    train, test = (
        np.random.RandomState(seed).normal(0, 0.5, (rows, 5)) for seed, rows in ((42, 12), (43, 7))
    )
    hessian = QUADRATIC.hessian(5)

    def value(point: np.ndarray, rows: np.ndarray) -> float:
        return float(np.mean([(point - row) @ hessian @ (point - row) / 2 for row in rows]))

    start = np.ones(5)
    end = start - 1e-3 * hessian @ (start - train.mean(axis=0))
    assert outcome.metrics["train/loss"] == pytest.approx([value(start, train), value(end, train)])
    assert outcome.summary["test/loss"] == pytest.approx(value(end, test))
    assert not [name for name in outcome.metrics if "r2" in name or "accuracy" in name]


def test_adam_ends_at_the_worst_end_of_the_online_problem_and_amsgrad_goes_to_the_best() -> None:
    """Reddi et al. 2018, section 3 and figure 1."""
    settings = {"epochs": 30, "batch_size": 1, "order": AsGiven(), "box": (-1.0, 1.0)}
    rates = {"lr": 0.05, "beta1": 0.9, "beta2": 0.99}
    for kind, low, high in ((nn.Adam, 0.9, 1), (nn.AMSGrad, -1, -0.05)):
        outcome = trained(REDDI, Linear(), kind(**rates), **settings)
        (end,) = outcome.weights["final/linear1/point"]
        assert low <= end <= high
        assert outcome.summary["final/train_loss"] == pytest.approx(end * 10 / 101)


def test_a_point_that_runs_away_diverges() -> None:
    outcome = trained(PLANE, Rosenbrock(), nn.SGD(lr=1e9), epochs=20)
    assert outcome.status is Status.DIVERGED


def fault(run: Run, source: Source) -> str:
    with pytest.raises(ConfigError) as caught:
        check(run, source.load())
    return str(caught.value)


def test_what_does_not_fit_is_refused() -> None:
    right = run_of(PLANE, Rosenbrock())
    assert "a network has none" in fault(
        make_run(Task.REGRESSION, dataset=PLANE, model=MLP(), loss=nn.Value()), PLANE
    )
    assert "whose targets are none" in fault(
        make_run(Task.REGRESSION, dataset=PLANE, model=right.model), PLANE
    )
    assert "beale" not in fault(run_of(NOISY, Rosenbrock()), NOISY)
    assert "rosenbrock has 2 coordinates, not 5" in fault(run_of(NOISY, Rosenbrock()), NOISY)
    peak = {"report": "test_peak", "test_every_epoch": True}
    refused = fault(run_of(PLANE, Rosenbrock(), **peak), PLANE)
    assert "has none; set it to false" in refused
    assert "which has none; use last" in refused
    assert "dataset.validation" not in fault(run_of(PLANE, Rosenbrock(), report="best_loss"), PLANE)
    with pytest.raises(ConfigError, match="learns nothing from dataset small"):
        check(
            make_run(Task.REGRESSION, model=right.model), make_dataset(Task.REGRESSION, features=2)
        )
    with pytest.raises(ConfigError, match="value does not fit dataset small"):
        check(make_run(Task.MULTICLASS, loss=nn.Value()), make_dataset())
