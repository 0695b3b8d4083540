"""Arrays packed into archives and read again."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.files import npz


def test_packed_arrays_do_not_depend_on_memory_layout() -> None:
    plain = np.arange(6.0).reshape(2, 3)
    strided = np.zeros((4, 6))[::2, ::2]
    strided[:] = plain
    packed = {
        npz.pack({"w": array})
        for array in (plain, np.asfortranarray(plain), strided, plain.astype(">f8"))
    }
    assert len(packed) == 1


def test_arrays_keep_their_shape() -> None:
    arrays = npz.unpack(npz.pack({"a/scalar": np.array(2.0), "a/row": np.array([1])}))
    assert {name: array.shape for name, array in arrays.items()} == {"a/scalar": (), "a/row": (1,)}


def test_objects_are_never_pickled() -> None:
    with pytest.raises(TypeError, match="'w'"):
        npz.pack({"w": np.array([{}], object)})


def test_a_prefix_chooses_arrays_and_is_taken_off() -> None:
    content = npz.pack({"best/w": np.array([1.0]), "final/w": np.array([2.0])})
    assert list(npz.unpack(content, "final/")) == ["w"]
    assert npz.unpack(content, "final/")["w"] == 2


@pytest.mark.parametrize("content", [b"", b"PK", b"not an archive"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        npz.unpack(content)


def archive(**members: bytes) -> bytes:
    """An archive of members with any content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def saved(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def with_header(header: str) -> bytes:
    """An array whose header says something, followed by eight bytes."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(8)


HEADER = "{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (saved(np.array([{}], object)), "not an array of numbers"),
        (saved(np.array(["a"])), "not an array of numbers"),
        (saved(np.zeros(2, "c16")), "not an array of numbers"),
        (saved(np.zeros(2, "M8[s]")), "not an array of numbers"),
        (saved(np.zeros(2, [("a", "f4")])), "not an array of numbers"),
        (saved(np.zeros(3))[:-1], "not as many numbers"),
        (saved(np.zeros(3)) + b"0", "not as many numbers"),
        (with_header(HEADER.format("<f4", False, "(10000000000000,)")), "not as many numbers"),
        (with_header(HEADER.format("<f4", False, f"({'9' * 4000},)")), "not an array"),
        (with_header(HEADER.format("<f4", False, "(" + "1, " * 200 + "2,)")), "dimension"),
        (with_header(HEADER.format("<f4", False, "(-2,)")), "not an array"),
        (with_header(HEADER.format("<f3", False, "(2,)")), "data type"),
        (with_header(HEADER.format("<f8", True, "(1,)")), "not an array"),
        (with_header("{'descr': " + "(" * 2000), "not an array"),
        (with_header("__import__('os').system('false')"), "not an array"),
        (b"", "not an array"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        npz.unpack(archive(w=content))


def test_a_compressed_archive_is_refused_before_it_is_unpacked() -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, w=np.zeros(10**6))
    with pytest.raises(ValueError, match="compressed"):
        npz.unpack(buffer.getvalue())


def test_an_encrypted_archive_is_refused() -> None:
    content = bytearray(archive(w=saved(np.zeros(2))))
    directory = content.index(b"PK\x01\x02")
    content[directory + 8] |= 1
    with pytest.raises(ValueError, match="is encrypted, which arrays here never are"):
        npz.unpack(bytes(content))


def test_members_that_overlap_are_refused() -> None:
    one = archive(**{f"w{i}": saved(np.zeros(1000)) for i in range(9)})
    start = one.index(b"PK\x01\x02")
    directory = bytearray(one[start:])
    # All entries point to the first member, which need not be there nine times.
    at = 0
    while (at := directory.find(b"PK\x01\x02", at)) >= 0:
        directory[at + 42 : at + 46] = bytes(4)
        at += 1
    first = one[: one.index(b"PK\x03\x04", 1)]
    end = directory.index(b"PK\x05\x06")
    directory[end + 16 : end + 20] = len(first).to_bytes(4, "little")
    with pytest.raises(ValueError, match="larger than the archive"):
        npz.unpack(first + bytes(directory))


def test_a_name_may_occur_once() -> None:
    content = archive(w=saved(np.zeros(2)), v=saved(np.zeros(2))).replace(b"v.npy", b"w.npy")
    with pytest.raises(ValueError, match="same name"):
        npz.unpack(content)


TYPES = st.sampled_from(["f2", "f4", "f8", ">f4", "i1", "i8", "u2", "?"])
SHAPES = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@given(st.dictionaries(st.text("abc/", min_size=1, max_size=3), st.tuples(TYPES, SHAPES)))
def test_every_archive_reads_back(described: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    arrays = {name: np.ones(shape, kind) for name, (kind, shape) in described.items()}
    found = npz.unpack(npz.pack(arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype.newbyteorder("<")
        assert found[name].flags.writeable
