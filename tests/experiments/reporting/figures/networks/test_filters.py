"""The pictures of filters: their numbers against plain loops over the test part."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.groups import group_runs
from experiments.datasets import Dataset, Digits
from experiments.reporting.figures.networks.filters import first_filters, plot_filters
from tests.experiments.reporting.figures.networks.trained_sweeps import rows_of, train_sweep
from tests.experiments.small_runs import make_dataset

IMAGES = {"channels": [3], "kernels": [3], "pools": [2], "dense": [], "random_shift": 1}
SEQUENCES = {"channels": [4], "kernels": [5], "strides": [2], "pools": [1], "dimensions": 1}


def model(options: dict) -> dict:
    return {"_target_": "experiments.config.models.CNN", **options}


def digits() -> Dataset:
    return Digits(limit=120).load()


def sequences() -> Dataset:
    return replace(make_dataset(features=22), shape=(2, 11))


@pytest.mark.parametrize(
    ("dataset", "options"), [(digits(), IMAGES), (sequences(), SEQUENCES)], ids=["image", "series"]
)
def test_each_filter_shows_where_it_answers_most(
    tmp_path: Path, dataset: Dataset, options: dict
) -> None:
    (one,) = rows_of(group_runs(train_sweep(tmp_path, dataset, ["Adam"], model=model(options))))
    weights = one.run.weights()
    (name,) = (key for key in weights if key.startswith("conv") and key.endswith("/weights"))
    found = first_filters(one, dataset)
    assert len(found) == options["channels"][0]
    samples = dataset.test.inputs.reshape(-1, *dataset.shape)
    (size,), (stride,) = options["kernels"], options.get("strides", [1])
    reach = [(0, 0), (0, 0)]
    for extent in dataset.shape[1:]:  # "same": as many places as ⌈extent / stride⌉ windows need
        added = max((-(-extent // stride) - 1) * stride + size - extent, 0)
        reach.append((added // 2, added - added // 2))
    padded = np.pad(samples, reach)
    starts = [range(0, extent - size + 1, stride) for extent in padded.shape[2:]]
    for one_filter, kernel in zip(found, weights[name], strict=True):
        np.testing.assert_array_equal(one_filter.kernel, kernel)
        answers = [
            np.sum(kernel * row[(slice(None), *(slice(at, at + size) for at in place))])
            for row in padded
            for place in product(*starts)
        ]
        assert np.sum(kernel * one_filter.seen) == pytest.approx(max(answers), rel=1e-5)
    figure = plot_filters([(one, found)])
    assert len(figure.axes) == 2 * len(found)


def test_dense_networks_have_none(tmp_path: Path) -> None:
    dataset = digits()
    (one,) = rows_of(group_runs(train_sweep(tmp_path, dataset, ["Adam"])))
    assert first_filters(one, dataset) == []
