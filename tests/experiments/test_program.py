"""How hints name this program."""

import sys
from pathlib import Path

import pytest

from experiments.program import program, to_type


@pytest.fixture(autouse=True)
def activated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout with an environment, in which both are the current ones."""
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "descent"):
        (binaries / name).touch(0o755)
    monkeypatch.setattr(sys, "executable", str(binaries / "python"))
    monkeypatch.setenv("PATH", str(binaries))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("called", "trains", "publishes"),
    [
        ("run.py", "python run.py", "python scripts/publish.py"),
        ("/here/scripts/compare.py", "python run.py", "python scripts/publish.py"),
        ("/env/bin/descent", "descent", "descent publish"),
        ("/env/site-packages/descent/__main__.py", "descent", "descent publish"),
        ("/env/site-packages/ipykernel_launcher.py", "descent", "descent publish"),
    ],
)
def test_help_names_commands(
    called: str, trains: str, publishes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert program() == trains
    assert program("publish") == publishes


def test_hints_can_be_typed_where_the_user_stands(
    activated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for called in ("run.py", "scripts/ui.py", str(activated / "run.py")):
        monkeypatch.setattr(sys, "argv", [called])
        assert to_type() == "python run.py"
        assert to_type("publish") == "python scripts/publish.py"
    monkeypatch.setattr(sys, "argv", ["/here/run.py"])
    assert to_type("publish") == "python /here/scripts/publish.py"
    monkeypatch.setattr(sys, "argv", ["descent"])
    assert to_type("publish") == "descent publish"


def test_paths_stand_for_programs_that_the_shell_does_not_find(
    activated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setattr(sys, "argv", [str(activated / "run.py")])
    assert to_type() == ".venv/bin/python run.py"
    assert to_type("ui") == ".venv/bin/python scripts/ui.py"
    monkeypatch.setattr(sys, "argv", ["descent"])
    assert to_type("ui") == ".venv/bin/descent ui"
    elsewhere = activated / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert to_type("ui") == f"{activated}/.venv/bin/descent ui"
