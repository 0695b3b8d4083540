"""Runs on sequences of tokens."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import nn
from experiments.config.models import GRU, LSTM, MLP, RNN, Transformer
from experiments.datasets import Adding, Copy, Dataset, EmbeddedReber, Text
from experiments.datasets.sources.embedded_reber import WrongStrings
from experiments.errors import ConfigError
from experiments.training.checks import check
from experiments.training.loop import train
from nn.initializers import Zeros
from nn.metrics import BitsPerCharacter, Perplexity, Wrong
from nn.orders import Streams
from nn.probes import ClassLoss
from tests.experiments.small_runs import in_tiles_of, make_run
from tests.experiments.training.test_loop import bits, outcome_of, outcomes
from tests.experiments.training.test_shared_rows import States


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


def test_bits_per_character_are_refused_without_characters(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("to be or not to be that is the question " * 8)
    words = Text(source=str(path), length=4, unit="words").load()
    run = make_run(model=LSTM(units=(4,)), metrics=(BitsPerCharacter(),))
    with pytest.raises(ConfigError, match=r"the characters of a text.* choose perplexity"):
        check(run, words)
    check(make_run(model=LSTM(units=(4,)), metrics=(Perplexity(),)), words)


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


def test_hardly_any_smoothing_changes_hardly_anything(text: Dataset) -> None:
    plain, smoothed = (
        outcome_of(make_run(model=RNN(units=(3,)), loss=loss), text).summary["final/train_loss"]
        for loss in (nn.CrossEntropy(), nn.CrossEntropy(label_smoothing=1e-6))
    )
    assert smoothed == pytest.approx(plain, rel=1e-4)


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


def streams_of(**changes):
    return [
        make_run(
            model=GRU(units=(4,)), seed=seed, optimizer=nn.Adam(lr=rate), order=Streams(), epochs=3,
            batch_size=8, metrics=(Perplexity(),), **changes,
        )
        for seed, rate in [(0, 0.01), (1, 0.01), (0, 0.1)]
    ]  # fmt: skip


def test_streams_have_the_same_bits_alone_stacked_and_resumed(text: Dataset) -> None:
    runs = streams_of()
    alone = [bits(outcome_of(run, text)) for run in runs]
    keeper = States(1)
    with in_tiles_of(2):
        stacked = list(train(runs, text, keeper=keeper))
    assert [bits(o) for o in sorted(stacked, key=lambda o: o.position)] == alone
    states = [keeper.states[position] for position in range(len(runs))]
    assert {state.epoch for state in states} == {1}
    resumed = sorted(train(runs, text, states=states), key=lambda o: o.position)
    assert [bits(outcome) for outcome in resumed] == alone


def test_streams_are_read_with_what_came_before(text: Dataset) -> None:
    [run, *_] = streams_of()
    apart = outcome_of(dataclasses.replace(run, training=make_run(
        epochs=3, batch_size=8, metrics=(Perplexity(),)).training), text)  # fmt: skip
    assert bits(apart) != bits(outcome_of(run, text))


@pytest.mark.parametrize(
    ("dataset", "model", "message"),
    [
        (None, GRU(units=(3,), bidirectional=True), "gru1 cannot carry its state"),
        (EmbeddedReber(rows=30).load(), GRU(units=(3,)), "is for texts.*not for dataset embedded"),
    ],
)
def test_streams_that_cannot_be(text: Dataset, dataset, model, message: str) -> None:
    run = make_run(model=model, order=Streams())
    with pytest.raises(ConfigError, match=message):
        check(run, dataset or text)


@pytest.mark.parametrize(
    ("dataset", "loss", "metric"),
    [
        (Adding(length=20, rows=60).load(), nn.MeanSquaredError(), Wrong(tolerance=0.1)),
        (EmbeddedReber(rows=60, longest=20).load(), nn.CrossEntropy(), WrongStrings()),
    ],
)
def test_different_lengths_in_a_stack(dataset: Dataset, loss, metric) -> None:
    runs = [
        make_run(
            model=LSTM(units=(3, 2), bidirectional=True), loss=loss, seed=seed,
            optimizer=optimizer, metrics=(metric,), epochs=2,
        )
        for seed, optimizer in [(0, nn.Adam()), (1, nn.SGD()), (2, nn.Adam(lr=0.1))]
    ]  # fmt: skip
    with in_tiles_of(2):
        stacked = outcomes(runs, dataset)
    for run, outcome in zip(runs, stacked, strict=True):
        assert bits(outcome) == bits(outcome_of(run, dataset))
        assert np.isfinite(outcome.summary["test/loss"])
        assert 0 <= outcome.summary[f"test/{metric.key}"] <= len(dataset.test)


def test_loss_and_accuracy_count_the_steps_with_a_target() -> None:
    """A network whose outputs are all equal at first, so that its loss and its choice are known."""
    dataset = EmbeddedReber(rows=60, longest=20).load()
    model = GRU(units=(2,), initializer=Zeros())
    untrained = outcome_of(make_run(model=model, epochs=1), dataset).summary
    assert untrained["untrained/test_loss"] == pytest.approx(np.log(7), rel=1e-5)
    targets = dataset.test.targets
    assert (targets < 0).any()
    share = (targets == 0).sum() / (targets >= 0).sum()
    assert untrained["untrained/test_accuracy"] == pytest.approx(share)


@pytest.mark.parametrize(
    "model",
    [GRU(units=(3,), bidirectional=True), Transformer(depth=1, width=4, heads=2, causal=False)],
    ids=["gru", "transformer"],
)
def test_a_network_that_sees_what_it_is_to_predict_is_refused(text: Dataset, model) -> None:
    reber = EmbeddedReber(rows=30).load()
    assert text.shows_targets
    assert reber.shows_targets
    for dataset in (text, reber):
        with pytest.raises(ConfigError, match="would be told what it is to predict"):
            check(make_run(model=model), dataset)


def test_it_may_look_ahead_where_later_steps_are_no_answers() -> None:
    copied = Copy(rows=30, delay=2).load()
    assert not copied.shows_targets
    check(make_run(model=GRU(units=(3,), bidirectional=True)), copied)
