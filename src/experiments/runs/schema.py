"""The contents of `record.json`, and how they are checked."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from experiments.datasets.dataset import Task
from experiments.datasets.samples import Samples
from experiments.training.status import Status
from nn.component import AtMost, Count, Interval, problems

FORMAT: Final = 1
"""The version of the format that this program reads and writes."""

_MOST_AXES: Final = 8
"""Number of axes of a sample."""

_MOST_METRICS: Final = 1000
"""Number of metrics that a record may describe."""

_Size = Annotated[int, Interval(0)]
_Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The contents of `record.json`. Other keys, as of newer versions, are ignored.

    Attributes
    ----------
    uid, identity, name, status, started, finished, seed, message
        See :class:`experiments.runs.record.Record`.
    experiment, sweep, started_in, command, overrides, choices, labels
        The part of the run in its command; see :class:`experiments.runs.record.Record`.
    resumed : list of int
        The epochs at which training continued after an interruption.
    blas_cores : list of str or None
        The processor families whose BLAS kernels trained the run, in order; None if unknown.
    identity_parts : dict
        The parts of the identity, texts or mappings to texts.
    summary : dict of str to float or None
        The metrics of the whole run.
    dataset : dict
        The description of the data, a :class:`Described`; empty if they could not be loaded.
    report : str
        The rule that chose the reported epoch; see `training.report`.
    metrics : dict of str to bool
        Whether higher is better, for each of `training.metrics` by its key.
    environment : dict of str to scalar
        The versions, machine and commit that the run was trained with.
    """

    uid: str
    identity: str
    name: str
    status: str
    started: str
    finished: str
    seed: _Size
    choices: dict[str, _Scalar]
    summary: dict[str, float | None]
    message: str | None = None
    experiment: str | None = None
    sweep: str | None = None
    started_in: str | None = None
    command: str | None = None
    overrides: tuple[str, ...] | None = None
    labels: dict[str, _Scalar] | None = None
    resumed: tuple[_Size, ...] | None = None
    blas_cores: tuple[str | None, ...] | None = None
    identity_parts: dict[str, str | dict[str, str] | None] | None = None
    dataset: dict[str, object] | None = None
    environment: dict[str, _Scalar] | None = None
    report: str | None = None
    metrics: Annotated[dict[str, bool], AtMost(_MOST_METRICS)] | None = None


@dataclass(frozen=True, kw_only=True)
class Described:
    """The description of the data that a run was trained on.

    Attributes
    ----------
    name : str
        The name of the dataset.
    task : str
        The name of an `experiments.datasets.dataset.Task`.
    digest : str
        The hash of the prepared data.
    rows : dict of str to int
        The number of rows of each part.
    features, outputs : int
        The width of the network's input and output.
    target_names, feature_names : list of str
        The names of classes or targets, and of the inputs.
    shape : list of int, optional
        The shape of a sample; see :func:`samples_of`.
    tokens, steps : int, default 0
        See :class:`experiments.datasets.samples.Samples`.
    image_shape : list of two int, optional
        Height and width if the inputs are images, in records of version 0.1.
    padded : bool
        Whether sequences may end before their last step.
    """

    name: str
    task: str
    digest: str
    rows: dict[str, _Size]
    features: Count
    outputs: Count
    target_names: tuple[str, ...]
    feature_names: tuple[str, ...] = ()
    shape: Annotated[tuple[Count, ...], AtMost(_MOST_AXES)] | None = None
    tokens: _Size = 0
    steps: _Size = 0
    image_shape: Annotated[tuple[Count, ...], AtMost(2)] | None = None
    padded: bool = False


def problem_with(data: Any, *, running: bool) -> str | None:
    """Describe what is wrong with the contents of a record; None if they are valid."""
    if not isinstance(data, dict):
        return "not a JSON object"
    if data.get("format") != FORMAT:
        return (
            f"its format is {str(data.get('format'))[:50]} and this program reads {FORMAT}; "
            "read it with the version of the program that wrote it"
        )
    faults = _faults(Contents, data)
    if faults:
        return "; ".join(faults)
    if data.get("dataset"):
        faults = _faults(Described, data["dataset"])
        if data["dataset"].get("task") not in list(Task):
            faults.append(f"task must be one of {', '.join(Task)}")
        if faults:
            return f"dataset: {'; '.join(faults)}"
    statuses = [status for status in Status if status.has_ended is not running]
    if data["status"] not in statuses:
        return f"status must be one of {', '.join(statuses)}, but is {data['status'][:50]!r}"
    for key in ("started", "finished"):
        try:
            utc(data[key])
        except (ValueError, OverflowError):
            return f"{key} must be a time, but is {data[key][:50]!r}"
    return None


def samples_of(described: Mapping[str, Any]) -> Samples:
    """Return the form of the samples from the description of the data, a :class:`Described`.

    Records of version 0.1 have the height and the width of images, or the number of features.
    """
    image = described.get("image_shape")
    shape = described.get("shape") or ((1, *image) if image else (described["features"],))
    return Samples(
        tuple(shape),
        described.get("tokens", 0),
        described.get("steps", 0),
        described.get("padded", False),
    )


def utc(text: str) -> datetime:
    """Parse a time in ISO 8601, which is in UTC unless it says otherwise.

    Raises
    ------
    ValueError, OverflowError
        If the text is not a time, or one that UTC has no year for.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _faults(kind: type[Any], data: Mapping[str, Any]) -> list[str]:
    known = {field.name for field in dataclasses.fields(typing.cast(Any, kind))}
    return problems(kind, {key: value for key, value in data.items() if key in known})
