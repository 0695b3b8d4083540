"""Schedules against their closed forms, worked out by hand or in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Transformer,
    WarmupStableDecay,
)

# The Transformer's is by step, and its warm-up is part of it.
EVERY = [Schedule.named(name) for name in Schedule.names() if name != "transformer"]
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
    (
        Cosine(period=6, end=0.1, restarts=False),
        lambda u, total: plain_cosine(u, 6, 1, 0.1) if u < 6 else 0.1,
    ),
    (WarmupStableDecay(), lambda u, total: min(1, (total - u) / (0.2 * total))),
    (WarmupStableDecay(decay=1.0, end=0.25), lambda u, total: 1 - 0.75 * u / total),
    (
        WarmupStableDecay(decay=0.5, end=0.1, form="cosine"),
        lambda u, total: 0.55 + 0.45 * math.cos(math.pi * max(0, 2 * u / total - 1)),
    ),
    (
        WarmupStableDecay(decay=0.5, form="sqrt"),
        lambda u, total: 1 - math.sqrt(max(0, 2 * u / total - 1)),
    ),
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

    @pytest.mark.parametrize("total", [10, 40, 333])
    @pytest.mark.parametrize("rise", [0.3, 0.25, 0.5])
    def test_as_pytorch(self, total: int, rise: float) -> None:
        schedule = OneCycle(rise=rise, peak="pytorch", low_momentum=0.85, high_momentum=0.95)
        rates, momenta = zip(
            *(pytorch_one_cycle(u, total, rise) for u in range(total)), strict=True
        )
        np.testing.assert_allclose(over(schedule, total), rates, rtol=1e-9)
        np.testing.assert_allclose(schedule.momenta(np.arange(total), total), momenta, rtol=1e-12)

    def test_the_momentum_turns_with_the_rate(self) -> None:
        schedule = OneCycle(rise=0.25, low_momentum=0.8, high_momentum=0.9, warmup=3)
        momenta, rates = schedule.momenta(np.arange(103), 103), over(schedule, 103)
        assert momenta[0] == momenta[3] == pytest.approx(0.9)
        assert momenta.argmin() == rates[3:].argmax() + 3
        assert momenta.min() == pytest.approx(0.8, abs=1e-3)
        assert momenta[-1] == pytest.approx(0.9)

    def test_both_momenta_or_none(self) -> None:
        with pytest.raises(ValueError, match="both low_momentum and high_momentum"):
            OneCycle(low_momentum=0.8)
        assert not OneCycle().sets_momentum


def pytorch_one_cycle(step: int, total: int, rise: float) -> tuple[float, float]:
    """Rate, as a factor, and momentum of PyTorch's `OneCycleLR` with its defaults."""

    def anneal(start: float, end: float, share: float) -> float:
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    first, last = float(rise * total) - 1, total - 1
    low = 1 / 25
    if step <= first:
        share = step / first
        return anneal(low, 1, share), anneal(0.95, 0.85, share)
    share = (step - first) / (last - first)
    return anneal(1, low / 1e4, share), anneal(0.85, 0.95, share)


def pytorch_plateau(losses: list[float], patience: int, cooldown: int) -> list[float]:
    """Factors of PyTorch's `ReduceLROnPlateau` with factor 0.5."""
    best, bad, cooling, factor, found = math.inf, 0, 0, 1.0, []
    for loss in losses:
        if loss < best * (1 - 1e-4):
            best, bad = loss, 0
        else:
            bad += 1
        if cooling > 0:
            cooling -= 1
            bad = 0
        if bad > patience:
            factor, cooling, bad = factor * 0.5, cooldown, 0
        found.append(factor)
    return found


def keras_plateau(losses: list[float], patience: int, cooldown: int) -> list[float]:
    """Factors of Keras's `ReduceLROnPlateau` with factor 0.5 and min_delta 0."""
    best, wait, cooling, factor, found = math.inf, 0, 0, 1.0, []
    for loss in losses:
        if cooling > 0:
            cooling -= 1
            wait = 0
        if loss < best:
            best, wait = loss, 0
        elif cooling <= 0:
            wait += 1
            if wait >= patience:
                factor, cooling, wait = factor * 0.5, cooldown, 0
        found.append(factor)
    return found


class TestReduceOnPlateau:
    @given(
        losses=st.lists(st.integers(1, 8).map(float), min_size=1, max_size=30),
        patience=st.integers(0, 3),
        cooldown=st.integers(0, 3),
    )
    def test_as_pytorch(self, losses: list[float], patience: int, cooldown: int) -> None:
        ours = ReduceOnPlateau(gamma=0.5, patience=patience + 1, cooldown=cooldown, minimum=0)
        assert self.watch(ours, losses) == pytorch_plateau(losses, patience, cooldown)

    @given(
        losses=st.lists(st.integers(1, 8).map(float), min_size=1, max_size=30),
        patience=st.integers(1, 3),
        cooldown=st.integers(0, 3),
    )
    def test_as_keras(self, losses: list[float], patience: int, cooldown: int) -> None:
        ours = ReduceOnPlateau(
            gamma=0.5, patience=patience, cooldown=max(cooldown - 1, 0), threshold=0, minimum=0
        )
        assert self.watch(ours, losses) == keras_plateau(losses, patience, cooldown)

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


def test_the_transformers_is_by_step_and_rises_first() -> None:
    schedule = Transformer()
    assert (schedule.by, schedule.warmup) == ("step", 4000)
    # The paper's rate for d = 512 is d^-½ min(t^-½, t·w^-1.5), which peaks at (d·w)^-½.
    t = np.array([1.0, 100, 3999, 4000, 4001, 100_000])
    paper = 512**-0.5 * np.minimum(t**-0.5, t * 4000**-1.5)
    ours = schedule.factors(t - 1, 100_000) / math.sqrt(512 * 4000)
    np.testing.assert_allclose(ours, paper, rtol=1e-12)
    with pytest.raises(ValueError, match="warmup"):
        Transformer(warmup=0)


@everyone
def test_unit_of_time(schedule: Schedule) -> None:
    assert schedule.by == "epoch"
    assert type(schedule)(by="step").by == "step"
