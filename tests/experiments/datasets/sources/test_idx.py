import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from experiments.datasets.sources import idx as idx_module
from experiments.datasets.sources.idx import read_idx, write_idx
from experiments.errors import DataError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx(*shape, magic=None, content=None):
    header = struct.pack(">HBB", 0, 8, len(shape)) if magic is None else magic
    count = int(np.prod(shape)) if content is None else 0
    return header + struct.pack(f">{len(shape)}I", *shape) + (content or bytes(range(count)))


@given(
    arrays(np.uint8, array_shapes(min_dims=3, max_dims=3) | array_shapes(min_dims=1, max_dims=1)),
    st.booleans(),
)
def test_what_is_written_reads_back_plain_or_gzip(tmp_path, array, packed):
    path = tmp_path / "file"
    write_idx(path, array)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_idx(path, array.ndim), array)


def test_layout_of_the_format(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(
        b"\0\0\x08\x03" + b"\0\0\0\x02" + b"\0\0\0\x03" + b"\0\0\0\x04" + bytes(range(24))
    )
    np.testing.assert_array_equal(read_idx(path, 3), IMAGES)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut short.*0 bytes, no header"),
        (b"\0\0\x08", "cut short.*3 bytes, no header"),
        (idx(2, 3, 4)[:10], "cut short.*ends within the header"),
        (idx(2, 3, 4)[:-1], "cut short.*claims 2×3×4 images"),
        (idx(2, 3, 4) + b"x", "more data than the 2×3×4 images"),
        (idx(24), "magic number 0x00000801.*0x00000803.*contains labels; are the files mixed up"),
        (b"P5 28 28\n" * 9, "magic number 0x50352032.*Give a file of images in IDX format"),
        (idx(2, 3, 4, magic=b"\0\0\x0d\x03"), "magic number 0x00000d03"),
        (idx(0, 28, 28), "contains no data"),
        (idx(2**32 - 1, 2**32 - 1, 2**32 - 1, content=b"x"), "claims .* more than the file can"),
    ],
)
def test_malformed_file_is_named_with_its_fault_and_a_cure(tmp_path, content, message, packed):
    path = tmp_path / "train-images"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=f"train-images: .*{message}") as caught:
        read_idx(path, 3)
    assert str(caught.value).endswith((".", "?"))


def test_nothing_is_allocated_for_what_a_file_cannot_hold(tmp_path, monkeypatch):
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(idx(2**31, 28, 28, content=b"\0" * 100)))
    monkeypatch.setattr(np, "frombuffer", lambda *_: pytest.fail("allocated"))
    with pytest.raises(DataError, match="more than the file can hold"):
        read_idx(path, 3)


@pytest.mark.parametrize("keep", [2, 5, 12, 25, -9, -4, -1])
def test_gzip_that_is_cut_short(tmp_path, keep):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(idx(2, 3, 4))[:keep])
    with pytest.raises(DataError, match=r"cut\.gz: .*(damaged or )?cut short"):
        read_idx(path, 3)


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read, because it is a folder"):
        read_idx(tmp_path, 3)
    with pytest.raises(DataError, match="there is no such file"):
        read_idx(tmp_path / "absent", 3)


@given(st.data(), st.booleans(), st.sampled_from([1, 3]))
def test_mutated_bytes_lead_to_data_or_data_error(tmp_path, data, packed, dimensions):
    whole = idx(*((2, 3, 4) if dimensions == 3 else (24,)))
    content = bytearray(gzip.compress(whole) if packed else whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path / "file"
    path.write_bytes(bytes(content))
    try:
        array = read_idx(path, dimensions)
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert array.ndim == dimensions
        assert array.dtype == np.uint8


def test_a_gzip_that_unpacks_further_than_its_header_says(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx(2, 3, 4) + bytes(10_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="more data than the 2×3×4 images that its header"):
            read_idx(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_images_that_do_not_fit_in_memory(tmp_path, monkeypatch):
    path = tmp_path / "images"
    path.write_bytes(idx(2, 3, 4))
    monkeypatch.setattr(idx_module, "available_memory", lambda: 23)
    with pytest.raises(DataError, match=r"images: reading 2×3×4 images needs about 24 bytes"):
        read_idx(path, 3)


def test_a_pipe_in_place_of_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe, socket or device"):
        read_idx(tmp_path / "pipe", 3)
