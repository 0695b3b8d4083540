"""Search spaces: their grids, equal budgets, edges, widening, and what is drawn from them."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from experiments.config.search_space import Kind, Range, Settings, Space, Values, declared_space
from experiments.errors import ConfigError

LR = "optimizer.lr"
MOMENTUM = "optimizer.momentum"
KINDS: list[Kind] = ["grid", "random", "sobol", "halton"]


def values(trials: list[Settings], key: str = LR) -> list[Any]:
    return [dict(trial.values)[key] for trial in trials]


def rates(low: float = 1e-5, high: float = 0.1, points: int | None = None) -> Space:
    return Space({LR: Range(low=low, high=high, points=points)})


# ---- grids


def test_nine_rates_round_the_default_by_hand() -> None:
    tried = values(rates().trials("grid", 9, 0))
    assert tried == [1e-5, 3.16e-5, 1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 0.1]


def test_a_linear_range_by_hand() -> None:
    space = Space({MOMENTUM: Range(low=0, high=0.9, scale="linear", points=4)})
    assert values(space.trials("grid", 4, 0), MOMENTUM) == [0, 0.3, 0.6, 0.9]


def test_a_grid_over_several_settings_has_every_combination() -> None:
    space = Space({LR: Range(low=0.01, high=1), MOMENTUM: Values((0, 0.9, None))})
    trials = [dict(trial.values) for trial in space.trials("grid", 9, 0)]
    assert trials == [{LR: r, MOMENTUM: m} for r in (0.01, 0.1, 1.0) for m in (0, 0.9, None)]


def test_two_open_ranges_share_the_budget_equally() -> None:
    space = Space({LR: Range(low=0.01, high=1), "optimizer.eps": Range(low=1e-8, high=1e-4)})
    trials = space.trials("grid", 9, 0)
    assert len({dict(t.values)[LR] for t in trials}) == 3
    assert len(trials) == len(set(trials)) == 9


@given(
    low=st.floats(1e-9, 1e3),
    factor=st.floats(1.5, 1e9),
    points=st.integers(2, 15),
    below=st.integers(0, 3),
    above=st.integers(0, 3),
)
def test_grid_points_are_equally_far_apart(
    low: float, factor: float, points: int, below: int, above: int
) -> None:
    grid = Range(low=low, high=low * factor, points=points).grid(below, above, 0.0)
    assert len(grid) == points + below + above
    logs = np.log([low * factor ** (i / (points - 1)) for i in range(-below, points + above)])
    # Rounded to three digits, which is half of one part in a hundred at most.
    np.testing.assert_allclose(np.log(grid), logs, atol=0.006)


# ---- equal budgets


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", [4, 9, 16])
def test_every_kind_of_search_tries_the_budget_exactly(kind: Kind, budget: int) -> None:
    spaces = [
        rates(),
        rates(1e-3, 10, points=budget),
        Space({LR: Range(low=0.01, high=1), "optimizer.eps": Range(low=1e-8, high=1)}),
        Space({LR: Range(low=0.01, high=1), MOMENTUM: Values(tuple(range(budget // 2)))})
        if budget % (budget // 2) == 0
        else rates(),
    ]
    for space in spaces:
        trials = space.trials(kind, budget, 0)
        assert len(trials) == budget
        assert len(set(trials)) == budget


@pytest.mark.parametrize(
    "space",
    [
        rates(points=8),
        Space({MOMENTUM: Values((0, 0.9))}),
        Space({LR: Range(low=0.1, high=1), MOMENTUM: Values((0, 0.9))}),
        Space({LR: Range(low=0.1, high=1), MOMENTUM: Values(tuple(range(9)))}),
    ],
)
def test_a_grid_that_is_not_the_budget_is_refused(space: Space) -> None:
    with pytest.raises(ConfigError, match=r"cannot have the 9 settings of the budget"):
        space.trials("grid", 9, 0)


# ---- drawn at random


@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_is_drawn_is_log_uniform_over_the_span(kind: Kind) -> None:
    drawn = np.log10(values(rates(1e-6, 1e-2).trials(kind, 1000, 3)))
    assert kstest((drawn + 6) / 4, "uniform").pvalue > 0.01


@pytest.mark.parametrize("kind", ["sobol", "halton"])
def test_quasi_random_places_are_more_even_than_random_ones(kind: Kind) -> None:
    def gap(one: Kind) -> float:
        places = np.sort(np.log(values(rates().trials(one, 32, 0))))
        return float(np.diff(places).max())

    assert gap(kind) < gap("random") / 1.5


@pytest.mark.parametrize("kind", KINDS[1:])
def test_the_search_has_a_seed_and_spaces_share_the_places(kind: Kind) -> None:
    assert rates().trials(kind, 9, 4) == rates().trials(kind, 9, 4)
    assert rates().trials(kind, 9, 4) != rates().trials(kind, 9, 5)
    here = np.log(values(rates(1e-5, 1e-1).trials(kind, 9, 4)))
    there = np.log(values(rates(1e-3, 1e1).trials(kind, 9, 4)))
    np.testing.assert_allclose(there - here, math.log(100), atol=0.011)


def test_a_number_that_is_no_power_of_two_is_drawn_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(rates().trials("sobol", 9, 0)) == 9


def test_each_of_some_values_is_drawn_about_equally_often() -> None:
    space = Space({MOMENTUM: Values((0, 0.5, 0.9))})
    drawn = values(space.trials("sobol", 300, 0), MOMENTUM)
    assert [drawn.count(value) for value in (0, 0.5, 0.9)] == pytest.approx([100] * 3, abs=3)


# ---- edges and widening


def test_edges_by_hand() -> None:
    space = Space({LR: Range(low=0.01, high=1), MOMENTUM: Values((0, 0.5, 0.9))}).with_points(9)

    def at(rate: float, momentum: float) -> set[Any]:
        return space.edges(Settings(((LR, rate), (MOMENTUM, momentum))))

    assert at(0.01, 0) == {(LR, "below")}
    assert at(0.1, 0.9) == set(), "values are all there is: nothing lies beyond the last"
    assert at(1, 0.5) == {(LR, "above")}


def test_widening_adds_a_step_and_keeps_every_point() -> None:
    space = rates().with_points(9)
    wider = space.widened({(LR, "above")})
    assert wider is not None
    assert values(wider.beyond(space)) == [0.316]
    again = wider.widened({(LR, "above"), (LR, "below")})
    assert again is not None
    assert values(again.beyond(wider)) == [3.16e-6, 1.0]
    assert set(space.trials("grid", 9, 0)) < set(again.beyond(rates(1, 2, 2)))
    assert again.edges(Settings(((LR, 0.1),))) == set()
    assert again.edges(Settings(((LR, 1.0),))) == {(LR, "above")}


def test_widening_one_range_of_a_grid_adds_all_its_combinations() -> None:
    space = Space({LR: Range(low=0.01, high=1), MOMENTUM: Values((0, 0.5, 0.9))}).with_points(9)
    wider = space.widened({(LR, "below")})
    assert wider is not None
    assert [dict(t.values) for t in wider.beyond(space)] == [
        {LR: 0.001, MOMENTUM: momentum} for momentum in (0, 0.5, 0.9)
    ]


def test_a_range_that_a_space_does_not_have_cannot_be_widened() -> None:
    assert rates(points=9).widened({(MOMENTUM, "above")}) is None
    assert Space({LR: Values((1, 2))}).widened({(LR, "above")}) is None


@given(
    low=st.floats(1e-9, 1e3),
    factor=st.floats(1.5, 1e9),
    points=st.integers(3, 12),
    sides=st.lists(st.sampled_from(["below", "above"]), max_size=5),
)
def test_however_a_grid_is_widened_each_step_adds_one_point_a_range(
    low: float, factor: float, points: int, sides: list[Any]
) -> None:
    space = rates(low, low * factor, points)
    tried = set(space.trials("grid", points, 0))
    for side in sides:
        wider = space.widened({(LR, side)})
        assert wider is not None
        added = wider.beyond(space)
        assert len(added) == 1
        assert wider.edges(added[0]) == {(LR, side)}
        tried |= set(added)
        space = wider
    assert len(tried) == points + len(sides)


# ---- declarations


def test_a_space_is_declared_anywhere_in_a_configuration() -> None:
    space = declared_space(
        {
            "optimizer": {"lr": 0.1, "_search_": {"lr": {"low": 0.01, "high": 1}}},
            "model": {"dropout": 0, "part": {"_search_": {"x": [1, [2, 3]]}}, "_search_": None},
            "seed": 0,
        }
    )
    assert space.axes == {
        "optimizer.lr": Range(low=0.01, high=1),
        "model.part.x": Values((1, (2, 3))),
    }


def test_an_empty_list_is_not_searched() -> None:
    declared = {"lr": {"low": 0.01, "high": 1}, "momentum": []}
    assert list(declared_space({"optimizer": {"_search_": declared}}).axes) == ["optimizer.lr"]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"lr": {"low": 0.1}}, r"optimizer\._search_\.lr\.high is required"),
        ({"lr": {"low": 1, "high": 0.1}}, r"low must be less than high"),
        ({"lr": {"low": 0, "high": 0.1}}, r"a log scale starts above 0"),
        ({"lr": {"lo": 1, "low": 1, "high": 2}}, r"unknown key 'lo'; did you mean 'low'"),
        ({"lr": {"low": 1, "high": 2, "scale": "lin"}}, r"lr\.scale must be one of log, linear"),
        ({"lr": {"low": 1, "high": 2, "points": 1}}, r"at least 2 points"),
        ({"lr": None}, r"optimizer\._search_\.lr is None; give the ends"),
        ({"lr": [1, 1]}, r"different values"),
        ({"lr": 0.1}, r"optimizer\._search_\.lr is 0\.1; give the ends"),
        ("lr", r"optimizer\._search_ is 'lr'; name what is searched"),
    ],
)
def test_a_wrong_declaration_is_refused_in_words(declared: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        declared_space({"optimizer": {"_search_": declared}})


def test_everything_that_is_wrong_is_listed() -> None:
    with pytest.raises(ConfigError) as refused:
        declared_space({"optimizer": {"_search_": {"lr": 1, "eps": {"low": 2, "high": 1}}}})
    assert len(str(refused.value).splitlines()) == 2
