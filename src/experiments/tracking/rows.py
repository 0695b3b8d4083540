"""Convert records to rows of MLflow's tables, as MLflow's client would write them."""

from __future__ import annotations

import math
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from experiments.runs.record import Record
from experiments.tracking import contents
from experiments.tracking.contents import milliseconds

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric

Row = dict[str, Any]
Rows = defaultdict[str, list[Row]]
"""The rows of each table, by its name; a table comes after those that it refers to."""

_LARGEST: Final = sys.float_info.max


def add_run(rows: Rows, record: Record, run_id: str, experiment_id: int, artifact_uri: str) -> None:
    """Add the rows of a run that has ended, except those of its dataset.

    Parameters
    ----------
    rows : Rows
        The rows to which to add.
    record : Record
        The record of the run.
    run_id : str
        The run's id in MLflow.
    experiment_id : int
        The id of its experiment.
    artifact_uri : str
        The location of its files.

    Raises
    ------
    MlflowException
        If MLflow's client would refuse the name or value of a metric or parameter.
    """
    from mlflow.utils import validation
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_USER

    tags = {**contents.tags(record), MLFLOW_RUN_NAME: record.name}
    metrics = [*contents.epoch_metrics(record), *contents.summary_metrics(record)]
    _, params, _ = validation._validate_batch_log_data(  # type: ignore[no-untyped-call]
        _representatives(metrics), contents.params(record), []
    )
    validation._validate_param_keys_unique(params)  # type: ignore[no-untyped-call]
    points = _points(metrics, run_id)
    own = {"run_uuid": run_id}
    run = {
        "name": record.name,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "user_id": tags[MLFLOW_USER],
        "status": contents.END_STATUS[record.status],
        "start_time": milliseconds(record.started.timestamp()),
        "end_time": milliseconds(record.finished.timestamp()),
        "deleted_time": None,
        "source_version": "",
        "lifecycle_stage": "active",
        "artifact_uri": artifact_uri,
        "experiment_id": experiment_id,
    }
    rows["runs"].append(own | run)
    rows["tags"] += [own | {"key": key, "value": value} for key, value in tags.items()]
    rows["params"] += [own | {"key": pair.key, "value": pair.value} for pair in params]
    rows["metrics"] += points
    rows["latest_metrics"] += _latest(points)


def add_dataset(
    rows: Rows,
    given: DatasetInput,
    run_id: str,
    experiment_id: int,
    ids: dict[tuple[str, str], str],
) -> None:
    """Add the rows that connect a run with its dataset.

    Parameters
    ----------
    rows : Rows
        The rows to which to add.
    given : DatasetInput
        The dataset.
    run_id : str
        The run's id in MLflow.
    experiment_id : int
        The id of its experiment.
    ids : dict of (str, str) to str
        The ids of the experiment's datasets by name and digest, to which a new dataset is added.

    Raises
    ------
    MlflowException
        If MLflow's client would refuse the dataset.
    """
    from mlflow.utils import validation

    validation._validate_dataset_inputs([given])
    dataset = given.dataset
    key = (dataset.name, dataset.digest)
    if key not in ids:
        ids[key] = uuid.uuid4().hex
        rows["datasets"].append(
            {
                "dataset_uuid": ids[key],
                "experiment_id": experiment_id,
                "name": dataset.name,
                "digest": dataset.digest,
                "dataset_source_type": dataset.source_type,
                "dataset_source": dataset.source,
                "dataset_schema": dataset.schema,
                "dataset_profile": dataset.profile,
            }
        )
    input_id = uuid.uuid4().hex
    rows["inputs"].append(
        {
            "input_uuid": input_id,
            "source_type": "DATASET",
            "source_id": ids[key],
            "destination_type": "RUN",
            "destination_id": run_id,
        }
    )
    rows["input_tags"] += [
        {"input_uuid": input_id, "name": tag.key, "value": tag.value} for tag in given.tags
    ]


def _representatives(metrics: Iterable[Metric]) -> list[Metric]:
    """Return the earliest point of each metric, which is valid if all its points are.

    All values are finite numbers, and only names and negative times are refused.
    """
    earliest: dict[str, Metric] = {}
    for metric in metrics:
        if metric.timestamp < earliest.setdefault(metric.key, metric).timestamp:
            earliest[metric.key] = metric
    return list(earliest.values())


def _points(metrics: Iterable[Metric], run_id: str) -> list[Row]:
    """Return the rows of a run's points without duplicates, which the table refuses."""
    points: dict[tuple[object, ...], Row] = {}
    for metric in metrics:
        # As in MLflow: SQL has neither NaN nor infinity.
        is_nan = math.isnan(metric.value)
        value = 0.0 if is_nan else min(max(metric.value, -_LARGEST), _LARGEST)
        point = {
            "run_uuid": run_id,
            "key": metric.key,
            "value": value,
            "timestamp": metric.timestamp,
            "step": metric.step,
            "is_nan": is_nan,
        }
        points.setdefault(tuple(point.values()), point)
    return list(points.values())


def _latest(points: Iterable[Row]) -> Iterable[Row]:
    """Return the point of each metric that MLflow shows as its current value."""
    latest: dict[str, Row] = {}
    for point in points:
        before = latest.setdefault(point["key"], point)
        if _age(point) > _age(before):
            latest[point["key"]] = point
    return latest.values()


def _age(point: Row) -> tuple[int, int, float]:
    return point["step"], point["timestamp"], point["value"]
