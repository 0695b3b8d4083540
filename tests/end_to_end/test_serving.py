"""A published model behind ``mlflow models serve``, asked in JSON and in CSV."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command_line import environment, run, script, succeeded, tracked

pytestmark = pytest.mark.slow

LINES = [
    f"{1 + row % 28}.03.2024,{'uvw'[row % 3]},{row % 7},{row % 5 + row / 10}" for row in range(80)
]
LINES[3], LINES[4] = "4.03.2024,,3,3.3", "5.03.2024,v,,4.4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on a table of dates, words and whole numbers, some of them missing."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "table.csv").write_text("\n".join(["when,word,count,y", *LINES]))
    data = ("dataset=csv", "dataset.path=table.csv", "dataset.target=y", "loss=mse")
    finished = run(
        *data, "dataset.dates=[when]", "dataset.missing=median", tracked(folder), folder=folder
    )
    assert finished.status == 0, finished.err
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    (description,) = folder.rglob("MLmodel")
    return description.parent


@pytest.fixture(scope="module")
def address(folder: Path, model: Path) -> Iterator[str]:
    """The address of a server of the model."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--env-manager", "local", "--workers", "1"],
            cwd=folder,
            # MLflow looks for uvicorn in the path. What is served is the code of the model.
            env=environment(PATH=path, PYTHONPATH="", MLFLOW_DISABLE_TELEMETRY="true"),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            for _ in range(600):
                assert server.poll() is None, (folder / "server.log").read_text()
                try:
                    urllib.request.urlopen(f"{address}/ping", timeout=5)
                    break
                except OSError:
                    time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=60)


def ask(address: str, content: str, kind: str) -> Any:
    request = urllib.request.Request(
        f"{address}/invocations", content.encode(), {"Content-Type": kind}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["predictions"]


def test_the_signature_has_real_types_and_optional_columns(model: Path) -> None:
    from mlflow.models import Model

    described = Model.load(str(model))
    assert [(c.name, str(c.type), c.required) for c in described.signature.inputs] == [
        ("when", "DataType.string", False),
        ("word", "DataType.string", False),
        ("count", "DataType.double", False),
    ]
    example = described.load_input_example(str(model))
    assert list(example) == ["when", "word", "count"]
    assert described.get_serving_input(str(model)) is not None


def test_csv_and_json_are_predicted_as_by_the_command(
    address: str, folder: Path, tmp_path: Path
) -> None:
    rows = [("14.03.2024", "u", 3), ("15.03.2024", "w", 5)]
    table = "when,word,count\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    (tmp_path / "new.csv").write_text(table)
    (record,) = (folder / "outputs").rglob("record.json")
    finished = script("predict.py", record.parent, tmp_path / "new.csv", folder=tmp_path)
    expected = [float(line) for line in succeeded(finished).out.split()[1:]]
    split = {"columns": ["when", "word", "count"], "data": rows}
    for content, kind in [
        (table, "text/csv"),
        (json.dumps({"dataframe_split": split}), "application/json"),
    ]:
        predicted = ask(address, content, kind)
        assert [row["y"] for row in predicted] == pytest.approx(expected, rel=1e-6)


def test_the_example_is_predicted(address: str, model: Path) -> None:
    content = (model / "serving_input_example.json").read_text()
    assert len(ask(address, content, "application/json")) == 1


def test_what_may_be_missing_may_be_left_out(address: str) -> None:
    predicted = ask(address, "when,word,count\n14.03.2024,,\n", "text/csv")
    records = json.dumps({"dataframe_records": [{"when": "14.03.2024"}]})
    assert ask(address, records, "application/json") == predicted


@pytest.mark.parametrize(
    ("row", "message"),
    [("14.03.2024,u,1e39", "row 1, column 'count'"), ("14.03.2024,new,1", "'new' is not among")],
)
def test_rows_that_cannot_be_predicted_are_refused(address: str, row: str, message: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(address, f"when,word,count\n{row}\n", "text/csv")
    assert raised.value.code == 400
    assert message in raised.value.read().decode()


def test_a_network_of_images_takes_them_as_a_tensor(tmp_path: Path) -> None:
    import mlflow
    import numpy as np

    finished = run("dataset=digits", "model=cnn", "model.channels=[2]", "model.dense=[]",
                   "training.epochs=1", tracked(tmp_path), folder=tmp_path)  # fmt: skip
    assert finished.status == 0, finished.err
    (description,) = tmp_path.rglob("MLmodel")
    model = mlflow.pyfunc.load_model(str(description.parent))
    images = np.random.default_rng(0).integers(0, 17, (3, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    (record,) = (tmp_path / "outputs").rglob("record.json")
    printed = script("predict.py", record.parent, tmp_path / "images.npy", folder=tmp_path)
    by_command = [line.split(",")[0] for line in succeeded(printed).out.splitlines()[1:]]
    assert model.predict(images)["prediction"].tolist() == by_command
    example = model.metadata.load_input_example(str(description.parent))
    assert example.shape == (1, 1, 8, 8)
    with pytest.raises(mlflow.exceptions.MlflowException, match="shape"):
        model.predict(images.reshape(3, 64))
