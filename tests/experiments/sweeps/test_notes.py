"""What is said about how a model takes its data."""

from types import SimpleNamespace

import pytest

from experiments.config.models import CNN, GRU, MLP
from experiments.sweeps.sweep import _notes
from tests.experiments.small_runs import make_run
from tests.experiments.training.test_shapes import images


@pytest.mark.parametrize(
    ("model", "noted"), [(MLP(), True), (GRU(shape=(4, 10)), False), (CNN(), False)]
)
def test_samples_that_become_rows_are_noted(model, noted: bool) -> None:
    job = SimpleNamespace(run=make_run(model=model))
    notes = [note for note in _notes(job, images((2, 5, 4))) if "as rows of 40 numbers" in note]
    assert len(notes) == noted
