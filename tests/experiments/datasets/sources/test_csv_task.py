"""Whole numbers as a target: classes where they repeat, measurements where they do not."""

import pytest

from experiments.datasets import Csv, Task


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        ([10, 20, 31, 39, 52, 60, 72, 81], Task.REGRESSION),  # each once
        ([0, 1, 2, 0, 1, 2, 0, 1, 2], Task.MULTICLASS),
        ([0, 1, 0, 1, 1, 0], Task.BINARY),
        ([0.5, 1.5, 0.5, 1.5, 0.5, 1.5], Task.REGRESSION),  # not whole
    ],
)
def test_inferred(tmp_path, targets, task):
    rows = [f"{i},{target}" for i, target in enumerate(targets)]
    (tmp_path / "table.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    source = Csv(path=str(tmp_path / "table.csv"), target="y", validation=0.2, test=0.2)
    assert source.load().task is task
