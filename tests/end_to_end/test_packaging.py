"""The project as others get it: its lock file, its environment and its wheel."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def lock() -> str:
    return (ROOT / "requirements.lock").read_text()


def entries(lock: str) -> list[str]:
    """The lock file's requirements, each with the lines that belong to it."""
    return re.findall(r"^(?=[a-z0-9])(?:.+\n(?:[ ].*\n)*)", lock, re.MULTILINE | re.IGNORECASE)


def test_lock_holds_every_requirement_at_a_version_that_fits(project: dict, lock: str) -> None:
    locked: dict[str, list[str]] = {}
    for entry in entries(lock):
        name, version = re.match(r"([^=\s]+)==([^ ]+)", entry).groups()
        locked.setdefault(canonicalize_name(name), []).append(version)
    extras = project["project"]["optional-dependencies"]
    wanted = [
        *project["project"]["dependencies"],
        *(text for extra in extras.values() for text in extra),
        *project["build-system"]["requires"],
    ]
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name == project["project"]["name"]:
            assert requirement.extras <= extras.keys(), text
            continue
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{text} is not in requirements.lock: make lock"
        for version in versions:
            assert requirement.specifier.contains(version), f"{text} but {version} is locked"


def test_lock_has_a_hash_for_everything_and_names_no_place(lock: str) -> None:
    found = entries(lock)
    assert len(found) > 50
    for entry in found:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry
    assert "://" not in lock
    assert not re.search(r"(?<![\w.])/\w", lock), "a path of somebody's machine"
    assert "--index-url" not in lock
    assert "--find-links" not in lock


def test_hydra_plugins_is_a_namespace() -> None:
    assert not (ROOT / "src/hydra_plugins/__init__.py").exists()


@pytest.mark.slow
def test_wheel_holds_every_module_and_works_without_the_checkout(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "src", source / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__")
    )
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)],
        check=True,
    )
    (wheel,) = tmp_path.glob("descent-*.whl")
    modules = {path.relative_to(source / "src").as_posix() for path in source.rglob("src/**/*.py")}
    assert {name.split("/")[0] for name in modules} == {"nn", "experiments", "hydra_plugins"}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    assert packed == modules

    installed = tmp_path / "installed"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(installed), str(wheel)],
        check=True,
    )
    # -P and -I keep the checkout off the path; the editable installation is behind ours.
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); "
        "import nn, experiments, experiments.runs.record, hydra_plugins; "
        "print(nn.__file__, experiments.__file__, hydra_plugins.__path__[0], sep='\\n')"
    )
    output = subprocess.run(
        [sys.executable, "-I", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout.splitlines()
    assert len(output) == 3
    assert all(Path(line).is_relative_to(installed) for line in output), output
