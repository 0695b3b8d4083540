"""MLflow to records: published runs come back as they were, and nothing there is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.errors import TrackingError
from experiments.files.masking import mask_secrets
from experiments.runs import layout
from experiments.runs.record import Record
from experiments.tracking import contents, store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_RUNS_A_PAGE: Final = 1000


def fetch_record(uri: str | None, run_id: str, folder: Path) -> Record:
    """Copy a published run's record out of MLflow.

    Parameters
    ----------
    uri : str or None
        As `Tracker` takes it.
    run_id : str
        The run's id in MLflow.
    folder : Path
        Where the record's files go.

    Raises
    ------
    TrackingError
        If there is no such address, run or record in it.
    """
    uri, client = _open(uri)
    cure = "Give the id of a run that this program published, and its address with --uri."
    with store.tracking_errors(uri, f"fetch the run {run_id} from", cure):
        return _fetch(client, uri, run_id, folder, cure)


def fetch_records(
    uri: str | None,
    folder: Path,
    *,
    sweep: str | None = None,
    experiment: str | None = None,
    where: str | None = None,
) -> list[Record]:
    """Copy the records of all published runs that fit out of MLflow.

    Parameters
    ----------
    uri : str or None
        As `Tracker` takes it.
    folder : Path
        Where the records go, each into a folder named after its run.
    sweep : str, optional
        The id of their sweep.
    experiment : str, optional
        The name of their experiment; all experiments by default.
    where : str, optional
        A filter of MLflow, such as ``params.optimizer = 'adam' and metrics."test/loss" < 1``.

    Returns
    -------
    list of Record
        By the time they began. Runs still going on, and comparisons, are not among them.

    Raises
    ------
    TrackingError
        If there is no such address or experiment, the filter is not one, or nothing fits.
    """
    uri, client = _open(uri)
    wanted = ["tags.kind = 'run'", "attributes.status != 'RUNNING'"]
    if sweep is not None:
        wanted.append(contents.sweep_filter(sweep))
    if where:
        wanted.append(where)
    cure = "Check --filter, as in --filter \"params.optimizer = 'adam'\", and --uri."
    with store.tracking_errors(uri, "find runs in", cure):
        places = _experiments(client, uri, experiment)
        found = list(_search(client, places, " and ".join(wanted)))
    if not found:
        told = [
            f"of the sweep {sweep}" if sweep else "",
            f"in the experiment {experiment!r}" if experiment else "",
            f"that fit {where!r}" if where else "",
        ]
        raise TrackingError(
            f"MLflow at {mask_secrets(uri)}: no runs {' '.join(filter(None, told))}".rstrip()
            + ". Look for them with `mlflow ui`, or say where they are with --uri."
        )
    with store.tracking_errors(uri, "fetch runs from", "Check --uri."):
        return [
            _fetch(client, uri, run.info.run_id, folder / _name(run), "Publish it again.")
            for run in found
        ]


def _open(uri: str | None) -> tuple[str, MlflowClient]:
    """Open an address without making a database where there is none."""
    uri = store.resolve_uri(uri)
    database = store.sqlite_file(uri)
    if database is not None and not database.exists():
        raise TrackingError(
            f"{database}: there is no such database. Say where MLflow keeps the run, with --uri."
        )
    return uri, store.open_client(uri)


def _experiments(client: MlflowClient, uri: str, name: str | None) -> list[str]:
    if name is None:
        return [str(one.experiment_id) for one in client.search_experiments()]
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = ", ".join(sorted(one.name for one in client.search_experiments())) or "none"
        raise TrackingError(
            f"MLflow at {mask_secrets(uri)}: there is no experiment {name!r}. There are: {known}."
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
    """Return a run's id, which a tracker may not make a path that leads elsewhere."""
    run_id = str(run.info.run_id)
    if not re.fullmatch("[0-9a-f]{32}", run_id):
        raise TrackingError(f"MLflow gave {run_id!r} as a run's id, which it cannot be.")
    return run_id


def _fetch(client: MlflowClient, uri: str, run_id: str, folder: Path, cure: str) -> Record:
    # Files alone: of a folder, the tracker would say what is written where.
    found = {file.path for file in client.list_artifacts(run_id) if not file.is_dir}
    if layout.RECORD not in found:
        raise TrackingError(
            f"MLflow at {mask_secrets(uri)}: the run {run_id} holds no record. {cure}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*layout.FILES, layout.SNAPSHOTS):
        if name in found:
            client.download_artifacts(run_id, name, str(folder))
    return Record.read(folder)
