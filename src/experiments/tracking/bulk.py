"""Write runs to MLflow's SQLite database in bulk: many runs in one transaction.

MLflow's client needs a dozen calls per run, which spend most of their time in Python. This module
inserts the same rows by a few statements for all runs together. It does so only for new runs that
have ended, and for the sweep of runs that are complete already, and only in databases of a schema
for which tests compare every table with what MLflow's client writes. `DESCENT_PLAIN=bulk` switches
it off.

A process that is killed leaves all of a run or nothing. Files are copied before the transaction,
and a journal beside the database names their runs until it is complete, so that the next publisher
can remove the files of runs that are not in the database.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from experiments import switches
from experiments.errors import RecordError
from experiments.runs.record import Record
from experiments.tracking import contents
from experiments.tracking.rows import Rows, add_dataset, add_run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy.orm import Session

SCHEMAS: Final = frozenset({"dc11669786a5"})
"""The revisions of MLflow's schema (`alembic_version`) for which the tests compare the rows."""

# Together, these take less than half a second, for which other processes wait.
_MEASURED: Final = 1 << 19  # bytes of measurements, about 25,000 points
_COPIED: Final = 1 << 25  # bytes of files


def are_small(records: Iterable[Record]) -> bool:
    """Return whether runs can be published together in less than half a second."""
    records = list(records)
    try:
        files = [file for record in records for file in record.files()]
    except RecordError:  # publishing one by one shows which
        return False
    return (
        sum(record.measured_bytes for record in records) <= _MEASURED
        and sum(file.stat().st_size for file in files) <= _COPIED
    )


class BulkWriter:
    """Writes runs to one SQLite database.

    Parameters
    ----------
    client : MlflowClient
        The client of the database.
    database : Path
        The file of the database.
    """

    def __init__(self, client: MlflowClient, database: Path) -> None:
        self._store: Any = client._tracking_client.store
        self._journal = database.with_name(f".{database.name}.copying")

    def publish(self, experiment_id: int, records: Sequence[Record]) -> dict[str, str]:
        """Publish the runs that MLflow does not have, and the sweep of those that are complete.

        The caller holds the lock for creating runs at this address.

        Parameters
        ----------
        experiment_id : int
            The id of the experiment.
        records : sequence of Record
            Records of runs that have ended, with different uids.

        Returns
        -------
        dict of str to str
            The MLflow ids of the runs that are complete now, by uid. The others, and all that
            cannot be written in bulk, are left to MLflow's client.
        """
        self._remove_orphans()
        if not (switches.is_on("bulk") and self._is_mlflows_own and are_small(records)):
            return {}
        with self._store.ManagedSessionMaker() as session:
            location = _artifact_location(session, experiment_id, "active")
            if location is None or not _has_known_schema(session):
                return {}
            known = _known_runs(session, experiment_id, records)
            whole = {
                run.run_id: record
                for record in records
                if (run := known.get(record.uid)) is not None and _is_whole(run, record)
            }
            sweeps = _missing_sweeps(session, whole)
        new = {uuid.uuid4().hex: record for record in records if record.uid not in known}
        if new:
            self._write(experiment_id, location, new)
        if sweeps["tags"]:
            with self._store.ManagedSessionMaker(read_only=False) as session:
                _insert(session, sweeps)
        return {record.uid: run_id for run_id, record in (whole | new).items()}

    @property
    def _is_mlflows_own(self) -> bool:
        """Whether MLflow itself writes to the database, not a plugin with other tables."""
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        return type(self._store) is SqlAlchemyStore

    def _write(self, experiment_id: int, location: str, runs: Mapping[str, Record]) -> None:
        """Write runs, by their new ids: first their files, then all rows in one transaction."""
        from mlflow.utils.uri import append_to_uri_path

        rows: Rows = defaultdict(list)  # before copying files, because values may be refused
        for run_id, record in runs.items():
            artifact_uri = append_to_uri_path(location, run_id, "artifacts")  # type: ignore[no-untyped-call]
            add_run(rows, record, run_id, experiment_id, artifact_uri)
        inputs = {run_id: contents.dataset_input(record) for run_id, record in runs.items()}
        self._journal.write_text(json.dumps({"experiment": experiment_id, "runs": list(runs)}))
        for run_id, record in runs.items():
            folder = _folder(location, run_id) / "artifacts"
            folder.mkdir(parents=True)
            for file in record.files():
                shutil.copy2(file, folder / file.name)
        with self._store.ManagedSessionMaker(read_only=False) as session:
            _insert(session, rows)
            # In the transaction, because other processes may create datasets.
            ids = _dataset_ids(session, experiment_id)
            datasets: Rows = defaultdict(list)
            for run_id, given in inputs.items():
                if given is not None:
                    add_dataset(datasets, given, run_id, experiment_id, ids)
            _insert(session, datasets)
        self._journal.unlink()

    def _remove_orphans(self) -> None:
        """Remove the files of runs that a publisher was writing when it was killed or failed."""
        from mlflow.store.tracking.dbmodels.models import SqlRun
        from sqlalchemy import select

        try:
            noted = json.loads(self._journal.read_bytes())
            experiment_id, ids = int(noted["experiment"]), list(noted["runs"])
            ids = [run_id for run_id in ids if re.fullmatch("[0-9a-f]{32}", run_id)]
        except FileNotFoundError:
            return
        except (ValueError, LookupError, TypeError):  # killed before it copied any file
            experiment_id, ids = 0, []
        with self._store.ManagedSessionMaker() as session:
            location = _artifact_location(session, experiment_id, "active", "deleted")
            there = set(session.scalars(select(SqlRun.run_uuid).where(SqlRun.run_uuid.in_(ids))))
        for run_id in set(ids) - there if location is not None else ():
            shutil.rmtree(_folder(location, run_id), ignore_errors=True)
        self._journal.unlink()


def _artifact_location(session: Session, experiment_id: int, *stages: str) -> str | None:
    """Return the folder of an experiment's files as a URI.

    None if it stores files elsewhere, or its lifecycle is not at one of the given stages.
    """
    from mlflow.store.tracking.dbmodels.models import SqlExperiment
    from mlflow.utils.file_utils import get_local_path_or_none

    experiment = session.get(SqlExperiment, experiment_id)
    if experiment is None or experiment.lifecycle_stage not in stages:
        return None
    location = str(experiment.artifact_location)
    local = get_local_path_or_none(location)  # type: ignore[no-untyped-call]
    return None if local is None else location


def _folder(location: str, run_id: str) -> Path:
    """Return the folder of a run's files below a location in the file system."""
    from mlflow.utils.file_utils import local_file_uri_to_path

    return Path(local_file_uri_to_path(location), run_id)  # type: ignore[no-untyped-call]


def _has_known_schema(session: Session) -> bool:
    from sqlalchemy import text

    versions = session.scalars(text("SELECT version_num FROM alembic_version")).all()
    return len(versions) == 1 and versions[0] in SCHEMAS


@dataclass(frozen=True)
class _Known:
    """A run that MLflow has."""

    run_id: str
    status: str
    end_time: int | None


def _known_runs(
    session: Session, experiment_id: int, records: Iterable[Record]
) -> dict[str, _Known | None]:
    """Return the runs that MLflow has, by uid; None for a uid that several runs have.

    Every run is tagged with the sweep that started it. Searching only these sweeps is faster,
    because the database would otherwise scan all runs.
    """
    from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
    from sqlalchemy import select

    uids = [record.uid for record in records]
    question: Any = (
        select(SqlTag.value, SqlRun.run_uuid, SqlRun.status, SqlRun.end_time)
        .join(SqlRun, SqlRun.run_uuid == SqlTag.run_uuid)
        .where(SqlTag.key == "uid", SqlTag.value.in_(uids))
        .where(SqlRun.experiment_id == experiment_id, SqlRun.lifecycle_stage == "active")
    )
    sweeps = {record.started_in for record in records}
    if None not in sweeps:
        keys = [contents.sweep_key(sweep) for sweep in sweeps if sweep is not None]
        of_sweeps = select(SqlTag.run_uuid).where(SqlTag.key.in_(keys))
        question = question.where(SqlTag.run_uuid.in_(of_sweeps))
    known: dict[str, _Known | None] = {}
    for uid, *run in session.execute(question):
        known[uid] = None if uid in known else _Known(*run)
    return known


def _missing_sweeps(session: Session, runs: Mapping[str, Record]) -> Rows:
    """Return the rows of the tags of their sweeps that runs, by their ids, lack."""
    from mlflow.store.tracking.dbmodels.models import SqlTag
    from sqlalchemy import select

    wanted = {run_id: contents.joining_tags(record) for run_id, record in runs.items()}
    keys = {key for tags in wanted.values() for key in tags}
    question: Any = select(SqlTag.run_uuid, SqlTag.key).where(
        SqlTag.key.in_(keys), SqlTag.run_uuid.in_(list(wanted))
    )
    present = {(run_id, key) for run_id, key in session.execute(question)} if wanted else set()
    rows: Rows = defaultdict(list)
    rows["tags"] = [
        {"run_uuid": run_id, "key": key, "value": value}
        for run_id, tags in wanted.items()
        for key, value in tags.items()
        if (run_id, key) not in present
    ]
    return rows


def _is_whole(run: _Known, record: Record) -> bool:
    """Return whether a run is completely published, and has not been resumed since."""
    finished = contents.milliseconds(record.finished.timestamp())
    return (run.status, run.end_time) == (contents.END_STATUS[record.status], finished)


def _dataset_ids(session: Session, experiment_id: int) -> dict[tuple[str, str], str]:
    """Return the ids of an experiment's datasets, by name and digest."""
    from mlflow.store.tracking.dbmodels.models import SqlDataset
    from sqlalchemy import select

    found = session.scalars(select(SqlDataset).where(SqlDataset.experiment_id == experiment_id))
    return {(str(one.name), str(one.digest)): str(one.dataset_uuid) for one in found}


def _insert(session: Session, rows: Rows) -> None:
    """Insert rows by one statement per table, without SQLAlchemy's work for each row."""
    connection = session.connection()
    for table, own in rows.items():
        if own:
            columns = ", ".join(own[0])
            values = ", ".join(f":{column}" for column in own[0])
            connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({values})", own)
