"""Pack a run as a model that can be loaded anywhere: its record, and the code that predicts."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import platform
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import yaml

import experiments
import nn
from experiments.config.trust import named_packages
from experiments.datasets import Preprocessing
from experiments.files import yaml as libyaml
from experiments.runs import layout
from experiments.runs.record import Record
from experiments.serving.loader import ARCHIVE, CODE

RECORD: Final = "record"
"""The folder of a packed model that holds the run's record."""

ENVIRONMENT: Final = "python_env.yaml"
"""The file of a packed model that says which Python and which packages it needs."""

# What loading a packed model imports, besides the code that it carries.
_REQUIRED: Final = ("mlflow", "numpy", "pandas", "PyYAML")

_REQUIREMENTS: Final = "requirements.txt"

_OURS: Final = {"nn": nn, "experiments": experiments}

_SERVED: Final = (
    "experiments.serving.isolation",
    "experiments.serving.loader",
    # What a user's own module imports to define a part of a run.
    "experiments.config.models",
    "experiments.datasets",
)
"""The modules of `experiments` that a packed model holds, with all that they import."""

_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+(\S+)[ \t]+)?import[ \t]+(\([^)]*\)|.+)", re.MULTILINE
)

_INIT: Final = '''\
"""A trained network with the code that it needs; MLflow calls `_load_pyfunc`."""

from pathlib import Path

__path__.append(str(Path(__file__).resolve().with_name("{archive}")))

from .experiments.serving.isolation import isolate

isolate(__name__, {parts!r})

from .experiments.serving.loader import load_served_run


def _load_pyfunc(path):
    return load_served_run(path, frozenset({carried!r}))
'''


def pack_model(record: Record, folder: Path) -> str:
    """Write what a run needs to predict anywhere: neither this checkout nor a pickle.

    Parameters
    ----------
    record : Record
        The run; its best weights are served.
    folder : Path
        The folder to write; must not exist.

    Returns
    -------
    str
        The name of the package in the folder `CODE` that loads the model by its `_load_pyfunc`.
        Models with the same code have the same name.
    """
    (folder / RECORD).mkdir(parents=True)
    for path in record.files():
        if path.name in layout.FILES:
            shutil.copy(path, folder / RECORD)
    copied, installed = _foreign_code([record.config["model"], record.config["loss"]])
    package = _write_code(folder / CODE, copied, installed)
    encoding = Preprocessing.from_json(record.preprocessing_json).requirements
    distributions = sorted({*encoding, *(name for names in installed.values() for name in names)})
    (folder / _REQUIREMENTS).write_text(
        "".join(f"{name}=={_version(name)}\n" for name in (*_REQUIRED, *distributions))
    )
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": [f"-r {_REQUIREMENTS}"],
    }
    (folder / ENVIRONMENT).write_text(yaml.dump(environment, Dumper=libyaml.Dumper))
    return package


def _write_code(folder: Path, copied: Mapping[str, Path], installed: Iterable[str]) -> str:
    """Write the package that loads a model, and return its name.

    Parameters
    ----------
    folder : Path
        The folder to write, which will hold nothing else.
    copied : mapping of str to Path
        The places of the modules and packages to copy, by name.
    installed : iterable of str
        The names of packages that will be installed where the model is loaded.
    """
    unnamed = folder / "package"
    unnamed.mkdir(parents=True)
    for source in copied.values():
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, unnamed / source.name, ignore=ignored)
        else:
            shutil.copy(source, unnamed / source.name)
    used = frozenset(name for path in unnamed.rglob("*.py") for name in _imports(path))
    (unnamed / ARCHIVE).write_bytes(_packed_code(used))
    parts = tuple(sorted({*_OURS, *copied, *installed}))
    init = _INIT.format(archive=ARCHIVE, parts=parts, carried=tuple(sorted(copied)))
    (unnamed / "__init__.py").write_text(init)
    # Two models in one process share a name only if they share the code.
    digest = hashlib.sha256()
    for path in sorted(path for path in unnamed.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(unnamed).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    package = f"_descent_served_{digest.hexdigest()[:16]}"
    unnamed.rename(folder / package)
    return package


@cache
def _packed_code(used: frozenset[str] = frozenset()) -> bytes:
    """Pack the code of this project that predicts, as an archive that Python imports from.

    Servers are given files one by one, and there are about a hundred.

    Parameters
    ----------
    used : frozenset of str
        Full names of more that must be in it: what a user's own modules import.
    """
    places = {Path(package.__path__[0]) for package in _OURS.values()}
    files = {file for name in used.union(_SERVED) for file in _files_of(name)}
    files.update(Path(nn.__path__[0]).rglob("*.py"))
    unread = set(files)
    while unread:
        path = unread.pop()
        (top,) = places.intersection(path.parents)
        package = ".".join(path.relative_to(top.parent).parent.parts)
        for name in _imports(path, package):
            unread.update(new := set(_files_of(name)) - files)
            files |= new
    named = {
        path.relative_to(top.parent).as_posix(): path
        for top in places
        for path in files
        if top in path.parents
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, path in sorted(named.items()):
            # `ZipInfo` leaves out the file's date: the same code gives the same bytes.
            packed.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return archive.getvalue()


def _imports(path: Path, package: str = "") -> Iterator[str]:
    """Yield the full name of everything of ours that a module of a package may import."""
    # Parsing a hundred files would take ten times as long as packing them. A line of a docstring
    # that looks like an import does no harm.
    for module, names in _IMPORT.findall(path.read_text(encoding="utf-8", errors="replace")):
        if module.startswith(".") and package:
            module = importlib.util.resolve_name(module, package)
        for name in re.findall(r"[\w.]+", names):
            full = f"{module}.{name}" if module else name
            if full.partition(".")[0] in _OURS:
                yield full


@cache
def _files_of(name: str) -> tuple[Path, ...]:
    """Return the files that importing a module of ours, or a name from one, runs."""
    top, *below = name.split(".")
    place = Path(_OURS[top].__path__[0])
    files = [place / "__init__.py"]
    for part in below:
        place /= part
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if not file.exists():  # the part is a name in the module before
            break
        files.append(file)
    return tuple(files)


_version = cache(metadata.version)


def _foreign_code(
    network: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, Path], dict[str, list[str]]]:
    """Find the code of others that a network needs.

    Returns
    -------
    copied : dict of str to Path
        The module or package of the user's own to copy, by name.
    installed : dict of str to list of str
        The distributions that hold a package, by the package's name.
    """
    copied: dict[str, Path] = {}
    installed: dict[str, list[str]] = {}
    for name in sorted(named_packages(network)):
        if distributions := metadata.packages_distributions().get(name):
            installed[name] = list(distributions)
            continue
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            copied[name] = Path(spec.submodule_search_locations[0])
        elif spec is not None and spec.origin is not None:
            copied[name] = Path(spec.origin)
    return copied, installed
