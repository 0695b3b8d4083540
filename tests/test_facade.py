"""`import descent`: its names, and what it says of a foreign file that takes a package's name."""

import importlib
import tomllib
from pathlib import Path

import pytest

import descent
from tests.end_to_end.command_line import ROOT, python, succeeded


def test_names_are_there_and_nothing_else() -> None:
    assert set(dir(descent)) == set(descent.__all__)
    for name in descent.__all__:
        assert getattr(descent, name) is not None
    assert descent.nn is importlib.import_module("nn")
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        _ = descent.swep


def test_the_version_is_the_distributions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert descent.__version__ == project["version"]
    assert f"version: {descent.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_importing_it_imports_nothing_large(tmp_path: Path) -> None:
    program = "import descent, sys; print({'numpy', 'hydra', 'pandas', 'mlflow'} & {*sys.modules})"
    assert succeeded(python("-c", program, folder=tmp_path)).out == "set()\n"


@pytest.mark.parametrize("package", ["nn", "experiments"])
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_foreign_package_is_named(package: str, is_folder: bool, tmp_path: Path) -> None:
    own = tmp_path / (package if is_folder else f"{package}.py")
    file = own / "__init__.py" if is_folder else own
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('imported')")
    finished = python("-c", "import descent", folder=tmp_path)
    assert finished.status == 1
    message = finished.err.splitlines()[-1]
    assert message.startswith(f"ImportError: {own} stands in the way of Descent")
    assert "Rename it" in message


def test_the_command_names_a_foreign_package_too(tmp_path: Path) -> None:
    (tmp_path / "nn.py").touch()
    finished = python("-m", "descent", "--version", folder=tmp_path)
    assert finished.status == 1
    assert f"{tmp_path / 'nn.py'} stands in the way" in finished.err
