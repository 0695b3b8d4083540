import gzip
import hashlib
import io
import json
import os
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from experiments.datasets import FashionMnist, Mnist, Task
from experiments.datasets.sources import openml
from experiments.datasets.sources.idx import write_idx
from experiments.errors import ConfigError, DataError

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def images(train=60, test=20, shape=(5, 4), classes=10, brightest=200):
    generator = np.random.default_rng(0)
    parts = []
    for count in (train, test):
        parts.append(generator.integers(0, brightest, (count, *shape)).astype(np.uint8))
        parts.append((np.arange(count) % classes).astype(np.uint8))
    parts[0][0, 0, 0] = brightest
    return openml.Images(*parts)


def write(folder, content, packed=(), joint="-"):
    folder.mkdir(exist_ok=True)
    for position, (name, array) in enumerate(zip(NAMES, content, strict=True)):
        path = folder / name.replace("-idx", f"{joint}idx")
        write_idx(path, array)
        if position in packed:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def fetch(name, *_):
        raise DataError(f"OpenML's dataset {name} could not be fetched. Is there a network?")

    monkeypatch.setattr(openml, "fetch_images", fetch)


@pytest.mark.parametrize("packed", [(), (0, 1, 2, 3), (0, 3)])
@pytest.mark.parametrize("joint", ["-", "."])
def test_reads_plain_and_gzip_files_and_keeps_the_published_test_set(tmp_path, packed, joint):
    content = images()
    dataset = Mnist(dir=str(write(tmp_path / "d", content, packed, joint)), validation=0.2).load()
    assert (dataset.task, dataset.outputs, dataset.shape) == (Task.MULTICLASS, 10, (1, 5, 4))
    assert [len(part) for part in dataset.parts.values()] == [48, 12, 20]
    assert dataset.feature_names[:5] == tuple(
        f"pixel_{r}_{c}" for r, c in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    )
    np.testing.assert_array_equal(dataset.test.targets, content.test_labels)
    largest = dataset.preprocessing.scale[0]
    expected = content.test_images.reshape(20, -1).astype(np.float32) / np.float32(largest)
    np.testing.assert_array_equal(dataset.test.inputs, expected)
    assert dataset.train.inputs.dtype == np.float32
    assert sorted(np.bincount(dataset.validation.targets)) == [1] * 8 + [2] * 2
    raw = content.test_images.reshape(20, -1).astype(float)
    np.testing.assert_array_equal(dataset.preprocessing.encode(raw), dataset.test.inputs)


def test_limit_holds_for_the_training_set_and_for_the_test_set(tmp_path):
    folder = str(write(tmp_path / "d", images()))
    dataset = Mnist(dir=folder, limit=15).load()
    assert len(dataset.train) + len(dataset.validation) == 15
    assert len(dataset.test) == 15
    assert set(dataset.train.targets) == set(range(10))
    assert len(Mnist(dir=folder, limit=30).load().test) == 20


def test_fallback_folder_is_looked_at_second(tmp_path):
    second = write(tmp_path / "second", images(brightest=100))
    source = FashionMnist(dir=str(tmp_path / "first"), fallback_dir=str(second))
    assert {path.parent for path in source.files()} == {second}
    assert source.load().target_names[9] == "Ankle boot"
    first = write(tmp_path / "first", images(brightest=150))
    assert {path.parent for path in source.files()} == {first}


def test_relative_folder_starts_where_the_command_is_given(tmp_path, monkeypatch):
    write(tmp_path / "files", images())
    monkeypatch.chdir(tmp_path)
    assert Mnist(dir="files").files()[0] == tmp_path / "files" / NAMES[0]


def test_a_missing_file_among_others_is_named(tmp_path):
    folder = write(tmp_path / "d", images())
    (folder / NAMES[2]).unlink()
    with pytest.raises(DataError, match=f"{NAMES[2]} .*not found beside {NAMES[0]}, "):
        Mnist(dir=str(folder)).load()


def test_files_that_do_not_belong_together(tmp_path):
    content = images()
    folder = write(tmp_path / "a", content._replace(train_labels=content.train_labels[:-1]))
    with pytest.raises(DataError, match=r"60 images but train-labels-idx1-ubyte 59 labels"):
        Mnist(dir=str(folder)).load()
    folder = write(tmp_path / "b", content._replace(test_images=content.test_images[:, :3]))
    with pytest.raises(DataError, match=r"images of 5×4 pixels but t10k-images.* of 3×4"):
        Mnist(dir=str(folder)).load()


def test_label_that_is_no_class_is_named(tmp_path):
    content = images()
    content.test_labels[7] = 10
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte: label 8 is 10, not 0 to 9"):
        Mnist(dir=str(write(tmp_path / "d", content))).load()


def test_without_files_and_network_the_message_says_what_to_do(tmp_path):
    with pytest.raises(DataError) as caught:
        Mnist(dir=str(tmp_path / "absent")).load()
    message = str(caught.value)
    for part in (*NAMES, str(tmp_path / "absent"), "Is there a network?", "dataset.dir=FOLDER"):
        assert part in message
    with pytest.raises(DataError, match=r"dataset.download=true"):
        Mnist(dir=str(tmp_path), download=False).load()


def test_fetched_set_is_kept_as_files(tmp_path, monkeypatch):
    content, calls = images(), []
    monkeypatch.setattr(openml, "fetch_images", lambda *a: calls.append(a) or content)
    source = FashionMnist(dir=str(tmp_path / "new" / "folder"))
    fetched = source.load()
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(NAMES)
    assert source.load().digest == fetched.digest
    assert calls == [("Fashion-MNIST", 1, 60_000, (28, 28))]


def test_fetched_set_that_cannot_be_kept_is_used_all_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(openml, "fetch_images", lambda *_: images())
    (tmp_path / "file").write_text("in the way")
    assert Mnist(dir=str(tmp_path / "file")).load().outputs == 10
    assert "cannot be kept" in capsys.readouterr().err


def test_wrong_options():
    with pytest.raises(ConfigError, match=r"dataset.dir must be a word"):
        Mnist(dir=None)
    with pytest.raises(ConfigError, match=r"dataset.validation"):
        Mnist(validation=1)


class TestOpenMl:
    """scikit-learn's client against a local stand-in for the server."""

    @pytest.fixture
    def fetch(self, monkeypatch):
        monkeypatch.undo()  # the real function
        return openml.fetch_images

    def serve(self, monkeypatch, rows):
        """Answer as the server does, with a table of 2×2 images in ARFF."""
        columns = [f"pixel{number}" for number in range(1, len(rows[0]))]
        arff = "@RELATION toy\n" + "".join(f"@ATTRIBUTE {name} NUMERIC\n" for name in columns)
        arff += "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}\n@DATA\n"
        arff += "".join(",".join(map(str, row)) + "\n" for row in rows)
        features = [
            {
                "index": str(index),
                "name": name,
                "data_type": "nominal" if name == "class" else "numeric",
                "is_target": str(name == "class").lower(),
                "is_ignore": "false",
                "is_row_identifier": "false",
                "number_of_missing_values": "0",
            }
            for index, name in enumerate([*columns, "class"])
        ]
        described = {
            "id": "1",
            "name": "toy",
            "version": "1",
            "format": "ARFF",
            "url": "https://stand.in/data/v1/download/1",
            "file_id": "1",
            "default_target_attribute": "class",
            "description": "Images for a test.",
            "status": "active",
            "md5_checksum": hashlib.md5(arff.encode()).hexdigest(),
        }
        qualities = [{"name": "NumberOfInstances", "value": str(len(rows))}]
        asked = []

        def answer(request, *_, **__):
            url = request.full_url
            asked.append(url)
            if "/list/" in url:
                content = {"data": {"dataset": [{"did": 1, "name": "toy", "version": 1}]}}
            elif "/features/" in url:
                content = {"data_features": {"feature": features}}
            elif "/qualities/" in url:
                content = {"data_qualities": {"quality": qualities}}
            elif "/download/" in url:
                return Response(arff.encode())
            else:
                content = {"data_set_description": described}
            return Response(json.dumps(content).encode())

        monkeypatch.setattr("sklearn.datasets._openml.urlopen", answer)
        return asked

    def test_published_division(self, fetch, monkeypatch):
        rows = [[0, 10, 20, 255, 3], [1, 2, 3, 4, 0], [5, 6, 7, 8, 9]]
        asked = self.serve(monkeypatch, rows)
        found = fetch("toy", 1, 2, (2, 2))
        np.testing.assert_array_equal(found.train_images, [[[0, 10], [20, 255]], [[1, 2], [3, 4]]])
        np.testing.assert_array_equal(found.train_labels, [3, 0])
        np.testing.assert_array_equal(found.test_images, [[[5, 6], [7, 8]]])
        np.testing.assert_array_equal(found.test_labels, [9])
        assert all(array.dtype == np.uint8 for array in found)
        assert any("toy" in url for url in asked)

    def test_quoted_labels(self, fetch, monkeypatch):
        self.serve(monkeypatch, [[0, 1, 2, 3, "'7'"], [4, 5, 6, 7, "'0'"]])
        assert fetch("toy", 1, 1, (2, 2)).train_labels.tolist() == [7]

    @pytest.mark.parametrize(
        "rows",
        [
            [[0, 10, 20, 3], [1, 2, 3, 0], [5, 6, 7, 9]],
            [[0, 10, 20, 256, 3], [1, 2, 3, 4, 0], [5, 6, 7, 8, 9]],
            [[0, 10, 20, 255, 3], [1, 2, 3, 4, 0]],
        ],
        ids=["pixels", "brightness", "rows"],
    )
    def test_something_else_is_refused(self, fetch, monkeypatch, rows):
        self.serve(monkeypatch, rows)
        with pytest.raises(DataError, match="not a set of more than 2 images of 2×2"):
            fetch("toy", 1, 2, (2, 2))

    def test_description_that_lacks_what_is_needed(self, fetch, monkeypatch):
        monkeypatch.setattr("sklearn.datasets._openml.urlopen", lambda *_, **__: Response(b"{}"))
        with pytest.raises(DataError, match=r"toy \(version 1\) could not be fetched"):
            fetch("toy", 1, 2, (2, 2))

    def test_no_network(self, fetch, monkeypatch, recwarn):
        def unreachable(*_, **__):
            raise URLError("no route to host")

        monkeypatch.setattr("sklearn.datasets._openml.urlopen", unreachable)
        monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda _: None)
        with pytest.raises(DataError, match=r"toy \(version 1\) could not be .*no route to host"):
            fetch("toy", 1, 2, (2, 2))
        assert not recwarn.list


class Response(io.BytesIO):
    """What urlopen returns, as far as scikit-learn looks at it."""

    def info(self):
        return {}


def test_real_file_names_are_those_of_the_documentation():
    assert all(name in (FashionMnist.__mro__[1].__doc__ or "") for name in NAMES)
    assert Path(Mnist().dir) == Path("data/mnist")


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.symlink_to(path), "symbolic links"),
        (lambda path: path.symlink_to("nowhere"), "no such file"),
        (os.mkfifo, "it is a pipe"),
    ],
)
def test_what_is_no_file_is_not_taken_for_absent(tmp_path, replace, message):
    """Otherwise the set would be downloaded."""
    write(tmp_path, images())
    for name in NAMES:
        (tmp_path / name).unlink()
        replace(tmp_path / name)
    with pytest.raises(DataError, match=rf"{NAMES[0]}: .*{message}"):
        Mnist(dir=str(tmp_path)).load()
