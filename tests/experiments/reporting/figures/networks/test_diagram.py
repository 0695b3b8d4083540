from pathlib import Path

from experiments.analysis.groups import group_runs
from experiments.datasets import Digits
from experiments.reporting.figures.networks import figures_for
from tests.experiments.reporting.figures.networks.trained_sweeps import rows_of, train_sweep, words

CNN = {"_target_": "experiments.config.models.CNN", "channels": [3], "kernels": 3, "dense": []}


def test_a_box_for_each_layer_with_its_shape(tmp_path: Path) -> None:
    dataset = Digits(limit=120).load()
    records = train_sweep(tmp_path, dataset, ["SGD", "Adam"], model=CNN)
    pictures = {one.name: one for one in figures_for(records, dataset, trusted=frozenset())}
    assert {"filters", "network"} <= set(pictures)
    said = words(pictures["network"].figure)
    for text in ("input", "1 × 8 × 8", "conv2d1", "3 × 8 × 8", "30 parameters", "3 × 4 × 4",
                 "flatten1", "dense1", "490 parameters"):  # fmt: skip
        assert text in said
    assert rows_of(group_runs(records))[0].label in pictures["network"].caption
