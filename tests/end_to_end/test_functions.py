"""Functions to minimize and probes, on the command line."""

from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.command_line import (
    NOT_TRACKED,
    Finished,
    assert_same_bits,
    run,
    script,
    succeeded,
)

SHORT = (NOT_TRACKED, "training.steps=20")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("functions")
    command = ("-m", "dataset=rosenbrock,beale", "optimizer=sgd,adam", "seed=0,1")
    rates = ("optimizer.lr=0.001", "training.probes=[sharpness]", "hydra.sweep.dir=sweep")
    return succeeded(run(*command, *rates, *SHORT, folder=folder))


def test_functions_are_compared_by_their_final_value_and_apart(sweep: Finished) -> None:
    table = sweep.out.split("Mean")[0]
    assert "\nrosenbrock\n" in table
    assert "\nbeale\n" in table
    assert table.count("final train loss") >= 2
    assert "accuracy" not in sweep.out
    records = sweep.records()
    assert len(records) == 8
    for record in records:
        assert record.dataset["rows"] == {"train": 1}
        assert record.dataset["task"] == "minimization"
        assert np.isfinite(record.metrics()["probe/sharpness"]).all()
    starts = {
        (record.dataset["name"], record.seed, record.metrics()["train/loss"][0])
        for record in records
    }
    assert len(starts) == 4  # one seed, one start


def test_a_function_of_the_sweep_has_the_bits_of_one_alone(sweep: Finished, tmp_path: Path) -> None:
    command = ("dataset=beale", "optimizer=adam", "seed=1", "optimizer.lr=0.001")
    probes = "training.probes=[sharpness]"
    finished = succeeded(run(*command, probes, *SHORT, folder=tmp_path))
    assert "training at the last epoch: final/train_loss" in finished.out
    alone = finished.record()
    (same,) = [
        record
        for record in sweep.records()
        if record.seed == 1
        and record.choices["optimizer"] == "adam"
        and record.dataset["name"] == "beale"
    ]
    assert_same_bits(alone, same)


def test_a_trained_point_predicts_the_function_at_it(sweep: Finished, tmp_path: Path) -> None:
    record = next(r for r in sweep.records() if r.dataset["name"] == "rosenbrock")
    table = tmp_path / "rows.csv"
    table.write_text("x1,x2\n0,0\n0.5,-1\n")
    predicted = succeeded(script("predict.py", record.folder, table, folder=tmp_path))
    values = [float(line) for line in predicted.out.splitlines()[1:]]
    point = record.weights("final")["rosenbrock1/point"]
    assert values[0] == pytest.approx(record.metrics()["train/loss"][-1])
    x, y = point - [0.5, -1]
    assert values[1] == pytest.approx(100 * (y - x * x) ** 2 + (1 - x) ** 2)


@pytest.mark.slow
def test_functions_are_tuned_by_their_final_value(tmp_path: Path) -> None:
    tuned = ("-m", "hydra/sweeper=tune_then_compare", "hydra.sweeper.budget=3")
    finished = succeeded(
        run(*tuned, "dataset=rosenbrock", "optimizer=sgd,adam", *SHORT, folder=tmp_path)
    )
    assert "final value of the objective" in " ".join(finished.out.split())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("dataset=rosenbrock", "loss=mse"), "use loss=value"),
        (("dataset=digits", "loss=value"), "use loss=cross_entropy"),
        (("dataset=beale", "dataset.coordinates=3"), "beale has 2 coordinates, not 3"),
        (("dataset=branin", "dataset.rows=5"), "without noise all rows are alike"),
        (("training.probes=[sharpnes]",), "did you mean 'sharpness'?"),
        (("dataset=rosenbrock", "training.probes=[class_loss]"), "one class each"),
    ],
)
def test_mistakes_are_answered(tmp_path: Path, command: tuple[str, ...], message: str) -> None:
    finished = run(*command, NOT_TRACKED, folder=tmp_path)
    assert finished.status == 1
    assert message in finished.err
    assert "Traceback" not in finished.err
