"""Convert a record to MLflow's tags, parameters, metrics and dataset.

All names, values and times come from the record. Publishing it twice, or in two parts, therefore
has the same result as publishing it once.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from experiments.escape import for_markdown, for_terminal, visible
from experiments.files.masking import mask_secrets, masked
from experiments.palette import color_of
from experiments.runs.layout import PREPROCESSING
from experiments.runs.record import Record
from experiments.tracking import store
from experiments.training.status import Status

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric

# MLflow's limits on the length of a name, a parameter, a tag and the digest of a dataset.
_KEY: Final = 250
_PARAM_VALUE: Final = 6000
_TAG_VALUE: Final = 8000
EXPERIMENT_TAG_VALUE: Final = 5000
_DIGEST: Final = 36

_IN_SWEEP: Final = "yes"
_CUT: Final = " ... [cut]"
_NOT_PER_EPOCH: Final = frozenset({"epoch", "step", "seconds"})
# Two columns per layer, which would slow publishing by a fifth. In MLflow, only runs with a
# model have them; the record always does.
_BY_LAYER: Final = ("weight_norm/", "gradient_norm/")

RUNNING: Final = "RUNNING"
KILLED: Final = "KILLED"
END_STATUS: Final = {
    Status.DONE: "FINISHED",
    Status.STOPPED_EARLY: "FINISHED",
    Status.DIVERGED: "FAILED",
    Status.FAILED: "FAILED",
    Status.INTERRUPTED: KILLED,
}
"""MLflow's status of a run that has ended."""


def tags(record: Record) -> dict[str, str]:
    """Describe a run for filters, and for people in a note."""
    environment, columns = record.environment, record.measurements()
    given = {
        "kind": "run",
        "uid": record.uid,
        "identity": record.identity,
        "status": record.status,
        "sweep": record.sweep,
        **sweep_tags(record),
        **record.labels,
        "message": record.message,
        "command": record.command,
        "commit": environment.get("commit"),
        "non_finite": ", ".join(_non_finite(record, columns)) or None,
        "mlflow.note.content": _note(record, has_curves=bool(columns)),
        "mlflow.runColor": color_of(record.choices.get("optimizer", "")),
        "mlflow.user": store.user(),
        "mlflow.source.name": "run.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": environment.get("commit"),
    }
    return {
        key_of(key): cut(mask_secrets(for_terminal(str(value))))
        for key, value in given.items()
        if value is not None
    }


def sweep_tags(record: Record) -> dict[str, str]:
    """Return the tags of a run's sweeps: the one it belongs to, and the one that started it."""
    sweeps = (record.sweep, record.started_in)
    return {sweep_key(sweep): _IN_SWEEP for sweep in sweeps if sweep is not None}


def joining_tags(record: Record) -> dict[str, str]:
    """Return the tags of a sweep's runs, which a run that another sweep published lacks."""
    return sweep_tags(record) | {
        key_of(key): cut(for_terminal(value)) for key, value in record.labels.items()
    }


def sweep_filter(sweep: str) -> str:
    """Return the filter that selects the runs of a sweep, in MLflow's pages and API."""
    return f"tags.`{sweep_key(sweep)}` = '{_IN_SWEEP}'"


def sweep_key(sweep: str) -> str:
    """Return the tag of the runs of a sweep."""
    return key_of(f"sweep.{sweep}")


def _note(record: Record, *, has_curves: bool) -> str:
    """Describe the run in Markdown."""
    said = f": {for_markdown(record.message)}" if record.message else ""
    lines = [f"**{record.status.words}**{said}", ""]
    lines += ["| measured | |", "|---|---|"]
    for key, value in record.summary.items():
        number = "not finite" if value is None else format(value, ".6g")
        lines.append(f"| {for_markdown(key)} | {number} |")
    if has_curves:
        lines += ["", "The learning curves are on the tab *Model metrics*."]
    if record.report == "test_peak":
        lines += ["", "The epoch of `test_peak` was chosen on the test part, and so was the model."]
    dataset = record.dataset
    if dataset:
        rows = ", ".join(f"{count} {part}" for part, count in dataset["rows"].items())
        name = for_markdown(dataset["name"])
        lines += ["", f"Dataset **{name}** ({dataset['task']}; rows: {for_markdown(rows)})."]
    if record.command:
        lines += ["", "Command to repeat this run:", "", f"    {visible(record.command)}"]
    return "\n".join(lines)


def params(record: Record) -> list[Any]:
    """Return a run's configuration as MLflow's parameters."""
    from mlflow.entities import Param

    return [Param(key, value) for key, value in param_values(record)]


def param_values(record: Record) -> list[tuple[str, str]]:
    """Return names and values of a run's configuration, and of its choices by their groups."""
    # Tracking settings do not affect a run, and their address may be private.
    values = {
        key: value
        for key, value in (record.flat_config() | record.choices | {"seed": record.seed}).items()
        if key.split(".")[0] != "tracking"
    }
    return [
        (key_of(key), cut(for_terminal(_as_yaml(value)), _PARAM_VALUE))
        for key, value in masked(values).items()
    ]


def epoch_metrics(record: Record, *, by_layer: bool = False) -> list[Metric]:
    """Return the metrics of each epoch: either those by layer, or all others."""
    from mlflow.entities import Metric

    columns = record.measurements()
    start = record.started.timestamp()
    epochs = columns.get("epoch", [])
    seconds = columns.get("seconds") or [0.0] * len(epochs)
    times = [milliseconds(start + (second or 0.0)) for second in seconds]
    return [
        Metric(key_of(name), value, time, int(epoch or 0))
        for name, column in columns.items()
        if name not in _NOT_PER_EPOCH and name.startswith(_BY_LAYER) == by_layer
        for value, time, epoch in zip(column, times, epochs, strict=True)
        if value is not None and math.isfinite(value)
    ]


def summary_metrics(record: Record) -> list[Metric]:
    """Return the summary of a run; nothing if it is still running or may be resumed."""
    from mlflow.entities import Metric

    if record.status in (Status.RUNNING, Status.INTERRUPTED):
        return []
    # All at step 0: MLflow draws metrics with one step as bars, and others as curves.
    end = milliseconds(record.finished.timestamp())
    return [
        Metric(key_of(name), float(value), end, 0)
        for name, value in record.summary.items()
        if value is not None
    ]


def _non_finite(record: Record, columns: Mapping[str, Sequence[float | None]]) -> list[str]:
    """Name the metrics with values that are not published: NaN breaks MLflow's page."""
    measured = [
        name
        for name, column in columns.items()
        if any(value is not None and not math.isfinite(value) for value in column)
    ]
    return measured + [name for name, value in record.summary.items() if value is None]


def dataset_input(record: Record) -> DatasetInput | None:
    """Describe the data that a run was trained on; None if they could not be loaded."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = record.dataset
    if not data.get("digest") or not (record.folder / PREPROCESSING).exists():
        return None
    profile = {key: data[key] for key in ("task", "rows", "features", "outputs") if key in data}
    dataset = Dataset(
        name=str(data.get("name", "dataset"))[:500],
        digest=str(data["digest"])[:_DIGEST],
        source_type="code",
        source=json.dumps(
            {"tags": {"mlflow.source.name": "run.py", "mlflow.source.type": "LOCAL"}}
        ),
        schema=_schema(record.preprocessing_json),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


@lru_cache(maxsize=8)
def _schema(preprocessing_json: str) -> str:
    """Describe the raw columns as MLflow's schema; the runs of a sweep share them."""
    from experiments.datasets import Preprocessing

    preprocessing = Preprocessing.from_json(preprocessing_json)
    columns = [
        {
            "name": name,
            "type": "double" if preprocessing.has_numbers(name) else "string",
            "required": True,
        }
        for name in preprocessing.columns
    ]
    return json.dumps({"mlflow_colspec": columns})


def key_of(name: str) -> str:
    """Convert a name to one that MLflow accepts; a shortened name stays unique."""
    key = re.sub(r"[^\w\-. :/]", "_", name)
    if len(key) > _KEY:
        key = f"{key[: _KEY - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return key


def cut(text: str, limit: int = _TAG_VALUE) -> str:
    """Shorten a text to MLflow's limit, and mark it as cut."""
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def _as_yaml(value: object) -> str:
    """Format a value as in the configuration."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def milliseconds(seconds: float) -> int:
    """Convert seconds to milliseconds, as MLflow stores times."""
    return round(seconds * 1000)
