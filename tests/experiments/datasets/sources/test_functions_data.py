"""The rows of functions to minimize, and made-up data for linear models."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.datasets import Displacements, LinearClassification, LinearRegression, Slopes, Task
from experiments.errors import ConfigError


def test_without_noise_there_is_one_row_of_zeros_and_no_other_part() -> None:
    dataset = Displacements(name="plane", coordinates=2).load()
    assert (dataset.name, dataset.task, list(dataset.parts)) == ("plane", "minimization", ["train"])
    assert dataset.train.inputs.tolist() == [[0, 0]]
    assert dataset.warnings == ()


def test_displacements_are_those_of_the_seed_and_the_next_one() -> None:
    source = Displacements(name="noisy", coordinates=3, noise=0.6, rows=5, test_rows=4, seed=42)
    dataset = source.load()
    for seed, part, rows in ((42, "train", 5), (43, "test", 4)):
        expected = np.random.RandomState(seed).normal(0, 0.6, (rows, 3))
        np.testing.assert_array_equal(dataset.parts[part].inputs, expected)
    fewer = replace(source, limit=3).load()
    assert {name: len(part) for name, part in fewer.parts.items()} == {"train": 3, "test": 3}
    np.testing.assert_array_equal(fewer.train.inputs, dataset.train.inputs[:3])


@pytest.mark.parametrize("wrong", [{"rows": 2}, {"test_rows": 1}, {"noise": -1.0, "rows": 3}])
def test_displacements_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"dataset\.noise"):
        Displacements(name="plane", coordinates=2, **wrong)


def test_slopes_are_repeated() -> None:
    dataset = Slopes(name="online", slopes=(3.0, -1.0), times=(1, 4)).load()
    assert dataset.train.inputs.tolist() == [[3], [-1], [-1], [-1], [-1]]
    assert hash(Slopes(name="online", slopes=[3.0], times=[1])) is not None  # type: ignore[arg-type]


def test_slopes_without_as_many_times_are_refused() -> None:
    with pytest.raises(ConfigError, match="have 2 and 1"):
        Slopes(name="online", slopes=(3.0, -1.0), times=(1,))


@pytest.mark.parametrize("kind", [LinearRegression, LinearClassification])
def test_the_inputs_of_linear_data_have_the_condition(kind: type[LinearRegression]) -> None:
    dataset = kind(rows=20_000, features=3, condition=400.0, noise=0.0).load()
    assert dataset.train.inputs.var(axis=0) == pytest.approx([1, 1 / 20, 1 / 400], rel=0.05)
    inputs, targets = dataset.train.inputs, dataset.train.targets
    if dataset.task is Task.REGRESSION:
        residual = np.linalg.lstsq(inputs, targets, rcond=None)[1]
        assert residual < 1e-6
    else:
        weights = np.linalg.lstsq(inputs, targets - 0.5, rcond=None)[0]
        assert ((inputs @ weights > 0) == targets).mean() > 0.98


def test_linear_data_follow_their_seed() -> None:
    one, two, same = (LinearRegression(seed=seed, rows=20).load() for seed in (0, 1, 0))
    assert one.digest == same.digest != two.digest
