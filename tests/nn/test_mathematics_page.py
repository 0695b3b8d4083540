"""docs/mathematics.md speaks of everything in nn, with the defaults that the code has."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import nn
from nn import gradients as regularization
from nn import initializers
from nn.component import Component

PAGE = (Path(__file__).resolve().parents[2] / "docs/mathematics.md").read_text()
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))


def components() -> dict[str, type]:
    """Every component of nn that people choose by name."""
    for module in pkgutil.walk_packages(nn.__path__, "nn."):
        importlib.import_module(module.name)
    found, queue = {}, [Component]
    while queue:
        kind = queue.pop()
        queue += kind.__subclasses__()
        if kind.name and kind.__module__.startswith("nn."):
            found[f"{kind.__module__}.{kind.__name__}"] = kind
    return found


def public_name(kind: type) -> str:
    """The name in the package: ``nn.layers.Dense``, whichever file it is in."""
    return ".".join([*kind.__module__.split(".")[:2], kind.__name__])


COMPONENTS = components()


def calls() -> list[tuple[str, dict[str, object]]]:
    """Name and keyword arguments of each call that the page shows."""
    shown = []
    for text in CODE:
        match = re.fullmatch(r"(?:nn\.layers\.)?([A-Z]\w*)(\(.*\))", text)
        if match:
            call = ast.parse(text, mode="eval").body
            assert isinstance(call, ast.Call)
            names = vars(initializers)  # which stand for themselves among the arguments
            values = {k.arg: eval(ast.unparse(k.value), dict(names)) for k in call.keywords}
            shown.append((match[1], values))
    return shown


CALLS = calls()
SHARED = ["by", "warmup", *(f.name for f in dataclasses.fields(nn.Optimizer) if f.name != "lr")]


def test_the_search_for_components_finds_them() -> None:
    assert len(COMPONENTS) > 45
    assert len(CALLS) > 40


@pytest.mark.parametrize("path", sorted(COMPONENTS))
def test_every_component_is_explained_with_its_defaults(path: str) -> None:
    kind = COMPONENTS[path]
    fields = {field.name: field.default for field in dataclasses.fields(kind) if field.init}
    if dataclasses.MISSING in fields.values():  # it cannot be called without arguments
        assert public_name(kind) in CODE
        return
    # What all optimizers or all schedules share is explained once for all of them.
    own = set(fields) - set(SHARED)
    assert any(
        own <= set(arguments) and arguments == {key: fields.get(key) for key in arguments}
        for name, arguments in CALLS
        if name == kind.__name__
    ), f"docs/mathematics.md does not show {kind.__name__} with the defaults {fields}"


@pytest.mark.parametrize("name", SHARED)
def test_what_optimizers_and_schedules_share_is_explained(name: str) -> None:
    assert any(name in text for text in CODE)


def test_every_function_on_gradients_is_explained() -> None:
    functions = {
        name
        for name, value in vars(regularization).items()
        if inspect.isfunction(value) and value.__module__ == regularization.__name__
    }
    assert len(functions) > 3
    assert functions <= set(CODE)


def test_every_dotted_name_exists() -> None:
    names = [text.split("(")[0] for text in CODE if text.startswith(("nn.", "experiments."))]
    assert len(names) > 10
    for name in names:
        parts = name.split(".")
        value = importlib.import_module(parts[0])
        for i, part in enumerate(parts[1:], start=2):
            if not hasattr(value, part):
                importlib.import_module(".".join(parts[:i]))
            value = getattr(value, part)


def test_inline_formulas_survive_markdown() -> None:
    """Markdown eats a backslash before punctuation, and takes * and | for its own."""
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    formulas = re.findall(r"\$([^$\n]+)\$", re.sub(r"`[^`\n]*`", "", prose))
    assert len(formulas) > 50
    for formula in formulas:
        assert not re.search(r"\\[^a-zA-Z\s]|[*|<]|[})]_", formula), formula
