"""A cache of prepared datasets, which saves later processes the import of scikit-learn."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import io
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Part, Task
from experiments.datasets.encoded_table import DrawnRows, EncodedTable, shared
from experiments.datasets.preprocessing import Preprocessing
from experiments.datasets.source import Source
from experiments.files.atomic import write_atomically
from nn.sparse_rows import SparseRows

CACHE: Final = Path(".cache")
"""The cache folder, relative to the working directory: datasets, checkpoints, index of runs."""

_LIBRARIES: Final = ("numpy", "pandas", "scikit-learn")

_log = logging.getLogger(__name__)


def load_dataset(source: Source, cache_dir: Path | None = None) -> Dataset:
    """Load the dataset of a source, from the cache if possible.

    The key of an entry covers the source's class and fields, the code of the class's module and
    of this package, the versions of the libraries, and the files that are read (path, inode, size,
    times of modification and of change). A damaged entry is replaced, and so is that of a source
    with `verify`, which is always loaded; failure to write the cache is ignored. A cached dataset
    is bit for bit the same as a fresh one.

    Parameters
    ----------
    source : Source
        The source to load.
    cache_dir : Path, optional
        The folder of the cache, created if missing; by default nothing is cached.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the source cannot be loaded; see `Source.load`.
    """
    key = None if cache_dir is None else _key(source)
    if cache_dir is None or key is None:
        return source.load()
    path = _path(source, key, cache_dir)
    dataset = None if source.verify else _read(path)
    if dataset is not None:
        return dataset
    dataset = source.load()
    # A file may have changed while it was read; then the key no longer describes the dataset.
    if _key(source) == key:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, dataset)
        except OSError as error:
            _log.debug("the dataset is not cached: %s", error)
    return dataset


def cached_dataset(source: Source) -> Dataset:
    """Load the dataset of a source through the cache in the working directory."""
    return load_dataset(source, CACHE / "datasets")


def quick_digest(source: Source, cache_dir: Path) -> str | None:
    """Return the digest of a source's dataset if it is cheap to get.

    Parameters
    ----------
    source : Source
        The source of the dataset.
    cache_dir : Path
        The folder of the cache.

    Returns
    -------
    str or None
        The digest, or None if a cacheable dataset is not in the cache and would have to be
        prepared first.
    """
    if not source.cacheable or source.verify:
        return source.load().digest
    key = _key(source)
    try:
        with np.load(_path(source, key, cache_dir), allow_pickle=False) as archive:
            return str(json.loads(archive["description"].tobytes())["digest"])
    except Exception:  # noqa: BLE001 - see _read
        return None


def _path(source: Source, key: str | None, cache_dir: Path) -> Path:
    return cache_dir / f"{type(source).__name__.lower()}-{str(key)[:32]}.npz"


def _key(source: Source) -> str | None:
    """Hash everything that determines the dataset; None if that cannot be read."""
    kind = type(source)
    if not kind.cacheable:
        return None
    try:
        code = hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest() + _own_code()
        files = [_state(path) for path in source.files()]
    except (OSError, TypeError):  # TypeError: the class was not defined in a file
        return None
    identity = {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "fields": {
            field.name: repr(getattr(source, field.name))
            for field in dataclasses.fields(source)
            if field.compare
        },
        "code": code,
        "files": files,
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@cache
def _own_code() -> str:
    """Hash the code of this package."""
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        code.update(hashlib.sha256(path.read_bytes()).digest())
    return code.hexdigest()


def _state(path: Path) -> tuple[str | int, ...]:
    """Return what changes whenever a file does.

    A program can restore the size and the modification time, but not the time of change.
    """
    found = path.stat()
    times = found.st_mtime_ns, found.st_ctime_ns
    return str(path.resolve()), found.st_dev, found.st_ino, found.st_size, *times


def _version(library: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _write(path: Path, dataset: Dataset) -> None:
    """Write an entry, and the tables of its parts to separate files, which splits share."""
    described: dict[str, Any] = {
        "name": dataset.name,
        "task": str(dataset.task),
        "feature_names": dataset.feature_names,
        "target_names": dataset.target_names,
        "preprocessing": dataset.preprocessing.to_json(),
        "digest": dataset.digest,
        "parts": list(dataset.parts),
        "tables": {},
        "shape": dataset.shape,
        "notes": dataset.notes,
        "warnings": dataset.warnings,
    }
    arrays = {}
    for name, part in dataset.parts.items():
        arrays[f"{name}/targets"] = part.targets
        if part.sparse is not None:
            arrays[f"{name}/starts"], arrays[f"{name}/stops"] = (
                part.sparse.starts,
                part.sparse.stops,
            )
            # The parts are rows of one matrix.
            arrays["data"], arrays["indices"] = part.sparse.data, part.sparse.indices
            continue
        if part.drawn is None:
            arrays[f"{name}/inputs"] = part.inputs
            continue
        arrays[f"{name}/rows"] = part.drawn.rows
        table = part.drawn.table
        described["tables"][name] = table.digest
        if not (own := _table_path(path, table.digest)).exists():
            write_atomically(own, _pack({"inputs": table.inputs, "targets": table.targets}))
    arrays["description"] = np.frombuffer(json.dumps(described).encode(), np.uint8)
    write_atomically(path, _pack(arrays))


def _pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # its flag allow_pickle takes no array
    return buffer.getvalue()


def _read(path: Path) -> Dataset | None:
    """Read an entry; None if it is missing or damaged, which the archive's checksums reveal."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            described = json.loads(archive["description"].tobytes())
            preprocessing = Preprocessing.from_json(described["preprocessing"])
            tables = {
                digest: shared(digest, partial(_read_table, _table_path(path, digest), digest))
                for digest in set(described["tables"].values())
            }
            matrix = None
            if "data" in archive:
                data, indices = archive["data"], archive["indices"]
                none = np.empty((1, 0), np.int64)
                matrix = SparseRows(data, indices, none, none, preprocessing.width)
            parts = {}
            for name in described["parts"]:
                inputs: NDArray[Any] | DrawnRows | SparseRows
                if matrix is not None:
                    starts, stops = archive[f"{name}/starts"], archive[f"{name}/stops"]
                    inputs = replace(matrix, starts=starts, stops=stops)
                elif (digest := described["tables"].get(name)) is None:
                    inputs = archive[f"{name}/inputs"]
                else:
                    rows = archive[f"{name}/rows"]
                    inputs = DrawnRows(tables[digest], rows, preprocessing.scaling)
                parts[name] = Part(inputs, archive[f"{name}/targets"])
        return Dataset(
            name=described["name"],
            task=Task(described["task"]),
            feature_names=tuple(described["feature_names"]),
            target_names=tuple(described["target_names"]),
            preprocessing=preprocessing,
            digest=described["digest"],
            shape=tuple(described["shape"]),
            notes=tuple(described["notes"]),
            warnings=tuple(described["warnings"]),
            train=parts["train"],
            validation=parts.get("validation"),
            test=parts.get("test"),
        )
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001 - a damaged file leads NumPy to nearly any of them
        _log.debug("the damaged cache entry %s is replaced: %s", path, error)
        return None


def _table_path(path: Path, digest: str) -> Path:
    """Return the file of a table, beside the entries that use it."""
    key = hashlib.sha256(f"{digest} {_own_code()}".encode()).hexdigest()
    return path.with_name(f"table-{key[:32]}.npz")


def _read_table(path: Path, digest: str) -> EncodedTable:
    """Read a table; a damaged one is removed, so that it is written again with its entry."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return EncodedTable(archive["inputs"], archive["targets"], digest)
    except Exception:
        path.unlink(missing_ok=True)
        raise
