import math

import pytest

from experiments.reporting.words.formatting import column, decimals, number, single, tenths

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
        (2.5e7, 1e6, "2.5e+07 ± 1.0e+06"),
        (3.1e-9, 1.2e-9, "3.1e-09 ± 1.2e-09"),
        (-0.25, 0.11, "-0.25 ± 0.11"),
    ],
)
def test_digits_follow_the_spread(mean, deviation, written):
    assert single(mean, deviation) == written


def test_counts_and_their_intervals_have_no_more_than_one_decimal():
    ends = (7.65766, 13.027, 11.5, 9.0, math.inf)
    assert [tenths(end) for end in ends] == ["7.7", "13.0", "11.5", "9", "∞"]


def test_columns_align_and_share_their_decimals():
    assert column([0.5, 12.25, NAN, 3.0], [0.1, 0.2, NAN, NAN]) == [
        " 0.50 ± 0.10",
        "12.25 ± 0.20",
        "    –       ",
        " 3.00       ",
    ]


def test_decimals_ignore_what_is_not_there():
    assert decimals([NAN], [NAN]) == 2
    assert decimals([0.0], [0.0]) == 2
    assert number(0.0, 4) == "0.0000"
