"""What a run ran on: versions, machine and commit, for its record."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_info

# Read from the installed packages' metadata: importing them would cost seconds.
PACKAGES: Final = (
    "numpy",
    "llvmlite",
    "hydra-core",
    "mlflow",
    "pandas",
    "scipy",
    "scikit-learn",
)


@cache
def _environment() -> dict[str, Any]:
    commit, dirty = _checkout(Path(__file__).resolve())
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "blas": blas(),
        "blas_core": _blas_core(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "commit": commit,
        "dirty": dirty,
    }


def environment() -> dict[str, Any]:
    """Describe this process's environment, as JSON holds it.

    Returns
    -------
    dict
        `python`; one version for each of `PACKAGES`, None where it is not installed; `blas` (name
        and version NumPy was built with) and `blas_core` (whose kernels it uses); `platform`,
        `cpu`, `cpu_count`; `commit` and `dirty` (does the checkout differ from it?), both None
        where this code is not in a checkout. Found once in a process.
    """
    return dict(_environment())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def blas() -> str | None:
    """Name and version of the BLAS that NumPy was built with; None where it does not tell."""
    built = np.show_config(mode="dicts") or {}
    blas = built.get("Build Dependencies", {}).get("blas", {})
    words = [str(blas[key]) for key in ("name", "version") if blas.get(key)]
    return " ".join(words) or None


def _blas_core() -> str | None:
    """Name the kind of processor whose kernels BLAS uses: another's may round another way."""
    loaded = threadpool_info()
    cores = [str(found["architecture"]) for found in loaded if found.get("architecture")]
    return cores[0] if cores else None


def _cpu() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.processor() or None
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine() or None)


def _checkout(file: Path) -> tuple[str | None, bool | None]:
    """Find the commit that `file` belongs to, and whether its checkout was changed since."""
    # A package installed inside somebody else's checkout does not belong to their commit.
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None, None
    status = _git(file.parent, "status", "--porcelain=v2", "--branch")
    if status is None:  # it takes too long, or a submodule is broken
        return _git(file.parent, "rev-parse", "HEAD"), None
    lines = status.splitlines()
    told = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# "))
    commit = told.get("branch.oid", "(initial)")
    if commit == "(initial)":
        return None, None
    return commit, len(lines) > len(told)


def _git(folder: Path, *arguments: str) -> str | None:
    # A hook or an outer git command may point these at another repository.
    variables = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    variables["GIT_OPTIONAL_LOCKS"] = "0"  # looking must not get in the way of a commit
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
