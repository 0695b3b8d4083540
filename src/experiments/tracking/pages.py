"""Addresses of MLflow's pages."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from experiments.tracking import contents, store
from experiments.tracking.errors import tracking_errors
from experiments.tracking.views import latest_view

# A password reaches to the last @, whatever is in it, as where it is masked.
_USER: Final = re.compile(r"(?<=://)(?:[^:/@?#]*:.*|[^/?#]*)@", re.DOTALL)

# Without a workflow type a fresh browser opens the page of generative AI.
_WORKFLOW = {"workflowType": "machine_learning"}


def server_pages(uri: str) -> str:
    """Return where a tracking server has its pages: its address without a user's name."""
    parts = urlsplit(_USER.sub("", uri, count=1))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def run_page(base: str, experiment: str, run: str) -> str:
    """Return the page of one run, by the ids of the experiment and the run."""
    return f"{base}/#/experiments/{quote(experiment)}/runs/{quote(run)}?{urlencode(_WORKFLOW)}"


def runs_page(base: str, experiment: str, sweep: str | None = None) -> str:
    """Return the page of an experiment's runs; with a sweep's id, of that sweep's alone."""
    query = {} if sweep is None else {"searchFilter": contents.sweep_filter(sweep)}
    return f"{base}/#/experiments/{quote(experiment)}/runs?{urlencode({**query, **_WORKFLOW})}"


def view_page(base: str, experiment: str, key: str) -> str:
    """Return the page of an experiment's runs as a saved view shows them, with its charts."""
    # A filter in the address would have MLflow ignore the view.
    query = {"viewStateShareKey": key, "compareRunsMode": "CHART", **_WORKFLOW}
    return f"{base}/#/experiments/{quote(experiment)}/runs?{urlencode(query)}"


def experiment_pages(uri: str, base: str) -> list[tuple[str, str]]:
    """Return name and page of each experiment that has runs, and of its latest saved view.

    The experiment that was changed last comes first.

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
        pages = []
        for one in client.search_experiments(order_by=["last_update_time DESC"]):
            name, number = str(one.name), str(one.experiment_id)
            if not client.search_runs([number], max_results=1):
                continue
            key = latest_view(one.tags)
            if key is not None:
                pages.append((f"{name}, latest sweep", view_page(base, number, key)))
            pages.append((name, runs_page(base, number)))
        return pages
