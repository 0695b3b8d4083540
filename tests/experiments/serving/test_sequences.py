"""Predictions for sequences of different lengths, each of whose steps has a target."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nn
from experiments.config.models import GRU
from experiments.datasets import EmbeddedReber
from experiments.errors import DataError
from experiments.serving.predictor import Predictor
from tests.experiments.record_factory import config_yaml, make_record, record_data

DATA = EmbeddedReber(rows=30, longest=20).load()


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    model = "model:\n  _target_: experiments.config.models.GRU\n  units: [3]\n"
    start, rest = config_yaml().split("model:\n")
    config = start + model + "loss:\n" + rest.split("loss:\n")[1]
    record = make_record(
        tmp_path,
        config=config,
        preprocessing=DATA.preprocessing.to_json(),
        weights={f"best/{name}": array for name, array in network().weights().items()},
        dataset={
            **record_data()["dataset"],
            "features": DATA.features,
            "outputs": 7,
            "shape": list(DATA.shape),
            "steps": DATA.samples.steps,
            "padded": True,
            "target_names": list(DATA.target_names),
            "feature_names": list(DATA.feature_names),
        },
    )
    return Predictor(record, trusted=frozenset())


def network() -> nn.Network:
    layers = GRU(units=(3,)).layers(7, DATA.samples)
    return nn.Network(layers, DATA.shape, loss=nn.CrossEntropy(), seeds=[1], padded=True)


@pytest.mark.parametrize("as_frame", [False, True])
def test_a_row_for_each_step(predictor: Predictor, as_frame: bool) -> None:
    raw = DATA.test.take([0, 1])
    lengths = (DATA.test.targets[:2] >= 0).sum(axis=1)
    frame = pd.DataFrame(raw, columns=list(DATA.feature_names), index=["one", "two"])
    found = predictor.predict(frame if as_frame else raw)
    assert tuple(found.columns) == predictor.columns
    assert found["row"].tolist() == [1] * lengths[0] + [2] * lengths[1]
    assert found["step"].tolist() == [*range(1, lengths[0] + 1), *range(1, lengths[1] + 1)]
    if as_frame:
        assert found.index.tolist() == ["one"] * lengths[0] + ["two"] * lengths[1]
    outputs = network().predict(raw)[0]
    expected = np.concatenate([outputs[row, :length] for row, length in enumerate(lengths)])
    np.testing.assert_allclose(found.filter(like="probability_"), expected, rtol=1e-6)
    names = np.array(DATA.target_names)
    assert found["prediction"].tolist() == names[expected.argmax(axis=1)].tolist()


def test_a_sequence_with_a_gap(predictor: Predictor) -> None:
    raw = DATA.test.take([0]).copy()
    raw.reshape(DATA.shape)[:, 2] = np.nan
    with pytest.raises(DataError, match="row 1 lacks step 3, but has step 4"):
        predictor.predict(raw)
