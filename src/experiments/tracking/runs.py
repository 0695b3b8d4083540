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
from experiments.tracking.address import is_server, resolve_uri, sqlite_file
from experiments.tracking.bulk import BulkWriter
from experiments.tracking.contents import END_STATUS, KILLED, RUNNING, key_of, milliseconds
from experiments.tracking.errors import tracking_errors
from experiments.tracking.pages import run_page, runs_page, server_pages, view_page
from experiments.tracking.patience import Patience
from experiments.tracking.views import View, view_key, view_tag, view_value
from experiments.training.status import Status

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Metric, Run, RunTag
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

# MLflow's limits per request: 1000 metrics, 100 parameters, 100 tags, and 1000 in total.
_METRICS_A_BATCH: Final = 800
_PARAMS_A_BATCH: Final = 100

_RUNS_A_PAGE: Final = 500
_LOCK: Final = 1.0  # seconds for which the lock is waited for, however short the patience is

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
        The address of a server or database, or None for the default (see `address.resolve_uri`).
    experiment_name : str
        The name of the experiment, which is created if it is missing.
    patience : Patience, optional
        The patience with calls that fail; by default they are not repeated.

    Raises
    ------
    TrackingError
        If the address cannot store runs. Every method raises it too, with the cause and a cure:
        a `TrackerAwayError` if a later attempt may succeed, a `RefusedError` if only this record
        is refused.
    """

    def __init__(
        self, uri: str | None, experiment_name: str, patience: Patience | None = None
    ) -> None:
        self.uri = resolve_uri(uri)
        self.experiment_name = experiment_name
        self._patience = patience or Patience(0.0)
        # By uid: the MLflow ids of runs that were found or created.
        self._run_ids: dict[str, str] = {}
        # By uid: runs that were found by `look_up` and have not been published since.
        self._found: dict[str, Run] = {}
        # By uid: the last epoch whose points are known to be published.
        self._published_until: dict[str, int] = {}
        # The files of runs that are published in part.
        self._sent: set[tuple[Path, int]] = set()
        # The uids of runs that may have been created although the call failed.
        self._in_doubt: set[str] = set()
        # The sweeps whose view is published.
        self._viewed: set[str] = set()

    @property
    def is_database(self) -> bool:
        """Whether the address is that of a SQLite database."""
        return sqlite_file(self.uri) is not None

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
                run = None if uid in new else self._complete(record)
                if uid in self._in_doubt:
                    self._find(self._client, uid, record.started_in)
                    self._in_doubt.discard(uid)
                self._published_until.pop(uid, None)
                if model:  # last, because a run is complete without its model
                    run = run or self._client.get_run(self._run_ids[uid])
                    if not _has_model(run):
                        self._log_picture_and_model(run, record, trusted)
        return [self._run_ids[record.uid] for record in records]

    def _publish_in_bulk(self, records: Sequence[Record]) -> dict[str, str]:
        """Publish new runs together, if that is possible; return their ids by uid."""
        if self._bulk is None:
            return {}
        with self._alone():
            return self._patience.write(self._bulk.publish, int(self.experiment_id), records)

    def _complete(self, record: Record) -> Run:
        """Publish what a run that has ended lacks in MLflow: its entries, files and end.

        Nothing is written for a run that is complete, except its sweep.
        """
        files = record.files()  # which fails before anything is published
        run = self._found.pop(record.uid, None)
        if run is None or not _is_whole(run, record):
            run = self._look_up_or_make(record)
        if _is_whole(run, record):
            self._join_sweep(run, record)
            return run
        self._log(run, record)
        place = self._files(run.info.artifact_uri)
        sent = [(file, file.stat().st_mtime_ns) for file in files]
        for version in sent:
            if version not in self._sent:
                place.log_artifact(str(version[0]))  # type: ignore[no-untyped-call]
                self._sent.add(version)
        # Last, because a run that has ended counts as complete.
        status, finished = END_STATUS[record.status], record.finished.timestamp()
        self._client.set_terminated(run.info.run_id, status, milliseconds(finished))
        self._sent.difference_update(sent)
        return run

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
            run = self._look_up_or_make(record)
            if killed and run.info.status != RUNNING:
                return  # it was resumed elsewhere and has ended
            self._log(run, record)
            if killed:
                times = (point.timestamp for point in points)
                self._client.set_terminated(run.info.run_id, KILLED, max(times, default=None))
            elif run.info.status != RUNNING:
                self._client.update_run(run.info.run_id, RUNNING)

    def look_up(self, records: Sequence[Record]) -> set[str]:
        """Look for many runs at once, which later calls need not look for again.

        Parameters
        ----------
        records : sequence of Record
            The records of runs that have ended.

        Returns
        -------
        set of str
            The uids of the runs that are complete in MLflow, regardless of their models.
        """
        if not records:
            return set()
        with self._errors("look for runs in"):
            found = self._find_all(records)
        self._found |= found
        self._run_ids |= {uid: str(run.info.run_id) for uid, run in found.items()}
        return {r.uid for r in records if r.uid in found and _is_whole(found[r.uid], r)}

    def is_complete(self, record: Record, *, model: bool) -> bool:
        """Return whether `look_up` has found a run to which nothing needs to be added.

        Parameters
        ----------
        record : Record
            The record of a run that has ended.
        model : bool
            Whether its model belongs to it.
        """
        run = self._found.get(record.uid)
        return (
            run is not None
            and _is_whole(run, record)
            and contents.joining_tags(record).keys() <= run.data.tags.keys()
            and (not model or _has_model(run))
        )

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
            The view of the page of the sweep's runs, to which `ui_link` leads from then on.

        Returns
        -------
        str
            The run's id in MLflow.
        """
        from mlflow.entities import Metric

        files = list(files)
        top = files[0].parent if files else Path()
        with self._errors(f"publish the {name} to"):
            digest = hashlib.sha256(note.encode("utf-8", "backslashreplace"))
            if view is not None:
                digest.update(view_value(view, sweep).encode(errors="backslashreplace"))
            for file in files:
                digest.update(f"\0{file.relative_to(top).as_posix()}\0".encode(errors="replace"))
                digest.update(file.read_bytes())
            tags = {
                "kind": "comparison",
                "comparison_of": sweep,  # not the tag of runs, so that their table has only runs
                "mlflow.note.content": contents.cut(note),
                "mlflow.runColor": _COMPARISON_COLOR,
                "mlflow.user": store.user(),
            }
            uid = hashlib.sha256(f"comparison {name} {sweep}".encode()).hexdigest()[:32]
            with self._alone():
                run = self._find(self._client, uid) or self._create(
                    uid, run_name=name, tags={**tags, "uid": uid}
                )
            run_id = str(run.info.run_id)
            tags["digest"] = digest.hexdigest()
            now = milliseconds(time.time())
            points = [
                Metric(key_of(key), value, now, 0)
                for key, value in (metrics or {}).items()
                if math.isfinite(value) and run.data.metrics.get(key_of(key)) != value
            ]
            changed = _changed_tags(run, tags)
            if view is not None:
                self._viewed.add(sweep)
            if not changed and not points and run.info.status != RUNNING:
                return run_id
            place = self._files(run.info.artifact_uri)
            for file in files:
                below = file.parent.relative_to(top).as_posix()
                place.log_artifact(str(file), None if below == "." else below)  # type: ignore[no-untyped-call]
            if view is not None:
                self._client.set_experiment_tag(
                    self.experiment_id, view_tag(sweep), view_value(view, sweep)
                )
            # Relative addresses, because a database's pages may be served anywhere.
            pages = (
                f"[its runs]({self._runs_page('.', sweep)}), "
                f"[tables and pictures]({run_page('.', self.experiment_id, run_id)})"
            )
            described = f"Latest comparison: sweep {sweep} ({pages})\n\n{note}"
            described = contents.cut(described, contents.EXPERIMENT_TAG_VALUE)
            self._client.set_experiment_tag(self.experiment_id, "mlflow.note.content", described)
            # After the files, because the digest says that they are there.
            self._client.log_batch(run_id, points, tags=changed, synchronous=True)
            if run.info.status == RUNNING:
                self._client.set_terminated(run_id)
            return run_id

    def ui_command(self) -> str | None:
        """Return the command that starts the MLflow UI; None for a server, which has its own."""
        if is_server(self.uri):
            return None
        if self.uri == resolve_uri():
            return to_type("ui")
        return f"{to_type('ui')} --uri {shlex.quote(masked(self.uri))}"

    def ui_link(self, sweep: str | None = None, *, run_id: str | None = None) -> str:
        """Return the address of the page of one run, a sweep's runs, or all runs."""
        base = server_pages(self.uri) if is_server(self.uri) else "http://127.0.0.1:5000"
        if run_id is not None:
            return run_page(base, self.experiment_id, run_id)
        return self._runs_page(base, sweep)

    def _runs_page(self, base: str, sweep: str | None) -> str:
        if sweep is not None and sweep in self._viewed:
            return view_page(base, self.experiment_id, view_key(sweep))
        return runs_page(base, self.experiment_id, sweep)

    @cached_property
    def _mlflow(self) -> MlflowClient:
        return self._patience.read(store.open_client, self.uri, self._patience.seconds)

    @cached_property
    def _client(self) -> MlflowClient:
        """The client that repeats failed calls, for calls that may be made twice."""
        return self._patience.of(self._mlflow)

    @cached_property
    def _bulk(self) -> BulkWriter | None:
        database = sqlite_file(self.uri)
        return None if database is None else BulkWriter(self._mlflow, database)

    @contextmanager
    def _publishing(self, record: Record) -> Iterator[None]:
        """Hold the lock of a record's folder while it is published, and convert errors."""
        try:
            with (
                self._errors(f"publish {record.name} to", of_record=True),
                locked(record.folder),
            ):
                yield
        except BaseException as error:
            # What was published is looked up next time: in the run, if its id is known.
            self._found.pop(record.uid, None)
            self._published_until.pop(record.uid, None)
            if isinstance(error, RefusedError):
                self._run_ids.pop(record.uid, None)
                # All runs of an experiment are refused if it was deleted.
                del self.experiment_id
                _ = self.experiment_id
            raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock for creating runs at this address.

        If two processes publish copies of a record, only one may find it missing. The lock is
        taken before SQLite's and is fair; SQLite's would make other processes poll.
        """
        with ExitStack() as held:
            try:
                held.enter_context(store.creating(self.uri, max(_LOCK, self._patience.left)))
            except TimeoutError:
                self._patience.silent = self._patience.seconds
                raise
            yield

    def _errors(self, doing: str, *, of_record: bool = False) -> AbstractContextManager[None]:
        _ = self.experiment_id  # fails first, with a better message
        cure = "Nothing is lost: the records can be published again."
        return tracking_errors(self.uri, doing, cure, of_record=of_record)

    def _look_up_or_make(self, record: Record) -> Run:
        """Find the run of a record, or create it, under a lock that all processes take for this."""
        with self._alone():
            run = (
                self._find_again(record.uid)
                or self._find(self._client, record.uid, record.started_in)
                or self._make(record)
            )
        self._run_ids[record.uid] = str(run.info.run_id)
        return run

    def _make(self, record: Record) -> Run:
        """Create the run of a record."""
        started = milliseconds(record.started.timestamp())
        return self._create(
            record.uid,
            record.started_in,
            start_time=started,
            run_name=record.name,
            tags=contents.tags(record),
        )

    def _find_again(self, uid: str) -> Run | None:
        """Fetch a run whose id is known, which is faster than a search."""
        if uid not in self._run_ids:
            return None
        run = self._client.get_run(self._run_ids[uid])
        if run.info.lifecycle_stage == "active":
            return run
        self._published_until.pop(uid, None)  # it was deleted, and its points with it
        return None

    def _create(self, uid: str, sweep: str | None = None, **description: Any) -> Run:
        """Create the run tagged `uid`, without parameters."""

        def create() -> Run:
            run = self._mlflow.create_run(self.experiment_id, **description)
            self._published_until[uid] = -1
            return run

        def find() -> Run | None:
            self._in_doubt.add(uid)  # an earlier attempt may create it even later
            return self._find(self._mlflow, uid, sweep)

        try:
            return self._patience.create(create, find)
        except BaseException:
            self._in_doubt.add(uid)
            raise

    def _find(self, client: MlflowClient, uid: str, sweep: str | None = None) -> Run | None:
        """Find the run tagged `uid`.

        Every run is tagged with the sweep that started it. Searching only that sweep is faster,
        because a database would otherwise scan the whole experiment.
        """
        wanted = [f"tags.uid = '{_quoted(uid)}'"]
        if sweep is not None:
            wanted.insert(0, contents.sweep_filter(sweep))  # databases use the first condition
        found = client.search_runs([self.experiment_id], " and ".join(wanted))
        return self._without_doubles(client, found)

    def _find_all(self, records: Sequence[Record]) -> dict[str, Run]:
        """Find the runs of records, by uid; a run's start says where to look.

        Runs of others from the same time are among the results. As soon as these take more requests
        than looking for each run separately, this gives up and leaves the rest to that.
        """
        starts = [milliseconds(record.started.timestamp()) for record in records]
        wanted = [
            f"attributes.start_time {sign} {bound}"
            for sign, bound in ((">=", min(starts)), ("<=", max(starts)))
        ]
        sweeps = {record.started_in for record in records}
        if len(sweeps) == 1 and None not in sweeps:
            wanted.insert(0, contents.sweep_filter(str(*sweeps)))
        uids = {record.uid for record in records}
        found: dict[str, list[Run]] = {}
        token = None
        for _ in records:
            page = self._client.search_runs(
                [self.experiment_id],
                " and ".join(wanted),
                max_results=_RUNS_A_PAGE,
                page_token=token,
            )
            for run in page:
                if run.data.tags.get("uid") in uids:
                    found.setdefault(run.data.tags["uid"], []).append(run)
            token = page.token
            if not token:
                break
        kept = {uid: self._without_doubles(self._client, runs) for uid, runs in found.items()}
        return {uid: run for uid, run in kept.items() if run is not None}

    def _without_doubles(self, client: MlflowClient, found: Sequence[Run]) -> Run | None:
        """Return one of the runs with a uid; delete others, which lost responses have caused."""
        if not found:
            return None
        kept, *doubles = sorted(found, key=lambda run: bool(run.info.status == RUNNING))
        for double in doubles:
            client.delete_run(double.info.run_id)
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
        if inputs is not None and not (run.inputs and run.inputs.dataset_inputs):
            self._client.log_inputs(run.info.run_id, [inputs])

    def _missing_points(self, run: Run, record: Record, points: Sequence[Metric]) -> list[Metric]:
        """Return the points that MLflow does not have, by name and step.

        Times are not compared: a run resumed from a checkpoint measures the same values later.
        """
        summary = contents.summary_metrics(record)
        until = self._published_until.get(record.uid)
        if until is not None:
            return [point for point in points if point.step > until] + summary
        # Points are published in the order of their epochs, so that the last tells of the others.
        last = {metric.key: metric.step for metric in run.data.to_proto().metrics}
        return [p for p in [*points, *summary] if p.step > last.get(p.key, -1)]

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

        return self._patience.of(get_artifact_repository(artifact_uri, tracking_uri=self.uri))

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
        self._patience.create(
            lambda: self._mlflow.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)]),
            lambda: _has_model(self._mlflow.get_run(run_id)) or None,
        )

    def _find_or_create_model(self, run_id: str, record: Record) -> LoggedModel:
        """Find an incomplete model, or create one."""
        optimizer = record.choices.get("optimizer", "")

        def find() -> LoggedModel | None:
            found = self._mlflow.search_logged_models(
                [self.experiment_id], filter_string=f"source_run_id = '{_quoted(run_id)}'"
            )
            return found[0] if found else None

        def create() -> LoggedModel:
            return self._mlflow.create_logged_model(
                self.experiment_id,
                name=_model_name(record),
                source_run_id=run_id,
                model_type="pyfunc",
                tags={"uid": record.uid, "optimizer": optimizer},
                params={"optimizer": optimizer, "seed": str(record.seed)},
            )

        return self._patience.read(find) or self._patience.create(create, find)


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
