"""The fast tests pass whatever code does the arithmetic.

OpenBLAS and NumPy choose theirs by the processor. Each choice is made here in turn, as the setting
of a child process, as far as this processor can make it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

ROOT = Path(__file__).parents[2]
# OpenBLAS's kernels and the instructions that each needs.
KERNELS = {"Nehalem": "SSE42", "Sandybridge": "AVX", "Haswell": "AVX2", "SkylakeX": "AVX512_SKX"}

SHOW_BLAS = """
import numpy, threadpoolctl
print(*(library.get("architecture") for library in threadpoolctl.threadpool_info()))
"""


def python(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these settings and without those that change OpenBLAS here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=kept | {"DESCENT_TESTS": "fast"} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def assert_tests_pass(**settings: str) -> None:
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", **settings)
    assert done.returncode == 0, done.stdout


@pytest.mark.thorough
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kernel", KERNELS)
def test_with_each_blas_kernel(kernel: str) -> None:
    if not __cpu_features__.get(KERNELS[kernel]):
        pytest.skip(f"this processor has no {KERNELS[kernel]}")
    chosen = python("-c", SHOW_BLAS, OPENBLAS_CORETYPE=kernel).stdout.split()
    if kernel not in chosen:
        pytest.skip(f"NumPy's BLAS here has no kernel {kernel}, but {' '.join(chosen)}")
    assert_tests_pass(OPENBLAS_CORETYPE=kernel)


@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_without_numpys_vector_code() -> None:
    features = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    if not features:
        pytest.skip("NumPy has no code for this processor beyond what all of its kind can run")
    assert_tests_pass(NPY_DISABLE_CPU_FEATURES=" ".join(features))
