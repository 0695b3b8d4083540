"""Runs on sequences of tokens."""

import numpy as np
import pytest

import nn
from experiments.config.models import GRU, LSTM, MLP, RNN
from experiments.datasets import Dataset, Text
from experiments.errors import ConfigError
from experiments.training.checks import check
from nn.metrics import BitsPerCharacter, Perplexity
from nn.probes import ClassLoss
from tests.experiments.small_runs import in_tiles_of, make_run
from tests.experiments.training.test_loop import bits, outcome_of, outcomes


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    letters = np.random.default_rng(0).choice(list("abcd"), 400)
    path.write_text("".join(letters))
    return Text(source=str(path), length=6).load()


def runs_of(**changes):
    return [
        make_run(model=GRU(units=(3,), tied=True), seed=seed, optimizer=optimizer, **changes)
        for seed, optimizer in [(0, nn.Adam()), (1, nn.SGD()), (0, nn.Adam(lr=0.1))]
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_stacking_is_invisible(text: Dataset, dtype) -> None:
    runs = runs_of(dtype=dtype, metrics=(Perplexity(),), probes=(ClassLoss(),))
    with in_tiles_of(2):
        stacked = outcomes(runs, text)
    for run, outcome in zip(runs, stacked, strict=True):
        assert bits(outcome) == bits(outcome_of(run, text))


def test_loss_accuracy_and_metrics_are_means_over_all_steps(text: Dataset) -> None:
    metrics = (BitsPerCharacter(), Perplexity())
    outcome = outcome_of(make_run(model=LSTM(units=(4,)), metrics=metrics), text)
    loss = outcome.summary["test/loss"]
    assert outcome.summary["test/bits_per_character"] == pytest.approx(loss / np.log(2))
    assert outcome.summary["test/perplexity"] == pytest.approx(np.exp(loss))
    steps = text.test.targets.size
    hits = outcome.summary["test/accuracy"] * steps
    assert hits == pytest.approx(round(hits))
    assert 0 < hits < steps


def test_balanced_classes_and_smoothing_train(text: Dataset) -> None:
    losses = {
        outcome_of(make_run(model=RNN(units=(3,)), loss=loss), text).summary["final/train_loss"]
        for loss in (
            nn.CrossEntropy(),
            nn.CrossEntropy(class_weights="balanced"),
            nn.CrossEntropy(label_smoothing=0.1),
        )
    }
    assert len(losses) == 3
    assert np.isfinite(list(losses)).all()


def test_a_model_of_numbers_is_refused(text: Dataset) -> None:
    with pytest.raises(ConfigError, match="has sequences of tokens, which this model does not"):
        check(make_run(model=MLP()), text)


def test_a_loss_of_numbers_is_refused(text: Dataset) -> None:
    with pytest.raises(ConfigError, match="use loss=cross_entropy"):
        check(make_run(model=RNN(), loss=nn.MeanSquaredError()), text)


def test_tied_weights_of_another_width_are_refused(text: Dataset) -> None:
    run = make_run(model=LSTM(units=(4, 3), tied=True))
    with pytest.raises(ConfigError, match="4 units, but it has 4 outputs for 3"):
        check(run, text)
