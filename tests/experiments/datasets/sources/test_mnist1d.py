"""The published arrays are the oracle: their labels, and sums that depend on every number."""

import numpy as np
import pytest

from experiments.datasets import Mnist1d
from experiments.datasets.sources.mnist1d import make_curves

# From the file mnist1d_data.pkl of the published package (its arrays x, y, x_test, y_test).
FIRST = [
    -0.33200567,
    -0.47191037,
    -0.77869708,
    -1.00974083,
    -0.88235257,
    0.10393481,
    1.64328435,
    1.65250711,
    0.68307808,
    -0.34263752,
    -1.52143087,
    -1.10398405,
    -0.01709391,
    1.01466801,
    0.62358632,
    -0.02391367,
    0.25410829,
    0.86739258,
    0.93541006,
    1.03587403,
    1.59348802,
    1.23684166,
    0.4101985,
    -0.21979299,
    0.09805559,
    0.53016368,
    0.52027819,
    0.18998057,
    0.07043655,
    0.32433058,
    0.26860835,
    -0.57907735,
    -1.09348571,
    -0.86458044,
    -0.11352963,
    0.01950092,
    -0.32821415,
    -0.7167305,
    -0.96195825,
    -0.89016639,
]
LAST = [
    -0.51932871,
    -0.69872276,
    -1.28103769,
    -2.16101485,
    -2.38942113,
    -0.242339,
    -0.14567826,
    -0.04104003,
    -0.13949271,
    0.06164585,
    0.47422751,
    0.5174873,
    0.34409038,
    -0.13412056,
    -0.14833965,
    -0.15019187,
    -0.68931831,
    -0.93925434,
    -0.39954952,
    0.61583811,
    1.39492833,
    1.06767814,
    0.28650902,
    -0.33599732,
    -0.32793802,
    0.33813675,
    0.52913519,
    0.94704994,
    1.40176285,
    0.8982728,
    0.41795622,
    -0.23608953,
    -0.54001199,
    -0.55877243,
    -0.39591055,
    -0.09864609,
    0.44723289,
    0.65987565,
    0.87773435,
    1.19315184,
]
ROWS_WEIGHTED = [
    -92.230538,
    -53.720401,
    -56.614253,
    -71.219055,
    -94.383517,
    -68.521846,
    -9.230486,
    -54.111257,
    -46.46834,
    1.750477,
    8.712511,
    -36.070983,
    -69.34475,
    -41.721526,
    -36.669575,
    -84.351634,
    -104.484964,
    -82.488312,
    -97.942775,
    -63.001496,
    -16.968933,
    34.62041,
    36.974348,
    -26.85565,
    -39.216005,
    -46.83548,
    -44.889396,
    -18.623734,
    25.987717,
    35.445607,
    46.527033,
    55.564933,
    68.833795,
    36.575048,
    25.262552,
    68.229694,
    86.7593,
    86.507948,
    94.312506,
    118.916865,
]
COLUMNS_WEIGHTED = [5.0651978, -0.8622479, 3.317421]
ENERGY = 642.32255
LABELS = [2, 6, 4, 5, 6, 6, 6, 0, 3, 1, 6, 9, 4, 3, 4, 5, 1, 9, 0, 3]
LABELS_WEIGHTED = 56565641


def test_the_published_arrays() -> None:
    curves, digits = make_curves()
    assert curves.shape == (5000, 40)
    assert digits[:20].tolist() == LABELS
    assert np.sum(digits * np.arange(5000)) == LABELS_WEIGHTED
    weights = np.cos(np.arange(5000))
    np.testing.assert_allclose(curves[0], FIRST, atol=1e-6)
    np.testing.assert_allclose(curves[-1], LAST, atol=1e-6)
    np.testing.assert_allclose(weights @ curves, ROWS_WEIGHTED, atol=1e-4)
    np.testing.assert_allclose(curves[:3] @ np.cos(np.arange(40)), COLUMNS_WEIGHTED, atol=1e-5)
    assert np.sum(weights @ curves**2) == pytest.approx(ENERGY, abs=1e-2)


def test_shuffled_positions_are_the_same_for_all_rows() -> None:
    plain, digits = make_curves()
    shuffled, same_digits = make_curves(shuffled=True)
    assert (digits == same_digits).all()
    order = [int(np.flatnonzero(plain[0] == value)[0]) for value in shuffled[0]]
    assert sorted(order) == list(range(40)) != order
    # The mean and the deviation are sums in another order.
    np.testing.assert_allclose(shuffled, plain[:, order], atol=1e-6)


def test_the_parts() -> None:
    dataset = Mnist1d(split="position", counts=(3500, 500)).load()
    curves, digits = make_curves()
    assert [len(part) for part in dataset.parts.values()] == [3500, 500, 1000]
    np.testing.assert_array_equal(dataset.test.inputs, curves[4000:])
    np.testing.assert_array_equal(dataset.validation.targets, digits[3500:4000])
    assert len(Mnist1d(validation=0).load().train) == 4000
