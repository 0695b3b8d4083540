"""Import a served model's code as one package, whatever else the process has imported.

A model carries `nn`, `experiments` and the user's own modules as subpackages of one package with a
name that nothing else has. Their code says ``from nn import Layer``, as everywhere; inside the
package that means its own `nn`, so the user may have another module of that name.

Python looks up `__import__` among the builtins of the module that an import statement is in. So
each module of the package gets builtins whose `__import__` knows the package's own parts. This
covers imports inside functions, too, and `sys.modules` never holds a part under its plain name.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def isolate(package: str, parts: Collection[str]) -> None:
    """From now on, resolve the names of a package's parts inside the package.

    Parameters
    ----------
    package : str
        The name of a top-level package, which is being imported.
    parts : collection of str
        The names of its subpackages and submodules. One that is not in the package's own folder
        is taken from ``sys.path``: an installed package, which may import other parts.
    """
    # Python's own finders would find the modules, too, but give them the usual builtins.
    sys.meta_path.insert(0, _Finder(package, parts))


class _Finder(MetaPathFinder):
    """Find the modules of one package, and replace their `__import__`."""

    def __init__(self, package: str, parts: Collection[str]) -> None:
        self._package = package
        self._parts = frozenset(parts)
        self._builtins = {**vars(builtins), "__import__": self._import}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, name = fullname.rpartition(".")
        if parent != self._package and not parent.startswith(f"{self._package}."):
            return None
        if parent == self._package and name in self._parts:
            path = [*(path or ()), *sys.path]
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._builtins)
        return spec

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        """Import a module as the builtin `__import__` does, which describes the parameters."""
        top = name.partition(".")[0]
        if level or top not in self._parts:
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = builtins.__import__(f"{self._package}.{name}", globals, locals, fromlist)
        # Without `fromlist`, an import statement binds the first part of the dotted name.
        return module if fromlist else importlib.import_module(f"{self._package}.{top}")


class _Loader(Loader):
    """A loader of Python's, but its modules have the given builtins."""

    def __init__(self, loader: Loader, names: Mapping[str, object]) -> None:
        self._loader = loader
        self._builtins = names

    def __getattr__(self, name: str) -> Any:  # such as `get_source`, `get_resource_reader`
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = self._loader.create_module(spec) or ModuleType(spec.name)
        module.__dict__["__builtins__"] = self._builtins
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
