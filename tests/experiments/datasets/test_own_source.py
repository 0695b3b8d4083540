"""The example in `Source`'s docstring, and what is checked of a source of one's own."""

import inspect
import re
import sys
import textwrap
from dataclasses import replace

import hydra.utils
import numpy as np
import pytest
import yaml

from experiments.datasets import Dataset, Iris, Part, Source, Task, load_dataset
from experiments.errors import ConfigError, DataError

IMPORTS = """
from dataclasses import dataclass
from typing import Annotated
import numpy as np
from experiments.datasets import Dataset, SplitSource, Table, Task
from experiments.datasets.scaling import Scaling
from nn.component import Interval
"""


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The documented module on the path; returns the documented YAML as a mapping."""
    doc = inspect.getdoc(Source) or ""
    block = textwrap.dedent(re.search(r"::\n\n(.*?)\n(?=\S)", doc, re.S)[1])
    code, config = block.split("# conf/dataset/parity.yaml")
    (tmp_path / "parity.py").write_text(IMPORTS + code)
    monkeypatch.syspath_prepend(tmp_path)
    yield yaml.safe_load(config)
    sys.modules.pop("parity", None)


def test_documented_example_works_through_target(example, tmp_path):
    source = hydra.utils.instantiate(example)
    dataset = load_dataset(source, tmp_path / "cache")
    assert (dataset.task, dataset.features, dataset.outputs) == (Task.BINARY, 8, 2)
    assert sum(map(len, dataset.parts.values())) == 256
    np.testing.assert_array_equal(dataset.train.inputs.sum(axis=1) % 2, dataset.train.targets)
    assert load_dataset(source, tmp_path / "cache").digest == dataset.digest
    with pytest.raises(ConfigError, match=r"dataset.bits must be a whole number in"):
        type(source)(bits=20)


@pytest.fixture(scope="module")
def iris() -> Dataset:
    return Iris().load()


def ones(rows, columns=4, dtype=np.float64):
    return np.ones((rows, columns), dtype)


ZEROS = np.zeros(2, np.int64)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (ones(0), ZEROS[:0], r"shape \(0, 4\)"),
        (np.ones(2), ZEROS, r"shape \(2,\)"),
        (ones(2, dtype=np.int64), ZEROS, "inputs are int64"),
        (ones(2, 3), ZEROS, "3 features, but the preprocessing produces 4"),
        (ones(2) * np.nan, ZEROS, "an input is not a number"),
        (ones(2) * np.inf, ZEROS, "infinite"),
        (ones(2) * 1e39, ZEROS, "beyond single precision"),
        (ones(3), ZEROS, r"shape \(2,\), not int64 of shape \(3,\)"),
        (ones(2), ZEROS.astype(float), "targets are float64"),
        (ones(2), ZEROS + 3, "class index lies outside 0 to 2"),
        (ones(2), ZEROS - 1, "class index lies outside 0 to 2"),
    ],
)
def test_parts_that_do_not_fit_their_description_are_refused(iris, inputs, targets, message):
    with pytest.raises(DataError, match="dataset iris, validation part: .*" + message):
        replace(iris, validation=Part(inputs, targets))


def test_targets_that_do_not_fit_the_task_are_refused(iris):
    with pytest.raises(DataError, match="two classes, not 3"):
        replace(iris, task=Task.BINARY)
    for task, value in ((Task.MULTILABEL, 0.5), (Task.REGRESSION, np.nan)):
        parts = {
            name: Part(part.inputs.copy(), np.full((len(part), 3), value))
            for name, part in iris.parts.items()
        }
        with pytest.raises(DataError, match=r"neither 0 nor 1|not a number"):
            replace(iris, task=task, **parts)


def test_parts_are_read_only(iris):
    with pytest.raises(ValueError, match="read-only"):
        iris.train.inputs[0] = 0
