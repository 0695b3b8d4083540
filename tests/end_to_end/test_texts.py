"""Networks of texts, from the command line to what they write and predict."""

from pathlib import Path

import mlflow
import pandas as pd
import pytest

from experiments.datasets import Text
from experiments.runs.record import Record
from tests.end_to_end.command_line import NOT_TRACKED, run, script, succeeded, tracked
from tests.ngram import NGram

pytestmark = pytest.mark.slow

SMALL = (
    "dataset.limit=6000", "dataset.length=10", "training.epochs=1", "model.depth=1",
    "model.width=8",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    succeeded(run("experiment=text_transformer", *SMALL, tracked(folder), folder=folder))
    return folder


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    (path,) = (folder / "outputs").rglob("record.json")
    return Record.read(path.parent)


def test_a_run_writes_text(folder: Path, record: Record) -> None:
    def written(*options: str) -> str:
        called = script("sample.py", record.folder, "--length", "40", *options, folder=folder)
        return succeeded(called).out

    one, other = written("--prompt", "The "), written("--prompt", "The ", "--seed", "1")
    assert one == written("--prompt", "The ") != other
    assert one.startswith("The ")
    assert len(one) == 4 + 40 + 1
    assert len(written("--temperature", "0")) == 41


def test_wrong_options_of_sampling(folder: Path, record: Record) -> None:
    for options, message in [
        (("--temperature", "-1"), "--temperature must be at least 0, but is -1"),
        (("--length", "0"), "--length must be at least 1"),
        (("--prompt", "日"), "the prompt, character 1: '日' does not occur"),
    ]:
        finished = script("sample.py", record.folder, *options, folder=folder)
        assert finished.status == 1
        assert finished.err.count("\n") == 1
        assert message in finished.err


def test_texts_of_a_table_are_predicted(folder: Path, record: Record) -> None:
    (folder / "texts.csv").write_text('text\n"The value"\n"a"\n')
    printed = succeeded(script("predict.py", record.folder, "texts.csv", folder=folder)).out
    assert printed.startswith("prediction,bits_per_token\n")
    for content, message in [
        ('text\n"a"\n""\n', "texts.csv: row 2, column 'text': the text is empty"),
        ('text\n"a 日"\n', "row 1, column 'text': the text, character 3: '日' does not occur"),
        ("words\na\n", "column 'text', of the texts, is missing"),
    ]:
        (folder / "texts.csv").write_text(content)
        finished = script("predict.py", record.folder, "texts.csv", folder=folder)
        assert finished.status == 1
        assert message in finished.err


def test_the_model_in_mlflow_predicts_the_same(folder: Path, record: Record) -> None:
    (description,) = folder.rglob("MLmodel")
    model = mlflow.pyfunc.load_model(str(description.parent))
    predicted = model.predict(pd.DataFrame({"text": ["The value", "a"]}))
    assert list(predicted.columns) == ["prediction", "bits_per_token"]
    (folder / "texts.csv").write_text('text\n"The value"\n"a"\n')
    printed = succeeded(script("predict.py", record.folder, "texts.csv", folder=folder)).out
    assert printed == predicted.to_csv(index=False)
    assert isinstance(model.metadata.load_input_example(str(description.parent)), pd.DataFrame)


def test_a_run_of_numbers_writes_nothing(tmp_path: Path) -> None:
    succeeded(run("dataset=iris", "training.epochs=1", NOT_TRACKED, folder=tmp_path))
    (path,) = (tmp_path / "outputs").rglob("record.json")
    finished = script("sample.py", path.parent, folder=tmp_path)
    assert finished.status == 1
    assert "was not trained to predict the next token of a text" in finished.err


@pytest.mark.thorough
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("experiment", ["text_lstm", "text_transformer"])
def test_the_experiments_beat_counts_of_four_characters(experiment: str, tmp_path: Path) -> None:
    succeeded(run(f"experiment={experiment}", NOT_TRACKED, folder=tmp_path))
    (path,) = (tmp_path / "outputs").rglob("record.json")
    record = Record.read(path.parent)
    dataset = Text(length=record.config["dataset"]["length"]).load()
    train, test = (
        [*part.inputs.ravel().tolist(), int(part.targets[-1, -1])]
        for part in (dataset.train, dataset.test)
    )
    counted = NGram(train, dataset.outputs, 3).bits(test)
    assert record.summary["test/bits_per_character"] < counted
