"""Writing a run's folder, so that it never looks complete before it is."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.errors import RecordError
from experiments.files import npz
from experiments.files.atomic import not_written, write_atomically, write_in_order
from experiments.files.masking import mask_secrets, masked
from experiments.files.reading import read_file
from experiments.runs.layout import (
    CHECKSUMS,
    CONFIG,
    LOG,
    METRICS,
    PREPROCESSING,
    PROGRESS,
    RECORD,
    SNAPSHOTS,
    WEIGHTS,
)
from experiments.runs.record import Record, corrupt, sha256
from experiments.runs.schema import FORMAT, problem_with

_FROM_USERS: Final = (
    "choices",
    "command",
    "dataset",
    "experiment",
    "labels",
    "message",
    "name",
    "overrides",
)
"""The contents of `record.json` in which a secret may stand; the others are made here."""


def write_record(
    folder: str | os.PathLike[str],
    *,
    data: Mapping[str, Any],
    config_yaml: str,
    metrics: Mapping[str, Sequence[float | None] | NDArray[Any]],
    weights: Mapping[str, NDArray[Any]],
    preprocessing_json: str | None,
    snapshots: Mapping[str, NDArray[Any]] | None = None,
    log: str | None = None,
) -> Path:
    """Write a run's record; the same arguments give the same bytes.

    Secrets are masked, since records are shared.

    Parameters
    ----------
    folder : str or PathLike
        The run's folder; created if it is missing. An older record in it is replaced.
    data : mapping of str to object
        The contents of `record.json`. Non-finite numbers become null.
    config_yaml : str
        The resolved configuration as YAML text.
    metrics : mapping of str to sequence of float or None
        Columns of length epochs + 1, by name. None is a missing measurement; NaN and infinities
        are written as such.
    weights : mapping of str to ndarray
        Arrays by name, ``final/<name>`` or ``best/<name>``, written in the order given.
    preprocessing_json : str or None
        The dataset's preprocessing; None if the data could not be loaded.
    snapshots : mapping of str to ndarray, optional
        Arrays of shape (snapshots, ...) by parameter, and ``epoch`` of shape (snapshots,); see
        `Record.snapshots`. The file is not written if there are none.
    log : str, optional
        The text of `run.log`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RecordError
        If the disk is full or not writable.
    """
    folder = Path(folder)
    contents = _contents(data)
    files = {
        CONFIG: _config_bytes(config_yaml),
        METRICS: metrics_to_csv(metrics).encode(),
        WEIGHTS: npz.pack(weights),
    }
    if preprocessing_json is not None:
        files[PREPROCESSING] = preprocessing_json.encode()
    if snapshots:
        files[SNAPSHOTS] = npz.pack(snapshots)
    _make(folder)
    discard_record(folder)
    if log is not None:
        _write_log(folder, mask_secrets(log).encode("utf-8", "backslashreplace"))
    _complete(folder, files, contents)
    return folder


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts to files of a folder, with passwords in addresses masked.

    Parameters
    ----------
    folder : Path
        The folder; created if it is missing.
    texts : mapping of str to str
        The texts by path in the folder.

    Raises
    ------
    RecordError
        If the disk is full or not writable.
    """
    for name, text in texts.items():
        path = folder / name
        _make(path.parent)
        try:
            write_atomically(path, mask_secrets(text).encode())
        except OSError as error:
            raise _cannot_write(path, error) from error


def write_progress(
    folder: str | os.PathLike[str],
    *,
    data: Mapping[str, Any],
    config_yaml: str,
    metrics: Mapping[str, Sequence[float | None] | NDArray[Any]],
) -> None:
    """Write the progress of a run in training; see `write_record` for the parameters.

    The record replaces it when the run ends. The files are not synced to the disk, since they are
    soon written again.

    Raises
    ------
    OSError
        If the disk is full or not writable.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / CONFIG, _config_bytes(config_yaml))
    write_atomically(folder / METRICS, metrics_to_csv(metrics).encode())
    write_atomically(folder / PROGRESS, _contents(data, running=True))


def discard_progress(folder: Path, uid: str) -> None:
    """Remove a run's progress from a folder, if it is there and of the execution with this uid."""
    with suppress(RecordError, OSError):
        if Record.read_progress(folder).uid == uid:
            (folder / PROGRESS).unlink()


def copy_record(
    record: Record,
    folder: str | os.PathLike[str],
    *,
    data: Mapping[str, Any],
    config_yaml: str,
) -> Path:
    """Copy the record of a finished run to another folder, with other data about its command.

    Files are hard links to those of the first record if the file system supports them. If the
    folder is that of the record and nothing changes, nothing is written.

    Parameters
    ----------
    record : Record
        The record to copy, of a run that has ended.
    folder : str or PathLike
        The folder of the copy. An older record in it is replaced.
    data : mapping of str to object
        The contents of the copy's `record.json`.
    config_yaml : str
        The resolved configuration as YAML text.

    Returns
    -------
    Path
        The folder of the copy.

    Raises
    ------
    RecordError
        If a file of the record is missing, or the disk is full or not writable.
    """
    folder = Path(folder)
    contents, config = _contents(data), _config_bytes(config_yaml)
    files = {CONFIG: config}
    if not (folder.is_dir() and folder.samefile(record.folder)):
        _make(folder)
        discard_record(folder)
        linked = [METRICS, WEIGHTS, PREPROCESSING, SNAPSHOTS]
        linked = [name for name in linked if (record.folder / name).exists()]
        if record.checksums.get(CONFIG) == sha256(config):
            linked.append(CONFIG)
            files = {}
        for name in linked:
            _link(record.folder / name, folder / name)
        if (record.folder / LOG).exists():
            _write_log(folder, (record.folder / LOG).read_bytes())
    elif _holds(folder, {CONFIG: config, RECORD: contents}):
        return folder
    else:  # all other files stay
        _remove(folder / RECORD)
    _complete(folder, files, contents, record.checksums)
    return folder


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    try:
        return all(read_file(folder / name) == content for name, content in files.items())
    except (FileNotFoundError, ValueError):
        return False


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def discard_record(folder: Path) -> None:
    """Remove an older record, so that the folder looks incomplete until a new one is written."""
    _remove(folder / RECORD)
    _remove(folder / SNAPSHOTS)  # the new record may have none


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(file, error) from error


def _config_bytes(config_yaml: str) -> bytes:
    return mask_secrets(config_yaml).encode("utf-8", "backslashreplace")


def _contents(data: Mapping[str, Any], *, running: bool = False) -> bytes:
    """Serialize the contents of `record.json` as strict JSON."""
    contents = _strict({"format": FORMAT, **data})
    contents |= masked({key: contents[key] for key in _FROM_USERS if key in contents})
    problem = problem_with(contents, running=running)
    if problem is not None:
        raise ValueError(f"not the contents of a record: {problem}")
    text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # A lone surrogate (an undecodable byte of a file name) is written as its JSON escape.
    return text.encode("utf-8", "backslashreplace")


def _write_log(folder: Path, content: bytes) -> None:
    # In place and never as a hard link: Hydra may have opened the log to write its own lines.
    try:
        (folder / LOG).write_bytes(content)
    except OSError as error:
        raise _cannot_write(folder / LOG, error) from error


def _complete(
    folder: Path,
    files: Mapping[str, bytes],
    contents: bytes,
    checksums: Mapping[str, str] | None = None,
) -> None:
    """Write files, the checksums of all files of the record, and its contents last."""
    sums = {**(checksums or {}), **{name: sha256(content) for name, content in files.items()}}
    sums[RECORD] = sha256(contents)
    lines = "".join(f"{checksum}  {name}\n" for name, checksum in sums.items())
    write_files(folder, {**files, CHECKSUMS: lines.encode(), RECORD: contents})
    (folder / PROGRESS).unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """Make a hard link to a file, or copy it if links are not supported."""
    try:
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(source)
        except FileNotFoundError:
            raise
        except OSError:  # across file systems, or on one without links
            write_atomically(target, source.read_bytes())
    except FileNotFoundError:
        raise corrupt(source, "the file is missing") from None
    except OSError as error:
        raise _cannot_write(target, error) from error


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files of a record durably; the last one exists only if all others are complete.

    Raises
    ------
    RecordError
        If the disk is full or the folder not writable; no partial file remains.
    """
    try:
        write_in_order({folder / name: files[name] for name in files}, durable=True)
    except OSError as error:
        raise _cannot_write(Path(error.filename), error) from error


def metrics_to_csv(metrics: Mapping[str, Sequence[float | None] | NDArray[Any]]) -> str:
    """Format columns of equal length as CSV; every float reads back as the same bits."""
    lengths = {name: len(column) for name, column in metrics.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of the metrics differ in length: {lengths}")
    # Nearly all values are floats, and calling `_cell` takes longer than writing one.
    cells = [
        [repr(value) if type(value) is float else _cell(value) for value in column]
        for column in metrics.values()
    ]
    rows = [",".join(metrics), *(",".join(row) for row in zip(*cells, strict=True))]
    return "\n".join(rows) + "\n"


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    # repr gives the shortest text that reads back as the same float.
    return str(int(value)) if isinstance(value, Integral) else repr(float(value))


def _strict(value: Any) -> Any:
    """Convert to values of strict JSON; non-finite numbers become None."""
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _strict(value.tolist())
    if isinstance(value, Sequence):
        return [_strict(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{value!r} cannot be written as JSON")


def _cannot_write(path: Path, error: OSError) -> RecordError:
    return RecordError(
        f"{not_written(path, error)} or choose another output folder (hydra.run.dir=FOLDER, or "
        "hydra.sweep.dir=FOLDER for a sweep)."
    )
