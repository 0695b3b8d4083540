"""Records to MLflow: the record is the truth, and publishing it twice adds nothing.

A run is found again by its `uid` tag, its points carry times taken from the record, and it is
marked as ended last of all. So one that was published half, whatever interrupted it, is completed
by publishing it again, and one that has ended is left alone.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import math
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from experiments import records
from experiments.locking import locked
from experiments.masking import mask_secrets
from experiments.palette import color_of
from experiments.records import Record
from experiments.tracking import store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric, Run

# MLflow's limits: a request, a parameter's and a tag's value, a dataset's digest.
_METRICS_A_BATCH: Final = 1000
_PARAMS_A_BATCH: Final = 100
_KEY: Final = 250
_PARAM_VALUE: Final = 6000
_TAG_VALUE: Final = 8000
_DIGEST: Final = 36

_CUT: Final = " ... [cut]"
_NOT_PER_EPOCH: Final = frozenset({"epoch", "step", "seconds"})
# Two columns a layer: for every run of a sweep they would make publishing an eighth slower, so
# only the runs chosen for a model have them in MLflow; the record has them always.
_BY_LAYER: Final = ("weight_norm/", "gradient_norm/")
_GROUPS: Final = ("optimizer", "model", "dataset", "loss", "schedule")
_COMPARISON_COLOR: Final = "#7f7f7f"

_ENDED: Final = {
    "done": "FINISHED",
    "stopped_early": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}

_T = TypeVar("_T")


def choose_models(found: Iterable[Record], which: str) -> list[Record]:
    """Choose the runs that get a loadable model and a picture, which cost more than the rest.

    Parameters
    ----------
    found
        Runs, of any number of sweeps.
    which : {"all", "best", "none"}
        `best`: of each sweep, the run of each optimizer with the lowest best validation loss; a
        run by itself is the best of its own.

    Returns
    -------
    list of Record
        Only those that ended well, in the order given.
    """
    trained = [record for record in found if record.status in ("done", "stopped_early")]
    if which == "all":
        return trained
    if which == "none":
        return []
    if which != "best":
        raise ValueError(f"which is {which!r}; choose 'all', 'best' or 'none'")
    best: dict[tuple[str, str], Record] = {}
    for record in trained:
        key = (record.sweep or record.uid, record.choices.get("optimizer", ""))
        if key not in best or _val_loss(record) < _val_loss(best[key]):
            best[key] = record
    chosen = {record.uid for record in best.values()}
    return [record for record in trained if record.uid in chosen]


class Tracker:
    """Publishes records to one experiment of one MLflow address.

    Nothing is opened, and MLflow is not imported, before the first call that needs it.

    Parameters
    ----------
    uri
        As `store.resolve_uri` takes it: a server, a database, or None for the default.
    experiment_name
        Made in MLflow where it is missing.

    Raises
    ------
    TrackingError
        Where the address cannot keep runs. Every method raises it too, with the cause and what
        to do, where the tracker cannot be reached or refuses.
    """

    def __init__(self, uri: str | None, experiment_name: str) -> None:
        self.uri = store.resolve_uri(uri)
        self.experiment_name = experiment_name

    def open(self) -> None:
        """Open the address and make the experiment, before several processes do at once."""
        _ = self.experiment_id

    @cached_property
    def experiment_id(self) -> str:
        """The experiment's number in MLflow."""
        return store.find_or_create_experiment(self._client, self.uri, self.experiment_name)

    def publish(self, record: Record, *, model: bool = False) -> str:
        """Publish a run, or what is missing of it.

        Parameters
        ----------
        record
            Of a run that has ended, in whatever way.
        model
            Also log the norms of each layer, the learning curves as a picture, and a model that
            `mlflow.pyfunc.load_model` loads anywhere. May be asked for later, of a run already
            published.

        Returns
        -------
        str
            The run's id in MLflow.
        """
        with self._errors(record.folder, f"publish {record.name} to"):
            run = self._find_or_create(
                record.uid,
                lambda: {
                    "start_time": _milliseconds(record.started.timestamp()),
                    "run_name": record.name,
                    "tags": _tags(record),
                },
            )
            run_id = str(run.info.run_id)
            if run.info.status == "RUNNING":
                self._log(run_id, record)
            if model and run.data.tags.get("has_model") != "true":
                self._log_picture_and_model(run_id, record)
                self._client.set_tag(run_id, "has_model", "true")
            if run.info.status == "RUNNING":
                # Last: the run's page takes its duration from it, and so do we that it is whole.
                self._client.set_terminated(
                    run_id, _ENDED[record.status], _milliseconds(record.finished.timestamp())
                )
            return run_id

    def publish_summary(
        self,
        sweep: str,
        *,
        files: Iterable[Path],
        note: str,
        name: str = "comparison",
        metrics: Mapping[str, float] | None = None,
    ) -> str:
        """Publish a sweep's comparison as a run of its own; again, and it is brought up to date.

        Parameters
        ----------
        sweep
            The sweep's id.
        files
            Tables and pictures, logged as artifacts under their own names.
        note
            The comparison as Markdown, shown on the run's page.
        name
            The run's name.
        metrics
            Numbers of the whole sweep, where there are any; non-finite ones are left out.

        Returns
        -------
        str
            The run's id in MLflow.
        """
        files = list(files)
        with self._errors(files[0].parent if files else None, f"publish the {name} to"):
            tags = {
                "kind": "comparison",
                "sweep": sweep,
                "mlflow.runColor": _COMPARISON_COLOR,
                "mlflow.user": _user(),
            }
            uid = hashlib.sha256(f"comparison {name} {sweep}".encode()).hexdigest()[:32]
            run = self._find_or_create(
                uid, lambda: {"run_name": name, "tags": {**tags, "uid": uid}}
            )
            run_id = str(run.info.run_id)
            self._client.set_tag(run_id, "mlflow.note.content", _cut(note, _TAG_VALUE))
            for key, value in (metrics or {}).items():
                if math.isfinite(value):
                    self._client.log_metric(run_id, _key(key), value)
            for file in files:
                self._client.log_artifact(run_id, str(file))
            if run.info.status == "RUNNING":
                self._client.set_terminated(run_id)
            return run_id

    def ui_command(self) -> str | None:
        """Give the command that starts MLflow's pages; None for a server, which has its own."""
        if store.is_server(self.uri):
            return None
        return f"{_mlflow_program()} ui --backend-store-uri {shlex.quote(mask_secrets(self.uri))}"

    def ui_link(self, sweep: str | None = None, *, run_id: str | None = None) -> str:
        """Give the address of the page that shows one run, a sweep's runs, or the experiment's."""
        base = "http://127.0.0.1:5000"
        if store.is_server(self.uri):
            parts = urlsplit(self.uri)
            base = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        page = f"{base}/#/experiments/{quote(self.experiment_id)}/runs"
        if run_id is not None:
            return f"{page}/{quote(run_id)}?workflowType=machine_learning"
        # Without a workflow type a fresh browser opens the page of generative AI.
        query = {"workflowType": "machine_learning"}
        if sweep is not None:
            query = {"searchFilter": f"tags.sweep = '{_quoted(sweep)}'", **query}
        return f"{page}?{urlencode(query)}"

    @cached_property
    def _client(self) -> MlflowClient:
        return store.open_client(self.uri)

    def _errors(self, folder: Path | None, doing: str) -> AbstractContextManager[None]:
        _ = self.experiment_id  # its own errors say more
        cure = None
        if folder is not None:
            cure = (
                "Nothing is lost: when that is put right, publish with "
                f"`python scripts/publish.py {shlex.quote(str(folder))}`."
            )
        return store.tracking_errors(self.uri, doing, cure)

    def _find_or_create(self, uid: str, description: Any) -> Run:
        """Find the run tagged `uid`; make it where there is none, as `description()` says."""
        database = store.sqlite_file(self.uri)
        # Between two processes publishing the same record, only one may find nothing.
        lock: AbstractContextManager[None] = nullcontext()
        if database is not None:
            lock = locked(database.with_name(f".{database.name}.lock"))
        with lock:
            found = self._client.search_runs(
                [self.experiment_id], f"tags.uid = '{_quoted(uid)}'", max_results=1
            )
            return (
                found[0] if found else self._client.create_run(self.experiment_id, **description())
            )

    def _log(self, run_id: str, record: Record) -> None:
        metrics = _epoch_metrics(record, by_layer=False) + _summary_metrics(record)
        params = _params(record)
        for points, pairs in zip_longest(
            _chunks(metrics, _METRICS_A_BATCH), _chunks(params, _PARAMS_A_BATCH), fillvalue=()
        ):
            self._client.log_batch(run_id, metrics=points, params=pairs, synchronous=True)
        inputs = _dataset_input(record)
        if inputs is not None:
            self._client.log_inputs(run_id, [inputs])
        for name in (*records.FILES, records.SNAPSHOTS):
            if (record.folder / name).exists():
                self._client.log_artifact(run_id, str(record.folder / name))

    def _log_picture_and_model(self, run_id: str, record: Record) -> None:
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric
        from mlflow.models import Model

        from experiments.serving import save_model

        for points in _chunks(_epoch_metrics(record, by_layer=True), _METRICS_A_BATCH):
            self._client.log_batch(run_id, metrics=points, synchronous=True)
        self._client.log_artifact(run_id, str(_learning_curves(record)))
        with tempfile.TemporaryDirectory() as scratch:
            logged = self._client.create_logged_model(
                self.experiment_id,
                name=_model_name(record),
                source_run_id=run_id,
                model_type="pyfunc",
                tags={"uid": record.uid, "optimizer": record.choices.get("optimizer", "")},
                params={"optimizer": record.choices.get("optimizer", ""), "seed": str(record.seed)},
            )
            self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
            folder = Path(scratch) / "model"
            save_model(
                record,
                folder,
                Model(
                    artifact_path=logged.artifact_location,
                    model_uuid=logged.model_id,
                    run_id=run_id,
                    model_id=logged.model_id,
                ),
            )
            self._client.log_model_artifacts(logged.model_id, str(folder))
            # The same points as the run's, this time under the model's name, for the models page.
            points = [
                Metric(m.key, m.value, m.timestamp, m.step, model_id=logged.model_id)
                for m in _summary_metrics(record)
            ]
            self._client.log_batch(run_id, metrics=points, synchronous=True)
            self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)


def _tags(record: Record) -> dict[str, str]:
    environment = record.environment
    tags = {
        "kind": "run",
        "uid": record.uid,
        "identity": record.identity,
        "status": record.status,
        "sweep": record.sweep,
        **record.labels,
        "message": record.message,
        "command": record.command,
        "commit": environment.get("commit"),
        "non_finite": ", ".join(_non_finite(record)) or None,
        "mlflow.note.content": _note(record),
        "mlflow.runColor": color_of(record.choices.get("optimizer", "")),
        "mlflow.user": _user(),
        "mlflow.source.name": "run.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": environment.get("commit"),
    }
    return {
        key: _cut(mask_secrets(str(value)), _TAG_VALUE)
        for key, value in tags.items()
        if value is not None
    }


def _note(record: Record) -> str:
    """Describe the run in Markdown."""
    said = f": {record.message}" if record.message else ""
    lines = [f"**{record.status.replace('_', ' ')}**{said}", ""]
    lines += ["| measured | |", "|---|---|"]
    for key, value in record.summary.items():
        lines.append(f"| {key} | {'not finite' if value is None else format(value, '.6g')} |")
    dataset = record.dataset
    if dataset:
        rows = ", ".join(f"{count} {part}" for part, count in dataset.get("rows", {}).items())
        lines += ["", f"Dataset **{dataset.get('name')}** ({dataset.get('task')}; rows: {rows})."]
    if record.command:
        lines += ["", "Repeat this run:", "", f"    {record.command}"]
    return "\n".join(lines)


def _params(record: Record) -> list[Any]:
    from mlflow.entities import Param

    # The tracker's own settings change nothing about a run, and their address may be private.
    values: dict[str, object] = {
        key: value for key, value in record.flat_config().items() if not key.startswith("tracking.")
    }
    values |= {group: record.choices[group] for group in _GROUPS if group in record.choices}
    values["seed"] = record.seed
    return [
        Param(_key(key), _cut(mask_secrets(_as_yaml(value)), _PARAM_VALUE))
        for key, value in values.items()
    ]


def _epoch_metrics(record: Record, *, by_layer: bool) -> list[Metric]:
    from mlflow.entities import Metric

    columns = record.measurements()
    start = record.started.timestamp()
    epochs = columns.get("epoch", [])
    seconds = columns.get("seconds") or [0.0] * len(epochs)
    times = [_milliseconds(start + (second or 0.0)) for second in seconds]
    return [
        Metric(_key(name), value, time, int(epoch or 0))
        for name, column in columns.items()
        if name not in _NOT_PER_EPOCH and name.startswith(_BY_LAYER) == by_layer
        for value, time, epoch in zip(column, times, epochs, strict=True)
        if value is not None and math.isfinite(value)
    ]


def _summary_metrics(record: Record) -> list[Metric]:
    from mlflow.entities import Metric

    # All at step 0: MLflow draws what has one step as bars, what has several as curves.
    end = _milliseconds(record.finished.timestamp())
    return [
        Metric(_key(name), float(value), end, 0)
        for name, value in record.summary.items()
        if value is not None
    ]


def _non_finite(record: Record) -> list[str]:
    """Name the metrics with points that MLflow is not given: NaN has broken its run page."""
    columns = [
        name
        for name, column in record.measurements().items()
        if any(value is not None and not math.isfinite(value) for value in column)
    ]
    return columns + [name for name, value in record.summary.items() if value is None]


def _dataset_input(record: Record) -> DatasetInput | None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    from experiments.datasets import Preprocessing

    data = record.dataset
    if not data.get("digest"):
        return None
    preprocessing = Preprocessing.from_json(record.preprocessing_json)
    columns = [
        {
            "name": name,
            "type": "string" if name in preprocessing.levels else "double",
            "required": True,
        }
        for name in preprocessing.columns
    ]
    profile = {key: data[key] for key in ("task", "rows", "features", "outputs") if key in data}
    dataset = Dataset(
        name=str(data.get("name", "dataset"))[:500],
        digest=str(data["digest"])[:_DIGEST],
        source_type="code",
        source=json.dumps(
            {"tags": {"mlflow.source.name": "run.py", "mlflow.source.type": "LOCAL"}}
        ),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _learning_curves(record: Record) -> Path:
    """Find the picture beside the record, or draw it."""
    from experiments.analysis.report import LEARNING_CURVES, write_learning_curves

    picture = record.folder / LEARNING_CURVES
    return picture if picture.exists() else write_learning_curves(record)


def _model_name(record: Record) -> str:
    # MLflow tells models apart by their names alone.
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', record.name)[:100]}-{record.uid[:8]}"


def _key(name: str) -> str:
    """Make a name that MLflow takes, distinct where it had to be cut."""
    key = re.sub(r"[^\w\-. :/]", "_", name)
    if len(key) > _KEY:
        key = f"{key[: _KEY - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return key


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def _as_yaml(value: object) -> str:
    """Write a value as the configuration does."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _val_loss(record: Record) -> float:
    value = record.summary.get("best/val_loss")
    return math.inf if value is None else value


def _quoted(text: str) -> str:
    """Escape for a filter: MLflow's grammar has no escape, so a quote cannot be asked for."""
    return text.replace("'", "")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without a user database
        return "unknown"


def _mlflow_program() -> str:
    """Name MLflow's program so that it can be typed: by name where that finds this one."""
    own = Path(sys.executable).parent / "mlflow"
    found = shutil.which("mlflow")
    if not own.exists() or (found is not None and Path(found).samefile(own)):
        return "mlflow"
    if own.is_relative_to(Path.cwd()):
        own = own.relative_to(Path.cwd())
    return shlex.quote(str(own))
