"""What small runs compute is what they computed when `tests/fixtures/bits` was stored."""

from pathlib import Path

import numpy as np
import pytest
from compare_bits import LONGEST_SUM, SWEEPS, Arrays, Sweep, differences

from tests.experiments.stored_bits import load, machine, train_here

STORED_ON, STORED = load()


def departures(run: Arrays, expected: Arrays) -> list[str]:
    """Say where a run is further from the stored one than another machine's rounding explains.

    A sum of n terms is rounded by at most n·ε of their sizes, in whatever order a BLAS kernel adds
    them; exp, log and the other functions of NumPy and the C library by a few ε. A step passes
    through a handful of such sums, forwards, backwards and in the optimizer's rule, and the
    following steps keep what it has rounded: n·ε·steps of the largest number of an array, in all.
    The errors do not grow by themselves in trainings as short as these. The bound is far from what
    is seen, since n is that of the longest sum of all, and roundings up and down cancel.
    """
    epsilon = next(np.finfo(a.dtype).eps for name, a in expected.items() if "weights " in name)
    relative = float(epsilon) * LONGEST_SUM * float(expected["step"][-1])
    said = []
    for name, values in expected.items():
        size = max(1.0, float(np.nanmax(np.abs(values), initial=0)))
        if not np.allclose(run[name], values, rtol=0, atol=relative * size, equal_nan=True):
            said.append(name)
    return said


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_runs_compute_what_is_stored(sweep: Sweep, tmp_path: Path) -> None:
    same_machine = machine() == STORED_ON
    for name, run in train_here([sweep], tmp_path):
        expected = STORED[name]
        # A measurement that is new since then is no difference.
        run = {key: array for key, array in run.items() if key in expected}
        found = (differences if same_machine else departures)(run, expected)
        assert not found, name


def test_every_stored_run_is_still_trained() -> None:
    assert list(STORED) == [name for sweep in SWEEPS for name in sweep.runs()]


def test_a_rate_that_is_slightly_wrong_is_no_rounding(tmp_path: Path) -> None:
    (name,) = (name for name in STORED if "optimizer=adam " in name and "float64" in name)
    sweep = Sweep("", [*SWEEPS[0].fixed, "training.dtype=float64", "optimizer.lr=0.001000001"])
    ((_, run),) = train_here([sweep], tmp_path)
    assert departures(STORED[name], STORED[name]) == []
    assert "weights final/dense1/weights" in departures(run, STORED[name])
