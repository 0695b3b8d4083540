"""A run's durable record on disk: what was run, what was measured, and the weights it ended with.

A record is one folder, and it is the truth about a run: the tracker, the comparison and the
predictions all read it. `record.json` is written last, so a folder that has one is complete.

    config.yaml         the resolved configuration
    metrics.csv         one row an epoch; epoch 0 is before training
    weights.npz         arrays `final/<name>` and `best/<name>`, plain numbers, never pickled
    snapshots.npz       where they were asked for: the weights at some epochs
    preprocessing.json  how raw columns become the network's inputs
    SHA256SUMS          of all of these, as `sha256sum --check` reads them
    record.json         identity, status, summary, dataset and environment

While a run trains, its folder may hold what there is so far: `config.yaml`, `metrics.csv` and
`progress.json`, which is as `record.json` will be.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from experiments.errors import RecordError
from experiments.files import yaml as libyaml
from experiments.files.atomic import write_atomically
from experiments.files.masking import mask_secrets
from experiments.training.status import Status

FORMAT: Final = 1

RECORD: Final = "record.json"
PROGRESS: Final = "progress.json"
CONFIG: Final = "config.yaml"
METRICS: Final = "metrics.csv"
WEIGHTS: Final = "weights.npz"
PREPROCESSING: Final = "preprocessing.json"
SNAPSHOTS: Final = "snapshots.npz"
LEARNING_CURVES: Final = "learning_curves.svg"
LOG: Final = "run.log"
CHECKSUMS: Final = "SHA256SUMS"
# Snapshots may be missing.
FILES: Final = (CONFIG, METRICS, WEIGHTS, PREPROCESSING, CHECKSUMS, RECORD)

_REQUIRED: Final[Mapping[str, type]] = {
    "uid": str,
    "identity": str,
    "name": str,
    "status": str,
    "started": str,
    "finished": str,
    "seed": int,
    "choices": dict,
    "summary": dict,
}

# Trackers keep copies of records among their artifacts; a copy is not another run.
_NOT_SEARCHED: Final = frozenset({"mlartifacts", "mlruns", "node_modules", "__pycache__"})

Scalar = str | int | float | bool | None


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

    Passwords in addresses are masked: a record is made to be shared.

    Parameters
    ----------
    folder
        The run's folder; made if it is missing. An older record in it is replaced.
    data
        The contents of `record.json`. Non-finite numbers become null.
    config_yaml
        The resolved configuration as YAML text.
    metrics : column name -> sequence of length epochs + 1
        None is a missing measurement; NaN and infinities are written as such.
    weights : "final/<name>" or "best/<name>" -> ndarray of numbers
        Written in the order given.
    preprocessing_json
        The dataset's preprocessing; None where the data could not be loaded.
    snapshots : "epoch" or name of a parameter -> ndarray of numbers
        The first axis is that of the moments (see `Record.snapshots`). No file without any.
    log
        The run's story in lines.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RecordError
        Where the disk is full or may not be written.
    """
    folder = Path(folder)
    contents = _contents(data)
    files = {
        CONFIG: _config_bytes(config_yaml),
        METRICS: metrics_to_csv(metrics).encode(),
        WEIGHTS: weights_to_npz(weights),
    }
    if preprocessing_json is not None:
        files[PREPROCESSING] = preprocessing_json.encode()
    if snapshots:
        files[SNAPSHOTS] = weights_to_npz(snapshots)
    _make(folder)
    discard_record(folder)
    for name, content in files.items():
        atomic_write(folder / name, content)
    if log is not None:
        _write_log(folder, mask_secrets(log).encode("utf-8", "backslashreplace"))
    _complete(folder, contents, {name: _sha256(content) for name, content in files.items()})
    return folder


def write_progress(
    folder: str | os.PathLike[str],
    *,
    data: Mapping[str, Any],
    config_yaml: str,
    metrics: Mapping[str, Sequence[float | None] | NDArray[Any]],
) -> None:
    """Write what there is of a run that trains, for whoever watches it; see `write_record`.

    The record takes its place when the run ends. It is not forced to the disk's surface: it is
    written again soon.

    Raises
    ------
    OSError
        Where the disk is full or may not be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / CONFIG, _config_bytes(config_yaml))
    write_atomically(folder / METRICS, metrics_to_csv(metrics).encode())
    write_atomically(folder / PROGRESS, _contents(data, running=True))


def copy_record(
    record: Record,
    folder: str | os.PathLike[str],
    *,
    data: Mapping[str, Any],
    config_yaml: str,
) -> Path:
    """Give a finished run a second record, in another folder: the same results, told anew.

    Its files are shared with the first (hard links) where the file system can.

    Parameters
    ----------
    record
        Of a run that has ended.
    folder
        The second record's. An older record in it is replaced.
    data
        The contents of its `record.json`.
    config_yaml
        The resolved configuration as YAML text.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RecordError
        Where the first record lacks a file, the disk is full or may not be written.
    """
    folder = Path(folder)
    contents = _contents(data)
    config = _config_bytes(config_yaml)
    if not (folder.is_dir() and folder.samefile(record.folder)):
        _make(folder)
        discard_record(folder)
        for name in (METRICS, WEIGHTS, PREPROCESSING, SNAPSHOTS):
            if (record.folder / name).exists():
                _link(record.folder / name, folder / name)
        if (record.folder / LOG).exists():
            _write_log(folder, (record.folder / LOG).read_bytes())
    else:
        discard_record(folder)
    atomic_write(folder / CONFIG, config)
    _complete(folder, contents, {**record.checksums, CONFIG: _sha256(config)})
    return folder


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def discard_record(folder: Path) -> None:
    """Have a folder not look complete until a new record in it is whole."""
    try:
        (folder / RECORD).unlink(missing_ok=True)
        (folder / SNAPSHOTS).unlink(missing_ok=True)  # an older record's
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _config_bytes(config_yaml: str) -> bytes:
    return mask_secrets(config_yaml).encode("utf-8", "backslashreplace")


def _contents(data: Mapping[str, Any], *, running: bool = False) -> bytes:
    """Write what a record says as strict JSON."""
    contents = _strict({"format": FORMAT, **data})
    problem = _problem(contents, running=running)
    if problem is not None:
        raise ValueError(f"not the contents of a record: {problem}")
    text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # A lone surrogate (an undecodable byte of a file name) becomes its JSON escape.
    return mask_secrets(text).encode("utf-8", "backslashreplace")


def _write_log(folder: Path, content: bytes) -> None:
    # In place, and never shared: Hydra may have opened it to write its own lines.
    try:
        (folder / LOG).write_bytes(content)
    except OSError as error:
        raise _cannot_write(folder / LOG, error) from error


def _complete(folder: Path, contents: bytes, checksums: Mapping[str, str]) -> None:
    sums = {**checksums, RECORD: _sha256(contents)}
    lines = "".join(f"{checksum}  {name}\n" for name, checksum in sums.items())
    atomic_write(folder / CHECKSUMS, lines.encode())
    atomic_write(folder / RECORD, contents)
    (folder / PROGRESS).unlink(missing_ok=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _link(source: Path, target: Path) -> None:
    """Have a file under a second name, or copy it where that cannot be."""
    try:
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(source)
        except FileNotFoundError:
            raise
        except OSError:  # another file system, or one without links
            write_atomically(target, source.read_bytes())
    except FileNotFoundError:
        raise _corrupt(source, "the file is missing") from None
    except OSError as error:
        raise _cannot_write(target, error) from error


def atomic_write(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that it holds either all of its old content or all of the new.

    Raises
    ------
    RecordError
        Where the disk is full or the folder may not be written; nothing is left behind.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            # After a successful rename there is nothing left to remove.
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def metrics_to_csv(metrics: Mapping[str, Sequence[float | None] | NDArray[Any]]) -> str:
    """Format columns of equal length as CSV; every float reads back as the same bits."""
    lengths = {name: len(column) for name, column in metrics.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of the metrics differ in length: {lengths}")
    # Nearly all are floats: asking what else a value may be would take longer than writing it.
    cells = [
        [repr(value) if type(value) is float else _cell(value) for value in column]
        for column in metrics.values()
    ]
    rows = [",".join(metrics), *(",".join(row) for row in zip(*cells, strict=True))]
    return "\n".join(rows) + "\n"


def weights_to_npz(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack arrays as an .npz archive without dates, pickles or memory layout in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in weights.items():
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise TypeError(f"weights {name!r} are {array.dtype}, not numbers")
            array = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # the same bytes whatever the operating system
            info.external_attr = 0o644 << 16
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


@dataclass(frozen=True)
class Record:
    """One run, as its folder tells it. Two records are equal when their folders are."""

    folder: Path
    data: dict[str, Any] = field(compare=False, repr=False)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Record:
        """Read a run's folder.

        Raises
        ------
        RecordError
            Where there is no complete record in it, or the record cannot be understood.
        """
        return cls._read(Path(folder), RECORD)

    @classmethod
    def read_progress(cls, folder: str | os.PathLike[str]) -> Record:
        """Read what there is of a run that trains: its status is `Status.RUNNING`.

        Raises
        ------
        RecordError
            Where it has left nothing yet, or has ended.
        """
        return cls._read(Path(folder), PROGRESS)

    @classmethod
    def _read(cls, folder: Path, name: str) -> Record:
        path = folder / name
        try:
            content = path.read_bytes()
            text = content.decode()
        except FileNotFoundError:
            if not folder.is_dir():
                message = f"{folder}: there is no such folder. Give the output folder of a run."
            else:
                message = (
                    f"{folder}: no complete record of a run here ({name} is missing). "
                    "Give the output folder of a run that has ended."
                )
            raise RecordError(message) from None
        except (OSError, UnicodeDecodeError) as error:
            raise _corrupt(path, str(error)) from error
        try:
            data = json.loads(text)
        except ValueError as error:
            raise _corrupt(path, f"not JSON: {error}") from error
        problem = _problem(data, running=name == PROGRESS)
        if problem is not None:
            raise _corrupt(path, problem)
        record = cls(folder, data)
        if name == RECORD:
            record._check(RECORD, content)
        return record

    @property
    def uid(self) -> str:
        """Of this one execution: 32 hexadecimal digits."""
        return str(self.data["uid"])

    @property
    def identity(self) -> str:
        """Of everything that decides the result: equal for two executions of the same run."""
        return str(self.data["identity"])

    @property
    def identity_parts(self) -> dict[str, Any]:
        """What the identity is made of; see :class:`experiments.runs.identity.Identity`."""
        return dict(self.data.get("identity_parts") or {})

    @property
    def is_whole(self) -> bool:
        """Whether no file of the record has been lost or damaged since it was written."""
        try:
            for name in {*FILES, *self.checksums} - {CHECKSUMS}:
                self._bytes(name)
        except RecordError:
            return False
        return True

    @cached_property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of each file of the record, in hexadecimal; none of a run that trains."""
        if not self.status.has_ended:
            return {}
        path = self.folder / CHECKSUMS
        try:
            # Not what Python takes for an end of a line otherwise, such as a vertical tab.
            lines = path.read_bytes().decode("ascii").removesuffix("\n").split("\n")
            return {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
        except FileNotFoundError:
            raise _corrupt(path, "the file is missing") from None
        except (OSError, ValueError) as error:
            raise _corrupt(path, str(error)) from error

    @property
    def name(self) -> str:
        """For people, such as `adam-seed3`."""
        return str(self.data["name"])

    @property
    def status(self) -> Status:
        """How the run ended, or that it is training."""
        return Status(self.data["status"])

    @property
    def message(self) -> str | None:
        """Why the run ended as it did, where there is something to say."""
        message = self.data.get("message")
        return None if message is None else str(message)

    @property
    def objective(self) -> float:
        """What a search minimizes: the best validation loss; infinite if the run diverged."""
        loss = self.summary.get("best/val_loss")
        return math.inf if loss is None or self.status is Status.DIVERGED else loss

    @property
    def started(self) -> datetime:
        """In UTC."""
        return _time(self.data["started"])

    @property
    def finished(self) -> datetime:
        """In UTC."""
        return _time(self.data["finished"])

    @property
    def seed(self) -> int:
        """Of the run; the data's split has its own."""
        return int(self.data["seed"])

    @property
    def experiment(self) -> str:
        """The experiment's name, under which the tracker files the run."""
        return str(self.data.get("experiment") or "default")

    @property
    def sweep(self) -> str | None:
        """The sweep's id; None for a run by itself."""
        sweep = self.data.get("sweep")
        return None if sweep is None else str(sweep)

    @property
    def started_in(self) -> str | None:
        """The id of the sweep that began to train it; another may have taken it over since."""
        sweep = self.data.get("started_in")
        return None if sweep is None else str(sweep)

    @property
    def command(self) -> str | None:
        """The command line that started the run."""
        command = self.data.get("command")
        return None if command is None else str(command)

    @property
    def overrides(self) -> list[str]:
        """The overrides of the command line, for this run alone."""
        return [str(override) for override in self.data.get("overrides") or []]

    @property
    def choices(self) -> dict[str, str]:
        """The choice of each configuration group, such as `optimizer: adam`."""
        return {str(group): str(choice) for group, choice in self.data["choices"].items()}

    @property
    def labels(self) -> dict[str, str]:
        """What part the run has in its sweep, such as `stage: tuning`."""
        labels = self.data.get("labels") or {}
        return {str(name): str(label) for name, label in labels.items()}

    @property
    def summary(self) -> dict[str, float | None]:
        """Metrics of the whole run; None where the number was not finite."""
        return dict(self.data["summary"])

    @property
    def dataset(self) -> dict[str, Any]:
        """Name, task, digest, rows and columns; empty where the data could not be loaded."""
        return dict(self.data.get("dataset") or {})

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, machine and commit."""
        return dict(self.data.get("environment") or {})

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, nested."""
        path = self.folder / CONFIG
        try:
            config = yaml.load(self._bytes(CONFIG), Loader=libyaml.Loader)
        except yaml.YAMLError as error:
            raise _corrupt(path, f"not YAML: {error}") from error
        if not isinstance(config, dict):
            raise _corrupt(path, "not a mapping")
        return config

    def flat_config(self) -> dict[str, Scalar]:
        """Give the configuration by dotted names; lists become text such as `[64, 32]`."""
        return dict(_flat(self.config, ""))

    @cached_property
    def config_yaml(self) -> str:
        """The resolved configuration as it was written."""
        return self._bytes(CONFIG).decode()

    @property
    def preprocessing_json(self) -> str:
        """The dataset's preprocessing as it was written."""
        return self._bytes(PREPROCESSING).decode()

    @property
    def measured_bytes(self) -> int:
        """Size of the table of measurements: 0 where there is none."""
        path = self.folder / METRICS
        return path.stat().st_size if path.exists() else 0

    def measurements(self) -> dict[str, list[float | None]]:
        """Read the metrics as they were given: None is missing, NaN was measured as NaN.

        Returns
        -------
        column name -> list of length epochs + 1
        """
        path = self.folder / METRICS
        lines = self._bytes(METRICS).decode("utf-8", "replace").splitlines()
        if not lines or not lines[0]:
            return {}
        header = lines[0].split(",")
        columns: list[list[float | None]] = [[] for _ in header]
        for number, line in enumerate(lines[1:], start=2):
            cells = line.split(",")
            if len(cells) != len(header):
                raise _corrupt(path, f"line {number} has {len(cells)} cells, not {len(header)}")
            try:
                for column, cell in zip(columns, cells, strict=True):
                    column.append(float(cell) if cell else None)
            except ValueError as error:
                raise _corrupt(path, f"line {number}: {error}") from error
        return dict(zip(header, columns, strict=True))

    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """Read the metrics as numbers.

        Returns
        -------
        column name -> float64 ndarray of shape (epochs + 1,)
            NaN where a measurement is missing or was not a number.
        """
        return {
            name: np.array([math.nan if cell is None else cell for cell in column], np.float64)
            for name, column in self.measurements().items()
        }

    def weights(self, which: str = "best") -> dict[str, NDArray[Any]]:
        """Read the weights by name, such as `dense1/weights`.

        Parameters
        ----------
        which : {"best", "final"}
            Those of the best validation epoch, or those after the last.

        Raises
        ------
        RecordError
            Where the run left none (it failed before training), or the file is damaged.
        """
        if which not in ("best", "final"):
            raise ValueError(f"which is {which!r}; choose 'best' or 'final'")
        found = self._arrays(WEIGHTS, which + "/")
        if not found:
            raise RecordError(
                f"{self.folder / WEIGHTS}: this run left no {which} weights (its status is "
                f"{self.status}). Choose a run that was trained."
            )
        return found

    def snapshots(self) -> dict[str, NDArray[Any]]:
        """Read the weights that were kept over the epochs (`training.snapshots`).

        Returns
        -------
        name -> ndarray of shape (moments, *shape)
            Parameters and running statistics by name, and under `epoch` the moments (moments,).
            Empty where none were kept.
        """
        return self._arrays(SNAPSHOTS) if (self.folder / SNAPSHOTS).exists() else {}

    def _arrays(self, file: str, prefix: str = "") -> dict[str, NDArray[Any]]:
        """Read the arrays of an archive whose names begin with `prefix`, which is taken off."""
        try:
            with np.load(io.BytesIO(self._bytes(file)), allow_pickle=False) as archive:
                return {
                    name.removeprefix(prefix): archive[name]
                    for name in archive.files
                    if name.startswith(prefix)
                }
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise _corrupt(self.folder / file, str(error)) from error

    def _bytes(self, name: str) -> bytes:
        path = self.folder / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise _corrupt(path, "the file is missing") from None
        except OSError as error:
            raise _corrupt(path, str(error)) from error
        self._check(name, content)
        return content

    def _check(self, name: str, content: bytes) -> None:
        """Refuse a file that is not as it was written."""
        if self.status.has_ended and self.checksums.get(name) != _sha256(content):
            raise _corrupt(self.folder / name, "it was changed or damaged: its checksum is wrong")


def find_records(folder: str | os.PathLike[str]) -> list[Record]:
    """Read every complete record in a folder and below, sorted by path.

    Numbers in paths sort as numbers, so job 2 comes before job 10. Hidden folders, and
    those in which a tracker keeps its copies, are not searched.

    Raises
    ------
    RecordError
        Where the folder is missing or a record in it cannot be understood.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RecordError(f"{folder}: there is no such folder. Give a folder with runs in it.")
    return [Record.read(found) for found in sorted(_folders_with(RECORD, folder), key=_natural)]


def find_progress(folder: str | os.PathLike[str]) -> list[Record]:
    """Read what there is of runs that have begun and not ended, as `find_records` does."""
    found = sorted(_folders_with(PROGRESS, Path(folder)), key=_natural)
    return [Record.read_progress(path) for path in found if not (path / RECORD).exists()]


def _folders_with(file: str, top: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(top):
        below[:] = [name for name in below if name not in _NOT_SEARCHED and name[0] != "."]
        if file in names:
            yield Path(folder)


def _natural(path: Path) -> list[list[tuple[int, int, str]]]:
    return [
        [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", p)]
        for p in path.parts
    ]


def _problem(data: Any, *, running: bool) -> str | None:
    """Say what keeps `data` from being the contents of a record; None if nothing does."""
    if not isinstance(data, dict):
        return "not a JSON object"
    if data.get("format") != FORMAT:
        return (
            f"its format is {data.get('format')!r} and this program reads {FORMAT}; "
            "read it with the version of the program that wrote it"
        )
    for key, kind in _REQUIRED.items():
        if not isinstance(data.get(key), kind):
            return f"{key!r} is {data.get(key)!r}, not {kind.__name__}"
    statuses = [status for status in Status if status.has_ended is not running]
    if data["status"] not in statuses:
        return f"'status' is {data['status']!r}, not one of {', '.join(statuses)}"
    for key in ("started", "finished"):
        try:
            _time(data[key])
        except ValueError as error:
            return f"{key!r} is not a time: {error}"
    return None


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    # repr is the shortest text that reads back as the same float.
    return str(int(value)) if isinstance(value, Integral) else repr(float(value))


def _strict(value: Any) -> Any:
    """Reduce to what strict JSON holds; non-finite numbers become None."""
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


def _flat(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Scalar]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and item:
            yield from _flat(item, name + ".")
        elif item is None or isinstance(item, str | int | float):
            yield name, item
        else:
            yield name, json.dumps(item, default=str)


def _corrupt(path: Path, why: str) -> RecordError:
    return RecordError(
        f"{path}: the record cannot be read: {why}. Run again, or move the folder away to go on "
        "without this run."
    )


def _cannot_write(path: Path, error: OSError) -> RecordError:
    return RecordError(
        f"{path}: cannot be written: {error.strerror or error}. Free some space or choose another "
        "output folder (hydra.run.dir=FOLDER, or hydra.sweep.dir=FOLDER for a sweep)."
    )
