"""Predictions for texts and for sparse rows, from a record and by MLflow's model."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from experiments.analysis.groups import group_runs
from experiments.commands.predict import main as predict
from experiments.datasets import BagOfWords, Dataset, Names
from experiments.reporting.figures.networks.hardest import plot_hardest
from experiments.runs.record import Record
from experiments.serving.loader import ServedRun
from experiments.serving.package import pack_model
from experiments.serving.predictor import Predictor
from experiments.tracking.models import _inputs, _save_example
from experiments.tracking.runs import Tracker
from tests.experiments.reporting.figures.networks.trained_sweeps import rows_of, train_sweep, words

LIMIT = {"limit": 200, "most_terms": 50}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Dataset]:
    """A run on first names."""
    return _trained(tmp_path_factory.mktemp("names"), Names(**LIMIT).load())


def _trained(folder: Path, dataset: Dataset) -> tuple[Record, Dataset]:
    return train_sweep(folder, dataset, ["Adagrad"])[0], dataset


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Dataset]:
    """A run on rows of a svmlight file, whose second feature decides."""
    folder = tmp_path_factory.mktemp("rows")
    lines = [f"{i % 2} 1:{i % 5 + 1} {2 + i % 2}:3 9:1" for i in range(40)]
    (folder / "rows.svm").write_text("\n".join(lines))
    return _trained(folder, BagOfWords(path=str(folder / "rows.svm")).load())


def predictor_of(record: Record) -> Predictor:
    return Predictor(record, trusted=frozenset())


def test_texts_are_predicted_in_any_form(trained, tmp_path, capsys):
    record, _ = trained
    texts = ["Mary", "Peter"]
    wanted = predictor_of(record).predict(pd.DataFrame({"name": texts}))
    assert list(wanted) == ["prediction", "probability_female", "probability_male"]
    for raw in (np.array(texts), np.array(texts, object)[:, np.newaxis]):
        pd.testing.assert_frame_equal(predictor_of(record).predict(raw), wanted)
    encoded = predictor_of(record).preprocessing.encode(np.array(texts)).dense()[0]
    matrix = sparse.csr_matrix(encoded)
    pd.testing.assert_frame_equal(predictor_of(record).predict(matrix), wanted)
    (tmp_path / "names.txt").write_text("Mary\nPeter\n")
    (tmp_path / "names.csv").write_text("year,name\n1,Mary\n2,Peter\n")
    sparse.save_npz(tmp_path / "names.npz", matrix)
    for name in ("names.txt", "names.csv", "names.npz"):
        assert predict([str(record.folder), str(tmp_path / name)]) == 0
        assert capsys.readouterr().out == wanted.to_csv(index=False)


def test_rows_are_predicted_from_files_and_matrices(numbers, tmp_path, capsys):
    record, dataset = numbers
    wanted = predictor_of(record).predict(sparse.csr_array(dataset.train.take([0, 1])))
    (tmp_path / "new.svm").write_text("0 1:3 2:3 9:1\n")
    assert predict([str(record.folder), str(tmp_path / "new.svm")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2
    assert len(wanted) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "0 1:3 10:1\n",
            "an entry has the index 10, and the run was trained on the",
        ),
        ("0 0:3 2:1\n", "an entry has the index 0"),
        ("zero 1:3\n", "not in svmlight's format"),
        ("", "no row has an entry"),
    ],
)
def test_rows_of_other_features_are_refused(numbers, tmp_path, capsys, content, message):
    path = tmp_path / "new.svm"
    path.write_text(content)
    assert predict([str(numbers[0].folder), str(path)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert str(path) in error
    assert "Traceback" not in error


def test_an_empty_text_is_refused(trained, tmp_path, capsys):
    path = tmp_path / "names.txt"
    path.write_text("Mary\n\nPeter\n")
    assert predict([str(trained[0].folder), str(path)]) == 1
    assert "row 2, column 'name': the text is empty" in capsys.readouterr().err


def test_a_file_that_holds_no_sparse_matrix_is_refused(trained, tmp_path, capsys):
    path = tmp_path / "names.npz"
    np.savez(path, numbers=np.zeros(3))
    assert predict([str(trained[0].folder), str(path)]) == 1
    assert "not a sparse matrix as scipy.sparse.save_npz writes it" in capsys.readouterr().err


def test_the_model_says_what_it_takes_and_needs(trained, numbers, tmp_path):
    texts, rows = predictor_of(trained[0]), predictor_of(numbers[0])
    (column,) = _inputs(texts)
    assert (column.name, str(column.type)) == ("name", "DataType.string")
    (tensor,) = _inputs(rows)
    assert (tensor.type, tensor.shape) == (np.dtype("float64"), (-1, 9))
    for predictor, name in ((texts, "texts"), (rows, "rows")):
        (tmp_path / name).mkdir()
        _save_example(predictor, tmp_path / name)
        request = json.loads((tmp_path / name / "serving_input_example.json").read_text())
        assert request.keys() == ({"dataframe_split"} if name == "texts" else {"inputs"})
    pack_model(trained[0], tmp_path / "packed texts")
    assert "scikit-learn==" in (tmp_path / "packed texts" / "requirements.txt").read_text()
    pack_model(numbers[0], tmp_path / "packed rows")
    assert "scikit-learn" not in (tmp_path / "packed rows" / "requirements.txt").read_text()


def test_a_loaded_model_predicts_for_texts_and_for_matrices(trained, numbers):
    texts = ServedRun(trained[0], trusted=frozenset())
    frame = pd.DataFrame({"name": ["Mary"]})
    pd.testing.assert_frame_equal(texts.predict(frame), predictor_of(trained[0]).predict(frame))
    rows = ServedRun(numbers[0], trusted=frozenset())
    matrix = sparse.csr_matrix(numbers[1].test.take([0, 1, 2]))
    pd.testing.assert_frame_equal(
        rows.predict(matrix), predictor_of(numbers[0]).predict(matrix.toarray())
    )


def test_the_hardest_texts_are_told_by_their_terms(trained):
    record, dataset = trained
    figure = plot_hardest(rows_of(group_runs([record])), dataset)
    told = words(figure)
    assert "largest entries" in told
    terms = set(dataset.preprocessing.encoded_names)
    assert any(set(word.split(", ")) <= terms for word in told)


@pytest.mark.slow
def test_mlflow_loads_the_models(trained, numbers, tmp_path):
    import mlflow

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    raw = pd.DataFrame({"name": ["Mary"]}), sparse.csr_matrix(numbers[1].test.take([0, 1]))
    for (record, _), rows in zip((trained, numbers), raw, strict=True):
        run_id = Tracker(uri, "served").publish(record, model=True, trusted=frozenset())
        loaded = mlflow.pyfunc.load_model(f"runs:/{run_id}/{record.name}-{record.uid[:8]}")
        given = rows.astype(float) if sparse.issparse(rows) else rows
        pd.testing.assert_frame_equal(loaded.predict(given), predictor_of(record).predict(rows))
