"""Recurrent networks on sequences, from the command line to predictions."""

from pathlib import Path

import numpy as np
import pytest

from experiments.runs.record import Record
from tests.end_to_end.command_line import NOT_TRACKED, run, script, succeeded

pytestmark = pytest.mark.slow


def test_the_recurrent_experiment_trains_and_predicts(tmp_path: Path) -> None:
    few = ("training.steps=20", "dataset.limit=200", NOT_TRACKED)
    succeeded(run("experiment=mnist1d_gru", *few, folder=tmp_path))
    (path,) = (tmp_path / "outputs").rglob("record.json")
    record = Record.read(path.parent)
    assert record.config["model"]["bidirectional"] is True
    sequences = np.random.default_rng(0).standard_normal((3, 1, 40)).astype(np.float32)
    np.save(tmp_path / "sequences.npy", sequences)
    printed = succeeded(
        script("predict.py", path.parent, tmp_path / "sequences.npy", folder=tmp_path)
    )
    assert len(printed.out.splitlines()) == 1 + len(sequences)


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
def test_a_sweep_of_recurrent_networks(model: str, tmp_path: Path) -> None:
    finished = run(
        "dataset=mnist1d", f"model={model}", "model.units=[3,2]", "optimizer=adam,muon", "-m",
        "dataset.limit=100", "training.epochs=1", NOT_TRACKED, folder=tmp_path,
    )  # fmt: skip
    assert "2 done" in succeeded(finished).out
