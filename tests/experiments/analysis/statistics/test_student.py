import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from experiments.analysis.statistics.student import beyond, quantile

FREEDOM = st.floats(1, 5000) | st.integers(1, 5000).map(float)


@given(st.floats(-40, 40), FREEDOM)
def test_probabilities_are_scipys(t: float, df: float) -> None:
    assume(t == 0 or abs(t) > 1e-6)  # SciPy's lose half their digits between
    assert beyond(t, df) == pytest.approx(2 * stats.t(df).sf(abs(t)), rel=1e-9, abs=1e-300)


@given(st.floats(0, 0.999), FREEDOM)
def test_quantiles_are_scipys(level: float, df: float) -> None:
    assert quantile(level, df) == pytest.approx(
        stats.t(df).ppf((1 + level) / 2), rel=1e-9, abs=1e-12
    )


@given(st.floats(0.01, 0.9999), FREEDOM)
def test_one_undoes_the_other(level: float, df: float) -> None:
    assert 1 - beyond(quantile(level, df), df) == pytest.approx(level, abs=1e-12)


def test_one_degree_of_freedom_is_cauchys() -> None:
    assert quantile(0.5, 1) == pytest.approx(1, rel=1e-12)
    assert beyond(-1.0, 1) == pytest.approx(0.5, rel=1e-12)


def test_two_degrees_of_freedom_in_closed_form() -> None:
    # Between -t and t lies t / sqrt(2 + t^2).
    assert quantile(0.6, 2) == pytest.approx(math.sqrt(2 * 0.36 / 0.64), rel=1e-12)


@given(FREEDOM, st.integers(-3, 3))
def test_where_the_fraction_changes_sides(df: float, ulps: int) -> None:
    t = math.sqrt(3 * df / (df + 2))
    for _ in range(abs(ulps)):
        t = math.nextafter(t, math.copysign(math.inf, ulps))
    assert beyond(t, df) == pytest.approx(2 * stats.t(df).sf(t), rel=1e-9)


def test_small_values_of_cauchys() -> None:
    for t in (1e-300, 5e-9, 1e-6):
        assert beyond(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), rel=1e-12)


def test_ends() -> None:
    assert beyond(0.0, 3) == 1
    assert beyond(math.inf, 3) == 0
    assert beyond(1e200, 3) == 0
    assert quantile(0.0, 3) == 0
