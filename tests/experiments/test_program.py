"""How hints name this program."""

import sys

import pytest

from experiments.program import program


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
def test_hints_can_be_typed(
    called: str, trains: str, publishes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert program() == trains
    assert program("publish") == publishes
