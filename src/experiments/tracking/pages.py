"""Addresses of MLflow's pages."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from experiments.tracking import contents, store
from experiments.tracking.errors import tracking_errors

# Without a workflow type a fresh browser opens the page of generative AI.
_WORKFLOW = {"workflowType": "machine_learning"}


def server_pages(uri: str) -> str:
    """Return where a tracking server has its pages: its address without a user's name."""
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def run_page(base: str, experiment: str, run: str) -> str:
    """Return the page of one run, by the ids of the experiment and the run."""
    return f"{base}/#/experiments/{quote(experiment)}/runs/{quote(run)}?{urlencode(_WORKFLOW)}"


def runs_page(base: str, experiment: str, sweep: str | None = None) -> str:
    """Return the page of an experiment's runs; with a sweep's id, of that sweep's alone."""
    query = {} if sweep is None else {"searchFilter": contents.sweep_filter(sweep)}
    return f"{base}/#/experiments/{quote(experiment)}/runs?{urlencode({**query, **_WORKFLOW})}"


def experiment_pages(uri: str, base: str) -> list[tuple[str, str]]:
    """Return name and page of each experiment that has runs, the newest first.

    Parameters
    ----------
    uri : str
        A resolved address.
    base : str
        The address at which MLflow serves its pages, such as ``http://127.0.0.1:5000``.

    Raises
    ------
    TrackingError
        If the address cannot be opened.
    """
    client = store.open_client(uri)
    with tracking_errors(uri, "list the experiments of"):
        return [
            (str(one.name), runs_page(base, str(one.experiment_id)))
            for one in client.search_experiments(order_by=["last_update_time DESC"])
            if client.search_runs([one.experiment_id], max_results=1)
        ]
