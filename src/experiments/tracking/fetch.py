"""Fetch the records of published runs from MLflow, without changing anything there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.errors import TrackingError
from experiments.files.masking import masked
from experiments.program import to_type
from experiments.runs import layout
from experiments.runs.record import Record
from experiments.tracking import contents, store
from experiments.tracking.address import resolve_uri, sqlite_file
from experiments.tracking.errors import tracking_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_RUNS_A_PAGE: Final = 1000


def fetch_record(uri: str | None, run_id: str, folder: Path) -> Record:
    """Copy the record of a published run from MLflow.

    Parameters
    ----------
    uri : str or None
        The tracking address (see `Tracker`).
    run_id : str
        The run's id in MLflow.
    folder : Path
        The folder for the files of the record.

    Returns
    -------
    Record
        The record in the folder.

    Raises
    ------
    TrackingError
        If the address, the run or its record does not exist.
    """
    uri, client = _open(uri)
    cure = "Give the id of a run that this program published, and its address with --uri."
    with tracking_errors(uri, f"fetch the run {run_id} from", cure):
        return _fetch(client, uri, run_id, folder, cure)


def fetch_records(
    uri: str | None,
    folder: Path,
    *,
    sweep: str | None = None,
    experiment: str | None = None,
    where: str | None = None,
) -> list[Record]:
    """Copy the records of all matching published runs from MLflow.

    Parameters
    ----------
    uri : str or None
        The tracking address (see `Tracker`).
    folder : Path
        The folder for the records, each in a subfolder with the id of its run.
    sweep : str, optional
        The id of the sweep.
    experiment : str, optional
        The name of the experiment; all experiments by default.
    where : str, optional
        A filter of MLflow, such as ``params.optimizer = 'adam' and metrics."test/loss" < 1``.

    Returns
    -------
    list of Record
        The records by start time, without comparisons and runs that are still running.

    Raises
    ------
    TrackingError
        If the address or experiment does not exist, the filter is invalid, or no run matches.
    """
    uri, client = _open(uri)
    wanted = ["tags.kind = 'run'", "attributes.status != 'RUNNING'"]
    if sweep is not None:
        wanted.append(contents.sweep_filter(sweep))
    if where:
        wanted.append(where)
    cure = "Check --filter, as in --filter \"params.optimizer = 'adam'\", and --uri."
    with tracking_errors(uri, "find runs in", cure):
        places = _experiments(client, uri, experiment)
        found = list(_search(client, places, " and ".join(wanted)))
    if not found:
        conditions = [
            f"of the sweep {sweep}" if sweep else "",
            f"in the experiment {experiment!r}" if experiment else "",
            f"that match {where!r}" if where else "",
        ]
        raise TrackingError(
            f"MLflow at {masked(uri)}: no runs {' '.join(filter(None, conditions))}".rstrip()
            + f". Look for them with `{to_type('ui')}`, or give another address with --uri."
        )
    with tracking_errors(uri, "fetch runs from", "Check --uri."):
        return [
            _fetch(client, uri, run.info.run_id, folder / _name(run), "Publish it again.")
            for run in found
        ]


def _open(uri: str | None) -> tuple[str, MlflowClient]:
    """Open an address without creating a missing database."""
    uri = resolve_uri(uri)
    database = sqlite_file(uri)
    if database is not None and not database.exists():
        raise TrackingError(
            f"{database}: the database does not exist. Give MLflow's address with --uri."
        )
    return uri, store.open_client(uri)


def _experiments(client: MlflowClient, uri: str, name: str | None) -> list[str]:
    if name is None:
        return [str(one.experiment_id) for one in client.search_experiments()]
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = ", ".join(sorted(one.name for one in client.search_experiments())) or "none"
        raise TrackingError(
            f"MLflow at {masked(uri)} has no experiment {name!r}. Its experiments: {known}."
        )
    return [str(experiment.experiment_id)]


def _search(client: MlflowClient, experiments: list[str], where: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs(
            experiments,
            where,
            max_results=_RUNS_A_PAGE,
            order_by=["attributes.start_time", "tags.uid"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _name(run: Run) -> str:
    """Return a run's id after checking it, because the tracker could send a path instead."""
    run_id = str(run.info.run_id)
    if not re.fullmatch("[0-9a-f]{32}", run_id):
        raise TrackingError(f"MLflow returned the run id {run_id!r}, which is not valid.")
    return run_id


def _fetch(client: MlflowClient, uri: str, run_id: str, folder: Path, cure: str) -> Record:
    # Files only: for a folder, the tracker would decide which paths are written.
    found = {file.path for file in client.list_artifacts(run_id) if not file.is_dir}
    if layout.RECORD not in found:
        raise TrackingError(f"MLflow at {masked(uri)}: the run {run_id} contains no record. {cure}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*layout.FILES, layout.SNAPSHOTS):
        if name in found:
            client.download_artifacts(run_id, name, str(folder))
    return Record.read(folder)
