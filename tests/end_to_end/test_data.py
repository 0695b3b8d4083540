"""Data of several kinds through the command line, presets, and what the project promises."""

import csv
import gzip
import io
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from tests.end_to_end.command_line import (
    NOT_TRACKED,
    ROOT,
    Finished,
    at_once,
    python,
    run,
    script,
    succeeded,
    tracked,
    uri,
)

MNIST = {
    "train-images-idx3-ubyte.gz": "train images",
    "train-labels-idx1-ubyte.gz": "train labels",
    "t10k-images-idx3-ubyte": "test images",
    "t10k-labels-idx1-ubyte": "test labels",
}


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write unsigned bytes in the format of the MNIST files, packed where the name says so."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits of scikit-learn, drawn 28 by 28, under the names of the MNIST files."""
    folder = tmp_path_factory.mktemp("mnist files")
    digits = load_digits()
    images = np.zeros((len(digits.images), 28, 28))
    images[:, 2:26, 2:26] = np.repeat(np.repeat(digits.images, 3, axis=1), 3, axis=2) * 15.9
    write_idx(folder / "train-images-idx3-ubyte.gz", images[:1500])
    write_idx(folder / "train-labels-idx1-ubyte.gz", digits.target[:1500])
    write_idx(folder / "t10k-images-idx3-ubyte", images[1500:])
    write_idx(folder / "t10k-labels-idx1-ubyte", digits.target[1500:])
    return folder


def test_mnist_from_files(mnist: Path, tmp_path: Path) -> None:
    command = ("dataset=mnist", f"dataset.dir='{mnist}'", "model.hidden=[128]", "training.epochs=5")
    record = succeeded(run(*command, NOT_TRACKED, folder=tmp_path)).record()
    assert record.dataset["rows"] == {"train": 1350, "validation": 150, "test": 297}
    assert record.dataset["shape"] == [1, 28, 28]
    assert record.config["dataset"]["dir"] == str(mnist)
    assert record.summary["test/accuracy"] > 0.85
    assert record.weights()["dense1/weights"].shape == (784, 128)


def test_a_truncated_file_is_named(mnist: Path, tmp_path: Path) -> None:
    for file in mnist.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    broken = tmp_path / "t10k-images-idx3-ubyte"
    broken.write_bytes(broken.read_bytes()[:-1000])
    finished = run("dataset=mnist", f"dataset.dir={tmp_path}", NOT_TRACKED, folder=tmp_path)
    assert finished.status == 1
    assert broken.name in finished.err
    assert "Traceback" not in finished.err


HOUSES = ("dataset=csv", "dataset.path=houses.csv", "dataset.target=price")


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of numbers and words."""
    folder = tmp_path_factory.mktemp("houses")
    rng = np.random.default_rng(0)
    size, town = rng.uniform(30, 200, 300), rng.choice(["Bonn", "Köln", "Ulm"], 300)
    price = 2000 * size + 50000 * (town == "Köln") + rng.normal(0, 3000, 300)
    table = pd.DataFrame({"size": size.round(1), "town": town, "price": price.round()})
    table.to_csv(folder / "houses.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def house(houses: Path) -> Finished:
    rest = ("loss=mse", "optimizer.lr=0.01", "training.epochs=60", NOT_TRACKED)
    return run(*HOUSES, *rest, folder=houses)


def test_csv(house: Finished) -> None:
    assert house.status == 0, house.err
    record = house.record()
    assert record.dataset["task"] == "regression"
    assert record.dataset["features"] == 4  # a number, and three towns one-hot
    assert record.dataset["target_names"] == ["price"]
    assert record.summary["test/r2"] > 0.95
    assert "test/r2" in house.out


def test_csv_says_how_it_was_understood(house: Finished) -> None:
    shown = house.out + house.err
    assert "town" in shown
    assert "categor" in shown


def test_csv_predictions_are_in_raw_units(house: Finished, tmp_path: Path) -> None:
    table = tmp_path / "new.csv"
    table.write_text("town,size\nKöln,100\nUlm,100\n", encoding="utf-8")
    finished = script("predict.py", house.record().folder, table, folder=tmp_path)
    prices = [float(row["price"]) for row in csv.DictReader(io.StringIO(succeeded(finished).out))]
    assert prices == pytest.approx([250_000, 200_000], rel=0.1)


@pytest.mark.slow
def test_csv_with_a_word_among_numbers(houses: Path, tmp_path: Path) -> None:
    lines = (houses / "houses.csv").read_text().splitlines()
    lines[7] = "ninety,Ulm,1"
    (tmp_path / "houses.csv").write_text("\n".join(lines))
    finished = run(*HOUSES, "loss=mse", "dataset.max_levels=5", NOT_TRACKED, folder=tmp_path)
    assert finished.status == 1
    assert "houses.csv" in finished.err
    assert "size" in finished.err
    assert "ninety" in finished.err


@pytest.mark.slow
def test_regression_brings_its_loss(tmp_path: Path) -> None:
    finished = succeeded(
        run("dataset=diabetes", "training.epochs=30", NOT_TRACKED, folder=tmp_path)
    )
    record = finished.record()
    assert record.choices["loss"] == "mse"
    assert record.summary["best/val_r2"] > 0.3
    assert list(record.metrics())[3:7] == ["train/loss", "train/r2", "val/loss", "val/r2"]


@pytest.mark.slow
def test_xor_is_learnt_from_every_seed(tmp_path: Path) -> None:
    command = ("-m", "experiment=xor", "seed=range(10)", NOT_TRACKED)
    records = succeeded(run(*command, folder=tmp_path)).records()
    assert [record.seed for record in records] == list(range(10))
    for record in records:
        assert record.metrics()["train/accuracy"][-1] == 1.0, record.name
        assert record.metrics()["train/loss"][-1] < 0.01, record.name
        weights = record.weights("final")
        assert {name: array.shape for name, array in weights.items()} == {
            "dense1/weights": (2, 4),
            "dense1/bias": (4,),
            "dense2/weights": (4, 1),
            "dense2/bias": (1,),
        }


DATASETS = ("xor", "moons", "circles", "spirals", "iris", "wine", "breast_cancer", "digits")


@pytest.mark.slow
def test_overfit_reaches_zero_loss(tmp_path: Path) -> None:
    commands = [("debug=overfit", f"dataset={name}") for name in (*DATASETS, "diabetes")]
    for name, finished in zip((*DATASETS, "diabetes"), at_once(commands, tmp_path), strict=True):
        record = succeeded(finished).record()
        metrics = record.metrics()
        assert metrics["train/loss"][-1] < 1e-3, name
        score = "train/r2" if name == "diabetes" else "train/accuracy"
        assert metrics[score][-1] > 0.998, name
        assert record.dataset["rows"]["train"] <= 48


@pytest.mark.slow
def test_fast_is_fast(tmp_path: Path, mnist: Path) -> None:
    commands = [("debug=fast", f"dataset={name}") for name in (*DATASETS, "diabetes")]
    commands.append(("debug=fast", "dataset=mnist", f"dataset.dir='{mnist}'"))
    for finished in at_once(commands, tmp_path):
        record = succeeded(finished).record()
        assert len(record.metrics()["epoch"]) == 2
        assert record.dataset["rows"]["train"] <= 100
        assert "mlflow" not in finished.out
        assert not list(finished.folder.glob("*.db"))


@pytest.mark.slow
def test_four_optimizers(tmp_path: Path) -> None:
    """What ``make demo`` runs, with the accuracy that is promised."""
    program = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    command = (ROOT / "scripts" / "four_optimizers.sh", tracked(tmp_path))
    # Without an environment of the project's own, the script takes the python that is found.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    finished = python("-c", program, *command, folder=tmp_path, env={"PATH": path})
    assert finished.status == 0, finished.err
    records = finished.records()
    optimizers = ["sgd", "adagrad", "rmsprop", "adam"]
    assert [record.name for record in records] == [
        f"{optimizer}-seed{seed}" for optimizer in optimizers for seed in range(5)
    ]
    assert max(record.summary["best/val_accuracy"] for record in records) >= 0.97
    assert uri(tmp_path) in finished.out
    assert "20 done" in finished.out
