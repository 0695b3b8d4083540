from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.datasets import Images, load_dataset
from experiments.errors import ConfigError, DataError

RNG = np.random.default_rng(0)


def save(path: Path, pixels: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def grey(height: int = 4, width: int = 5) -> np.ndarray:
    return RNG.integers(0, 256, (height, width)).astype(np.uint8)


@pytest.fixture
def leaves(tmp_path: Path) -> dict[str, list[np.ndarray]]:
    """Write two classes of ten grey images, and return their pixels."""
    images = {name: [grey() for _ in range(10)] for name in ("ash", "oak")}
    for name, arrays in images.items():
        for row, pixels in enumerate(arrays):
            save(tmp_path / name / f"{row}.png", pixels)
    return images


def source(folder: Path, **options: object) -> Images:
    return Images(dir=str(folder), **{"split": "position", "counts": [10, 5, 5], **options})


def test_grey_images_have_one_channel(tmp_path: Path, leaves: dict) -> None:
    dataset = source(tmp_path, scaling="none").load()
    assert (dataset.shape, dataset.target_names) == ((1, 4, 5), ("ash", "oak"))
    expected = np.stack(leaves["ash"]).reshape(10, 20)
    np.testing.assert_array_equal(dataset.train.inputs, expected)
    assert dataset.train.targets.tolist() == [0] * 10
    assert dataset.test.targets.tolist() == [1] * 5


def test_images_in_colour_have_three(tmp_path: Path, leaves: dict) -> None:
    pixels = RNG.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    save(tmp_path / "ash" / "0.png", pixels)  # one of them is in colour
    dataset = source(tmp_path, scaling="none").load()
    assert dataset.shape == (3, 4, 5)
    first, second = dataset.train.inputs[:2].reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(first, np.moveaxis(pixels, -1, 0))
    np.testing.assert_array_equal(second, np.stack([leaves["ash"][1]] * 3))
    assert dataset.feature_names[:2] == ("red_0_0", "red_0_1")
    assert source(tmp_path, color=False).load().shape == (1, 4, 5)


def test_size_scales_all(tmp_path: Path, leaves: dict) -> None:
    save(tmp_path / "oak" / "0.png", np.full((8, 8), 60, np.uint8))
    dataset = source(tmp_path, size=[2, 3], scaling="none").load()
    assert dataset.shape == (1, 2, 3)
    assert (dataset.validation.inputs[0] == 60).all()


def test_jpeg_turned_by_the_camera(tmp_path: Path, leaves: dict) -> None:
    pixels = np.zeros((16, 8), np.uint8)
    pixels[:8] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter, clockwise
    for name in leaves:
        for row in range(10):
            (tmp_path / name / f"{row}.png").unlink()
            save(tmp_path / name / f"{row}.JPG", pixels, exif=turned, quality=95)
    dataset = source(tmp_path, scaling="none").load()
    assert dataset.shape == (1, 8, 16)
    first = dataset.train.inputs[0].reshape(8, 16)
    assert first[:, :7].max() < 30 < 220 < first[:, 9:].min()


def test_other_files_and_hidden_ones_are_left_out(tmp_path: Path, leaves: dict) -> None:
    (tmp_path / "ash" / "notes.txt").write_text("leaves")
    (tmp_path / ".git").mkdir()
    (tmp_path / "ash" / ".thumbnails").mkdir()
    save(tmp_path / "ash" / ".thumbnails" / "0.png", grey())
    save(tmp_path / "oak" / "more" / "10.png", grey())
    assert len(source(tmp_path).files()) == 21


def test_a_changed_image_is_read_again(tmp_path: Path, leaves: dict) -> None:
    images, cache = source(tmp_path), tmp_path / ".cache"
    before = load_dataset(images, cache)
    assert load_dataset(images, cache).digest == before.digest
    save(tmp_path / "ash" / "3.png", grey())
    assert load_dataset(images, cache).digest != before.digest


def damaged(folder: Path) -> None:
    content = (folder / "oak" / "3.png").read_bytes()
    (folder / "oak" / "3.png").write_bytes(content[: len(content) // 2])


def no_image(folder: Path) -> None:
    (folder / "oak" / "3.png").write_text("this is text")


def of_another_size(folder: Path) -> None:
    save(folder / "oak" / "3.png", grey(6, 5))


def sixteen_bits(folder: Path) -> None:
    save(folder / "oak" / "3.png", np.full((4, 5), 40_000, np.uint16))


def class_without_images(folder: Path) -> None:
    (folder / "elm").mkdir()
    (folder / "elm" / "a.txt").write_text("no image")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damaged, r"oak/3\.png: the image cannot be read"),
        (no_image, r"oak/3\.png: the image cannot be read"),
        (of_another_size, r"oak/3\.png has 6×5 pixels, but .*0\.png 4×5.*dataset\.size=\[4,5\]"),
        (sixteen_bits, r"oak/3\.png: .* more than eight bits"),
        (class_without_images, r"elm: the folder of a class has no PNG or JPEG file"),
    ],
)
def test_mistakes_are_one_message_each(tmp_path: Path, leaves: dict, change, message: str) -> None:
    change(tmp_path)
    with pytest.raises(DataError, match=message):
        source(tmp_path).load()


def test_a_folder_without_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this one has none"):
        source(tmp_path).load()
    with pytest.raises(DataError, match=r"nowhere: .*No such file.*dataset\.dir=FOLDER"):
        source(tmp_path / "nowhere").load()


def test_size_is_height_and_width() -> None:
    with pytest.raises(ConfigError, match=r"such as \[32,32\]"):
        Images(dir=".", size=[32])
