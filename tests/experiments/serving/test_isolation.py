"""A package that resolves the names of its parts inside itself."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

import experiments.serving.isolation  # noqa: F401  (the packages of these tests import it)

INIT = """
from experiments.serving.isolation import isolate

isolate(__name__, ("shapes", "colours", "installed"))
"""

FILES = {
    "private/shapes/__init__.py": "from .round import circle\nfrom . import round",
    "private/shapes/round.py": "circle = 'private circle'",
    "private/shapes/square.py": "import colours\nside = colours.red",
    "private/colours.py": """
        from dataclasses import dataclass
        from pathlib import Path

        red = "private red"
        data = Path(__file__).with_name("data.txt").read_text()

        @dataclass
        class Colour:
            name: "str" = red

        def several():
            import shapes.square
            import shapes.round as whole
            from shapes import circle, square
            from shapes.round import circle as same
            exec("import colours as again", found := {})
            return shapes, shapes.square is square, whole.circle == circle == same, found["again"]
        """,
    "private/data.txt": "packed",
    "elsewhere/installed.py": "import shapes\nfrom shapes import circle\nimport json",
    "elsewhere/shapes.py": "circle = 'foreign circle'",
}


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The package, imported where `shapes` is another module."""
    for name, content in {**FILES, "private/__init__.py": INIT}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(content))
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    monkeypatch.syspath_prepend(tmp_path)
    before = dict(sys.modules)
    importlib.import_module("shapes")
    yield importlib.import_module("private")
    new = sys.modules.keys() - before.keys()
    assert {name.partition(".")[0] for name in new} <= {"shapes", "private", "json"}
    for name in new:
        del sys.modules[name]


def test_its_parts_are_its_own(private: ModuleType) -> None:
    colours = importlib.import_module("private.colours")
    shapes, same, equal, again = colours.several()
    assert shapes is sys.modules["private.shapes"]
    assert shapes.circle == "private circle"
    assert same
    assert equal
    assert again is colours
    assert shapes.square.side == "private red"
    assert colours.data == "packed"
    assert colours.Colour().name == "private red"


def test_others_keep_theirs(private: ModuleType) -> None:
    importlib.import_module("private.shapes.square")
    import shapes

    assert shapes.circle == "foreign circle"
    assert "colours" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("colours")


def test_an_installed_part_imports_the_others(private: ModuleType) -> None:
    installed = importlib.import_module("private.installed")
    assert installed.circle == "private circle"
    assert installed.json is importlib.import_module("json")
    assert "installed" not in sys.modules


def test_only_parts_are_taken_from_elsewhere(private: ModuleType) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("private.json")
    assert "private.json" not in sys.modules


def test_what_is_missing_is_an_import_error(private: ModuleType) -> None:
    code = compile("from shapes import triangle", "wrong", "exec")
    builtins = vars(importlib.import_module("private.colours"))["__builtins__"]
    with pytest.raises(ImportError, match="triangle"):
        exec(code, {"__builtins__": builtins})
