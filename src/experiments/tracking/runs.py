"""Publish records to MLflow. The record is the truth, and publishing it twice adds nothing.

A run is found by its `uid` tag, only missing data are added, and it is marked as ended last. A
run that was published partially is therefore completed by publishing it again, a complete run is
left alone, and a run that was resumed after publishing is updated.
"""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from experiments.errors import RefusedError
from experiments.files.locks import locked
from experiments.files.masking import masked
from experiments.files.reading import is_plain_file
from experiments.files.scratch import scratch_folder
from experiments.program import to_type
from experiments.runs import layout
from experiments.runs.record import Record
from experiments.tracking import contents, store
from experiments.tracking.bulk import BulkWriter
from experiments.tracking.contents import END_STATUS, KILLED, RUNNING, key_of, milliseconds
from experiments.tracking.pages import run_page, runs_page, server_pages, view_page
from experiments.tracking.views import View, view_key, view_tag, view_value
from experiments.training.status import Status

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Metric, Run, RunTag
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

# MLflow's limits per request: 1000 metrics, 100 parameters, 100 tags, and 1000 in total.
_METRICS_A_BATCH: Final = 800
_PARAMS_A_BATCH: Final = 100

_COMPARISON_COLOR: Final = "#7f7f7f"

_T = TypeVar("_T")


def choose_models(found: Iterable[Record], which: str) -> list[Record]:
    """Choose the runs to publish with a loadable model and a picture, which take longer.

    Parameters
    ----------
    found : iterable of Record
        Runs of any number of sweeps.
    which : {"all", "best", "none"}
        The selection. `best` selects the run with the lowest best validation loss of each
        optimizer in each sweep; a run outside a sweep counts as a sweep of one.

    Returns
    -------
    list of Record
        The chosen runs, in the given order. Only runs that ended well are chosen.
    """
    trained = [record for record in found if record.status.ended_well]
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


def is_worth_publishing(record: Record) -> bool:
    """Return whether a run has anything to show.

    A run that was interrupted before it measured anything does not; if it is trained later, it
    will be a new run.
    """
    return record.status is not Status.INTERRUPTED or bool(record.measurements())


class Tracker:
    """Publishes records to one experiment of one MLflow address.

    MLflow is imported, and the address opened, only when they are first needed.

    Parameters
    ----------
    uri : str or None
        The address of a server or database, or None for the default (see `store.resolve_uri`).
    experiment_name : str
        The name of the experiment, which is created if it is missing.

    Raises
    ------
    TrackingError
        If the address cannot store runs. Every method raises it too, with the cause and a cure:
        a `TrackerAwayError` if a later attempt may succeed, a `RefusedError` if only this record
        is refused.
    """

    def __init__(self, uri: str | None, experiment_name: str) -> None:
        self.uri = store.resolve_uri(uri)
        self.experiment_name = experiment_name
        # By uid: the MLflow ids of runs that were found or created.
        self._run_ids: dict[str, str] = {}
        # By uid: the last epoch whose points are known to be published.
        self._published_until: dict[str, int] = {}
        # The uids of runs that may have been created although the call failed.
        self._in_doubt: set[str] = set()
        # The sweeps whose view is published.
        self._viewed: set[str] = set()

    def open(self) -> None:
        """Open the address and create the experiment, before several processes do so at once."""
        _ = self.experiment_id

    @cached_property
    def experiment_id(self) -> str:
        """The experiment's id in MLflow."""
        return store.find_or_create_experiment(self._client, self.uri, self.experiment_name)

    def publish(
        self, record: Record, *, model: bool = False, trusted: frozenset[str] = frozenset()
    ) -> str:
        """Publish a run, or its missing parts.

        Parameters
        ----------
        record : Record
            The record of a run that has ended, in any way.
        model : bool, default False
            Whether to log also the norms of each layer, the picture of learning curves if it is
            in the record's folder, and a model that `mlflow.pyfunc.load_model` can load anywhere.
            These can be added later to a published run.
        trusted : frozenset of str, optional
            The packages, besides this project's, whose classes may be used to build the model.

        Returns
        -------
        str
            The run's id in MLflow.

        Raises
        ------
        ConfigError
            If the model needs a class that is not trusted. Everything else is published.
        """
        (run_id,) = self._publish([record], model=model, trusted=trusted)
        return run_id

    def publish_together(self, records: Sequence[Record]) -> list[str]:
        """Publish several runs, or their missing parts, faster than one by one.

        Returns
        -------
        list of str
            The runs' ids in MLflow.

        Raises
        ------
        TrackingError
            If anything fails. Some of the runs may then be published; publishing them one by one
            shows which of them failed.
        """
        return self._publish(records)

    def _publish(
        self,
        records: Sequence[Record],
        *,
        model: bool = False,
        trusted: frozenset[str] = frozenset(),
    ) -> list[str]:
        own = {record.uid: record for record in records}  # without duplicates
        with ExitStack() as held:
            for record in sorted(own.values(), key=lambda record: record.folder):
                held.enter_context(self._publishing(record))
            new = self._publish_in_bulk([own[uid] for uid in own if uid not in self._run_ids])
            self._run_ids |= new
            for uid, record in own.items():
                if uid not in new:
                    self._complete(record)
                if uid in self._in_doubt:
                    self._find(uid, record.started_in)
                    self._in_doubt.discard(uid)
                self._published_until.pop(uid, None)
                if model:  # last, because a run is complete without its model
                    self._add_model(record, trusted)
        return [self._run_ids[record.uid] for record in records]

    def _publish_in_bulk(self, records: Sequence[Record]) -> dict[str, str]:
        """Publish new runs together, if that is possible; return their ids by uid."""
        if self._bulk is None:
            return {}
        with self._alone():
            return self._bulk.publish(int(self.experiment_id), records)

    def _complete(self, record: Record) -> None:
        """Publish what a run that has ended lacks in MLflow: its entries, files and end.

        Nothing is written for a run that is complete, except its sweep.
        """
        files = record.files()  # which fails before anything is published
        with self._alone():
            run = self._look_up(record) or self._make(record)
        if _is_whole(run, record):
            self._join_sweep(run, record)
            return
        self._log(run, record)
        place = self._files(run.info.artifact_uri)
        for file in files:
            place.log_artifact(str(file))  # type: ignore[no-untyped-call]
        # Last, because a run that has ended counts as complete.
        status, finished = END_STATUS[record.status], record.finished.timestamp()
        self._client.set_terminated(run.info.run_id, status, milliseconds(finished))

    def _add_model(self, record: Record, trusted: frozenset[str]) -> None:
        run = self._client.get_run(self._run_ids[record.uid])
        if not _has_model(run):
            self._log_picture_and_model(run, record, trusted)

    def publish_progress(self, record: Record, *, killed: bool = False) -> None:
        """Publish the progress of a run in training, or of one that was killed.

        Parameters
        ----------
        record : Record
            The record, as returned by `Record.read_progress`.
        killed : bool, default False
            Whether the run was killed, so that no process trains it.
        """
        points = contents.epoch_metrics(record)
        last = max((point.step for point in points), default=-1)
        if self._published_until.get(record.uid) == last and not killed:
            return
        with self._publishing(record):
            with self._alone():
                run = self._look_up(record) or self._make(record)
            if killed and run.info.status != RUNNING:
                return  # it was resumed elsewhere and has ended
            self._log(run, record)
            if killed:
                times = (point.timestamp for point in points)
                self._client.set_terminated(run.info.run_id, KILLED, max(times, default=None))
            elif run.info.status != RUNNING:
                self._client.update_run(run.info.run_id, RUNNING)

    def is_published(self, record: Record) -> bool:
        """Return whether a run that has ended is complete in MLflow, regardless of its model."""
        with self._errors(record.folder, f"look for {record.name} in"):
            run = self._find(record.uid, record.started_in)
            return run is not None and _is_whole(run, record)

    def publish_summary(
        self,
        sweep: str,
        *,
        files: Iterable[Path],
        note: str,
        name: str = "comparison",
        metrics: Mapping[str, float] | None = None,
        view: View | None = None,
    ) -> str:
        """Publish the comparison of a sweep as a separate run, or update it.

        Parameters
        ----------
        sweep : str
            The sweep's id.
        files : iterable of Path
            The tables and pictures to log as artifacts. Their paths are kept relative to the
            folder of the first.
        note : str
            The comparison as Markdown, which is shown on the run's page and, until a newer
            comparison replaces it, on the page of the experiment.
        name : str, default "comparison"
            The name of the run.
        metrics : mapping of str to float, optional
            The metrics of the whole sweep; non-finite values are skipped.
        view : View, optional
            What the page of the sweep's runs shows, to which `ui_link` leads from then on.

        Returns
        -------
        str
            The run's id in MLflow.
        """
        from mlflow.entities import Metric

        files = list(files)
        with self._errors(files[0].parent if files else None, f"publish the {name} to"):
            tags = {
                "kind": "comparison",
                "comparison_of": sweep,  # not the tag of runs, so that their table has only runs
                "mlflow.note.content": contents.cut(note),
                "mlflow.runColor": _COMPARISON_COLOR,
                "mlflow.user": store.user(),
            }
            uid = hashlib.sha256(f"comparison {name} {sweep}".encode()).hexdigest()[:32]
            with self._alone():
                run = self._find(uid) or self._create(uid, run_name=name, tags={**tags, "uid": uid})
            run_id = str(run.info.run_id)
            now = milliseconds(time.time())
            self._client.log_batch(
                run_id,
                [
                    Metric(key_of(key), value, now, 0)
                    for key, value in (metrics or {}).items()
                    if math.isfinite(value) and run.data.metrics.get(key_of(key)) != value
                ],
                tags=_changed_tags(run, tags),
                synchronous=True,
            )
            place = self._files(run.info.artifact_uri)
            for file in files:
                below = file.parent.relative_to(files[0].parent).as_posix()
                place.log_artifact(str(file), None if below == "." else below)  # type: ignore[no-untyped-call]
            if run.info.status == "RUNNING":
                self._client.set_terminated(run_id)
            if view is not None:
                self._client.set_experiment_tag(
                    self.experiment_id, view_tag(sweep), view_value(view, sweep)
                )
                self._viewed.add(sweep)
            # Relative addresses, because a database's pages may be served anywhere.
            pages = (
                f"[its runs]({self._runs_page('.', sweep)}), "
                f"[tables and pictures]({run_page('.', self.experiment_id, run_id)})"
            )
            described = f"Latest comparison: sweep {sweep} ({pages})\n\n{note}"
            described = contents.cut(described, contents.EXPERIMENT_TAG_VALUE)
            self._client.set_experiment_tag(self.experiment_id, "mlflow.note.content", described)
            return run_id

    def ui_command(self) -> str | None:
        """Return the command that starts the MLflow UI; None for a server, which has its own."""
        if store.is_server(self.uri):
            return None
        if self.uri == store.resolve_uri():
            return to_type("ui")
        return f"{to_type('ui')} --uri {shlex.quote(masked(self.uri))}"

    def ui_link(self, sweep: str | None = None, *, run_id: str | None = None) -> str:
        """Return the address of the page of one run, a sweep's runs, or all runs."""
        base = server_pages(self.uri) if store.is_server(self.uri) else "http://127.0.0.1:5000"
        if run_id is not None:
            return run_page(base, self.experiment_id, run_id)
        return self._runs_page(base, sweep)

    def _runs_page(self, base: str, sweep: str | None) -> str:
        if sweep is not None and sweep in self._viewed:
            return view_page(base, self.experiment_id, view_key(sweep))
        return runs_page(base, self.experiment_id, sweep)

    @cached_property
    def _client(self) -> MlflowClient:
        return store.open_client(self.uri)

    @cached_property
    def _bulk(self) -> BulkWriter | None:
        database = store.sqlite_file(self.uri)
        return None if database is None else BulkWriter(self._client, database)

    @contextmanager
    def _publishing(self, record: Record) -> Iterator[None]:
        """Hold the lock of a record's folder while it is published, and convert errors."""
        try:
            with (
                self._errors(record.folder, f"publish {record.name} to", of_record=True),
                locked(record.folder),
            ):
                yield
        except BaseException as error:
            # What was published is looked up next time.
            self._run_ids.pop(record.uid, None)
            self._published_until.pop(record.uid, None)
            if isinstance(error, RefusedError):
                # All runs of an experiment are refused if it was deleted.
                del self.experiment_id
                _ = self.experiment_id
            raise

    def _alone(self) -> AbstractContextManager[None]:
        """Hold the lock for creating runs at this address.

        If two processes publish copies of a record, only one may find it missing. The lock is
        taken before SQLite's and is fair; SQLite's would make other processes poll.
        """
        return locked(store.lock_of(self.uri))

    def _errors(
        self, folder: Path | None, doing: str, *, of_record: bool = False
    ) -> AbstractContextManager[None]:
        _ = self.experiment_id  # fails first, with a better message
        cure = None
        if folder is not None:
            cure = (
                "Nothing is lost: once this is fixed, publish with "
                f"`{to_type('publish')} {shlex.quote(str(folder))}`."
            )
        return store.tracking_errors(self.uri, doing, cure, of_record=of_record)

    def _look_up(self, record: Record) -> Run | None:
        """Find the run of a record."""
        run = self._find_again(record.uid) or self._find(record.uid, record.started_in)
        if run is not None:
            self._run_ids[record.uid] = str(run.info.run_id)
        return run

    def _make(self, record: Record) -> Run:
        """Create the run of a record."""
        started = milliseconds(record.started.timestamp())
        run = self._create(
            record.uid, start_time=started, run_name=record.name, tags=contents.tags(record)
        )
        self._run_ids[record.uid] = str(run.info.run_id)
        return run

    def _find_again(self, uid: str) -> Run | None:
        """Fetch a run whose id is known, which is faster than a search."""
        if uid not in self._run_ids:
            return None
        run = self._client.get_run(self._run_ids[uid])
        if run.info.lifecycle_stage == "active":
            return run
        self._published_until.pop(uid, None)  # it was deleted, and its points with it
        return None

    def _create(self, uid: str, **description: Any) -> Run:
        """Create the run tagged `uid`, without parameters."""
        try:
            run = self._client.create_run(self.experiment_id, **description)
        except BaseException:
            self._in_doubt.add(uid)  # it may have been created anyway, even later
            raise
        self._published_until[uid] = -1
        return run

    def _find(self, uid: str, sweep: str | None = None) -> Run | None:
        """Find the run tagged `uid`, and delete duplicates, which lost responses have caused.

        Every run is tagged with the sweep that started it. Searching only that sweep is faster,
        because a database would otherwise scan the whole experiment.
        """
        wanted = [f"tags.uid = '{_quoted(uid)}'"]
        if sweep is not None:
            wanted.insert(0, contents.sweep_filter(sweep))  # databases use the first condition
        found = self._client.search_runs([self.experiment_id], " and ".join(wanted))
        if not found:
            return None
        kept, *doubles = sorted(found, key=lambda run: bool(run.info.status == RUNNING))
        for double in doubles:
            self._client.delete_run(double.info.run_id)
        return kept

    def _log(self, run: Run, record: Record) -> None:
        """Log the tags, parameters, points and dataset of a run that MLflow does not have yet."""
        measured = contents.epoch_metrics(record)
        points = self._missing_points(run, record, measured)
        params = [pair for pair in contents.params(record) if pair.key not in run.data.params]
        tags = _changed_tags(run, contents.tags(record))
        for batch, pairs in zip_longest(
            _chunks(points, _METRICS_A_BATCH), _chunks(params, _PARAMS_A_BATCH), fillvalue=()
        ):
            self._client.log_batch(run.info.run_id, batch, pairs, tags, synchronous=True)
            tags = []
        if tags:
            self._client.log_batch(run.info.run_id, tags=tags, synchronous=True)
        self._published_until[record.uid] = max((p.step for p in measured), default=-1)
        inputs = contents.dataset_input(record)
        if inputs is not None:
            self._client.log_inputs(run.info.run_id, [inputs])

    def _missing_points(self, run: Run, record: Record, points: Sequence[Metric]) -> list[Metric]:
        """Return the points that MLflow does not have, by name and step.

        Times are not compared: a run resumed from a checkpoint measures the same values later.
        """
        summary = contents.summary_metrics(record)
        until = self._published_until.get(record.uid)
        if until is not None:
            return [point for point in points if point.step > until] + summary
        had = {
            (key, point.step)
            for key in run.data.metrics
            for point in self._client.get_metric_history(run.info.run_id, key)
        }
        return [point for point in [*points, *summary] if (point.key, point.step) not in had]

    def _join_sweep(self, run: Run, record: Record) -> None:
        """Add the tags of the record's sweep to a run that another sweep has published."""
        for key, value in contents.joining_tags(record).items():
            if key not in run.data.tags:
                self._client.set_tag(run.info.run_id, key, value)

    def _files(self, artifact_uri: str) -> ArtifactRepository:
        """Open the artifacts of a run or model.

        The client would request the run or model once more to find their location.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(artifact_uri, tracking_uri=self.uri)

    def _log_picture_and_model(self, run: Run, record: Record, trusted: frozenset[str]) -> None:
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric
        from mlflow.models import Model

        from experiments.serving.predictor import Predictor
        from experiments.tracking.models import save_model

        run_id = run.info.run_id
        picture = record.folder / layout.LEARNING_CURVES
        if is_plain_file(picture):
            self._files(run.info.artifact_uri).log_artifact(str(picture))  # type: ignore[no-untyped-call]
        predictor = Predictor(record, trusted=trusted)  # fails before a model is created
        logged = self._find_or_create_model(run_id, record)
        with scratch_folder() as scratch:
            folder = scratch / "model"
            save_model(
                record,
                folder,
                Model(
                    artifact_path=logged.artifact_location,
                    model_uuid=logged.model_id,
                    run_id=run_id,
                    model_id=logged.model_id,
                ),
                predictor,
            )
            self._files(logged.artifact_location).log_artifacts(str(folder))  # type: ignore[no-untyped-call]
        # The run's points once more under the model, for MLflow's page of models.
        of_model = [
            Metric(m.key, m.value, m.timestamp, m.step, model_id=logged.model_id)
            for m in contents.summary_metrics(record)
        ]
        by_layer = contents.epoch_metrics(record, by_layer=True)
        for points in (*_chunks(by_layer, _METRICS_A_BATCH), of_model):
            self._client.log_batch(run_id, metrics=points, synchronous=True)
        self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        # Last, because it marks the model as complete.
        self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])

    def _find_or_create_model(self, run_id: str, record: Record) -> LoggedModel:
        """Find an incomplete model, or create one."""
        found = self._client.search_logged_models(
            [self.experiment_id], filter_string=f"source_run_id = '{_quoted(run_id)}'"
        )
        if found:
            return found[0]
        optimizer = record.choices.get("optimizer", "")
        return self._client.create_logged_model(
            self.experiment_id,
            name=_model_name(record),
            source_run_id=run_id,
            model_type="pyfunc",
            tags={"uid": record.uid, "optimizer": optimizer},
            params={"optimizer": optimizer, "seed": str(record.seed)},
        )


def _changed_tags(run: Run, tags: Mapping[str, str]) -> list[RunTag]:
    """Return the tags that a run lacks or has with another value."""
    from mlflow.entities import RunTag

    return [RunTag(key, value) for key, value in tags.items() if run.data.tags.get(key) != value]


def _is_whole(run: Run, record: Record) -> bool:
    """Return whether a run is completely published, and has not been resumed since."""
    status = END_STATUS[record.status]
    if status == KILLED and run.info.status not in (RUNNING, KILLED):
        return True  # it was resumed elsewhere and has ended
    return bool(
        run.info.status == status and run.info.end_time == milliseconds(record.finished.timestamp())
    )


def _has_model(run: Run) -> bool:
    """Return whether the model of a run is completely published."""
    return bool(run.outputs and run.outputs.model_outputs)


def _model_name(record: Record) -> str:
    # MLflow distinguishes models only by name.
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', record.name)[:100]}-{record.uid[:8]}"


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _val_loss(record: Record) -> float:
    value = record.reported("val_loss")
    return math.inf if value is None else value


def _quoted(text: str) -> str:
    """Remove quotes for a filter, because MLflow's grammar has no escape for them."""
    return text.replace("'", "")
