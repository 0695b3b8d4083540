"""The flat array of parameters and the views into it."""

import numpy as np
import pytest

from nn.parameters import Layout, Parameter, Workspace, is_turned, rows_of, zeros

PARAMETERS = [
    Parameter("a/weights", (2, 3), decays=True),
    Parameter("a/bias", (3,)),
    Parameter("b/weights", (3, 1), decays=True),
    Parameter("b/bias", (1,)),
]


@pytest.fixture
def layout() -> Layout:
    return Layout(PARAMETERS)


class TestLayout:
    def test_what_decays_comes_first(self, layout: Layout) -> None:
        # 6 + 3 weights, then 3 + 1 biases
        assert layout.size == 13
        assert layout.decayed == 9
        assert layout.slices == {
            "a/weights": slice(0, 6),
            "b/weights": slice(6, 9),
            "a/bias": slice(9, 12),
            "b/bias": slice(12, 13),
        }

    def test_views_are_views(self, layout: Layout) -> None:
        flat = np.arange(26.0).reshape(2, 13)
        views = layout.views(flat)
        assert views["a/weights"].shape == (2, 2, 3)
        assert views["b/bias"].shape == (2, 1)
        np.testing.assert_array_equal(views["a/weights"][1], [[13, 14, 15], [16, 17, 18]])
        for view in views.values():
            assert np.shares_memory(view, flat)
        views["b/bias"][0] = -1
        assert flat[0, 12] == -1

    def test_fill(self, layout: Layout) -> None:
        flat = np.zeros((2, 13))
        views = layout.views(np.arange(26.0).reshape(2, 13))
        layout.fill(flat, views)
        np.testing.assert_array_equal(flat, np.arange(26.0).reshape(2, 13))
        layout.fill(flat, {name: view[1] for name, view in views.items()})
        np.testing.assert_array_equal(flat, np.tile(np.arange(13.0, 26.0), (2, 1)))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"b/bias": None}, "b/bias"),
            ({"a/weights": np.zeros((3, 2))}, r"a/weights.*\(3, 2\).*\(2, 3\)"),
            ({"b/bias": np.zeros(())}, "b/bias"),
            ({"b/bias": np.zeros((5, 1))}, "b/bias"),
        ],
        ids=str,
    )
    def test_what_does_not_fit_changes_nothing(self, layout, change, message) -> None:
        flat = np.zeros((2, 13))
        values = {name: view[0] for name, view in layout.views(np.ones((1, 13))).items()} | change
        with pytest.raises(ValueError, match=message):
            layout.fill(flat, {k: v for k, v in values.items() if v is not None})
        np.testing.assert_array_equal(flat, 0)

    def test_nothing_at_all(self) -> None:
        empty = Layout([])
        assert empty.size == empty.decayed == 0
        assert empty.views(np.zeros((3, 0))) == {}


def test_workspace_gives_the_same_memory_for_the_same_key() -> None:
    workspace = Workspace(np.dtype(np.float32))
    first = workspace.array("a", (2, 3))
    assert first.dtype == np.float32
    assert workspace.array("a", (2, 3)) is first
    assert not np.shares_memory(workspace.array("b", (2, 3)), first)
    assert workspace.array("a", (3, 2)).shape == (3, 2)
    assert workspace.array("a", (2, 3)) is first


def test_turned_memory_has_columns_apart() -> None:
    workspace = Workspace(np.dtype(np.float64))
    first = workspace.turned("a", (2, 5, 3))
    assert first.shape == (2, 5, 3)
    assert first.swapaxes(1, 2).flags.c_contiguous
    assert is_turned(first)
    assert workspace.turned("a", (2, 5, 3)) is first
    straight = workspace.array("a", (2, 5, 3))
    assert not is_turned(straight)
    assert not np.shares_memory(straight, first)
    assert workspace.turned("b", (4, 2, 5, 3))[1].swapaxes(1, 2).flags.c_contiguous


def test_ones() -> None:
    workspace = Workspace(np.dtype(np.float32))
    first = workspace.ones(3)
    np.testing.assert_array_equal(first, np.ones((1, 3), np.float32), strict=True)
    assert workspace.ones(3) is first
    assert workspace.ones(4).shape == (1, 4)


class TestZeros:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("shape", [(0, 3), (2, 3), (1, 1 << 20), (3, 700_001)])
    def test_are_like_those_of_numpy(self, shape: tuple[int, int], dtype: type) -> None:
        array = zeros(shape, np.dtype(dtype))
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert not array.any()

    def test_many_begin_a_large_page_that_ends_behind_them(self) -> None:
        array, page = zeros((3, 700_001), np.dtype(np.float32)), 1 << 21
        assert array.ctypes.data % page == 0
        memory = array
        while isinstance(memory.base, np.ndarray):
            memory = memory.base
        end = memory.ctypes.data + memory.nbytes
        assert end >= array.ctypes.data + -(-array.nbytes // page) * page

    @pytest.mark.parametrize("columns", [5, 1_000_000])
    def test_rows_of(self, columns: int) -> None:
        array = np.arange(4 * columns, dtype=np.float32).reshape(4, columns)
        kept = rows_of(array, [3, 1])
        np.testing.assert_array_equal(kept, array[[3, 1]])
        assert not np.shares_memory(kept, array)
        assert rows_of(array, []).shape == (0, columns)
