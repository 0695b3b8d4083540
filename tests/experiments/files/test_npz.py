"""Arrays packed into archives and read again."""

import numpy as np
import pytest

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
