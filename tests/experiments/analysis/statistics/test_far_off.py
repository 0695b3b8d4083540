import numpy as np
import pytest

from experiments.analysis.statistics.far_off import far_off


def draws(values):
    return [dict(enumerate(sample)) for sample in values]


@pytest.mark.parametrize("size", [6, 10, 20])
def test_samples_of_a_normal_distribution_hardly_ever_have_a_seed_far_off(size):
    samples = draws(np.random.default_rng(0).normal(size=(1000, size)))
    assert np.mean([bool(far_off(sample)) for sample in samples]) < 0.04


def test_one_seed_in_ten_that_is_twenty_deviations_away_is_found_where_it_was_drawn():
    generator = np.random.default_rng(1)
    rare = generator.random((300, 10)) < 0.1
    samples = generator.normal(size=(300, 10)) + 20 * rare
    for sample, far in zip(draws(samples), rare, strict=True):
        if far.sum() == 1:
            assert far_off(sample) == tuple(np.flatnonzero(far))
        if not far.any():
            assert len(far_off(sample)) <= 1


def test_few_seeds_and_mostly_equal_ones_have_none():
    assert far_off(dict(enumerate([0, 0, 0, 0, 100]))) == ()
    assert far_off(dict(enumerate([0, 0, 0, 0, 0, 0, 100]))) == ()
