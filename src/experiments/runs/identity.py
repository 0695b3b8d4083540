"""A run's identity: a hash of everything that can change its result, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import experiments
import nn
from experiments.config.aliases import with_current_names
from experiments.config.trust import named_classes, own_sources
from experiments.runs.environment import blas

WITHOUT_EFFECT: Final = frozenset(
    {"comparison", "tracking", "experiment_name", "rerun", "checkpoint"}
)
"""Settings that do not change any result."""

READING: Final = frozenset({"dir", "fallback_dir", "download", "verify"})
"""Settings of a dataset that only say where its files are and when they are read."""

_CODE: Final = ("config/models.py", "datasets", "training")
"""Files and folders of `experiments` that are part of an identity; all of `nn` is too."""


@dataclass(frozen=True)
class Identity:
    """Everything that determines a run's result, in parts, so that a change can be explained.

    Parameters
    ----------
    config : str
        Hash of the resolved configuration.
    data : str
        Digest of the data.
    code : str
        Hash of the source code that computes results.
    own_code : mapping of str to str
        Hashes of the user's modules that the configuration names, by module.
    libraries : mapping of str to str
        Versions of the numerical libraries, by name.
    """

    config: str
    data: str
    code: str
    own_code: Mapping[str, str]
    libraries: Mapping[str, str]

    @classmethod
    def of(cls, config: Mapping[str, Any], digest: str) -> Identity:
        """Compute the identity of a run.

        Parameters
        ----------
        config : mapping
            The resolved configuration, of which :func:`settings_that_count` enter the identity.
            Equal numbers are hashed alike: 1 and 1.0 give the same identity.
        digest : str
            The digest of the data.
        """
        counted = settings_that_count(config)
        own = {name: _hash(source) for name, source in own_sources(named_classes(counted)).items()}
        return cls(config_hash(config), digest, code_fingerprint(), own, libraries())

    @cached_property
    def id(self) -> str:
        """The SHA-256 of all parts, in hexadecimal."""
        return _hash(json.dumps(self.parts(), sort_keys=True).encode())

    def parts(self) -> dict[str, Any]:
        """Return the parts as JSON values."""
        return asdict(self)

    def changes_since(self, parts: Mapping[str, Any]) -> list[str]:
        """Describe the parts that differ from those of an earlier run.

        Parameters
        ----------
        parts : mapping
            The earlier run's :meth:`parts`; a missing part counts as unchanged.

        Returns
        -------
        list of str
            Descriptions for people, such as ``"the data have changed"``.
        """
        before = {**self.parts(), **parts}
        changes = [
            sentence
            for part, sentence in (
                ("config", "the configuration has changed"),
                ("data", "the data have changed"),
                ("code", "the code that trains has changed"),
            )
            if before[part] != getattr(self, part)
        ]
        own = before["own_code"]
        changes += [
            f"the module {name} has changed"
            for name, source in self.own_code.items()
            if own.get(name) != source
        ]
        versions = before["libraries"]
        changes += [
            f"{name} {versions.get(name)} -> {version}"
            for name, version in self.libraries.items()
            if versions.get(name) != version
        ]
        return changes


def config_hash(config: Mapping[str, Any]) -> str:
    """Return the part of an identity that a resolved configuration determines."""
    text = json.dumps(_canonical(settings_that_count(config)), sort_keys=True, default=str)
    return _hash(text.encode())


def settings_that_count(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a configuration that can change a result, with current class names.

    Settings that only name and place results are left out, and so are those that say how data files
    are found and read: the data's digest covers their contents.

    Parameters
    ----------
    config : mapping
        The resolved configuration.
    """
    counted = {key: value for key, value in config.items() if key not in WITHOUT_EFFECT}
    dataset = counted.get("dataset")
    if isinstance(dataset, Mapping):
        counted["dataset"] = {k: v for k, v in dataset.items() if k not in READING}
    return {key: with_current_names(value) for key, value in counted.items()}


@cache
def code_fingerprint(
    library: Path = Path(nn.__path__[0]), package: Path = Path(experiments.__path__[0])
) -> str:
    """Hash the source code that computes results.

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
    """Return the files that :func:`code_fingerprint` hashes, in a fixed order."""
    files: list[Path] = []
    for place in (library, *(package / name for name in _CODE)):
        files += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return files


@cache
def libraries() -> dict[str, str]:
    """Return the versions of the libraries whose arithmetic decides a result's bits.

    The processor is left out, although OpenBLAS and NumPy choose their kernels by it and another
    kernel may round the last bit differently: machines with different processors may train the
    runs of one sweep. A record's environment names the processor.
    """
    return {"numpy": metadata.version("numpy"), "blas": blas() or "unknown"}


def _canonical(value: Any) -> Any:
    """Replace floats by the integers that they equal: 1.0 by 1."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
