"""Records and models from before modules were moved are read, compared and predicted from."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.commands.compare import main as compare
from experiments.commands.predict import main as predict
from experiments.runs.record import Record

RECORDS = Path(__file__).resolve().parents[1] / "fixtures" / "records"

RUNS = {"dense": "flowers.csv", "csv": "houses.csv"}  # and what they were asked to predict


def assert_predicted(table: pd.DataFrame, run: str) -> None:
    """Check predictions against those of the code that trained the run."""
    expected = pd.read_csv(RECORDS / f"{run}-predictions.csv")
    assert list(table) == list(expected)
    for name in expected:
        if expected[name].dtype.kind == "f":
            # Another processor rounds sums of a dozen float32 numbers otherwise.
            allowance = 100 * float(np.finfo(np.float32).eps) * expected[name].abs().max()
            np.testing.assert_allclose(table[name], expected[name], rtol=0, atol=allowance)
        else:
            assert list(table[name]) == list(expected[name])


@pytest.mark.parametrize("run", RUNS)
def test_they_are_read(run: str) -> None:
    record = Record.read(RECORDS / run)
    assert record.is_whole
    assert record.status == "done"
    assert record.metrics()["epoch"][-1] == record.config["training"]["epochs"] == 8
    assert {name: list(arrays) for name, arrays in record.weights().items()}


@pytest.mark.parametrize(("run", "table"), RUNS.items())
def test_they_are_predicted_from(run: str, table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict([str(RECORDS / run), str(RECORDS / table)]) == 0
    assert_predicted(pd.read_csv(io.StringIO(capsys.readouterr().out)), run)


def test_they_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare([str(RECORDS / run) for run in RUNS]) == 0
    said = capsys.readouterr().out
    assert "iris" in said
    assert "0.4378" in said
    assert "0.1382" in said


@pytest.mark.slow
def test_they_are_reported(tmp_path: Path) -> None:
    assert compare([*(str(RECORDS / run) for run in RUNS), "--report", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    for run in RUNS:
        assert Record.read(RECORDS / run).identity[:16] in page


LOADED = f"""
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model({str(RECORDS / "model")!r})
print(model.predict(pandas.read_csv({str(RECORDS / "flowers.csv")!r})).to_csv(index=False))
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "import experiments.runs.record\n"])
def test_a_model_is_loaded(before: str, tmp_path: Path) -> None:
    """By its own code, and by that of today where it is imported already."""
    done = subprocess.run(
        [sys.executable, "-c", before + LOADED],
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_predicted(pd.read_csv(io.StringIO(done.stdout)), "dense")
