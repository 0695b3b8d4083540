import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.commands.predict import main as predict
from experiments.errors import DataError, RecordError
from experiments.runs.record import Record
from experiments.serving.predictor import Predictor
from experiments.tracking.fetch import fetch_record
from experiments.tracking.runs import Tracker
from tests.experiments.record_factory import (
    CLASSES,
    FEATURES,
    config_yaml,
    make_record,
    preprocessing_json,
    record_data,
    record_weights,
)

ROWS = np.array([[1.0, 2.0, 3.0], [5.0, -2.0, 3.5], [0.0, 0.0, 0.0], [-3.0, 7.0, 1.0]])


def table() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=list(FEATURES))


def predictor_of(record: Record, which: str = "best") -> Predictor:
    return Predictor(record, which, trusted=frozenset())


def dataset(**changes: Any) -> dict[str, Any]:
    return {**record_data()["dataset"], **changes}


def expected_logits(which: str = "best") -> np.ndarray:
    """Compute by hand what the made-up network gives for `ROWS`."""
    weights = {
        name.removeprefix(f"{which}/"): value.astype(np.float64)
        for name, value in record_weights().items()
        if name.startswith(which)
    }
    inputs = (ROWS - [1, 2, 3]) / [2, 2, 0.5]
    hidden = np.maximum(inputs @ weights["dense1/weights"] + weights["dense1/bias"], 0)
    return hidden @ weights["dense2/weights"] + weights["dense2/bias"]


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("which", ["best", "final"])
def test_classes_and_their_probabilities(tmp_path: Path, which: str) -> None:
    predicted = predictor_of(make_record(tmp_path), which).predict(table())
    probabilities = softmax(expected_logits(which))
    assert list(predicted) == ["prediction", *(f"probability_{name}" for name in CLASSES)]
    np.testing.assert_allclose(predicted.iloc[:, 1:], probabilities, rtol=1e-5)
    assert list(predicted["prediction"]) == [CLASSES[i] for i in probabilities.argmax(axis=1)]


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    predictor = predictor_of(make_record(tmp_path))
    shuffled = table()[["depth", "height", "width"]].assign(name="ignored")
    shuffled.index = pd.Index([10, 20, 30, 40])
    predicted = predictor.predict(shuffled)
    assert list(predicted.index) == [10, 20, 30, 40]
    pd.testing.assert_frame_equal(predicted.reset_index(drop=True), predictor.predict(table()))


def test_arrays_and_images_are_taken_in_order(tmp_path: Path) -> None:
    predictor = predictor_of(make_record(tmp_path))
    expected = predictor.predict(table())
    pd.testing.assert_frame_equal(predictor.predict(ROWS), expected)
    pd.testing.assert_frame_equal(predictor.predict(ROWS.reshape(4, 1, 3)), expected)


def test_arrays_of_samples(tmp_path: Path) -> None:
    names = [f"x{place}" for place in range(12)]
    preprocessing = json.loads(preprocessing_json())
    preprocessing |= {"columns": names, "center": [0.0] * 12, "scale": [1.0] * 12}
    weights = record_weights()
    weights["best/dense1/weights"] = np.arange(48.0).reshape(12, 4) / 50
    record = make_record(
        tmp_path,
        weights={name: array for name, array in weights.items() if name.startswith("best")},
        preprocessing=json.dumps(preprocessing),
        dataset=dataset(features=12, feature_names=names, shape=[3, 2, 2]),
    )
    predictor = predictor_of(record)
    images = np.random.default_rng(0).normal(size=(5, 3, 2, 2))
    expected = predictor.predict(images.reshape(5, 12))
    pd.testing.assert_frame_equal(predictor.predict(images), expected)
    pd.testing.assert_frame_equal(predictor.predict(np.moveaxis(images, 1, -1)), expected)
    with pytest.raises(DataError, match=r"\(5, 2, 3, 2\), and the run takes .* \(rows, 3, 2, 2\)"):
        predictor.predict(images.reshape(5, 2, 3, 2))


def test_wrong_inputs_are_named(tmp_path: Path) -> None:
    predictor = predictor_of(make_record(tmp_path))
    with pytest.raises(DataError, match="'width'"):
        predictor.predict(table().drop(columns="width"))
    with pytest.raises(DataError, match=r"\(4, 2\)"):
        predictor.predict(ROWS[:, :2])
    with pytest.raises(DataError, match="row 2, column 'depth'"):
        predictor.predict(table().astype(object).replace(3.5, "deep"))


@pytest.mark.parametrize(
    ("value", "message"),
    [(1e39, "row 3, column 'width'"), (-1e308, "row 3, column 'width'"), (3e38, "row 3: the outp")],
)
def test_rows_that_cannot_be_predicted_are_named(
    tmp_path: Path, value: float, message: str
) -> None:
    weights = {name: 1e3 * array for name, array in record_weights().items()}
    predictor = predictor_of(make_record(tmp_path, weights=weights))
    rows = table()
    rows.loc[2, "width"] = value
    with warnings.catch_warnings(action="error"), pytest.raises(DataError, match=message):
        predictor.predict(rows)


def test_several_labels(tmp_path: Path) -> None:
    record = make_record(
        tmp_path,
        dataset=dataset(task="multilabel"),
        config=config_yaml().replace("nn.CrossEntropy", "nn.BinaryCrossEntropy"),
    )
    predicted = predictor_of(record).predict(table())
    probabilities = 1 / (1 + np.exp(-expected_logits()))
    assert list(predicted) == [*CLASSES, *(f"probability_{name}" for name in CLASSES)]
    np.testing.assert_array_equal(predicted[list(CLASSES)], (probabilities > 0.5).astype(int))
    np.testing.assert_allclose(predicted.iloc[:, 3:], probabilities, rtol=1e-5)


def test_regression_is_in_raw_units(tmp_path: Path) -> None:
    preprocessing = json.loads(preprocessing_json())
    preprocessing |= {"target_center": [10.0, 20.0, 30.0], "target_scale": [2.0, 3.0, 4.0]}
    record = make_record(
        tmp_path,
        dataset=dataset(task="regression"),
        config=config_yaml()
        .replace("nn.CrossEntropy", "nn.MeanSquaredError")
        .replace("  label_smoothing: 0.0\n", ""),
        preprocessing=json.dumps(preprocessing),
    )
    predicted = predictor_of(record).predict(table())
    assert list(predicted) == list(CLASSES)
    expected = expected_logits() * [2, 3, 4] + [10, 20, 30]
    np.testing.assert_allclose(predicted, expected, rtol=1e-5)


def one_output_record(folder: Path, loss: str) -> Record:
    return make_record(
        folder,
        dataset=dataset(task="binary", target_names=["no", "yes"], outputs=2),
        config=config_yaml()
        .replace("nn.CrossEntropy", loss)
        .replace("  label_smoothing: 0.0\n", ""),
        weights={
            name: value[..., :1] if "dense2" in name else value
            for name, value in record_weights().items()
        },
    )


def test_two_classes_from_one_output(tmp_path: Path) -> None:
    predicted = predictor_of(one_output_record(tmp_path, "nn.BinaryCrossEntropy")).predict(table())
    yes = 1 / (1 + np.exp(-expected_logits()[:, 0]))
    assert list(predicted) == ["prediction", "probability_no", "probability_yes"]
    np.testing.assert_allclose(predicted["probability_yes"], yes, rtol=1e-5)
    np.testing.assert_allclose(predicted["probability_no"], 1 - yes, rtol=1e-4)
    assert list(predicted["prediction"]) == ["yes" if p > 0.5 else "no" for p in yes]


def test_outputs_that_are_no_probabilities_give_none(tmp_path: Path) -> None:
    predicted = predictor_of(one_output_record(tmp_path, "nn.MeanSquaredError")).predict(table())
    assert list(predicted) == ["prediction"]
    scores = expected_logits()[:, 0]
    assert list(predicted["prediction"]) == ["yes" if score > 0.5 else "no" for score in scores]


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    record = make_record(tmp_path, config=config_yaml().replace("- 4", "- 5"))
    with pytest.raises(RecordError, match=r"weights\.npz: the weights do not fit"):
        predictor_of(record)


def test_weights_of_a_run_that_diverged_are_refused(tmp_path: Path) -> None:
    weights = record_weights()
    weights["final/dense1/bias"] = np.full_like(weights["final/dense1/bias"], np.nan)
    record = make_record(tmp_path, weights=weights)
    predictor_of(record, "best")
    with pytest.raises(RecordError, match="the final weights hold numbers that are not finite"):
        predictor_of(record, "final")


def test_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    predictor = predictor_of(make_record(tmp_path))
    inputs = np.tile(ROWS, (500, 1))
    expected = predictor.predict(inputs)
    same: list[bool] = []

    def work() -> None:
        same.extend(predictor.predict(inputs).equals(expected) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 80


# The model that MLflow serves

LOAD = """
import json, sys, types
uri, model, inputs = sys.argv[1:]
for name in ("nn", "experiments", "my_activations"):
    sys.modules[name] = types.ModuleType(name)
import mlflow, pandas
mlflow.set_tracking_uri(uri)
loaded = mlflow.pyfunc.load_model(model)
predicted = loaded.predict(pandas.read_csv(inputs))
print(json.dumps({
    "table": predicted.to_csv(index=False),
    "plain": [name for name in sys.modules if name.startswith(("nn.", "experiments."))],
    "slow": [name for name in ("hydra", "sklearn", "matplotlib") if name in sys.modules],
    "inputs": loaded.metadata.get_input_schema().input_names(),
    "outputs": loaded.metadata.get_output_schema().input_names(),
}))
"""


def load_elsewhere(folder: Path, uri: str, model: str, inputs: Path) -> dict[str, Any]:
    """Load a model where other modules have the names of those that it carries."""
    folder.mkdir()
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        # -I leaves out the working directory and PYTHONPATH.
        [sys.executable, "-I", "-c", LOAD, uri, model, str(inputs)],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert "Warning" not in done.stderr
    return found


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('tracked')}/mlflow.db"


def published(uri: str, record: Record, trusted: frozenset[str] = frozenset()) -> tuple[str, str]:
    """Publish with a model; give the run's id and the model's address."""
    tracker = Tracker(uri, "served")
    run_id = tracker.publish(record, model=True, trusted=trusted)
    return run_id, f"runs:/{run_id}/{record.name}-{record.uid[:8]}"


@pytest.mark.slow
def test_the_model_predicts_in_another_directory_without_this_checkout(
    tmp_path: Path, uri: str
) -> None:
    record = make_record(tmp_path / "run")
    _, model = published(uri, record)
    inputs = tmp_path / "inputs.csv"
    table().to_csv(inputs, index=False)
    found = load_elsewhere(tmp_path / "elsewhere", uri, model, inputs)
    assert found["table"] == predictor_of(record).predict(table()).to_csv(index=False)
    assert found["plain"] == []
    assert found["slow"] == []
    assert found["inputs"] == list(FEATURES)
    assert found["outputs"] == ["prediction", *(f"probability_{name}" for name in CLASSES)]


@pytest.mark.slow
def test_the_model_holds_the_code_of_a_users_own_package(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "my_activations"
    below = package / "analysis"  # called as a folder of ours that models do without
    below.mkdir(parents=True)
    (below / "__init__.py").touch()
    (below / "doc.txt").write_text("A ReLU by another name.")
    (package / "__init__.py").write_text(
        "from pathlib import Path\n"
        "from nn.activations import ReLU\n"
        "import my_activations.analysis\n\n"
        "class Mine(ReLU):\n"
        "    __doc__ = Path(__file__).with_name('analysis').joinpath('doc.txt').read_text()\n"
    )
    monkeypatch.syspath_prepend(package.parent)
    config = config_yaml().replace(
        "activation: relu", "activation: {_target_: my_activations.Mine}"
    )
    record = make_record(tmp_path / "run", config=config, sweep=None)
    trusted = frozenset({"my_activations"})  # as its own command has it
    _, model = published(uri, record, trusted)
    inputs = tmp_path / "inputs.csv"
    table().to_csv(inputs, index=False)
    found = load_elsewhere(tmp_path / "elsewhere", uri, model, inputs)
    expected = Predictor(record, trusted=trusted).predict(table())
    assert found["table"] == expected.to_csv(index=False)


# scripts/predict.py


def test_predictions_for_a_table_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make_record(tmp_path / "run")
    table().to_csv(tmp_path / "inputs.csv")
    assert predict([str(record.folder), str(tmp_path / "inputs.csv")]) == 0
    assert capsys.readouterr().out == predictor_of(record).predict(table()).to_csv(index=False)


def test_predictions_for_an_array_are_written(tmp_path: Path) -> None:
    record = make_record(tmp_path / "run")
    np.save(tmp_path / "inputs.npy", ROWS)
    out = tmp_path / "out.csv"
    arguments = [str(record.folder), str(tmp_path / "inputs.npy"), "--output", str(out)]
    assert predict([*arguments, "--weights", "final"]) == 0
    expected = predictor_of(record, "final").predict(ROWS)
    assert out.read_text() == expected.to_csv(index=False)


def test_predictions_with_a_run_in_mlflow(
    tmp_path: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make_record(tmp_path / "run", seed=9)
    run_id = Tracker(uri, "served").publish(record)
    np.save(tmp_path / "inputs.npy", ROWS)
    for run in (run_id, f"runs:/{run_id}"):
        assert predict([run, str(tmp_path / "inputs.npy"), "--uri", uri]) == 0
        assert capsys.readouterr().out == predictor_of(record).predict(ROWS).to_csv(index=False)


def test_a_record_comes_back_from_mlflow_whole(tmp_path: Path, uri: str) -> None:
    record = make_record(tmp_path / "run", seed=11)
    run_id = Tracker(uri, "served").publish(record)
    fetched = fetch_record(uri, run_id, tmp_path)
    assert fetched.data == record.data
    assert fetched.measurements() == record.measurements()


@pytest.mark.parametrize(
    ("run", "name", "content", "says"),
    [
        ("run", "missing.csv", None, "missing.csv: there is no such file"),
        ("run", "inputs.csv", b"", "inputs.csv: the file is empty"),
        ("run", "inputs.csv", b'a,b\n"1,2\n', "inputs.csv, line 2: not proper CSV"),
        ("run", "inputs.csv", b"a,\xff\n", "inputs.csv, line 1: not UTF-8"),
        ("run", "inputs.csv", b"height,depth\n1,2\n", "'width'"),
        ("run", "inputs.npy", b"text", "inputs.npy: not an array"),
        ("nowhere", "inputs.csv", b"height,width,depth\n1,2,3\n", "no such folder"),
        ("inputs.csv", "run", b"a\n1\n", "The run comes first: descent predict run inputs.csv"),
        ("inputs.csv", "0" * 32, b"a\n1\n", "The run comes first"),
        ("inputs.csv", "inputs.csv", b"a\n1\n", "this is a file, not the folder of a run"),
        ("run", "run", None, "run: this is a folder without images. Give a table"),
        (".", "inputs.csv", b"a\n1\n", "has runs in it. Give the folder of one"),
        ("0" * 32, "inputs.csv", b"height,width,depth\n1,2,3\n", "the database does not exist"),
    ],
)
def test_mistakes_are_one_message_each(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: str,
    name: str,
    content: bytes | None,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["descent"])
    make_record(tmp_path / "run")
    if content is not None:
        (tmp_path / "inputs.csv" if run == "inputs.csv" else tmp_path / name).write_bytes(content)
    assert predict([run, name, "--uri", f"sqlite:///{tmp_path}/none.db"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("predict: ")
    assert says in printed.err
    assert "Traceback" not in printed.err


def test_an_unknown_run_is_named(
    tmp_path: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "inputs.npy", ROWS)
    Tracker(uri, "served").open()
    assert predict(["0" * 32, str(tmp_path / "inputs.npy"), "--uri", uri]) == 1
    assert f"run {'0' * 32}" in capsys.readouterr().err
