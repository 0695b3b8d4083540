"""One run: what is on disk, what is in MLflow, and what can be done with it afterwards."""

import csv
import io
import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from sklearn.datasets import load_iris

from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    NOT_TRACKED,
    ROOT,
    Finished,
    assert_same_bits,
    assert_trained,
    python,
    run,
    script,
    started,
    succeeded,
    tracked,
    uri,
)

EPOCHS = 6
SETTINGS = ("dataset=iris", "optimizer.lr=0.03", f"training.epochs={EPOCHS}", "model.hidden=[16,8]")
COLUMNS = ["train/loss", "train/accuracy", "val/loss", "val/accuracy", "lr", "gradient_norm"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("single run")  # with a space, as people's folders have


@pytest.fixture(scope="module")
def finished(folder: Path) -> Finished:
    name = "experiment_name='our flowers, again'"
    return succeeded(started(*SETTINGS, "seed=0", name, tracked(folder), folder=folder))


@pytest.fixture(scope="module")
def record(finished: Finished) -> Record:
    return finished.record()


@pytest.fixture(scope="module")
def client(finished: Finished) -> MlflowClient:
    return MlflowClient(uri(finished.folder))


@pytest.fixture(scope="module")
def published(client: MlflowClient) -> Run:
    experiment = client.get_experiment_by_name("our flowers, again")
    (found,) = client.search_runs([experiment.experiment_id])
    return found


def test_what_is_printed(finished: Finished, record: Record, published: Run) -> None:
    lines = finished.out.splitlines()
    assert lines[0] == "adam-seed0: done"
    assert f"val_loss {record.summary['best/val_loss']:.4f}" in finished.out
    assert f"accuracy {record.summary['test/accuracy']:.4f}" in finished.out
    assert str(record.folder.relative_to(finished.folder)) in finished.out
    assert f"/runs/{published.info.run_id}" in finished.out
    # The line that opens the browser is one line, to be copied.
    (command,) = [line.strip() for line in lines if "scripts/ui.py" in line]
    assert command.endswith(f"--uri '{uri(finished.folder)}'")


def test_record_folder(record: Record) -> None:
    files = {path.name for path in record.folder.iterdir()}
    expected = {"config.yaml", "metrics.csv", "weights.npz", "preprocessing.json", "record.json"}
    assert expected <= files
    assert not [name for name in files if name.endswith(".tmp")]
    assert (record.folder / ".hydra" / "config.yaml").is_file()
    assert record.name == "adam-seed0"
    assert record.status == "done"
    assert record.sweep is None
    assert record.seed == 0
    assert record.data["command"].startswith("python run.py dataset=iris optimizer.lr=0.03")
    assert record.choices["optimizer"] == "adam"
    assert record.environment["numpy"] == np.__version__
    assert record.dataset["rows"] == {"train": 106, "validation": 22, "test": 22}


def test_config_is_resolved_and_whole(record: Record) -> None:
    config = yaml.safe_load((record.folder / "config.yaml").read_text())
    assert "hydra" not in config
    assert config["optimizer"]["lr"] == 0.03
    assert config["model"]["hidden"] == [16, 8]
    assert config["training"]["early_stopping"] == {"patience": None, "min_delta": 0.0}


def test_metrics_have_a_row_for_each_epoch(record: Record) -> None:
    with open(record.folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    layers = [name for name in record.weights() if name.endswith("/weights")]
    norms = [
        f"{norm}/{name.removesuffix('/weights')}"
        for norm in ("weight_norm", "gradient_norm")
        for name in layers
    ]
    assert list(rows[0]) == ["epoch", "step", "seconds", *COLUMNS, *norms]
    assert len(rows) == EPOCHS + 1
    assert rows[0]["lr"] == rows[0]["gradient_norm"] == ""
    assert rows[1]["lr"] == "0.03"
    assert [int(row["step"]) for row in rows] == [4 * epoch for epoch in range(EPOCHS + 1)]
    assert_trained(record, EPOCHS)


def test_summary_follows_from_the_metrics(record: Record) -> None:
    metrics, summary = record.metrics(), record.summary
    best = int(np.argmin(metrics["val/loss"]))
    assert summary["best/epoch"] == best
    assert summary["best/val_loss"] == metrics["val/loss"][best]
    assert summary["best/val_accuracy"] == metrics["val/accuracy"][best]
    assert 0 <= summary["test/accuracy"] <= 1
    assert summary["time/us_per_step"] > 0


def test_weights_are_plain_numbers(record: Record) -> None:
    shapes = {
        "dense1/weights": (4, 16),
        "dense1/bias": (16,),
        "dense2/weights": (16, 8),
        "dense2/bias": (8,),
        "dense3/weights": (8, 3),
        "dense3/bias": (3,),
    }
    for which in ("best", "final"):
        weights = record.weights(which)
        assert {name: array.shape for name, array in weights.items()} == shapes
        assert {array.dtype for array in weights.values()} == {np.dtype("float32")}


def test_seed_zero_is_a_seed_and_tracking_changes_nothing(record: Record, tmp_path: Path) -> None:
    again = succeeded(run(*SETTINGS, NOT_TRACKED, folder=tmp_path))
    assert_same_bits(record, again.record())
    assert "mlflow" not in again.out
    assert not list(tmp_path.rglob("*.db"))
    assert not list(tmp_path.rglob("mlruns"))


def test_mlflow_parameters(published: Run, record: Record) -> None:
    params = published.data.params
    names = {"optimizer": "adam", "model": "mlp", "dataset": "iris", "loss": "cross_entropy"}
    assert {key: params[key] for key in names} == names
    assert params["optimizer.lr"] == "0.03"
    assert params["model.hidden"] == "[16, 8]"
    assert params["training.early_stopping.patience"] == "null"
    assert params["seed"] == "0"
    assert published.info.run_name == "adam-seed0"
    assert published.info.status == "FINISHED"


def test_mlflow_metrics(client: MlflowClient, published: Run, record: Record) -> None:
    columns = record.metrics()
    for name in COLUMNS:
        points = client.get_metric_history(published.info.run_id, name)
        measured = np.flatnonzero(~np.isnan(columns[name]))
        points.sort(key=lambda point: point.step)
        assert [point.step for point in points] == measured.tolist()
        assert [point.value for point in points] == columns[name][measured].tolist()
    for name, value in record.summary.items():
        assert published.data.metrics[name] == value


def test_mlflow_tags_and_dataset(published: Run, record: Record) -> None:
    tags = published.data.tags
    assert tags["uid"] == record.uid
    assert tags["identity"] == record.identity
    assert tags["command"] == record.data["command"]
    assert tags["mlflow.runColor"].startswith("#")
    assert "sweep" not in tags
    assert r"best/val\_loss" in tags["mlflow.note.content"]
    (data,) = published.inputs.dataset_inputs
    assert data.dataset.name == "iris"
    assert record.dataset["digest"].startswith(data.dataset.digest)


def test_mlflow_artifacts(
    client: MlflowClient, published: Run, record: Record, tmp_path: Path
) -> None:
    names = {file.path for file in client.list_artifacts(published.info.run_id)}
    files = {"config.yaml", "metrics.csv", "weights.npz", "preprocessing.json", "record.json"}
    assert files | {"learning_curves.svg"} <= names
    stored = Path(client.download_artifacts(published.info.run_id, "weights.npz", str(tmp_path)))
    assert stored.read_bytes() == (record.folder / "weights.npz").read_bytes()


def test_mlflow_keeps_files_beside_its_database(finished: Finished, published: Run) -> None:
    place = Path(unquote(urlsplit(published.info.artifact_uri).path))
    assert place.is_relative_to(finished.folder / "mlartifacts")
    assert {path.name for path in finished.folder.iterdir()} == {
        ".cache",
        ".mlflow.db.lock",
        "mlartifacts",
        "mlflow.db",
        "outputs",
    }


LOAD = """
import json, sys
sys.path = [path for path in sys.path if path not in ({root!r}, {source!r})]
import mlflow, pandas
mlflow.set_tracking_uri({uri!r})
model = mlflow.pyfunc.load_model({model!r})
predicted = model.predict(pandas.read_csv({table!r}))
plain = [name for name in ("nn", "experiments") if name in sys.modules]
print(json.dumps([plain, predicted.to_csv(index=False)]))
print(model.metadata.signature, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All flowers, with columns in another order and one that no network knows."""
    flowers = load_iris(as_frame=True)
    path = tmp_path_factory.mktemp("table") / "flowers.csv"
    flowers.data[flowers.data.columns[::-1]].assign(colour="blue").to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def by_folder(record: Record, table: Path) -> str:
    """What is predicted for them from the record's folder."""
    return succeeded(script("predict.py", record.folder, table, folder=table.parent)).out


def test_predictions(by_folder: str) -> None:
    flowers = load_iris()
    predictions = pd.read_csv(io.StringIO(by_folder))
    names = np.array(flowers.target_names)[flowers.target]
    assert (predictions["prediction"] == names).mean() > 0.85
    probabilities = predictions.filter(like="probability_").to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_predictions_agree_wherever_they_are_made(
    finished: Finished,
    client: MlflowClient,
    published: Run,
    table: Path,
    by_folder: str,
    tmp_path: Path,
) -> None:
    address = f"runs:/{published.info.run_id}"
    by_id = script("predict.py", address, table, "--uri", uri(finished.folder), folder=tmp_path)
    assert succeeded(by_id).out == by_folder

    (model,) = client.search_logged_models([published.info.experiment_id])
    program = LOAD.format(
        root=str(ROOT),
        source=str(ROOT / "src"),
        uri=uri(finished.folder),
        model=f"models:/{model.model_id}",
        table=str(table),
    )
    # -I: neither PYTHONPATH nor the working directory is searched for modules.
    loaded = python("-I", "-c", program, folder=tmp_path / "elsewhere")
    assert loaded.status == 0, loaded.err
    plain, text = json.loads(loaded.out)
    assert plain == []
    assert "petal length (cm)" in loaded.err
    assert "probability_setosa" in loaded.err
    pd.testing.assert_frame_equal(*(pd.read_csv(io.StringIO(t)) for t in (text, by_folder)))


def test_predict_says_what_is_missing(record: Record, tmp_path: Path) -> None:
    table = tmp_path / "half.csv"
    table.write_text("petal length (cm),petal width (cm)\n1,2\n")
    finished = script("predict.py", record.folder, table, folder=tmp_path)
    assert finished.status == 1
    assert "sepal length (cm)" in finished.err
    assert "Traceback" not in finished.err
