"""The pictures of networks of sequences: attention, and hidden states over time."""

from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.groups import group_runs
from experiments.datasets import Dataset, Text
from experiments.reporting.figures.networks import figures_for
from experiments.reporting.figures.networks.attention import attention_of
from experiments.reporting.figures.networks.states import states_of
from experiments.runs.network import network_of
from tests.experiments.reporting.figures.networks.trained_sweeps import rows_of, train_sweep, words

LENGTH = 8
MODELS = {
    "attention": {"_target_": "experiments.config.models.Transformer", "depth": 2, "width": 8},
    "states": {"_target_": "experiments.config.models.LSTM", "units": [5, 3]},
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(np.random.default_rng(0).choice(list("ab \n"), 400)))
    return Text(source=str(path), length=LENGTH).load()


@pytest.mark.parametrize("picture", MODELS)
def test_texts_have_their_picture_and_none_of_classes(
    picture: str, text: Dataset, tmp_path: Path
) -> None:
    records = train_sweep(tmp_path, text, ["Adam"], model=MODELS[picture])
    found = {one.name: one for one in figures_for(records, text, trusted=frozenset())}
    assert set(found) == {picture, "norms"}
    shown = words(found[picture].figure)
    first = text.preprocessing.vocabulary.tokens[text.test.inputs[0, 0]]
    assert first.replace(" ", "·").replace("\n", "\\n") in shown


def test_attention_looks_at_earlier_steps_only(text: Dataset, tmp_path: Path) -> None:
    records = train_sweep(tmp_path, text, ["Adam"], model=MODELS["attention"])
    (one,) = rows_of(group_runs(records))
    blocks = attention_of(one, text)
    assert [block.shape for block in blocks] == [(4, LENGTH, LENGTH)] * 2
    for weights in blocks:
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        assert (np.triu(weights, 1) == 0).all()


def test_states_are_those_that_the_output_layer_sees(text: Dataset, tmp_path: Path) -> None:
    records = train_sweep(tmp_path, text, ["Adam"], model=MODELS["states"])
    (one,) = rows_of(group_runs(records))
    states = states_of(one, text)
    assert states.shape == (3, LENGTH)
    weights = one.run.weights()
    network = network_of(one.run, weights, trusted=frozenset())
    logits = network.forward(text.test.inputs[np.newaxis, :1])[0, 0]
    expected = states.T @ weights["step_dense1/weights"] + weights["step_dense1/bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)
