import math

import numpy as np
import pytest
from sklearn.metrics import auc

from experiments.analysis.statistics.area import area_under_curve


def test_it_is_the_area_over_its_width():
    epochs = np.arange(11.0)
    losses = np.random.default_rng(0).uniform(0, 2, size=11)
    assert area_under_curve(epochs, losses, 10) == pytest.approx(auc(epochs, losses) / 10)
    assert area_under_curve([0, 1, 2], [4, 2, 2], 2) == 2.5


def test_a_curve_that_stopped_early_is_held_at_its_last_value():
    assert area_under_curve([0, 1], [3, 1], 3) == (2 + 1 + 1) / 3


def test_what_is_not_finite_has_no_area():
    assert math.isnan(area_under_curve([0, 1], [1, math.nan], 1))
    assert math.isnan(area_under_curve([], [], 1))
    assert area_under_curve([0], [0.7], 0) == 0.7
