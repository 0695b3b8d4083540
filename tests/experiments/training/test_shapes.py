"""Runs on samples with a shape: checked, stacked, in tiles, interrupted, and served."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import nn
from experiments.config.models import CNN, GRU, LSTM, MLP, RNN, Model, ResNet, Sequential
from experiments.datasets import Dataset, Samples
from experiments.errors import ConfigError
from experiments.runs.record import Record
from experiments.serving.predictor import Predictor
from experiments.training.checks import check
from experiments.training.loop import train
from experiments.training.widths import stack_width
from tests.experiments.runs.test_resuming import interrupted, whole
from tests.experiments.small_runs import execute_jobs, make_dataset, make_run, make_small_job
from tests.experiments.training.test_loop import bits


def images(shape: tuple[int, ...] = (2, 5, 4), seed: int = 0) -> Dataset:
    flat = make_dataset(features=int(np.prod(shape)), seed=seed)
    return replace(flat, shape=shape)


MODELS: dict[str, tuple[tuple[int, ...], Model]] = {
    "cnn": ((2, 5, 4), CNN(channels=(3, 4), dense=(6,), normalization="batch", dropout=0.2)),
    "sequence": ((1, 20), CNN(channels=(3, 3), kernels=(5, 3), strides=2, pools=1, dimensions=1)),
    "rnn": ((2, 10), RNN(units=(3,), learnt_state=True)),
    "lstm": ((2, 10), LSTM(units=(3, 2), forget_bias=0.5)),
    "gru": ((1, 20), GRU(units=(3,), bidirectional=True, output="all")),
    "resnet": ((2, 5, 4), ResNet(channels=(4, 6))),
    "sequential": (
        (2, 5, 4),
        Sequential(
            hidden_layers=(nn.ChannelDropout(0.3), nn.Conv2d(3, 2), nn.GroupNorm(3), nn.Flatten())
        ),
    ),
}
OPTIMIZERS = [nn.Adam(lr=0.01), nn.Muon(), nn.SGD(lr=0.1, weight_decay=0.01)]


def runs_of(model: Model, **changes: Any) -> list[Any]:
    return [
        make_run(model=model, optimizer=OPTIMIZERS[seed % 3], seed=seed, dtype="float32", **changes)
        for seed in range(4)
    ]


@pytest.mark.parametrize("name", MODELS)
def test_a_run_is_the_same_alone_in_tiles_and_interrupted(name: str) -> None:
    shape, model = MODELS[name]
    dataset, runs = images(shape), runs_of(model, l1=0.001, clip_norm=1.0)
    alone = [bits(outcome) for run in runs for outcome in train([run], dataset)]
    assert whole(runs, dataset) == alone
    assert interrupted(runs, 1, [2, 0, 3, 1], dataset, tile=2) == alone


def test_runs_on_different_splits_share_a_stack() -> None:
    shape, model = MODELS["cnn"]
    splits = [images(shape, seed) for seed in (0, 1, 0, 2)]
    runs = runs_of(model)
    alone = [
        bits(outcome)
        for run, split in zip(runs, splits, strict=True)
        for outcome in train([run], split)
    ]
    assert whole(runs, splits) == alone


def test_small_blocks_of_evaluation_give_the_same_bits_in_a_stack() -> None:
    shape, model = MODELS["cnn"]
    dataset, runs = images(shape), runs_of(model)
    with mock.patch("nn.network._SCRATCH", 1500):
        alone = [bits(outcome) for run in runs for outcome in train([run], dataset)]
        assert whole(runs, dataset) == alone


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (CNN(), (4,), r"takes samples of shape \(channels, height, width\).*\(4,\)"),
        (CNN(dimensions=1), (1, 4, 4), r"\(channels, length\).*\(1, 4, 4\)"),
        (GRU(), (4,), r"takes samples of shape \(channels, length\).*\[1, 4\]"),
        (LSTM(), (1, 4, 4), r"takes samples of shape \(channels, length\).*\[1, 16\]"),
        (RNN(shape=(2, 4)), (9,), "has 8 numbers, and a sample of the dataset has 9"),
        (CNN(shape=(1, 3, 3)), (4,), "has 9 numbers, and a sample of the dataset has 4"),
        (CNN(kernels=9, padding="valid"), (1, 8, 8), "conv2d1 .*9×9 does not fit into 8×8"),
        (CNN(pools=4), (1, 8, 8), r"maxpool2d2 gets samples of shape \(32, 2, 2\)"),
        (Sequential(hidden_layers=(nn.Conv2d(2, 3),)), (1, 8, 8), "put nn.layers.Flatten"),
        (Sequential(hidden_layers=(nn.Conv2d(4, 3, groups=3),)), (1, 8, 8), "3 groups"),
        (
            Sequential(hidden_layers=(nn.Residual([nn.Conv2d(4, 3)]), nn.Flatten())),
            (1, 8, 8),
            r"residual1 .*its layers give \(4, 6, 6\) and its shortcut \(1, 8, 8\)",
        ),
        (Sequential(hidden_layers=(nn.Dense(4), nn.Conv1d(2, 2))), (4,), "nn.layers.Reshape"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(model, shape, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(make_run(model=model), images(shape))


@pytest.mark.parametrize("name", ["kernels", "strides", "pools"])
def test_a_number_for_each_convolution_or_one_for_all(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be one number for all 2 convolutions"):
        CNN(**{name: (2, 2, 2)})
    assert len(CNN(**{name: (2, 1)}).layers(3)) == len(CNN().layers(3)) - (name == "pools")


def test_vectors_are_what_most_models_take() -> None:
    assert MLP().input_shape(Samples((3, 4, 5))) == (60,)
    assert Sequential(hidden_layers=(nn.Dropout(), nn.Dense(3))).input_shape(Samples((3, 4))) == (
        12,
    )
    assert Sequential(hidden_layers=(nn.Dropout(), nn.Conv1d(3, 2))).input_shape(
        Samples((3, 4))
    ) == (3, 4)
    assert CNN(shape=(3, 4, 5)).input_shape(Samples((60,))) == (3, 4, 5)
    assert GRU(shape=(12, 5)).input_shape(Samples((3, 4, 5))) == (12, 5)


def test_stacks_are_narrower_for_what_convolutions_keep() -> None:
    dataset = images((1, 28, 28))
    wide = stack_width(make_run(model=MLP(hidden=(20,))), dataset)
    assert 1 <= stack_width(make_run(model=CNN(channels=(20,), kernels=5)), dataset) < wide


def test_a_huge_padding_is_refused_before_it_takes_memory() -> None:
    layers = (nn.Conv2d(1, 1, padding=10**6), nn.GlobalAvgPool())
    with pytest.raises(ConfigError, match="numbers for a sample"):
        check(make_run(model=Sequential(hidden_layers=layers)), images((1, 8, 8)))


def test_a_record_keeps_the_shape_and_is_served(tmp_path: Path) -> None:
    dataset = images((1, 5, 4))
    job = make_small_job(
        tmp_path,
        training__dtype="float32",
        model={"_target_": "experiments.config.models.CNN", "channels": [3], "dense": []},
    )
    (folder,) = execute_jobs([job], dataset)
    record = Record.read(folder)
    assert record.dataset["shape"] == [1, 5, 4]
    predictor = Predictor(record, "best", trusted=frozenset())
    rows = dataset.test.inputs
    predicted = predictor.predict(rows)
    assert len(predicted) == len(rows)
    again = predictor.predict(rows.reshape(-1, 5, 4))
    np.testing.assert_array_equal(again.to_numpy(), predicted.to_numpy())
