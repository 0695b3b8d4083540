"""Records to MLflow: the record is the truth, and publishing it twice adds nothing.

A run is found again by its `uid` tag, what it lacks is what is added, and it is marked as ended
last of all. So one that was published half, whatever interrupted it, is completed by publishing
it again; one that has ended is left alone; and one that trained on after it was published is
brought up to date.
"""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from experiments.errors import RefusedError
from experiments.files.locks import locked
from experiments.files.masking import mask_secrets
from experiments.program import program
from experiments.runs import layout
from experiments.runs.record import Record
from experiments.tracking import contents, store
from experiments.tracking.contents import key_of, milliseconds
from experiments.tracking.pages import run_page, runs_page, server_pages
from experiments.tracking.transaction import one_transaction
from experiments.training.status import Status

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Metric, Run, RunTag
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

# MLflow's limits of a request: 1000 points, 100 parameters, 100 tags, and 1000 in all.
_METRICS_A_BATCH: Final = 800
_PARAMS_A_BATCH: Final = 100

_SHORT: Final = 1 << 17  # bytes of measurements, some 7000 points

_COMPARISON_COLOR: Final = "#7f7f7f"

_RUNNING: Final = "RUNNING"
_KILLED: Final = "KILLED"
_ENDED: Final = {
    Status.DONE: "FINISHED",
    Status.STOPPED_EARLY: "FINISHED",
    Status.DIVERGED: "FAILED",
    Status.FAILED: "FAILED",
    Status.INTERRUPTED: _KILLED,
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


def are_short(runs: Iterable[Record]) -> bool:
    """Tell whether MLflow writes all points of some runs in less than half a second."""
    return sum(record.measured_bytes for record in runs) <= _SHORT


def is_worth_publishing(record: Record) -> bool:
    """Tell whether there is anything to see of a run.

    There is not where it was interrupted before it had measured anything; if it is ever trained,
    it will be another run.
    """
    return record.status is not Status.INTERRUPTED or bool(record.measurements())


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
        to do: a `TrackerAwayError` where the same may succeed later, a `RefusedError` where only
        the one record is refused.
    """

    def __init__(self, uri: str | None, experiment_name: str) -> None:
        self.uri = store.resolve_uri(uri)
        self.experiment_name = experiment_name
        # Of runs that this tracker has found or made: their ids in MLflow.
        self._run_ids: dict[str, str] = {}
        # Of runs whose points up to an epoch are known to be published: that epoch.
        self._published_until: dict[str, int] = {}
        # Of runs that may have been made though the tracker did not say so.
        self._in_doubt: set[str] = set()

    def open(self) -> None:
        """Open the address and make the experiment, before several processes do at once."""
        _ = self.experiment_id

    @cached_property
    def experiment_id(self) -> str:
        """The experiment's number in MLflow."""
        return store.find_or_create_experiment(self._client, self.uri, self.experiment_name)

    def publish(
        self, record: Record, *, model: bool = False, trusted: frozenset[str] = frozenset()
    ) -> str:
        """Publish a run, or what is missing of it.

        Parameters
        ----------
        record
            Of a run that has ended, in whatever way.
        model
            Also log the norms of each layer, the picture of the learning curves if there is one
            beside the record, and a model that `mlflow.pyfunc.load_model` loads anywhere. May be
            asked for later, of a run already published.
        trusted : frozenset of str, optional
            Packages, besides this project's, whose classes the model may be built of.

        Returns
        -------
        str
            The run's id in MLflow.

        Raises
        ------
        ConfigError
            If the model names a class that is not trusted; what else there is of the run is
            published.
        """
        (run_id,) = self._publish([record], model=model, trusted=trusted)
        return run_id

    def publish_together(self, records: Sequence[Record]) -> list[str]:
        """Publish several runs, or what is missing of them, in less time than one by one.

        Returns
        -------
        list of str
            The runs' ids in MLflow.

        Raises
        ------
        TrackingError
            Whatever it is that fails: then some may be published and others not, and which one is
            at fault is found out one by one.
        """
        return self._publish(records)

    def _publish(
        self,
        records: Sequence[Record],
        *,
        model: bool = False,
        trusted: frozenset[str] = frozenset(),
    ) -> list[str]:
        """Publish what is missing: the database's part, files, that the runs ended, and models."""
        own = {record.uid: record for record in records}  # one that a sweep has twice is one run
        with ExitStack() as held:
            for record in sorted(own.values(), key=lambda record: record.folder):
                held.enter_context(self._publishing(record))
            runs = self._find_or_log(list(own.values()))
            unfinished = [uid for uid, run in runs.items() if not _is_whole(run, own[uid])]
            for uid in unfinished:
                self._log_files(runs[uid], own[uid])
            with self._at_once([own[uid] for uid in unfinished]):
                # After the files: that a run has ended says to us that it is whole.
                for uid in unfinished:
                    status, finished = _ENDED[own[uid].status], own[uid].finished.timestamp()
                    run_id = runs[uid].info.run_id
                    self._client.set_terminated(run_id, status, milliseconds(finished))
            for uid, record in own.items():
                if uid in self._in_doubt:
                    self._find(uid, record.started_in)
                    self._in_doubt.discard(uid)
                self._published_until.pop(uid, None)
            for uid in own if model else ():  # after the run, which is whole without its model
                if not _has_model(runs[uid]):
                    self._log_picture_and_model(runs[uid], own[uid], trusted)
        return [str(runs[record.uid].info.run_id) for record in records]

    def _find_or_log(self, records: Sequence[Record]) -> dict[str, Run]:
        """Find the runs of records, by uid; make those that are missing and log what they lack.

        Of what is there as a whole nothing is written.
        """
        with ExitStack() as alone:
            alone.enter_context(self._alone())
            found = {record.uid: self._look_up(record) for record in records}
            whole = {r.uid for r in records if (run := found[r.uid]) and _is_whole(run, r)}
            left = [record for record in records if record.uid not in whole]
            at_once = self._fit_one_transaction(left)
            if at_once:
                alone.enter_context(one_transaction(self._client))
            runs = {record.uid: found[record.uid] or self._make(record) for record in records}
            if not at_once:
                alone.close()
            for record in left:
                self._log(runs[record.uid], record)
        for record in records:
            if record.uid in whole:
                self._join_sweep(runs[record.uid], record)
        return runs

    @contextmanager
    def _at_once(self, records: Sequence[Record]) -> Iterator[None]:
        """Have what is written of some runs meanwhile written in one transaction, if it fits."""
        if not self._fit_one_transaction(records):
            yield
            return
        with self._alone(), one_transaction(self._client):
            yield

    def _fit_one_transaction(self, records: Sequence[Record]) -> bool:
        """Tell whether to write so much at once: not to a server, and not for seconds."""
        return bool(records) and store.sqlite_file(self.uri) is not None and are_short(records)

    def publish_progress(self, record: Record, *, killed: bool = False) -> None:
        """Publish what there is of a run that trains, or that was killed while it did.

        Parameters
        ----------
        record
            As `Record.read_progress` gives it.
        killed
            Whether nobody trains it any more.
        """
        points = contents.epoch_metrics(record)
        last = max((point.step for point in points), default=-1)
        if self._published_until.get(record.uid) == last and not killed:
            return
        with self._publishing(record):
            with self._alone():
                run = self._look_up(record) or self._make(record)
            if killed and run.info.status != _RUNNING:
                return  # it went on elsewhere, and ended
            self._log(run, record)
            if killed:
                times = (point.timestamp for point in points)
                self._client.set_terminated(run.info.run_id, _KILLED, max(times, default=None))
            elif run.info.status != _RUNNING:
                self._client.update_run(run.info.run_id, _RUNNING)

    def is_published(self, record: Record) -> bool:
        """Tell whether a run that has ended is in MLflow as a whole; a model apart."""
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
    ) -> str:
        """Publish a sweep's comparison as a run of its own; again, and it is brought up to date.

        Parameters
        ----------
        sweep
            The sweep's id.
        files
            Tables and pictures, logged as artifacts under their own names; those in folders below
            that of the first, in such folders.
        note
            The comparison as Markdown, shown on the run's page and, until there is a newer one,
            on the experiment's.
        name
            The run's name.
        metrics
            Numbers of the whole sweep, where there are any; non-finite ones are left out.

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
                "comparison_of": sweep,  # not the runs' tag: their table is of runs alone
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
            described = f"The newest comparison, of the sweep {sweep}:\n\n{note}"
            described = contents.cut(described, contents.EXPERIMENT_TAG_VALUE)
            self._client.set_experiment_tag(self.experiment_id, "mlflow.note.content", described)
            return run_id

    def ui_command(self) -> str | None:
        """Give the command that starts MLflow's pages; None for a server, which has its own."""
        if store.is_server(self.uri):
            return None
        return f"{_mlflow_program()} ui --backend-store-uri {shlex.quote(mask_secrets(self.uri))}"

    def ui_link(self, sweep: str | None = None, *, run_id: str | None = None) -> str:
        """Give the address of the page that shows one run, a sweep's runs, or the experiment's."""
        base = server_pages(self.uri) if store.is_server(self.uri) else "http://127.0.0.1:5000"
        if run_id is not None:
            return run_page(base, self.experiment_id, run_id)
        return runs_page(base, self.experiment_id, sweep)

    @cached_property
    def _client(self) -> MlflowClient:
        return store.open_client(self.uri)

    @contextmanager
    def _publishing(self, record: Record) -> Iterator[None]:
        """Publish one record, which nobody else publishes from this folder meanwhile."""
        try:
            with (
                self._errors(record.folder, f"publish {record.name} to", of_record=True),
                locked(record.folder),
            ):
                yield
        except BaseException as error:
            # What got through is looked up next time.
            self._run_ids.pop(record.uid, None)
            self._published_until.pop(record.uid, None)
            if isinstance(error, RefusedError):
                # Whoever deletes an experiment has every one of its runs refused.
                del self.experiment_id
                _ = self.experiment_id
            raise

    def _alone(self) -> AbstractContextManager[None]:
        """Be the only process of this machine that makes runs at this address.

        Between two that publish copies of a record, only one may find nothing. It comes before
        SQLite's own lock, and is fair, where that one would have others try again and again.
        """
        return locked(store.lock_of(self.uri))

    def _errors(
        self, folder: Path | None, doing: str, *, of_record: bool = False
    ) -> AbstractContextManager[None]:
        _ = self.experiment_id  # its own errors say more
        cure = None
        if folder is not None:
            cure = (
                "Nothing is lost: when that is put right, publish with "
                f"`{program('publish')} {shlex.quote(str(folder))}`."
            )
        return store.tracking_errors(self.uri, doing, cure, of_record=of_record)

    def _look_up(self, record: Record) -> Run | None:
        """Find a record's run."""
        run = self._find_again(record.uid) or self._find(record.uid, record.started_in)
        if run is not None:
            self._run_ids[record.uid] = str(run.info.run_id)
        return run

    def _make(self, record: Record) -> Run:
        """Make a record's run."""
        started = milliseconds(record.started.timestamp())
        run = self._create(
            record.uid, start_time=started, run_name=record.name, tags=contents.tags(record)
        )
        self._run_ids[record.uid] = str(run.info.run_id)
        return run

    def _find_again(self, uid: str) -> Run | None:
        """Fetch a run that was found or made before, which is quicker than a search."""
        if uid not in self._run_ids:
            return None
        run = self._client.get_run(self._run_ids[uid])
        if run.info.lifecycle_stage == "active":
            return run
        self._published_until.pop(uid, None)  # it was deleted, and its points with it
        return None

    def _create(self, uid: str, **description: Any) -> Run:
        """Make the run tagged `uid`, as described; it has no parameters then."""
        try:
            run = self._client.create_run(self.experiment_id, **description)
        except BaseException:
            self._in_doubt.add(uid)  # it may have been made all the same, even later
            raise
        self._published_until[uid] = -1
        return run

    def _find(self, uid: str, sweep: str | None = None) -> Run | None:
        """Find the run tagged `uid`, and remove what an answer that got lost has doubled.

        Every run is tagged with the sweep that began it, and is looked for among that sweep's: a
        database would otherwise go through all of the experiment's.
        """
        wanted = [f"tags.uid = '{_quoted(uid)}'"]
        if sweep is not None:
            wanted.insert(0, contents.sweep_filter(sweep))  # databases go by the first
        found = self._client.search_runs([self.experiment_id], " and ".join(wanted))
        if not found:
            return None
        kept, *doubles = sorted(found, key=lambda run: bool(run.info.status == _RUNNING))
        for double in doubles:
            self._client.delete_run(double.info.run_id)
        return kept

    def _log(self, run: Run, record: Record) -> None:
        """Log what MLflow does not have yet of a run's tags, parameters, points and data."""
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
        """Leave out points that MLflow has: those of the same name and step.

        A run that went on from a checkpoint measured the same again, but at another time.
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
        """Tag a run that another sweep has published as one of this record's sweep too."""
        for key, value in contents.sweep_tags(record).items():
            if key not in run.data.tags:
                self._client.set_tag(run.info.run_id, key, value)

    def _log_files(self, run: Run, record: Record) -> None:
        files = self._files(run.info.artifact_uri)
        for name in (*layout.FILES, layout.SNAPSHOTS):
            if (record.folder / name).exists():
                files.log_artifact(str(record.folder / name))  # type: ignore[no-untyped-call]

    def _files(self, artifact_uri: str) -> ArtifactRepository:
        """Open the place of a run's or a model's files.

        The client would first ask for the run or the model once more, to learn where that is.
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
        if picture.exists():
            self._files(run.info.artifact_uri).log_artifact(str(picture))  # type: ignore[no-untyped-call]
        predictor = Predictor(record, trusted=trusted)  # or nothing of a model is made
        logged = self._find_or_create_model(run_id, record)
        with tempfile.TemporaryDirectory() as scratch:
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
                predictor,
            )
            self._files(logged.artifact_location).log_artifacts(str(folder))  # type: ignore[no-untyped-call]
        # The run's own points once more, under the model's name, for the models page.
        of_model = [
            Metric(m.key, m.value, m.timestamp, m.step, model_id=logged.model_id)
            for m in contents.summary_metrics(record)
        ]
        by_layer = contents.epoch_metrics(record, by_layer=True)
        with self._at_once([record]):
            for points in (*_chunks(by_layer, _METRICS_A_BATCH), of_model):
                self._client.log_batch(run_id, metrics=points, synchronous=True)
            self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
            # Last: by it the model is known to be whole.
            self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])

    def _find_or_create_model(self, run_id: str, record: Record) -> LoggedModel:
        """Find the model that was left half, or make it."""
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
    """Choose the tags that a run does not have yet, or with another value."""
    from mlflow.entities import RunTag

    return [RunTag(key, value) for key, value in tags.items() if run.data.tags.get(key) != value]


def _is_whole(run: Run, record: Record) -> bool:
    """Tell whether a run was published to its end, and has not gone on since."""
    status = _ENDED[record.status]
    if status == _KILLED and run.info.status not in (_RUNNING, _KILLED):
        return True  # it went on elsewhere, and ended
    return bool(
        run.info.status == status and run.info.end_time == milliseconds(record.finished.timestamp())
    )


def _has_model(run: Run) -> bool:
    """Tell whether a run's model was published to its end."""
    return bool(run.outputs and run.outputs.model_outputs)


def _model_name(record: Record) -> str:
    # MLflow tells models apart by their names alone.
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', record.name)[:100]}-{record.uid[:8]}"


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _val_loss(record: Record) -> float:
    value = record.summary.get("best/val_loss")
    return math.inf if value is None else value


def _quoted(text: str) -> str:
    """Escape for a filter: MLflow's grammar has no escape, so a quote cannot be asked for."""
    return text.replace("'", "")


def _mlflow_program() -> str:
    """Name MLflow's program so that it can be typed: by name where that finds this one."""
    own = Path(sys.executable).parent / "mlflow"
    found = shutil.which("mlflow")
    if not own.exists() or (found is not None and Path(found).samefile(own)):
        return "mlflow"
    if own.is_relative_to(Path.cwd()):
        own = own.relative_to(Path.cwd())
    return shlex.quote(str(own))
