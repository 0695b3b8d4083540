"""Predictions for files of images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.commands.predict import main as predict
from experiments.datasets import Images
from experiments.runs.record import Record
from experiments.serving.predictor import Predictor
from tests.experiments.reporting.figures.networks.trained_sweeps import train_sweep


def draw(path: Path, size: tuple[int, int] = (5, 4)) -> Path:
    """Write a noisy image of so many rows and columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).integers(0, 256, size, dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A run on grey images of 5×4 pixels."""
    folder = tmp_path_factory.mktemp("images")
    for kind in ("leaf", "stem"):
        for number in range(8):
            draw(folder / "data" / kind / f"{number}.png")
    dataset = Images(dir=str(folder / "data")).load()
    return train_sweep(folder / "runs", dataset, ["SGD"])[0]


def test_an_image_and_a_folder_of_images(record, tmp_path, capsys):
    first = draw(tmp_path / "new" / "a.png")
    second = draw(tmp_path / "new" / "below" / "bcd.png")
    pixels = np.stack([np.asarray(Image.open(path)) for path in (first, second)])
    wanted = Predictor(record, trusted=frozenset()).predict(pixels)
    assert predict([str(record.folder), str(first)]) == 0
    assert capsys.readouterr().out == wanted[:1].to_csv(index=False)
    assert predict([str(record.folder), str(tmp_path / "new")]) == 0
    wanted.insert(0, "file", ["a.png", "below/bcd.png"])
    assert capsys.readouterr().out == wanted.to_csv(index=False)


def test_images_that_cannot_be_predicted_are_named(record, tmp_path, capsys):
    other = draw(tmp_path / "other.png", (4, 5))
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    for path, message in (
        (other, "other.png has 4×5 pixels, and the run takes 5×4. Scale it"),
        (damaged, "damaged.jpg: the image cannot be read"),
        (tmp_path / "empty", "a folder without images"),
        (tmp_path / "absent.png", "absent.png: there is no such file"),
    ):
        assert predict([str(record.folder), str(path)]) == 1
        assert message in capsys.readouterr().err
