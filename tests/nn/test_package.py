"""The package as its users meet it: the example in its docstring, its names, what it imports."""

import ast
import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import nn
from nn import activations, initializers, layers, losses, metrics, optimizers, schedules
from nn.component import Component

ROOT = Path(__file__).resolve().parents[2]
MODULES = [activations, initializers, layers, losses, metrics, optimizers, schedules]


def public_classes() -> list[type]:
    """The components that people choose by name."""
    found = []
    for module in MODULES:
        for _, kind in inspect.getmembers(module, inspect.isclass):
            ours = kind.__module__.startswith("nn.")
            if ours and issubclass(kind, Component) and kind.__dict__.get("name"):
                found.append(kind)
    return sorted(set(found), key=lambda kind: (kind.__module__, kind.__name__))


CLASSES = public_classes()


def test_example_in_the_docstring() -> None:
    outcome = doctest.testmod(nn)
    assert outcome.attempted > 5
    assert outcome.failed == 0


@pytest.mark.parametrize("kind", CLASSES, ids=lambda k: f"{k.__module__}.{k.__name__}")
def test_every_class_says_what_it_computes(kind: type) -> None:
    # A docstring of its own, not the signature that dataclasses write, nor its parent's.
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}(")


def test_all_kinds_are_covered() -> None:
    # At least 11 activations, 9 initializers, 5 layers, 6 losses, 8 metrics, 21 optimizers and
    # 8 schedules.
    assert len(CLASSES) >= 68


def test_everything_in_all_exists() -> None:
    for module in (nn, optimizers):
        for name in module.__all__:
            assert hasattr(module, name)


def test_numpy_alone() -> None:
    """Nothing but NumPy and the standard library is imported."""
    code = (
        "import sys, nn; "
        "print(*sorted({m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names))"
    )
    output = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{Path(numpy_folder())}"},
    )
    assert {m for m in output.stdout.split() if not m.startswith("_")} <= {"nn", "numpy"}


def numpy_folder() -> Path:
    import numpy

    return Path(numpy.__file__).parents[1]


def test_imports_nothing_of_experiments() -> None:
    for path in (ROOT / "src" / "nn").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.startswith("experiments") for name in names), path
