"""The environment of a run for its record: versions, machine and commit."""

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
        "blas_core": blas_core(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "commit": commit,
        "dirty": dirty,
    }


def environment() -> dict[str, Any]:
    """Describe this process's environment; computed once per process.

    Returns
    -------
    dict
        JSON values: `python`; the version of each of `PACKAGES`, None if it is not installed;
        `blas` (name and version of the BLAS that NumPy was built with) and `blas_core` (the
        processor whose kernels it uses); `platform`, `cpu`, `cpu_count`; `commit` and `dirty`
        (whether the checkout differs from the commit), both None outside a checkout.
    """
    return dict(_environment())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def blas() -> str | None:
    """Return name and version of the BLAS that NumPy was built with; None if unknown."""
    built = np.show_config(mode="dicts") or {}
    blas = built.get("Build Dependencies", {}).get("blas", {})
    words = [str(blas[key]) for key in ("name", "version") if blas.get(key)]
    return " ".join(words) or None


@cache
def blas_core() -> str | None:
    """Return the processor family whose kernels NumPy's BLAS uses; None if unknown.

    Kernels for other processors may round differently.
    """
    loaded = [library for library in threadpool_info() if library.get("architecture")]
    # SciPy brings another copy of BLAS, which may be listed first.
    loaded.sort(key=lambda library: not _is_of_numpy(Path(library["filepath"])))
    return str(loaded[0]["architecture"]) if loaded else None


def _is_of_numpy(library: Path) -> bool:
    """Whether a shared library lies in one of the folders of NumPy's wheel."""
    package = Path(np.__file__).parent
    return not {package, package.with_name("numpy.libs")}.isdisjoint(library.parents)


def _cpu() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.processor() or None
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine() or None)


def _checkout(file: Path) -> tuple[str | None, bool | None]:
    """Return the commit that `file` belongs to, and whether the checkout differs from it."""
    # A package that is installed inside another project's checkout is not part of its commit.
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None, None
    status = _git(file.parent, "status", "--porcelain=v2", "--branch")
    if status is None:  # `git status` takes too long, or a submodule is broken
        return _git(file.parent, "rev-parse", "HEAD"), None
    lines = status.splitlines()
    headers = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# "))
    commit = headers.get("branch.oid", "(initial)")
    if commit == "(initial)":
        return None, None
    return commit, len(lines) > len(headers)


def _git(folder: Path, *arguments: str) -> str | None:
    # A hook or an outer git command may have set GIT_DIR and others to another repository.
    variables = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    variables["GIT_OPTIONAL_LOCKS"] = "0"  # `git status` must not block a commit
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
