import math

import numpy as np
import pytest

from experiments.analysis.published.measure import Measure
from experiments.errors import ConfigError


class Made:
    """What a measure reads of a record."""

    name = "adam-seed0"

    def __init__(self, accuracy=1.0):
        self.summary = {"test/accuracy": 0.9, "test/loss": None, "final/train_accuracy": accuracy}

    def metrics(self):
        return {
            "epoch": np.arange(5.0),
            "step": np.arange(5.0) * 10,
            "val/accuracy": np.array([0.1, 0.5, 0.8, 0.7, 0.9]),
            "probe/norm": np.array([1.0, math.nan, 3.0, math.nan, 9.0]),
        }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"metric": "test/accuracy"}, 0.9),
        ({"metric": "test/loss"}, math.inf),
        ({"metric": "val/accuracy", "epoch": 1}, 0.5),
        ({"metric": "val/accuracy", "epoch": 9}, math.inf),
        ({"metric": "val/accuracy", "extreme": "max"}, 0.9),
        ({"metric": "val/accuracy", "extreme": "min"}, 0.1),
        ({"metric": "probe/norm", "since": 1}, 6.0),
        ({"metric": "val/accuracy", "reaches": 0.75}, 2),
        ({"metric": "val/accuracy", "reaches": 0.75, "unit": "step"}, 20),
        ({"metric": "val/accuracy", "reaches": 0.1, "higher": False}, 0),
        ({"metric": "val/accuracy", "reaches": 0.95}, math.inf),
        ({"metric": "val/accuracy", "reaches": 0.95, "never": 5.0}, 5),
    ],
)
def test_it_reads_the_summary_or_a_curve(settings, expected):
    assert Measure(**settings).of(Made()) == expected


def test_runs_that_have_not_learnt_may_be_left_out():
    runs = [Made(1.0), Made(0.75)]
    every, learnt = (Measure(metric="test/accuracy", only_if=only) for only in (None, LEARNT))
    assert every.of_all(runs) == [0.9, 0.9]
    assert learnt.of_all(runs) == [0.9]


LEARNT = "final/train_accuracy"


def test_a_metric_that_is_not_there_is_named_with_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean 'test/accuracy'"):
        Measure(metric="test/acuracy").of(Made())


def test_a_curve_is_read_in_one_way():
    with pytest.raises(ValueError, match="give one of"):
        Measure(metric="val/accuracy", epoch=1, extreme="max")
