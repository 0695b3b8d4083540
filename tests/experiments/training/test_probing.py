"""Probes in training: the bits stay, and columns hold what is measured when it is due."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import nn
from experiments.config.models import MLP
from experiments.config.schema import Run
from experiments.datasets import Dataset, Task
from experiments.errors import ConfigError
from experiments.training.checks import check
from experiments.training.loop import train
from experiments.training.outcome import Outcome
from nn.activations import Tanh
from nn.probes import ClassLoss, Distance, Norms, Probe, Sharpness
from tests.experiments.runs.test_resuming import interrupted
from tests.experiments.small_runs import in_tiles_of, make_dataset, make_run
from tests.experiments.training.test_loop import bits, outcome_of, outcomes

ALL = (
    ClassLoss(part="test"),
    Distance(),
    Norms(every=2),
    Sharpness(every=3, rows=9),
    Sharpness(every=3, preconditioned=True, rows=None),
)
NOISY = MLP(hidden=(4,), activation=Tanh(), dropout=0.3, normalization="batch")


def run_of(*probes: Probe, **changes: Any) -> Run:
    return make_run(**{"probes": probes, "epochs": 4, "model": NOISY, **changes})


def without_probes(outcome: Outcome) -> dict[str, Any]:
    names = {name.removeprefix("probe/") for name in outcome.metrics if name.startswith("probe/")}
    dropped = {f"probe/{name}" for name in names} | {f"summary final/{name}" for name in names}
    return {name: value for name, value in bits(outcome).items() if name not in dropped}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probes_leave_the_bits_of_training_as_they_are(dtype: str) -> None:
    dataset = make_dataset()
    probed = outcome_of(run_of(*ALL, dtype=dtype, optimizer=nn.Adam(lr=0.1)), dataset)
    plain = outcome_of(run_of(dtype=dtype, optimizer=nn.Adam(lr=0.1)), dataset)
    assert not any(name.startswith("probe/") for name in plain.metrics)
    assert any(name.startswith("probe/") for name in probed.metrics)
    assert without_probes(probed) == bits(plain)


def mixed() -> list[Run]:
    rules = [nn.SGD(lr=0.1), nn.Adam(lr=0.1), nn.SGD(lr=1e30)]
    runs = [run_of(*ALL, optimizer=rule, seed=seed) for rule in rules for seed in (0, 1)]
    longer = dataclasses.replace(runs[0].training, epochs=5)
    return [*runs, dataclasses.replace(runs[0], training=longer)]


def test_a_probed_run_has_the_bits_that_it_has_alone() -> None:
    dataset = make_dataset()
    with in_tiles_of(2):
        together = outcomes(mixed(), dataset)
    for run, outcome in zip(mixed(), together, strict=True):
        assert bits(outcome) == bits(outcome_of(run, dataset))


def test_probed_runs_that_are_resumed_measure_the_same() -> None:
    dataset, runs = make_dataset(), mixed()
    alone = [bits(outcome) for outcome in outcomes(runs, dataset)]
    assert interrupted(runs, 3, range(len(runs)), dataset) == alone


def test_runs_with_splits_of_their_own_are_measured_on_them() -> None:
    splits = [make_dataset(seed=seed) for seed in (0, 1, 0)]
    runs = [run_of(*ALL, seed=seed, optimizer=nn.Adam(lr=0.1)) for seed in (0, 1, 2)]
    together = sorted(train(runs, splits), key=lambda outcome: outcome.position)
    for run, dataset, outcome in zip(runs, splits, together, strict=True):
        assert bits(outcome) == bits(outcome_of(run, dataset))


def test_a_probe_measures_when_it_is_due_and_at_the_end() -> None:
    outcome = outcome_of(run_of(*ALL), make_dataset())
    measured = {
        name: [value is not None for value in outcome.metrics[name]]
        for name in ("probe/distance", "probe/norms/gradient", "probe/sharpness")
    }
    assert measured["probe/distance"] == [True] * 5
    assert measured["probe/norms/gradient"] == [True, False, True, False, True]
    assert measured["probe/sharpness"] == [True, False, False, True, True]
    assert outcome.metrics["probe/preconditioned_sharpness"] == [None] * 5  # of SGD
    assert outcome.summary["final/sharpness"] == outcome.metrics["probe/sharpness"][-1]
    assert outcome.metrics["probe/distance"][0] == 0


def test_class_losses_average_to_the_loss() -> None:
    dataset = make_dataset()
    model = MLP(hidden=(4,), activation=Tanh())
    outcome = outcome_of(run_of(ClassLoss(part="validation", rows=None), model=model), dataset)
    assert dataset.validation is not None
    shares = np.bincount(dataset.validation.targets, minlength=3) / len(dataset.validation)
    for epoch, loss in enumerate(outcome.metrics["val/loss"]):
        by_class = [outcome.metrics[f"probe/class_loss/{label}"][epoch] or 0 for label in range(3)]
        assert np.dot(by_class, shares) == pytest.approx(loss, rel=1e-12)


@dataclasses.dataclass(frozen=True)
class Constant(Probe):
    """A probe of a user's own."""

    def measure(self, probed: Any) -> dict[str, Any]:
        return {"": np.full(probed.network.runs, 7.0)}


def test_a_probe_of_ones_own() -> None:
    outcome = outcome_of(run_of(Constant()), make_dataset())
    assert outcome.metrics["probe/Constant"] == [7.0] * 5


def fault(dataset: Dataset, **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        check(make_run(dataset.task, **changes), dataset)
    return str(caught.value)


def test_probes_that_do_not_fit_are_refused() -> None:
    numbers = make_dataset(Task.REGRESSION)
    assert "class_loss needs rows that belong to one class" in fault(numbers, probes=(ClassLoss(),))
    whole = make_dataset(rows=(23, 0, 9))
    assert "about the validation part" in fault(whole, probes=(Distance(part="validation"),))
    with pytest.raises(ValueError, match="probes has sharpness more than once"):
        run_of(Sharpness(), Sharpness(every=2))
