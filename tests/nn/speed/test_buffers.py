"""Where a stack's arrays are in memory, and buffers that stay where they are."""

from itertools import pairwise

import numpy as np
import pytest

import nn
from nn.parameters import Layout, Parameter
from nn.speed.buffers import Memory, Workspace, is_transposed

PAGE = 1 << 21


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def allocation(array: np.ndarray) -> np.ndarray:
    """What NumPy allocated for it."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class TestMemory:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("shape", [(0, 3), (2, 3), (3, 10_001), (1, 1 << 20), (3, 700_001)])
    def test_zeros_are_like_those_of_numpy(self, shape: tuple[int, int], dtype: type) -> None:
        array = Memory(np.dtype(dtype)).zeros(shape)
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous
        assert array.flags.aligned
        assert array.flags.writeable
        assert not array.any()

    @pytest.mark.parametrize("shape", [(1, 10_000), (2, 100_001), (3, 700_001)])
    def test_the_first_begins_a_large_page_and_whole_pages_are_allocated(
        self, shape: tuple[int, int]
    ) -> None:
        array = Memory(np.dtype(np.float32)).zeros(shape)
        assert address(array) % PAGE == 0
        whole = allocation(array)
        pages = -(-array.nbytes // PAGE) * PAGE
        assert address(whole) + whole.nbytes >= address(array) + pages
        # from which NumPy asks for large pages, as its documentation has it
        assert whole.nbytes >= 1 << 22

    def test_arrays_follow_each_other_in_lines_of_the_cache(self) -> None:
        memory = Memory(np.dtype(np.float32))
        arrays = [memory.zeros(shape) for shape in [(2, 5001), (1, 30_000), (3, 9999)]]
        for one, following in pairwise(arrays):
            assert address(following) % 64 == 0
            assert 0 <= address(following) - (address(one) + one.nbytes) < 64

    def test_arrays_do_not_overlap_when_a_page_ends(self) -> None:
        memory = Memory(np.dtype(np.float64))
        arrays = [memory.zeros((1, 50_001)) for _ in range(20)]
        for number, array in enumerate(arrays):
            array[...] = number
        assert [set(array.ravel()) for array in arrays] == [{number} for number in range(20)]

    def test_small_arrays_take_no_large_page(self) -> None:
        assert allocation(Memory(np.dtype(np.float32)).zeros((100, 17))).nbytes == 100 * 17 * 4

    @pytest.mark.parametrize("columns", [5, 30_000, 1_000_000])
    def test_rows(self, columns: int) -> None:
        memory = Memory(np.dtype(np.float32))
        array = np.arange(4 * columns, dtype=np.float32).reshape(4, columns)
        kept = memory.rows(array, [3, 1])
        np.testing.assert_array_equal(kept, array[[3, 1]], strict=True)
        assert not np.shares_memory(kept, array)
        assert memory.rows(array, []).shape == (0, columns)


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
    first = workspace.transposed("a", (2, 5, 3))
    assert first.shape == (2, 5, 3)
    assert first.swapaxes(1, 2).flags.c_contiguous
    assert is_transposed(first)
    assert workspace.transposed("a", (2, 5, 3)) is first
    straight = workspace.array("a", (2, 5, 3))
    assert not is_transposed(straight)
    assert not np.shares_memory(straight, first)
    assert workspace.transposed("b", (4, 2, 5, 3))[1].swapaxes(1, 2).flags.c_contiguous


def test_ones() -> None:
    workspace = Workspace(np.dtype(np.float32))
    first = workspace.ones(3)
    np.testing.assert_array_equal(first, np.ones((1, 3), np.float32), strict=True)
    assert workspace.ones(3) is first
    assert workspace.ones(4).shape == (1, 4)


def test_the_rules_of_a_stack_share_large_pages() -> None:
    layout = Layout([Parameter("weights", (10_000,), decays=True)])
    rules: list[nn.Optimizer] = [nn.Adam(), nn.Momentum(), nn.Adagrad(), nn.RMSprop()]
    stack = nn.OptimizerStack(rules, layout, np.dtype(np.float32))
    for runs in ([0, 1, 2, 3], [0, 2, 3]):
        stack.keep(runs)
        state = [array for group in stack.groups for array in group.rule.state.values()]
        assert len(state) >= len(runs)
        assert len({address(array) // PAGE for array in state}) == 1
