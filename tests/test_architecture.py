"""The one-way streets between folders, and who may import which library: read off the imports.

Imports inside functions and behind ``TYPE_CHECKING`` count as any other.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"

STREETS: dict[str, frozenset[str]] = {}
"""What the modules of each folder may import, beside their own folder."""


def _street(folder: str, *to_the_left: str) -> None:
    STREETS[folder] = frozenset(to_the_left).union(*(STREETS[left] for left in to_the_left))


_street("nn")
_street("errors")  # the single modules of `experiments`, and the package itself
_street("files", "errors")
_street("datasets", "files", "nn")
_street("config", "datasets")
_street("training", "config")
_street("runs", "training")
_street("published", "config")
_street("workers", "runs")
_street("analysis", "runs")
_street("serving", "runs")
_street("sweeps", "workers", "analysis")
_street("reporting", "analysis")
_street("tracking", "serving")
_street("commands", "sweeps", "reporting", "tracking")
_street("hydra_plugins", "commands")
_street("descent", "commands")

LIBRARIES = {
    "hydra": ("commands/hydra/", "commands/main.py", "hydra_plugins/"),
    "omegaconf": ("commands/hydra/", "commands/main.py", "hydra_plugins/"),
    "rich": ("commands/", "reporting/tables/"),
    "mlflow": ("tracking/",),
    "matplotlib": ("reporting/",),
    "loky": ("workers/",),
    "dask": ("workers/",),
    "distributed": ("workers/",),
    "gc": ("workers/", "commands/startup.py", "tracking/"),
}
"""Where a library may be imported; what is not listed may be imported anywhere but in `nn`."""

NAMES = {
    "os._exit": ("workers/", "commands/startup.py", "tracking/"),
    "sys.modules": ("workers/", "commands/startup.py", "tracking/"),
}
"""Where a name of a module may be used."""

NN_MAY_IMPORT = {"numpy", "llvmlite"}

ALIASES = {"served_model": "serving"}
"""Folders of modules that stay where models published by version 0.1 import them."""


def place(module: str) -> str:
    """Return the folder whose streets hold for a module of ours."""
    package, *rest = module.split(".")
    if package != "experiments":
        return package
    folder = ALIASES.get(rest[0], rest[0]) if rest else ""
    return folder if folder in STREETS else "errors"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


def short(path: Path) -> str:
    """Name a file from its package, without `experiments`."""
    return path.relative_to(SRC).as_posix().removeprefix("experiments/")


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of every module, or name in one, that a file imports anywhere."""
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def files() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def breaches(path: Path) -> Iterator[str]:
    """Yield what a file imports against the rules."""
    own = place(module_of(path))
    for name in imported(path):
        top = name.partition(".")[0]
        if top in ("descent", "nn", "experiments", "hydra_plugins"):
            target = place(name)
            if target != own and target not in STREETS[own]:
                yield f"{short(path)}: {own} -> {target}"
        elif own == "nn":
            if top not in NN_MAY_IMPORT and not _is_standard(top):
                yield f"{short(path)}: {top}"
        elif top in LIBRARIES and not short(path).startswith(LIBRARIES[top]):
            yield f"{short(path)}: {top}"
    for name in _used(path):
        if not short(path).startswith(NAMES[name]):
            yield f"{short(path)}: {name}"


def _is_standard(module: str) -> bool:
    return module in sys.stdlib_module_names


def _used(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in NAMES:
                yield name


def test_streets_are_one_way() -> None:
    found = {breach for path in files() for breach in breaches(path)}
    assert not found, "\n".join(["not allowed:", *sorted(found)])


def test_modules_do_not_import_each_other_in_circles() -> None:
    modules = {module_of(path): path for path in files()}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        targets = set()
        for name in imported(path):
            while name and name not in modules:
                name = name.rpartition(".")[0]
            if name and name != module:
                targets.add(name)
        graph[module] = targets
    # A package's __init__ is imported with each of its modules; that is no circle of ours.
    circles = list(
        _circles({m: {t for t in ts if not m.startswith(t + ".")} for m, ts in graph.items()})
    )
    assert not circles, "\n".join(" -> ".join(circle) for circle in circles)


def _circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Yield the strongly connected components of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = []
            while True:
                component.append(stack.pop())
                if component[-1] == node:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    yield from found


@pytest.mark.parametrize("folder", sorted(STREETS))
def test_every_folder_is_there(folder: str) -> None:
    assert (SRC / folder).is_dir() or (SRC / "experiments" / folder).is_dir() or folder == "errors"
