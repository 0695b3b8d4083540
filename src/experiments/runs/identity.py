"""What a run is known by: everything that can change its result, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import experiments
import nn
from experiments.config.aliases import with_current_names
from experiments.config.trust import named_classes, own_sources
from experiments.runs.environment import blas

WITHOUT_EFFECT: Final = frozenset({"tracking", "experiment_name", "rerun", "checkpoint"})
"""Settings that no result depends on."""

PLACES: Final = frozenset({"dir", "fallback_dir", "download"})
"""Settings of a dataset that say where its files are."""

_CODE: Final = ("config/models.py", "datasets", "training")
"""Files and folders of `experiments` that decide a result, as all of `nn` does."""


@dataclass(frozen=True)
class Identity:
    """What decides a run's result, part by part, so that one can tell what has changed.

    Parameters
    ----------
    config : str
        Hash of the resolved configuration.
    data : str
        Digest of the data.
    code : str
        Hash of the source that computes results.
    own_code : mapping of str to str
        Hash of each module of the user's own that the configuration names.
    libraries : mapping of str to str
        Versions of what the code stands on.
    """

    config: str
    data: str
    code: str
    own_code: Mapping[str, str]
    libraries: Mapping[str, str]

    @classmethod
    def of(cls, config: Mapping[str, Any], digest: str) -> Identity:
        """Identify a run.

        Parameters
        ----------
        config : mapping
            Resolved. 1 and 1.0 are the same; see :func:`settings_that_count`.
        digest : str
            Of the data.
        """
        counted = settings_that_count(config)
        own = {name: _hash(source) for name, source in own_sources(named_classes(counted)).items()}
        text = json.dumps(_canonical(counted), sort_keys=True, default=str)
        return cls(_hash(text.encode()), digest, code_fingerprint(), own, libraries())

    @property
    def id(self) -> str:
        """All parts in one: SHA-256 in hexadecimal."""
        return _hash(json.dumps(self.parts(), sort_keys=True).encode())

    def parts(self) -> dict[str, Any]:
        """Return the parts as JSON holds them."""
        return asdict(self)

    def changes_since(self, parts: Mapping[str, Any]) -> list[str]:
        """Say in words what is not as it was.

        Parameters
        ----------
        parts : mapping
            An earlier run's :meth:`parts`; what is missing counts as unchanged.
        """
        before = {**self.parts(), **parts}
        said = [
            sentence
            for part, sentence in (
                ("config", "the configuration has changed"),
                ("data", "the data have changed"),
                ("code", "the code that trains has changed"),
            )
            if before[part] != getattr(self, part)
        ]
        own = before["own_code"]
        said += [
            f"the module {name} has changed"
            for name, source in self.own_code.items()
            if own.get(name) != source
        ]
        versions = before["libraries"]
        said += [
            f"{name} {versions.get(name)} -> {version}"
            for name, version in self.libraries.items()
            if versions.get(name) != version
        ]
        return said


def settings_that_count(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy what decides a result of a configuration, with the names that classes have today.

    Where results are kept and under which name does not count, nor where the data's files lie,
    since the data's digest tells what is in them.

    Parameters
    ----------
    config : mapping
        Resolved.
    """
    counted = {key: value for key, value in config.items() if key not in WITHOUT_EFFECT}
    dataset = counted.get("dataset")
    if isinstance(dataset, Mapping):
        counted["dataset"] = {k: v for k, v in dataset.items() if k not in PLACES}
    return {key: with_current_names(value) for key, value in counted.items()}


@cache
def code_fingerprint(
    library: Path = Path(nn.__path__[0]), package: Path = Path(experiments.__path__[0])
) -> str:
    """Hash the source that computes results.

    Parameters
    ----------
    library, package : Path
        The folders of `nn` and of `experiments`.
    """
    hashed = hashlib.sha256()
    for file in code_files(library, package):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()


def code_files(
    library: Path = Path(nn.__path__[0]), package: Path = Path(experiments.__path__[0])
) -> list[Path]:
    """Return the files whose source decides a result, in a fixed order; see `code_fingerprint`."""
    files: list[Path] = []
    for place in (library, *(package / name for name in _CODE)):
        files += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return files


@cache
def libraries() -> dict[str, str]:
    """Return the versions of the libraries whose arithmetic decides a result's bits.

    Not the processor: OpenBLAS and NumPy choose their kernels by it, and another kernel may round
    the last bit another way. Runs of one sweep may be trained by machines that differ in it; a
    record's environment says which it was.
    """
    return {"numpy": metadata.version("numpy"), "blas": blas() or "unknown"}


def _canonical(value: Any) -> Any:
    """Write numbers that are equal alike: 1.0 as 1."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
