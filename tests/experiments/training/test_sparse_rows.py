"""Runs on sparse rows: the same bits alone, stacked and resumed; what they cannot be trained by."""

from dataclasses import replace

import numpy as np
import pytest

import nn
from experiments.config.models import CNN, GRU, MLP, Sequential
from experiments.datasets import Dataset, Names, Part
from experiments.errors import ConfigError
from experiments.training.checks import check
from experiments.training.loop import train
from experiments.training.stacking import make_stacks
from experiments.training.widths import tile_width
from nn.layers import Dense, Dropout
from nn.probes import ClassLoss, Norms, Sharpness
from nn.speed import compile as compiling
from tests.experiments.small_runs import make_run
from tests.experiments.training.test_shared_rows import States, bits, trained

EPOCHS = 3


def names(seed: int = 0, **options) -> Dataset:
    return Names(seed=seed, limit=80, most_terms=60, **options).load()


def runs(count=4, **changes):
    optimizers = [nn.SGD(lr=0.5), nn.Adagrad(lr=0.1), nn.SGD(lr=0.1), nn.Adam()]
    return [
        make_run(
            model=MLP(hidden=(4,)), loss=nn.BinaryCrossEntropy(), dtype="float32", batch_size=7,
            epochs=EPOCHS, seed=seed, optimizer=optimizers[seed], **changes,
        )
        for seed in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("seeds", [(0, 0, 0, 0), (0, 1, 0, 2)], ids=["one split", "three splits"])
def test_a_run_has_the_same_bits_alone_stacked_and_resumed(seeds, compiled, monkeypatch):
    monkeypatch.setattr(compiling, "COMPILE_AFTER", 0 if compiled else 1e12)
    datasets = {seed: names(seed) for seed in seeds}
    own = [datasets[seed] for seed in seeds]
    # Each split has its own terms; the stack needs as many of each.
    assert len({one.features for one in own}) == 1
    alone = [trained([run], [one])[0] for run, one in zip(runs(), own, strict=True)]
    keeper = States(1)
    assert trained(runs(), own, keeper=keeper) == alone
    monkeypatch.setattr(compiling, "COMPILE_AFTER", 1e12 if compiled else 0)
    assert trained(runs(), own) == alone
    resumed = list(train(runs(), own, states=[keeper.states[place] for place in range(4)]))
    assert sorted(str(bits(one)[0]) for one in resumed) == sorted(str(one[0]) for one in alone)


def test_the_width_of_a_tile_changes_no_bit(monkeypatch):
    own = [names()] * 4
    whole = trained(runs(), own)
    monkeypatch.setattr("experiments.training.stack.tile_width", lambda *_: 2)
    assert trained(runs(), own) == whole


def test_sparse_and_dense_rows_train_alike():
    given, dense = names(), names(form="dense")
    for run in runs(2):
        first, second = (next(iter(train([run], [one]))) for one in (given, dense))
        for name, weights in first.weights.items():
            np.testing.assert_allclose(second.weights[name], weights, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            second.summary["test/loss"], first.summary["test/loss"], rtol=1e-4
        )


def test_zeros_cost_no_room_in_the_cache():
    # A stack is as wide as parameters and units allow, whatever the number of columns.
    dataset = names()
    dense = replace(dataset, train=Part(dataset.train.sparse.dense()[0], dataset.train.targets))
    many = [make_run(model=MLP(hidden=(2,)), batch_size="full")] * 1000
    assert tile_width(many, dataset) > tile_width(many, dense)


def test_runs_of_one_split_share_a_stack():
    each = runs()
    (stack,) = make_stacks(each, {run.dataset: names() for run in each})
    assert sorted(stack) == [0, 1, 2, 3]


def test_probes_measure_runs_on_sparse_rows():
    probes = Norms(every=1), ClassLoss(every=1), Sharpness(every=1)
    given, dense = (
        next(iter(train(runs(1, probes=probes), [one]))) for one in (names(), names(form="dense"))
    )
    measured = [name for name in given.metrics if name.startswith("probe/")]
    assert len(measured) > 3
    for name in measured:
        np.testing.assert_allclose(
            given.metrics[name], dense.metrics[name], rtol=1e-3, err_msg=name
        )


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (CNN(dimensions=1, channels=(2,), shape=(1, 60)), "conv1d1"),
        (GRU(units=(2,), shape=(1, 60)), "gru1"),
        (Sequential(hidden_layers=(Dropout(0.1), Dense(3))), "dropout1"),
    ],
)
def test_layers_that_take_no_sparse_rows_are_refused_before_training(model, layer):
    run = make_run(model=model, loss=nn.BinaryCrossEntropy())
    with pytest.raises(ConfigError, match=rf"{layer}, takes no sparse rows.*model=mlp") as error:
        check(run, names())
    assert "dataset.form=dense" in str(error.value)


def test_an_mlp_takes_them_directly():
    check(make_run(model=MLP(hidden=(4,)), loss=nn.BinaryCrossEntropy()), names())
    check(make_run(model=MLP(hidden=()), loss=nn.BinaryCrossEntropy()), names())
