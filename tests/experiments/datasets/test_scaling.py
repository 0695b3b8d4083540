import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from experiments.datasets.scaling import fit_scaling
from experiments.errors import DataError

tables = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(-1e150, 1e150) | st.floats(-5, 5) | st.just(0.1),
)


def names(table):
    return tuple(f"c{position}" for position in range(table.shape[1]))


def scaled(table, kind):
    center, scale = fit_scaling(table, kind, names(table))
    return (table - center) / scale


@given(tables, st.sampled_from(["standard", "minmax", "max", "none"]))
def test_scale_is_finite_and_positive_and_constants_have_scale_one(table, kind):
    center, scale = fit_scaling(table, kind, names(table))
    assert np.isfinite(center).all()
    assert np.isfinite(scale).all()
    assert (scale > 0).all()
    if kind in ("standard", "minmax"):
        constant = np.ptp(table, axis=0) == 0
        assert (scale[constant] == 1).all()
        assert (scaled(table, kind)[:, constant] == 0).all()


@given(tables)
def test_minmax_spans_zero_to_one(table):
    result = scaled(table, "minmax")
    varies = np.ptp(table, axis=0) > 0
    assert (result.min(axis=0)[varies] == 0).all()
    assert (result.max(axis=0)[varies] == 1).all()


@given(tables)
def test_max_divides_by_one_number(table):
    center, scale = fit_scaling(table, "max", names(table))
    assert not center.any()
    assert (scale == (np.abs(table).max() or 1)).all()


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(2, 40), st.integers(1, 4)),
        elements=st.floats(-1e3, 1e3).map(lambda value: round(value, 2)),
    )
)
def test_standard_is_the_mean_and_deviation_of_the_population(table):
    center, scale = fit_scaling(table, "standard", names(table))
    varies = np.ptp(table, axis=0) > 0
    np.testing.assert_allclose(center, table.mean(axis=0), rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(scale[varies], table.std(axis=0)[varies], rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-200, 5e-324, 1e300])
def test_standard_neither_overflows_nor_vanishes(unit):
    table = np.array([[1.0], [2.0], [3.0]]) * unit
    result = scaled(table, "standard")
    np.testing.assert_allclose(result.mean(), 0, atol=0.3)
    assert np.isfinite(result).all()
    assert result[0] < result[1] < result[2]


def test_bytes_are_scaled_in_chunks_as_at_once():
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 3)).astype(np.uint8)
    center, scale = fit_scaling(pixels, "standard", names(pixels))
    np.testing.assert_allclose(center, pixels.mean(axis=0, dtype=float), rtol=1e-12)
    np.testing.assert_allclose(scale, pixels.std(axis=0, dtype=float), rtol=1e-12)


def test_column_that_spans_too_much_is_named():
    table = np.array([[0.0, -1.7e308], [1.0, 1.7e308]])
    with pytest.raises(DataError, match=r"'c1' spans more .* dataset.scaling=none"):
        fit_scaling(table, "minmax", names(table))


def test_a_channel_has_one_mean_and_one_deviation():
    rng = np.random.default_rng(0)
    images = rng.normal([[[1.0]], [[-3.0]]], [[[2.0]], [[0.5]]], (50, 2, 3, 4)) + rng.random((3, 4))
    images[:, :, 0, 0] = 0.25  # a pixel that never varies, in a channel that does
    flat = images.reshape(50, -1)
    center, scale = fit_scaling(flat, "channel", names(flat), 2)
    for channel, own in enumerate((slice(0, 12), slice(12, 24))):
        np.testing.assert_allclose(center[own], images[:, channel].mean(), rtol=1e-12)
        np.testing.assert_allclose(scale[own], images[:, channel].std(), rtol=1e-12)


def test_a_constant_channel_becomes_zero():
    flat = np.array([[7.0, 7.0, 1.0, 2.0], [7.0, 7.0, 3.0, 4.0]])
    center, scale = fit_scaling(flat, "channel", names(flat), 2)
    assert (center[:2].tolist(), scale[:2].tolist()) == ([7, 7], [1, 1])


def test_single_columns_have_no_channels():
    with pytest.raises(DataError, match="for images and sequences"):
        fit_scaling(np.zeros((3, 2)), "channel", ("a", "b"))
