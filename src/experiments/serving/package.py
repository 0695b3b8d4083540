"""What a served model is packed of: a record, the code that predicts with it, what that needs."""

from __future__ import annotations

import importlib.util
import io
import os
import platform
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import yaml

import experiments
import nn
from experiments.config.trust import named_packages
from experiments.files import yaml as libyaml
from experiments.runs import layout
from experiments.runs.record import Record
from experiments.serving.loader import CODE

RECORD: Final = "record"
"""Folder of a packed model that holds the run's record."""

ENVIRONMENT: Final = "python_env.yaml"
"""File of a packed model that says which Python and which packages it needs."""

LOADER: Final = "load_descent"
"""Module in `CODE` that loads the model."""

# What loading a served model imports, beside this project's own code.
_REQUIRED: Final = ("mlflow", "numpy", "pandas", "PyYAML")

_REQUIREMENTS: Final = "requirements.txt"
_PACKED: Final = "descent.zip"
_LOADER_SOURCE: Final = f'''\
"""What MLflow imports to load the model: it finds the packed code beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().with_name("{_PACKED}")))

from experiments.serving.loader import _load_pyfunc
'''

# What trains, compares and publishes is not needed to predict.
_NOT_SERVED: Final = frozenset(
    {"__pycache__", "analysis", "commands", "reporting", "sweeps", "tracking", "workers"}
)


def pack_model(record: Record, folder: Path) -> None:
    """Write what a run needs to predict in any place: neither this checkout nor a pickle.

    Parameters
    ----------
    record
        The run; its best weights are served.
    folder
        Where to write; must not exist.
    """
    (folder / RECORD).mkdir(parents=True)
    for name in layout.FILES:
        shutil.copy(record.folder / name, folder / RECORD / name)
    (folder / CODE).mkdir()
    (folder / CODE / _PACKED).write_bytes(_packed_code())
    (folder / CODE / f"{LOADER}.py").write_text(_LOADER_SOURCE)
    code, installed = _foreign_code([record.config["model"], record.config["loss"]])
    for source in code:
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / CODE / source.name, ignore=ignored)
        else:
            shutil.copy(source, folder / CODE / source.name)
    (folder / _REQUIREMENTS).write_text(
        "".join(f"{name}=={_version(name)}\n" for name in (*_REQUIRED, *installed))
    )
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": [f"-r {_REQUIREMENTS}"],
    }
    (folder / ENVIRONMENT).write_text(yaml.dump(environment, Dumper=libyaml.Dumper))


@cache
def _packed_code() -> bytes:
    """Pack this project's code that predicts, as an archive that Python imports from.

    Once for all models, and as one file: servers are given files one by one, and there are about
    a hundred.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for package in (nn, experiments):
            top = Path(package.__path__[0])
            for folder, below, names in os.walk(top):
                below[:] = sorted(name for name in below if name not in _NOT_SERVED)
                for name in sorted(names):
                    path = Path(folder, name)
                    # Without its date: the same code gives the same bytes.
                    place = zipfile.ZipInfo(path.relative_to(top.parent).as_posix())
                    packed.writestr(place, path.read_bytes(), zipfile.ZIP_DEFLATED, 1)
    return archive.getvalue()


_version = cache(metadata.version)


def _foreign_code(network: Sequence[Mapping[str, Any]]) -> tuple[list[Path], list[str]]:
    """Find the code of others that a network needs: to copy, and installed distributions.

    Components from a user's own package are part of the model as much as ours.
    """
    copied: list[Path] = []
    installed: list[str] = []
    for name in sorted(named_packages(network)):
        distributions = metadata.packages_distributions().get(name)
        if distributions:
            installed += distributions
            continue
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin)
            copied.append(file.parent if file.name == "__init__.py" else file)
    return copied, sorted(set(installed))
