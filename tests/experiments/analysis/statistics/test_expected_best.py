import itertools

import numpy as np
import pytest

from experiments.analysis.statistics.expected_best import chances


@pytest.mark.parametrize("trials", [1, 2, 5, 7])
def test_the_mean_over_all_draws(trials):
    results = np.random.default_rng(trials).normal(size=trials)  # rank and result are unrelated
    for budget in range(1, trials + 1):
        best = [results[min(draw)] for draw in itertools.combinations(range(trials), budget)]
        assert chances(trials, budget) @ results == pytest.approx(np.mean(best))
        assert chances(trials, budget).sum() == pytest.approx(1)


def test_the_full_budget_keeps_the_best_trial():
    assert chances(9, 9).tolist() == [1, *[0] * 8]
    assert chances(4, 1).tolist() == [0.25] * 4
