"""What a run is known by: a hash of everything that can change its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import nn

_WITHOUT_EFFECT: Final = frozenset({"tracking", "experiment_name"})
_LIBRARIES: Final = ("numpy",)
_CODE: Final = (
    "batches.py",
    "evaluation.py",
    "models.py",
    "snapshots.py",
    "targets.py",
    "training.py",
)


def identity(config: Mapping[str, Any], digest: str) -> str:
    """Hash a run's configuration, its data, and the code and libraries that train it.

    Parameters
    ----------
    config : mapping
        Resolved; where it is tracked and under which experiment's name does not count.
    digest : str
        Of the data.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    counted = {key: value for key, value in config.items() if key not in _WITHOUT_EFFECT}
    # Where the files lie does not matter, only what is in them, which the digest tells.
    dataset = dict(counted.get("dataset", {}))
    dataset.pop("dir", None)
    parts = {"config": {**counted, "dataset": dataset}, "data": digest, "code": code_fingerprint()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@cache
def code_fingerprint() -> str:
    """Hash the source that computes results, and the versions of the libraries it stands on."""
    here = Path(__file__).parent
    files = sorted(Path(nn.__file__).parent.rglob("*.py")) + [here / name for name in _CODE]
    hashed = hashlib.sha256()
    for file in files:
        hashed.update(file.read_bytes())
    for library in _LIBRARIES:
        hashed.update(f"{library} {metadata.version(library)}".encode())
    return hashed.hexdigest()
