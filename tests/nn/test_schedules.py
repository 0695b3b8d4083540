"""Schedules against their closed forms, worked out by hand or in plain Python."""

import math

import numpy as np
import pytest

from nn.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseSquareRoot,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Step,
)

EVERY = [Schedule.named(name) for name in Schedule.names()]
everyone = pytest.mark.parametrize("schedule", EVERY, ids=lambda s: s.name)


def over(schedule: Schedule, total: int) -> np.ndarray:
    """Factors at 0, 1, ..., total - 1."""
    return schedule.factors(np.arange(total), total)


def plain_cosine(u: float, first: float, growth: float, end: float) -> float:
    start, length = 0.0, first
    while u >= start + length:
        start += length
        length *= growth
    return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * (u - start) / length))


CLOSED_FORMS = [
    (Constant(), lambda u, total: 1),
    (Step(), lambda u, total: 0.1 ** (u // 10)),
    (Step(every=3, gamma=0.5), lambda u, total: 0.5 ** (u // 3)),
    (Step(every=1, gamma=1.0), lambda u, total: 1),
    (Exponential(), lambda u, total: 0.95**u),
    (Exponential(gamma=0.5), lambda u, total: 2.0**-u),
    (InverseSquareRoot(), lambda u, total: 1 / math.sqrt(u + 1)),
    (Polynomial(), lambda u, total: 1 - u / total),
    (Polynomial(power=2, end=0.1), lambda u, total: 0.1 + 0.9 * (1 - u / total) ** 2),
    (Polynomial(power=0.5), lambda u, total: math.sqrt(1 - u / total)),
    (Cosine(), lambda u, total: 0.5 * (1 + math.cos(math.pi * u / total))),
    (Cosine(end=0.2), lambda u, total: 0.2 + 0.4 * (1 + math.cos(math.pi * u / total))),
    (Cosine(period=7), lambda u, total: plain_cosine(u, 7, 1, 0)),
    (Cosine(period=3, growth=2, end=0.05), lambda u, total: plain_cosine(u, 3, 2, 0.05)),
    (Cosine(period=2, growth=1.5), lambda u, total: plain_cosine(u, 2, 1.5, 0)),
    (Cosine(period=1), lambda u, total: plain_cosine(u, 1, 1, 0)),
]
ids = [repr(schedule) for schedule, _ in CLOSED_FORMS]
closed_forms = pytest.mark.parametrize(("schedule", "form"), CLOSED_FORMS, ids=ids)


@closed_forms
@pytest.mark.parametrize("total", [1, 2, 40, 333])
def test_closed_form(schedule: Schedule, form, total: int) -> None:
    expected = [form(u, total) for u in range(total)]
    np.testing.assert_allclose(over(schedule, total), expected, rtol=1e-11, atol=1e-12)


@closed_forms
def test_by_fractions_of_an_epoch(schedule: Schedule, form) -> None:
    u = np.linspace(0, 40, 171)[:-1]
    np.testing.assert_allclose(
        schedule.factors(u, 40), [form(x, 40) for x in u], rtol=1e-11, atol=1e-12
    )


@everyone
@pytest.mark.parametrize("warmup", [1, 4, 2.5])
def test_warm_up_is_linear_and_then_the_schedule_has_the_time_that_is_left(
    schedule: Schedule, warmup: float
) -> None:
    total = 20
    warm = type(schedule)(warmup=warmup)
    actual = over(warm, total)
    for u in range(total):
        if u < warmup:
            assert actual[u] == pytest.approx(min((u + 1) / warmup, 1), rel=1e-12)
        else:
            left = schedule.factors(np.array([u - warmup]), total - warmup)
            assert actual[u] == pytest.approx(left.item(), rel=1e-12)


def test_warm_up_by_hand() -> None:
    # ¼ ½ ¾ 1, then a straight line over the 4 units that are left: 1 ¾ ½ ¼
    expected = [0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25]
    np.testing.assert_allclose(over(Polynomial(warmup=4), 8), expected, rtol=1e-12)


@everyone
@pytest.mark.parametrize("warmup", [10, 15, 1000])
def test_a_warm_up_as_long_as_the_training(schedule: Schedule, warmup: int) -> None:
    expected = np.arange(1, 11) / warmup
    np.testing.assert_allclose(over(type(schedule)(warmup=warmup), 10), expected, rtol=1e-12)


@everyone
@pytest.mark.parametrize("warmup", [0, 3, 0.5])
@pytest.mark.parametrize("total", [1, 2, 3, 50])
def test_factors_are_rates(schedule: Schedule, warmup: float, total: int) -> None:
    factors = over(type(schedule)(warmup=warmup), total)
    assert factors.shape == (total,)
    assert factors.dtype == np.float64
    assert ((factors >= 0) & (factors <= 1)).all()
    assert factors.max() > 0


@everyone
def test_one_time_at_a_time_is_the_same(schedule: Schedule) -> None:
    # A resumed run asks for the factors that are left.
    together = over(schedule, 30)
    each = [schedule.factors(np.array([u]), 30).item() for u in range(30)]
    np.testing.assert_array_equal(together, each)


@everyone
def test_beyond_the_end(schedule: Schedule) -> None:
    factors = schedule.factors(np.array([100, 101, 1e6]), 100)
    assert np.isfinite(factors).all()
    assert ((factors >= 0) & (factors <= 1)).all()


def test_cosine_restarts_where_periods_end() -> None:
    factors = over(Cosine(period=10, growth=2), 150)
    np.testing.assert_array_equal(np.flatnonzero(factors == 1), [0, 10, 30, 70])
    assert factors[9] < 0.03


@pytest.mark.parametrize("growth", [1 + 1e-12, 1 + 1e-9, 1 + 1e-6])
def test_cosine_that_hardly_grows_is_one_that_does_not(growth: float) -> None:
    u = np.arange(60) + 0.5
    expected = Cosine(period=7).factors(u, 60)
    actual = Cosine(period=7, growth=growth).factors(u, 60)
    np.testing.assert_allclose(actual, expected, atol=1e-4)


class TestOneCycle:
    def test_ends_and_peak(self) -> None:
        factors = over(OneCycle(rise=0.25, start=0.1, end=0.01), 101)
        assert factors[0] == pytest.approx(0.1, rel=1e-12)
        assert factors[25] == pytest.approx(1, rel=1e-12)
        assert factors[100] == pytest.approx(0.01, rel=1e-12)
        assert (np.diff(factors[:26]) > 0).all()
        assert (np.diff(factors[25:]) < 0).all()

    def test_halfway_up_and_down(self) -> None:
        # Half a cosine is halfway in the middle.
        factors = over(OneCycle(rise=0.5, start=0.2, end=0.1), 81)
        assert factors[20] == pytest.approx((0.2 + 1) / 2)
        assert factors[60] == pytest.approx((0.1 + 1) / 2)

    def test_without_rise_or_fall(self) -> None:
        assert over(OneCycle(rise=0.0), 11)[0] == 1
        up = over(OneCycle(rise=1.0, start=0.5), 11)
        assert up[0] == pytest.approx(0.5)
        assert up[-1] == pytest.approx(1)

    def test_defaults(self) -> None:
        factors = over(OneCycle(), 1001)
        assert factors[0] == pytest.approx(0.04)
        assert factors[300] == pytest.approx(1)
        assert factors[-1] == pytest.approx(4e-6)


class TestReduceOnPlateau:
    @staticmethod
    def watch(schedule: ReduceOnPlateau, losses: list[float]) -> list[float]:
        """Factor after each epoch's validation loss."""
        state, factors = schedule.initial_state(), []
        for loss in losses:
            schedule.observe(state, loss)
            factors.append(schedule.factors(np.array([0]), 10, state).item())
        return factors

    def test_by_hand(self) -> None:
        # Best 1.0 at the first; then 0.9 (better), and two that are not: reduced, count again.
        schedule = ReduceOnPlateau(gamma=0.5, patience=2, threshold=0)
        losses = [1.0, 0.9, 0.95, 0.9, 0.9, 0.8, 0.85, 0.81, 0.9, 0.9]
        expected = [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
        assert self.watch(schedule, losses) == expected

    def test_a_slow_fall_is_none(self) -> None:
        # 10% of the best are needed: 0.95 is not better than 1.0, 0.89 is.
        schedule = ReduceOnPlateau(gamma=0.1, patience=1, threshold=0.1, minimum=0)
        assert self.watch(schedule, [1.0, 0.95, 0.89]) == pytest.approx([1, 0.1, 0.1])

    def test_threshold_of_a_negative_loss(self) -> None:
        # Better than -1 by 10% is below -1.1.
        schedule = ReduceOnPlateau(gamma=0.5, patience=1, threshold=0.1)
        assert self.watch(schedule, [-1.0, -1.05, -1.2]) == [1, 0.5, 0.5]

    def test_no_lower_than_the_minimum(self) -> None:
        schedule = ReduceOnPlateau(gamma=0.1, patience=1, minimum=0.05)
        assert self.watch(schedule, [1, 1, 1, 1]) == [1, 0.1, 0.05, 0.05]

    def test_no_number_is_no_improvement(self) -> None:
        schedule = ReduceOnPlateau(gamma=0.5, patience=2)
        assert self.watch(schedule, [1, math.nan, math.inf, 0.5]) == [1, 1, 0.5, 0.5]

    def test_starts_anew_each_time(self) -> None:
        schedule = ReduceOnPlateau(patience=1)
        assert self.watch(schedule, [1, 1]) == pytest.approx([1, 0.1])
        assert self.watch(schedule, [1, 0.5]) == [1, 1]
        assert schedule.factors(np.array([0]), 10).item() == 1


def test_only_a_constant_without_warm_up_is_constant() -> None:
    assert Constant().is_constant
    assert not Constant(warmup=2).is_constant
    assert not any(schedule.is_constant for schedule in EVERY if schedule.name != "constant")


@everyone
def test_unit_of_time(schedule: Schedule) -> None:
    assert schedule.by == "epoch"
    assert type(schedule)(by="step").by == "step"
