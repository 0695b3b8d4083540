"""A run's record, as its folder contains it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.config.aliases import with_current_names
from experiments.errors import RecordError
from experiments.files import npz
from experiments.files.json import parse_json
from experiments.files.reading import ARCHIVE, CELLS, TABLE, TEXT, is_plain_file, read_file
from experiments.files.yaml import parse_yaml
from experiments.runs.layout import (
    CHECKSUMS,
    CONFIG,
    FILES,
    METRICS,
    PREPROCESSING,
    PROGRESS,
    RECORD,
    SNAPSHOTS,
    WEIGHTS,
)
from experiments.runs.schema import problem_with, utc
from experiments.training.metrics import remember_metrics
from experiments.training.row_losses import TEST_LOSSES
from experiments.training.status import Status

_MOST: Final[Mapping[str, int]] = {METRICS: TABLE, WEIGHTS: ARCHIVE, SNAPSHOTS: ARCHIVE}

_FILE: Final = re.compile(r"\w[\w.-]*")

EPOCH: Final = "epoch"
SECONDS: Final = "seconds"

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Record:
    """The record of one run. Two records are equal if their folders are.

    Parameters
    ----------
    folder : Path
        The run's folder.
    data : dict
        The contents of `record.json`.
    """

    folder: Path
    data: dict[str, Any] = field(compare=False, repr=False)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Record:
        """Read the record in a run's folder.

        Raises
        ------
        RecordError
            If the folder has no complete record, or the record is damaged or of another format.
        """
        return cls._read(Path(folder), RECORD)

    @classmethod
    def read_progress(cls, folder: str | os.PathLike[str]) -> Record:
        """Read the progress of a run in training; its status is `Status.RUNNING`.

        Raises
        ------
        RecordError
            If the folder has no progress: the run has not written any yet, or it has ended.
        """
        return cls._read(Path(folder), PROGRESS)

    @classmethod
    def _read(cls, folder: Path, name: str) -> Record:
        path = folder / name
        try:
            content = read_file(path)
        except (FileNotFoundError, NotADirectoryError):
            if not folder.is_dir():
                raise no_folder(folder, "Give the output folder of a run.") from None
            raise RecordError(
                f"{folder}: the folder has no complete record of a run ({name} is missing). "
                "Give the output folder of a run that has ended."
            ) from None
        except ValueError as error:
            if folder.is_file():
                raise no_folder(folder, "Give the output folder of a run.") from None
            raise corrupt(path, str(error)) from error
        try:
            data = parse_json(content)
        except ValueError as error:
            raise corrupt(path, f"not JSON: {error}") from error
        problem = problem_with(data, running=name == PROGRESS)
        if problem is not None:
            raise corrupt(path, problem)
        record = cls(folder, data)
        remember_metrics(record.directions)
        if name == RECORD:
            record._check(RECORD, content)
        return record

    @property
    def uid(self) -> str:
        """The id of this execution of the run: 32 hexadecimal digits."""
        return str(self.data["uid"])

    @property
    def identity(self) -> str:
        """The hash of everything that decides the result, equal for executions of the same run."""
        return str(self.data["identity"])

    @property
    def identity_parts(self) -> dict[str, Any]:
        """The parts of the identity; see :class:`experiments.runs.identity.Identity`."""
        return dict(self.data.get("identity_parts") or {})

    @property
    def is_whole(self) -> bool:
        """Whether every file of the record is present and undamaged."""
        try:
            for name in {*FILES, *self.checksums} - {CHECKSUMS}:
                self._bytes(name)
        except RecordError:
            return False
        return True

    def files(self) -> list[Path]:
        """Return the paths of the record's files that exist.

        Raises
        ------
        RecordError
            If one is a symbolic link, which may point to any file, or no file at all.
        """
        paths = [self.folder / name for name in (*FILES, SNAPSHOTS)]
        present = [path for path in paths if os.path.lexists(path)]
        for path in present:
            if not is_plain_file(path):
                raise corrupt(path, "it is a link or no file")
        return present

    @cached_property
    def checksums(self) -> dict[str, str]:
        """The SHA-256 of each file of the record, in hexadecimal; empty while the run trains."""
        if not self.status.has_ended:
            return {}
        path = self.folder / CHECKSUMS
        try:
            # Not splitlines(), which also splits at vertical tabs and other characters.
            lines = read_file(path).decode("ascii").removesuffix("\n").split("\n")
            sums = {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
        except FileNotFoundError:
            raise corrupt(path, "the file is missing") from None
        except ValueError as error:
            raise corrupt(path, str(error)) from error
        foreign = [name for name in sums if not _FILE.fullmatch(name)]
        if foreign:
            raise corrupt(path, f"{foreign[0][:50]!r} is not the name of a file in this folder")
        return sums

    @property
    def name(self) -> str:
        """The run's readable name, such as `adam-seed3`."""
        return str(self.data["name"])

    @property
    def status(self) -> Status:
        """The run's status: running, or how it ended."""
        return Status(self.data["status"])

    @property
    def message(self) -> str | None:
        """An explanation of the status, if there is one."""
        message = self.data.get("message")
        return None if message is None else str(message)

    @property
    def objective(self) -> float:
        """The value that a search minimizes; infinite if the run diverged.

        It is the validation loss at the reported epoch, or the last training loss where there is no
        validation part, as of a function to minimize.
        """
        loss = self.reported("val_loss")
        if loss is None:
            loss = self.reported("train_loss")
        return math.inf if loss is None or self.status is Status.DIVERGED else loss

    @property
    def started(self) -> datetime:
        """The time at which the run started, in UTC."""
        return utc(self.data["started"])

    @property
    def finished(self) -> datetime:
        """The time at which the run ended or the progress was written, in UTC."""
        return utc(self.data["finished"])

    @property
    def seed(self) -> int:
        """The run's seed; the split of the data has another."""
        return int(self.data["seed"])

    @property
    def experiment(self) -> str:
        """The name of the tracker's experiment that the run belongs to."""
        return str(self.data.get("experiment") or "default")

    @property
    def sweep(self) -> str | None:
        """The id of the sweep; None for a single run."""
        sweep = self.data.get("sweep")
        return None if sweep is None else str(sweep)

    @property
    def started_in(self) -> str | None:
        """The id of the sweep that first trained the run, which other sweeps may have reused."""
        sweep = self.data.get("started_in")
        return None if sweep is None else str(sweep)

    @property
    def command(self) -> str | None:
        """The command line that started the run."""
        command = self.data.get("command")
        return None if command is None else str(command)

    @property
    def overrides(self) -> list[str]:
        """The overrides of the command line, with this run's values."""
        return [str(override) for override in self.data.get("overrides") or []]

    @property
    def choices(self) -> dict[str, str]:
        """The choice of each configuration group, such as `optimizer: adam`."""
        return {str(group): str(choice) for group, choice in self.data["choices"].items()}

    @property
    def labels(self) -> dict[str, str]:
        """The run's role in its sweep, such as `stage: tuning`."""
        labels = self.data.get("labels") or {}
        return {str(name): str(label) for name, label in labels.items()}

    @property
    def summary(self) -> dict[str, float | None]:
        """The metrics of the whole run; None for a number that was not finite."""
        return dict(self.data["summary"])

    @property
    def directions(self) -> dict[str, bool]:
        """Whether higher is better, for each of `training.metrics` by its key."""
        return dict(self.data.get("metrics") or {})

    @property
    def report(self) -> str:
        """The rule that chose the reported epoch; see `training.report`."""
        return str(self.data.get("report") or "best_loss")

    @property
    def compared_by(self) -> str | None:
        """The metric by which the run asks to be compared (`comparison.metric`), if any."""
        asked = self.settings.get("comparison.metric")
        return asked if isinstance(asked, str) else None

    @property
    def margin(self) -> float | None:
        """The smallest difference that the run's comparison cares about (`comparison.margin`)."""
        asked = self.settings.get("comparison.margin")
        return float(asked) if isinstance(asked, int | float) else None

    def reported(self, quantity: str) -> float | None:
        """Return a value such as `val_loss` at the reported epoch; None if it was not measured.

        The summary has it as `best/val_loss`, or as `final/val_loss` if the last epoch is
        reported. An epoch that was chosen on the test part counts for the test values only.
        """
        return self.summary.get(f"best/{quantity}", self.summary.get(f"final/{quantity}"))

    @property
    def dataset(self) -> dict[str, Any]:
        """The dataset's name, task, digest and sizes; empty if the data could not be loaded."""
        return dict(self.data.get("dataset") or {})

    @property
    def environment(self) -> dict[str, Any]:
        """The versions, machine and commit that the run was trained with."""
        return dict(self.data.get("environment") or {})

    @property
    def blas_cores(self) -> tuple[str, ...]:
        """The processor families whose BLAS kernels trained the run, in order.

        Usually one; more if the run was resumed on another kind of processor. Empty if unknown.
        """
        cores = self.data.get("blas_cores") or [self.environment.get("blas_core")]
        return tuple(str(core) for core in cores if core is not None)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, nested, with current class names."""
        path = self.folder / CONFIG
        try:
            config = parse_yaml(self._bytes(CONFIG))
        except ValueError as error:
            raise corrupt(path, f"not YAML: {error}") from error
        if not isinstance(config, dict):
            raise corrupt(path, "not a mapping")
        return {key: with_current_names(value) for key, value in config.items()}

    def flat_config(self) -> dict[str, Scalar]:
        """Return the configuration by dotted names; lists become text such as `[64, 32]`."""
        return flat(self.config)

    @cached_property
    def settings(self) -> dict[str, Scalar]:
        """The configuration by dotted names, with defaults for missing settings.

        This makes runs of an older version, which lack newer settings, comparable with new ones.
        `training.report` names the rule that null stood for.
        """
        # Imports the classes of all components, which reading a record does not need.
        from experiments.config.defaults import with_defaults

        return {**flat(with_defaults(self.config)), "training.report": self.report}

    @cached_property
    def defaults(self) -> dict[str, Scalar]:
        """The defaults of the classes that the configuration names, by dotted names."""
        from experiments.config.defaults import with_defaults

        parts = {
            name: {"_target_": part["_target_"]}
            for name, part in self.config.items()
            if isinstance(part, dict) and "_target_" in part
        }
        return flat(with_defaults(parts))

    @cached_property
    def config_yaml(self) -> str:
        """The resolved configuration as it was written."""
        return self._text(CONFIG)

    @property
    def preprocessing_json(self) -> str:
        """The dataset's preprocessing as it was written."""
        return self._text(PREPROCESSING)

    @property
    def measured_bytes(self) -> int:
        """The size of `metrics.csv`; 0 if the file does not exist."""
        path = self.folder / METRICS
        return path.stat().st_size if path.exists() else 0

    def measurements(self) -> dict[str, list[float | None]]:
        """Read the metrics, distinguishing missing measurements from NaN.

        Returns
        -------
        dict of str to list of float or None
            Columns of length epochs + 1, by name; None is a missing measurement.
        """
        content = self._bytes(METRICS)
        try:
            columns = _columns(content)
        except ValueError as error:
            raise corrupt(self.folder / METRICS, str(error)) from error
        if self.status.is_final and not columns.get(EPOCH):
            raise corrupt(self.folder / METRICS, "it has no epochs")
        return columns

    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """Read the metrics as numbers.

        Returns
        -------
        dict of str to ndarray of float64
            Columns of shape (epochs + 1,), by name; NaN for a measurement that is missing or was
            NaN.
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
            The weights of the reported epoch (by default that of the best validation loss), or
            those after the last epoch.

        Returns
        -------
        dict of str to ndarray
            Arrays by name.

        Raises
        ------
        RecordError
            If the run has no weights (it failed before training), or the file is damaged.
        """
        if which not in ("best", "final"):
            raise ValueError(f"which is {which!r}; choose 'best' or 'final'")
        found = self._arrays(WEIGHTS, which + "/")
        if not found:
            raise RecordError(
                f"{self.folder / WEIGHTS}: this run has no {which} weights (its status is "
                f"{self.status}). Choose a run that was trained."
            )
        return found

    def test_losses(self) -> NDArray[np.float64] | None:
        """Read the losses of the test rows at the reported epoch, or of groups of rows.

        Returns
        -------
        ndarray of shape (groups,), float64, or None
            See `experiments.training.row_losses`; None in a record of an older version.
        """
        found = self._arrays(WEIGHTS, TEST_LOSSES).get("")
        return found.astype(np.float64) if found is not None and found.ndim == 1 else None

    def snapshots(self) -> dict[str, NDArray[Any]]:
        """Read the snapshots of the weights (`training.snapshots`).

        Returns
        -------
        dict of str to ndarray
            Parameters and running statistics of shape (snapshots, *shape) by name, and the epochs
            of shape (snapshots,) under ``epoch``. Empty if the run took no snapshots.
        """
        return self._arrays(SNAPSHOTS) if (self.folder / SNAPSHOTS).exists() else {}

    def _arrays(self, file: str, prefix: str = "") -> dict[str, NDArray[Any]]:
        """Read the arrays of an archive whose names begin with `prefix`, and strip the prefix."""
        content = self._bytes(file)
        try:
            return npz.unpack(content, prefix)
        except ValueError as error:
            raise corrupt(self.folder / file, str(error)) from error

    def _text(self, name: str) -> str:
        try:
            return self._bytes(name).decode()
        except UnicodeDecodeError as error:
            raise corrupt(self.folder / name, str(error)) from error

    def _bytes(self, name: str) -> bytes:
        path = self.folder / name
        try:
            content = read_file(path, _MOST.get(name, TEXT))
        except FileNotFoundError:
            raise corrupt(path, "the file is missing") from None
        except ValueError as error:
            raise corrupt(path, str(error)) from error
        self._check(name, content)
        return content

    def _check(self, name: str, content: bytes) -> None:
        """Raise an error if the content of a file does not match its checksum."""
        if self.status.has_ended and self.checksums.get(name) != sha256(content):
            raise corrupt(self.folder / name, "it was changed or damaged: its checksum is wrong")


def _columns(content: bytes) -> dict[str, list[float | None]]:
    """Parse a table of metrics.

    Raises
    ------
    ValueError
        If the content is not such a table.
    """
    if content.count(b",") > CELLS:
        raise ValueError(f"it has more than {CELLS:,} cells")
    lines = content.decode("utf-8", "replace").splitlines()
    if not lines or not lines[0]:
        return {}
    header = lines[0].split(",")
    if len(set(header)) < len(header):
        raise ValueError("two columns have the same name")
    columns: list[list[float | None]] = [[] for _ in header]
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split(",")
        if len(cells) != len(header):
            raise ValueError(f"line {number} has {len(cells)} cells, not {len(header)}")
        try:
            for column, cell in zip(columns, cells, strict=True):
                column.append(float(cell) if cell else None)
        except ValueError:
            raise ValueError(f"line {number}: {cell[:50]!r} is not a number") from None
    named = dict(zip(header, columns, strict=True))
    if named.get(EPOCH) != list(range(len(lines) - 1)):
        raise ValueError(f"the column {EPOCH!r} does not count the epochs from 0")
    if any(not math.isfinite(moment or 0.0) for moment in named.get(SECONDS, [])):
        raise ValueError(f"a time in the column {SECONDS!r} is not finite")
    return named


def flat(config: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return a nested configuration by dotted names; lists become text such as `[64, 32]`."""
    return dict(_flat(config, ""))


def _flat(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Scalar]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and item:
            yield from _flat(item, name + ".")
        elif item is None or isinstance(item, str | int | float):
            yield name, item
        else:
            yield name, json.dumps(item, default=str)


def no_folder(path: Path, cure: str) -> RecordError:
    """Return the error for a path at which a folder is expected and is not."""
    what = "this is a file, not a folder" if path.exists() else "no such folder"
    return RecordError(f"{path}: {what}. {cure}")


def corrupt(path: Path, why: str) -> RecordError:
    """Return the error for a file that cannot be read."""
    return RecordError(
        f"{path}: the record cannot be read: {why}. Run again, or move the folder away to continue "
        "without this run."
    )


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
