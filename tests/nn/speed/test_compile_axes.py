"""Compiled loops over arrays of many axes, with values that last a row, changing several arrays."""

import numpy as np
import pytest

from nn.speed import compile as fusion
from nn.speed.buffers import Workspace

pytestmark = pytest.mark.skipif(fusion.compiler() is None, reason="llvmlite is not installed")

rng = np.random.default_rng(0)


def compiled(code, *arrays: np.ndarray, changed: int = 1, scratch: int = 0) -> list[np.ndarray]:
    """Run code compiled and in NumPy on copies in the same layout; compare all arrays' bits."""
    results = []
    for after in (np.inf, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fusion, "COMPILE_AFTER", after)
            own = [copied(array) for array in arrays]
            workspace = Workspace(arrays[0].dtype)
            fused = fusion.Fused(code, "test", scratch, workspace, changed=changed)
            fused(*own)
            assert bool(fused._bound) == (after == 0)
            results.append(own)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    return results[1]


def copied(array: np.ndarray) -> np.ndarray:
    """Copy a view with the memory that it is a view of."""
    if array.base is None:
        return array.copy()
    base = array.base.copy()
    offset = array.ctypes.data - array.base.ctypes.data
    return np.ndarray(array.shape, array.dtype, base, offset, array.strides)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_for_each_row(dtype) -> None:
    z = rng.standard_normal((3, 4, 50)).astype(dtype)
    bias = rng.standard_normal((3, 4, 1)).astype(dtype)
    (result, _) = compiled(lambda z, b, _: np.add(z, b, out=z), z, bias)
    np.testing.assert_array_equal(result, z + bias)


@pytest.mark.parametrize("shape", [(2, 3, 4, 6, 5), (1, 1, 5, 7, 1), (2, 2, 2, 2, 9)])
def test_quarters_of_an_image(shape) -> None:
    image = rng.standard_normal(shape).astype(np.float32)
    rows, columns = shape[2] // 2 * 2, shape[3] // 2 * 2
    quarters = [image[:, :, i:rows:2, j:columns:2] for i in (0, 1) for j in (0, 1)]
    out = np.empty(quarters[0].shape, np.float32)

    def largest(out, a, b, c, d, _) -> None:
        np.maximum(a, b, out=out)
        np.maximum(out, c, out=out)
        np.maximum(out, d, out=out)

    result = compiled(largest, out, *quarters)[0]
    np.testing.assert_array_equal(result, np.max(quarters, axis=0))


def test_several_changed_arrays() -> None:
    g, x, y = rng.standard_normal((3, 2, 3, 8)).astype(np.float32)
    x[0] = y[0]

    def code(g, back, x, y, _) -> None:
        np.equal(x, y, out=back)
        back *= g
        g -= back

    rest, back, *_ = compiled(code, g.copy(), np.empty_like(g), x.copy(), y.copy(), changed=2)
    np.testing.assert_array_equal(back, np.where(x == y, g, 0))
    np.testing.assert_array_equal(rest, np.where(x == y, 0, g))
