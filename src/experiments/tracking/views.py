"""The saved view in which MLflow's page shows a sweep: grouped, with its results and curves.

MLflow keeps a saved view of an experiment's runs as a tag of the experiment and opens it by its key
in the address of the page. The format is documented nowhere; this is how the JavaScript of MLflow
3.17.2 reads it (`mlflow/server/js/build`): an object with a `name` for the menu of saved views, the
time `createdAt`, and the `state` of the page as JSON, compressed if it begins with `deflate;`.
Versions without that menu (3.9) read the state from the top level of the object, which does not
describe charts; they show their default charts. A version that reads neither ignores the view
or says that it could not be loaded, and shows all runs of the experiment.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from experiments.tracking import contents
from experiments.tracking.contents import EXPERIMENT_TAG_VALUE, cut, key_of
from experiments.training.metrics import metric_named

_TAG: Final = "mlflow.sharedViewState."
_NAME: Final = 100  # characters of a name in the menu
_COLUMN: Final = 170  # pixels, for `0.0609460 (average)`
_FOLDED: Final = (
    "val",
    "train",
    "best",
    "test",
    "test_peak",
    "test_curve",
    "final",
    "area",
    "time",
)


@dataclass(frozen=True)
class View:
    """The view of a sweep on MLflow's page: its groups, columns and charts.

    Parameters
    ----------
    name : str
        The name in MLflow's menu of saved views.
    by : sequence of str
        The parameters or tags by which the runs are grouped, under their names in MLflow.
    groups : sequence of sequence of str or None
        The values of each group, in the same order; None for runs without the parameter.
    results : sequence of str
        The metrics of the summary to show, the one that ranks the groups first.
    curves : sequence of str
        The metrics with a value for each epoch to show.
    created : int
        The time of the view in milliseconds.
    tags : sequence of str, optional
        Those of `by` that are tags.
    only : mapping of str to str, optional
        The tags, besides that of the sweep, that the shown runs have.
    """

    name: str
    by: Sequence[str]
    groups: Sequence[Sequence[str | None]]
    results: Sequence[str]
    curves: Sequence[str]
    created: int
    tags: Sequence[str] = ()
    only: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the view as JSON's types, for a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the view that `to_json` described.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the values do not describe a view.
        """
        return cls(
            str(values["name"]),
            [str(key) for key in values["by"]],
            [[None if one is None else str(one) for one in group] for group in values["groups"]],
            [str(metric) for metric in values["results"]],
            [str(metric) for metric in values["curves"]],
            int(values["created"]),
            [str(key) for key in values["tags"]],
            {str(key): str(value) for key, value in dict(values["only"]).items()},
        )


def view_key(sweep: str) -> str:
    """Return the key by which the address of a page names the view of a sweep."""
    return view_tag(sweep).removeprefix(_TAG)


def view_tag(sweep: str) -> str:
    """Return the tag of an experiment that holds the view of a sweep."""
    return key_of(f"{_TAG}{sweep}")


def latest_view(tags: Mapping[str, str]) -> str | None:
    """Return the key of the latest view among the tags of an experiment; None without any."""
    created: dict[str, float] = {}
    for tag, value in tags.items():
        if tag.startswith(_TAG):
            with suppress(ValueError, LookupError, TypeError):  # another program's
                created[tag.removeprefix(_TAG)] = float(json.loads(value)["createdAt"])
    return max(created, key=created.__getitem__, default=None)


def view_value(view: View, sweep: str) -> str:
    """Return the value of the tag: the view as MLflow's page reads it."""
    state = _state(view, sweep)
    for given in (state, {**state, "groupsExpanded": {}}):  # many groups are listed unfolded
        charts = {**given, **_charts(view)}
        packed = base64.b64encode(zlib.compress(json.dumps(charts).encode(), 9)).decode()
        text = json.dumps(
            {
                "name": cut(view.name, _NAME),
                "createdAt": view.created,
                "state": f"deflate;{packed}",
                **given,
            }
        )
        if len(text) <= EXPERIMENT_TAG_VALUE:
            break
    return text


def _state(view: View, sweep: str) -> dict[str, Any]:
    """Describe filter, order, columns and groups. Old versions need every key."""
    modes = {key: "tag" if key in view.tags else "param" for key in view.by}
    columns = [f"metrics.`{metric}`" for metric in view.results]
    conditions = [f"tags.`{key}` = '{value}'" for key, value in view.only.items()]
    folded = [
        ",".join(
            f"{modes[key]}.{key}.{value or 'null'}"
            for key, value in zip(view.by, values, strict=True)
        )
        for values in view.groups
    ]
    return {
        "searchFilter": " and ".join([contents.sweep_filter(sweep), *conditions]),
        "orderByKey": columns[0] if columns else "attributes.start_time",
        "orderByAsc": bool(columns) and not metric_named(view.results[0]).higher_is_better,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, _COLUMN),
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": mode, "groupByData": key} for key, mode in modes.items()],
        },
        "groupsExpanded": dict.fromkeys(folded, False),
        "useGroupedValuesInCharts": True,
        "runsHiddenMode": "SHOW_ALL",
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "viewMaximized": False,
        "runListHidden": False,
        "autoRefreshEnabled": True,
        "hideEmptyCharts": True,
        "globalLineChartConfig": {
            "xAxisKey": "step",
            "lineSmoothness": 0,
            "selectedXAxisMetricKey": "",
        },
    }


def _charts(view: View) -> dict[str, Any]:
    """Describe the charts: curves and results first, then MLflow's own, folded."""
    shown = {"Learning curves": view.curves, "Results": view.results}
    sections = [*(name for name, metrics in shown.items() if metrics), *_FOLDED]
    return {
        "isAccordionReordered": True,  # otherwise MLflow sorts the sections by name
        "compareRunSections": [
            {
                "uuid": name,
                "name": name,
                "display": name in shown,
                "isReordered": name in shown,
                "deleted": False,
                "isGenerated": name not in shown,
            }
            for name in sections
        ],
        "compareRunCharts": [
            _chart(metric, section) for section, metrics in shown.items() for metric in metrics
        ],
    }


def _chart(metric: str, section: str) -> dict[str, Any]:
    """Describe the chart of one metric: lines over epochs, or bars."""
    described = metric_named(metric)
    chart = {
        "uuid": f"{section} {metric}",
        "metricSectionId": section,
        "metricKey": metric,
        "displayName": described.title,
        "type": "LINE" if described.is_curve else "BAR",
        "deleted": False,
        "isGenerated": True,  # one that a user deletes stays deleted
        "runsCountToCompare": 10,
    }
    if not described.is_curve:
        return chart
    return chart | {
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "useGlobalXaxisKey": True,
        "xAxisScaleType": "linear",
        "scaleType": "log" if described.quantity == "loss" else "linear",
        "range": {},
        "lineSmoothness": 0,
        "useGlobalLineSmoothing": True,
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
    }
