"""Files of data that are damaged or made to do harm: data or a message, and nothing else.

A file of each kind is changed byte by byte, and read to be trained on and to be predicted from.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import sparse

from experiments.commands.predict import main as predict
from experiments.datasets import BagOfWords, Csv, Series, Source, Text
from experiments.datasets.reading.image_file import read_images
from experiments.errors import UserError

RECORDS = Path(__file__).resolve().parents[2] / "fixtures" / "records"

ROWS = sparse.csr_array(np.eye(4, 8, dtype=np.float32))


def npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array))
    return buffer.getvalue()


def npz(matrix: object, *, compressed: bool = False) -> bytes:
    buffer = io.BytesIO()
    sparse.save_npz(buffer, matrix, compressed)
    return buffer.getvalue()


def image(kind: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table", content)
    return buffer.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
}

RHYME = b"the cat sat on the mat; the dog sat on the log.\n" * 4
SERIES = b"date,load,wind\n" + b"".join(b"2024-01-%02d,%d,%d.5\n" % (day, day, 60 // day)
                                        for day in range(1, 29))  # fmt: skip
REVIEWS = b"review,stars\n" + b"good film,1\npoor plot,0\nfine cast,1\n" * 5
SVMLIGHT = b"0 4:0.04 7:0.97 8:0.49\n1 qid:2 3:0.58 5:-5e-1 # comment\n" * 8

# What can be trained on: a file, and the source that reads it.
TRAINED: dict[str, tuple[bytes, Callable[[Path], Source]]] = {
    "text": (RHYME, lambda path: Text(source=str(path), length=3)),
    "words": (RHYME, lambda path: Text(source=str(path), length=3, unit="words", vocabulary=5)),
    "series": (SERIES, lambda path: Series(path=str(path), time="date", window=3)),
    "terms": (REVIEWS, lambda path: BagOfWords(path=str(path), text="review", target="stars")),
    "svmlight": (SVMLIGHT, lambda path: BagOfWords(path=str(path))),
    "table": (SERIES, lambda path: Csv(path=str(path), target="wind", dates=["date"])),
}

# What can be predicted from: the record, and the file.
PREDICTED: dict[str, tuple[str, bytes]] = {
    "flowers.csv": ("dense", (RECORDS / "flowers.csv").read_bytes()),
    "flowers.npy": ("dense", npy(np.ones((3, 4), np.float32))),
    "rhymes.csv": ("text", (RECORDS / "rhymes.csv").read_bytes()),
    "rhymes.txt": ("text", RHYME),
    "reviews.csv": ("terms", (RECORDS / "reviews.csv").read_bytes()),
    "reviews.txt": ("terms", b"good film\npoor plot\n"),
    "rows.svm": ("sparse", (RECORDS / "rows.svm").read_bytes()),
    "rows.npz": ("sparse", npz(ROWS)),
    "compressed.npz": ("sparse", npz(ROWS, compressed=True)),
    "columns.npz": ("sparse", npz(ROWS.tocsc())),
    "coordinates.npz": ("sparse", npz(ROWS.tocoo())),
    "blocks.npz": ("sparse", npz(ROWS.tobsr((2, 2)))),
    "diagonals.npz": ("sparse", npz(ROWS.todia())),
    "power.csv": ("series", (RECORDS / "power.csv").read_bytes()),
}


PIECES = (
    *(b"\0", b"\n", b'"', b"\xff", b"\xef\xbb\xbf", b"\r", b"\xed\xa0\x80", b",", b":", b"9" * 400),
    *(b"1e999", b"nan", b"-1:1", b"4294967297:1", b"9223372036854775807:1"),
)


@st.composite
def changed(draw: st.DrawFn, content: bytes) -> bytes:
    """Change, insert, remove or repeat a few bytes."""
    new = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(new) - 1, 0)))
        kind = draw(st.sampled_from(["set", "insert", "remove", "truncate", "repeat"]))
        piece = draw(st.binary(min_size=1, max_size=6) | st.sampled_from(PIECES))
        if kind == "set":
            new[at : at + len(piece)] = piece
        elif kind == "insert":
            new[at:at] = piece
        elif kind == "remove":
            del new[at : at + len(piece)]
        elif kind == "truncate":
            del new[at:]
        else:
            new[at:at] = new[at : at + 64] * 3
    return bytes(new)


@pytest.mark.parametrize("kind", TRAINED)
@pytest.mark.parametrize("packed", PACKED)
@given(data=st.data())
def test_files_to_train_on(kind: str, packed: str, data: st.DataObject, tmp_path: Path) -> None:
    content, source = TRAINED[kind]
    if packed == "plain" or data.draw(st.booleans()):
        content = PACKED[packed](data.draw(changed(content)))
    else:
        content = data.draw(changed(PACKED[packed](content)))
    path = tmp_path / "file.data"
    path.write_bytes(content)
    try:
        dataset = source(path).load()
    except UserError as error:
        message = str(error)
        assert "file.data" in message[:5000]
        assert len(message) < 5000
    else:
        assert len(dataset.train)


def predicted(record: str, path: Path) -> tuple[int, str]:
    """Predict from a file; return the status and the message."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = predict([str(RECORDS / record), str(path)])
    assert status in (0, 1)
    assert bool(out.getvalue()) is (status == 0)
    if status:
        assert err.getvalue().startswith("predict: ")
        assert path.name in err.getvalue()
        assert len(err.getvalue()) < 5000
    return status, err.getvalue()


@pytest.mark.parametrize("name", PREDICTED)
@given(data=st.data())
def test_files_to_predict_from(name: str, data: st.DataObject, tmp_path: Path) -> None:
    record, content = PREDICTED[name]
    path = tmp_path / name
    path.write_bytes(content)
    assert predicted(record, path) == (0, "")
    path.write_bytes(data.draw(changed(content)))
    predicted(record, path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@given(data=st.data())
def test_images(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / f"image.{kind.lower()}"
    path.write_bytes(data.draw(changed(image(kind, data.draw(st.sampled_from(["RGB", "L"]))))))
    try:
        pixels = read_images(path, (3, 4, 4), scaled=data.draw(st.booleans()))
    except UserError as error:
        message = str(error)
        assert path.name in message
    else:
        assert pixels.shape == (1, 3, 4, 4)


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo"])
def test_indices_beyond_a_sparse_matrix(kind: str, tmp_path: Path) -> None:
    matrix = ROWS.tobsr((2, 2)) if kind == "bsr" else ROWS.asformat(kind, copy=True)
    indices = matrix.coords[1] if kind == "coo" else matrix.indices
    indices[:] = 10**8
    path = tmp_path / "rows.npz"
    path.write_bytes(npz(matrix))
    status, message = predicted("sparse", path)
    assert status == 1
    assert "not a sparse matrix as scipy.sparse.save_npz writes it" in message


def test_files_that_promise_more_than_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.npz"
    path.write_bytes(npz(sparse.csc_array((1 << 40, 8), dtype=np.float32)))
    assert "a matrix of 1,099,511,627,776 rows needs about 17.6 TB" in predicted("sparse", path)[1]
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000, 4), }\n"
    path = tmp_path / "flowers.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "not an array of numbers" in predicted("dense", path)[1]
    # Archives and texts that unpack to more than is left
    for module in ("array_file", "opening"):
        monkeypatch.setattr(
            f"experiments.datasets.reading.{module}.available_memory", lambda: 1_000_000
        )
    path = tmp_path / "rows.npz"
    path.write_bytes(npz(sparse.csr_array(np.ones((1000, 1000))), compressed=True))
    assert path.stat().st_size < 100_000
    assert "needs about" in predicted("sparse", path)[1]
    for name, record in (("rows.svm", "sparse"), ("texts.txt", "terms"), ("texts.csv", "terms")):
        path = tmp_path / name
        path.write_bytes(gzip.compress(b"1 1:1\n" * 100_000))
        assert "needs about" in predicted(record, path)[1]


@pytest.mark.skipif(os.name == "nt", reason="no pipes in folders on Windows")
@pytest.mark.parametrize("name", ["a.csv", "a.npy", "a.npz", "a.svm", "a.txt", "a.png"])
def test_pipes_and_circles_of_links(name: str, tmp_path: Path) -> None:
    record = {".npz": "sparse", ".svm": "sparse", ".txt": "terms"}.get(name[1:], "dense")
    pipe, circle = tmp_path / name, tmp_path / f"circle-{name}"
    os.mkfifo(pipe)
    circle.symlink_to(circle)
    for path in (pipe, circle):
        if name == "a.png":
            with pytest.raises(UserError, match="cannot be read"):
                read_images(path, (3, 4, 4), scaled=True)
        else:
            assert "cannot be read" in predicted(record, path)[1]
