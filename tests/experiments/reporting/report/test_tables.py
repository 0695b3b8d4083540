"""Cells of the report's tables."""

import pytest

from experiments.reporting.report import tables
from tests.experiments.analysis.made_up_studies import tuned_study


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (4, "1e-4, 0.001, 0.01, 0.1"),
        (17, "17 values from 1e-4 to 0.1"),  # as many as several studies try
    ],
)
def test_many_values_that_were_tried_are_counted(tmp_path, count, said):
    rates = [10 ** (3 * place / (count - 1) - 4) for place in range(count)]
    (part,) = tuned_study(tmp_path, ["adam"], seeds=range(2), rates=rates).parts
    ((_, tried, *_),) = tables.settings(part).rows
    assert tried.text == said
