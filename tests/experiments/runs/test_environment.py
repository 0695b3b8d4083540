import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.runs import environment as module
from experiments.runs.environment import PACKAGES, environment


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def environment_of(source: Path, expression: str = "environment()", **variables: str) -> object:
    """Ask a fresh process, whose `experiments` is the one in `source`."""
    code = (
        "import json, sys; from experiments.runs.environment import environment; "
        f"print(json.dumps({expression}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(source), **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with nothing but a copy of the module."""
    package = tmp_path / "src" / "experiments" / "runs"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    shutil.copy(Path(module.__file__), package)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "core.excludesFile", "/dev/null")
    (tmp_path / ".gitignore").write_text("__pycache__\n")
    return tmp_path


@pytest.mark.parametrize("scipy_first", [True, False])
def test_the_kernels_are_those_of_numpys_blas(
    monkeypatch: pytest.MonkeyPatch, scipy_first: bool
) -> None:
    """SciPy's wheel brings another BLAS, which threadpoolctl may list first."""
    packages = Path(np.__file__).parents[1]
    loaded = [
        {"architecture": "Zen", "filepath": str(packages / "scipy.libs" / "libblas.so")},
        {"architecture": "Haswell", "filepath": str(packages / "numpy.libs" / "libblas64_.so")},
        {"user_api": "openmp", "filepath": str(packages / "scikit_learn.libs" / "libgomp.so")},
    ]
    monkeypatch.setattr(module, "threadpool_info", lambda: loaded if scipy_first else loaded[::-1])
    assert module.blas_core.__wrapped__() == "Haswell"


def test_another_systems_blas_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    library = {"architecture": "Zen", "filepath": "/usr/lib/libopenblas.so"}
    monkeypatch.setattr(module, "threadpool_info", lambda: [library])
    assert module.blas_core.__wrapped__() == "Zen"
    monkeypatch.setattr(module, "threadpool_info", list)
    assert module.blas_core.__wrapped__() is None


def test_it_says_what_ran_where() -> None:
    found = environment()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["numpy"] == np.__version__
    assert all(found[package] for package in PACKAGES)
    assert "blas" in found["blas"].lower() or "mkl" in found["blas"].lower()
    assert found["cpu_count"] == os.cpu_count()
    assert json.loads(json.dumps(found)) == found


def test_a_caller_cannot_change_it_for_the_next() -> None:
    environment()["numpy"] = "changed"
    assert environment()["numpy"] == np.__version__


def test_nothing_slow_is_imported() -> None:
    source = Path(module.__file__).parents[2]
    slow = "('mlflow', 'pandas', 'scipy', 'sklearn')"
    assert environment_of(source, f"[environment() and m in sys.modules for m in {slow}]") == (
        [False] * 4
    )


def test_commit_and_changes_are_those_of_its_own_checkout(checkout: Path) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "first")
    commit = git(checkout, "rev-parse", "HEAD")
    source = checkout / "src"
    assert environment_of(source, "[environment()['commit'], environment()['dirty']]") == [
        commit,
        False,
    ]
    (checkout / "new.py").touch()
    # A hook's variables point git at another repository.
    assert environment_of(
        source,
        "[environment()['commit'], environment()['dirty']]",
        GIT_DIR=str(Path(module.__file__).parents[3] / ".git"),
    ) == [commit, True]


def test_the_commit_is_known_where_changes_are_not(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "first")
    asked = module._git
    monkeypatch.setattr(
        module, "_git", lambda folder, *what: None if what[0] == "status" else asked(folder, *what)
    )
    own = checkout / "src" / "experiments" / "runs" / "environment.py"
    assert module._checkout(own) == (git(checkout, "rev-parse", "HEAD"), None)


def test_code_installed_inside_another_checkout_has_no_commit(checkout: Path) -> None:
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "first")
    found = environment_of(checkout / "src", "[environment()['commit'], environment()['dirty']]")
    assert found == [None, None]
