import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.statistics.estimate import Estimate
from experiments.reporting.words.formatting import (
    Notation,
    column,
    compact,
    counts,
    duration,
    interval,
    number,
    percent,
    time_unit,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("mean", "deviation", "written"),
    [
        (0.9712, 0.0031, "0.9712 ± 0.0031"),
        (0.97123, 0.031, "0.971 ± 0.031"),
        (12.345, 1.234, "12.3 ± 1.2"),
        (1234.5, 56.7, "1234 ± 57"),
        (0.97123, NAN, "0.9712"),
        (0.5, 0.0, "0.5000 ± 0.0000"),
        (NAN, NAN, "–"),
        (2.5e7, 1e6, "(2.50 ± 0.10)e7"),
        (3.1e-9, 1.2e-9, "(3.10 ± 1.20)e-9"),
        (-0.25, 0.11, "-0.25 ± 0.11"),
    ],
)
def test_digits_follow_the_spread(mean, deviation, written):
    assert column([mean], [deviation])[0].strip() == written


def test_counts_and_their_intervals_have_no_more_than_one_decimal():
    assert counts([7.65766, 13.027, 9.0, math.inf]) == ["7.7", "13.0", "9.0", "never"]
    assert counts([9.0, 12.0, NAN, math.inf]) == ["9", "12", "–", "never"]


def test_columns_align_and_share_their_decimals():
    assert column([0.5, 12.25, NAN, 3.0], [0.1, 0.2, NAN, NAN]) == [
        " 0.50 ± 0.10",
        "12.25 ± 0.20",
        "    –       ",
        " 3.00       ",
    ]


def test_decimals_ignore_what_is_not_there():
    assert Notation.of([NAN], [NAN]) == Notation.of([0.0], [0.0]) == Notation(2)
    assert number(0.0, 4) == "0.0000"


@given(
    st.lists(
        st.tuples(st.floats(-1e12, 1e12), st.floats(0, 1e12) | st.just(NAN)), min_size=1, max_size=5
    )
)
def test_a_column_has_one_notation_and_each_value_the_decimals_of_its_spread(pairs):
    cells = column(*map(list, zip(*pairs, strict=True)))
    places = {
        len(text.strip("() ").partition(".")[2])
        for cell in cells
        for text in cell.partition(")")[0].partition("e")[0].split("±")
    }
    assert len(places) == 1


def test_a_small_spread_beside_a_large_one_keeps_a_digit():
    assert column([0.03, 0.14], [0.0041, 0.21]) == ["0.030 ± 0.004", "0.140 ± 0.210"]


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (0.03, 4, "0.03"),
        (1.0, 4, "1"),
        (2.5e-4, 4, "2.5e-4"),
        (2e5, 4, "2e5"),
        (0.0001, 4, "1e-4"),
        (1e6, 4, "1e6"),
        (9999.96, 4, "1e4"),
        (0.00099999, 4, "0.001"),
        (123.456, 4, "123.5"),
        (123.456, 2, "1.2e2"),
        (-0.00025, 4, "-2.5e-4"),
        (0.0, 4, "0"),
        (NAN, 4, "–"),
        (math.inf, 4, "∞"),
    ],
)
def test_a_number_is_written_as_one_would_type_it(value, digits, written):
    assert compact(value, digits) == written


@given(st.floats(-1e300, 1e300), st.integers(1, 9))
def test_what_is_typed_is_the_number_to_its_digits(value, digits):
    assert float(compact(value, digits)) == float(f"{value:.{digits - 1}e}")


def test_shares_keep_what_is_small():
    assert [percent(share) for share in (1, 0.97, 0.042, 0.0001, 0)] == [
        "100%", "97%", "4.2%", "< 0.1%", "0%",
    ]  # fmt: skip


def test_an_interval_that_nothing_bounds_is_left_out():
    assert interval(Estimate(0.25, -math.inf, math.inf)) == "0.2500"
    assert interval(Estimate(0.25, 0.24, 0.26)) == "0.250 [0.240, 0.260]"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 µs"),
        (1.37e-4, "137 µs"),
        (9.9999e-4, "1 ms"),
        (4.0213e-3, "4.02 ms"),
        (0.15, "150 ms"),
        (0.99999, "1 s"),
        (3.0, "3 s"),
        (59.99, "1 min 0 s"),
        (125, "2 min 5 s"),
        (12_000, "3 h 20 min"),
        (1e6, "277 h 46 min"),
        (NAN, "–"),
        (math.inf, "∞"),
    ],
)
def test_a_duration_has_the_unit_that_people_would_choose(seconds, written):
    assert duration(seconds) == written


def test_a_column_of_times_has_the_unit_in_which_they_are_short():
    assert time_unit([12.0, 150_000.0]) == ("ms", 1e3)
    assert time_unit([12.0, NAN]) == ("µs", 1.0)
    assert time_unit([2e7]) == ("s", 1e6)
