"""The format of a run's tables, from its configuration."""

from typing import Any

import pytest

from experiments.datasets import TableFormat


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ({}, TableFormat()),
        ({"delimiter": None, "encoding": "utf-16"}, TableFormat(None, "utf-16")),
        ({"delimiter": ";"}, TableFormat(";")),
        ({"delimiter": "\\t"}, TableFormat("\t")),
        # A user's own source may mean something else.
        ({"delimiter": "none", "encoding": "one-hot"}, TableFormat()),
        ({"delimiter": 3, "encoding": ["a"]}, TableFormat()),
    ],
)
def test_format_of_a_configuration(dataset: dict[str, Any], expected: TableFormat) -> None:
    assert TableFormat.of_config(dataset) == expected
