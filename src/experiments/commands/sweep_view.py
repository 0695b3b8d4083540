"""Describe what MLflow's page shows of a sweep, from its comparison."""

from __future__ import annotations

from collections.abc import Iterable

from experiments.analysis.groups import SETTING, TASK, telling_keys
from experiments.analysis.study import Study
from experiments.analysis.tuning import is_tuning
from experiments.files.masking import mask_secrets
from experiments.runs.record import Record
from experiments.tracking.contents import key_of, milliseconds, param_values
from experiments.tracking.views import View
from experiments.training.metrics import CURVES, main_metrics


def view_of(study: Study, records: Iterable[Record]) -> View:
    """Describe the page: the groups of a sweep, their results, and their learning curves.

    The runs are grouped by what tells the groups apart, such as the optimizer. Of a tuned
    comparison, only the runs to report are shown.

    Parameters
    ----------
    study : Study
        The comparison of the sweep.
    records : iterable of Record
        The records that were compared.
    """
    # A study may count one run in two groups, and labels it accordingly.
    published = {record.uid: record for record in records}
    entries = [entry for part in study.parts for entry in part.entries]
    groups = [entry.group for entry in entries]
    by = telling_keys(groups)
    labels = [key for key in by if key in (SETTING, TASK)]
    firsts = [published[group.runs[0].uid] for group in groups]
    values = [dict(param_values(record)) | record.labels for record in firsts]
    summarized = {name for group in groups for run in group.runs for name in run.summary}
    measured = {name for group in groups for own in group.curves.values() for name in own}
    finished = max(run.finished for group in groups for run in group.runs)
    names = ", ".join(dict.fromkeys(entry.label for entry in entries))
    return View(
        name=mask_secrets(f"{finished:%Y-%m-%d %H:%M} {names}"),
        by=[key_of(key) for key in by],
        groups=[[own.get(key_of(key)) for key in by] for own in values],
        results=[
            name
            for name in dict.fromkeys([*study.metrics, *main_metrics(summarized)])
            if name in summarized
        ],
        curves=[
            curve.name
            for curve in CURVES
            if curve.name in measured and (curve.quantity == "loss" or curve.name.startswith("val"))
        ],
        created=milliseconds(finished.timestamp()),
        tags=labels,
        only={"stage": "reporting"}
        if any(is_tuning(run) for part in study.parts for run in part.records)
        else {},
    )
