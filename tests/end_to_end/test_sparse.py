"""Texts and sparse rows, from the command line to predictions."""

from pathlib import Path

import pytest

from tests.end_to_end.command_line import NOT_TRACKED, run, script, succeeded

pytestmark = pytest.mark.slow

FEW = ("dataset.limit=300", "dataset.most_terms=100", "training.epochs=2", NOT_TRACKED)


def test_texts_train_and_predict(tmp_path: Path) -> None:
    succeeded(run("dataset=names", *FEW, folder=tmp_path))
    (path,) = (tmp_path / "outputs").rglob("record.json")
    (tmp_path / "new.txt").write_text("Mary\nPeter\n")
    printed = succeeded(script("predict.py", path.parent, tmp_path / "new.txt", folder=tmp_path))
    assert len(printed.out.splitlines()) == 3


def test_the_experiment_compares_sgd_and_adagrad_in_both_forms(tmp_path: Path) -> None:
    few = (
        "hydra.sweeper.budget=2",
        "hydra.sweeper.tuning_seeds=100",
        "hydra.sweeper.reporting_seeds=0-1",
    )
    finished = run("experiment=names_sparse", *few, *FEW, folder=tmp_path)
    said = succeeded(finished).out
    for form in ("sparse", "mixed"):
        assert f"dataset.form={form}" in said


def test_what_is_wrong_is_one_message(tmp_path: Path) -> None:
    for settings, message in (
        (("dataset=names", "model=cnn"), "takes no sparse rows"),
        (("dataset=names", "dataset.scaling=standard"), "would move the zeros of sparse rows"),
        (("dataset=bag_of_words", "dataset.path=absent.svm"), "there is no such file"),
    ):
        finished = run(*settings, NOT_TRACKED, folder=tmp_path)
        assert finished.status != 0
        assert message in finished.err
        assert "Traceback" not in finished.err
