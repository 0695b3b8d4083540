"""The saved view of a sweep has the form that the page of the pinned MLflow reads."""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import mlflow
import pytest

from experiments.tracking.contents import EXPERIMENT_TAG_VALUE
from experiments.tracking.summaries import Summary, find_summaries
from experiments.tracking.views import View, latest_view, view_key, view_tag, view_value

VIEW = View(
    name="2025-03-04 05:06 sgd, adam",
    by=["optimizer", "setting"],
    groups=[["sgd", "tuned"], ["adam", None]],
    results=["best/val_loss", "best/val_accuracy", "test/loss"],
    curves=["val/loss", "val/accuracy"],
    created=1_741_064_767_000,
    tags=["setting"],
    only={"stage": "reporting"},
)


def read_as_mlflow(value: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a tag as the page of MLflow 3.17.2 does; return the envelope and the state."""
    envelope = json.loads(value)
    assert isinstance(envelope["name"], str)
    assert isinstance(envelope["createdAt"], int)
    packed = envelope["state"].removeprefix("deflate;")
    assert packed != envelope["state"]
    return envelope, json.loads(zlib.decompress(base64.b64decode(packed)))


@pytest.fixture(scope="module")
def page() -> str:
    """The JavaScript of the installed MLflow's pages."""
    folder = Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js"
    return "".join(path.read_text() for path in sorted(folder.glob("*.js")))


def test_the_page_has_the_keys_and_words_of_the_view(page: str) -> None:
    _, state = read_as_mlflow(view_value(VIEW, "s1"))
    (listed,) = re.findall(r'\["selectedColumns",[^]]*"chartsSearchFilter"]', page)
    (facets,) = set(re.findall(r'\["searchFilter","orderByKey",[^]]*]', page))
    unknown = set(state) - set(json.loads(listed)) - set(json.loads(facets))
    assert unknown == set()
    for word in ("mlflow.sharedViewState.", "viewStateShareKey", "compareRunsMode", "deflate;"):
        assert f'"{word}"' in page
    for word in ("SHOW_ALL", "LINE", "BAR", "average", "param", "tag", "step", "metric"):
        assert f'="{word}"' in page, word
    charts = state["compareRunCharts"]
    assert [key for chart in charts for key in chart if f"this.{key}=" not in page] == []


def test_the_state_groups_filters_and_shows_the_metrics() -> None:
    envelope, state = read_as_mlflow(view_value(VIEW, "s1"))
    assert envelope["name"] == VIEW.name
    assert state["searchFilter"] == "tags.`sweep.s1` = 'yes' and tags.`stage` = 'reporting'"
    assert state["orderByKey"] == "metrics.`best/val_loss`"
    assert state["orderByAsc"] is True
    assert state["selectedColumns"] == [
        "metrics.`best/val_loss`", "metrics.`best/val_accuracy`", "metrics.`test/loss`",
    ]  # fmt: skip
    assert state["groupBy"] == {
        "aggregateFunction": "average",
        "groupByKeys": [
            {"mode": "param", "groupByData": "optimizer"},
            {"mode": "tag", "groupByData": "setting"},
        ],
    }
    assert state["groupsExpanded"] == {
        "param.optimizer.sgd,tag.setting.tuned": False,
        "param.optimizer.adam,tag.setting.null": False,
    }
    charts = {chart["metricKey"]: chart for chart in state["compareRunCharts"]}
    assert {key: chart["type"] for key, chart in charts.items()} == {
        "val/loss": "LINE", "val/accuracy": "LINE",
        "best/val_loss": "BAR", "best/val_accuracy": "BAR", "test/loss": "BAR",
    }  # fmt: skip
    assert charts["val/loss"]["scaleType"] == "log"
    assert charts["val/accuracy"]["scaleType"] == "linear"
    sections = {section["uuid"]: section for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in charts.values()} <= set(sections)
    opened = [section["name"] for section in sections.values() if section["display"]]
    assert opened == ["Learning curves", "Results"]
    assert len({chart["uuid"] for chart in state["compareRunCharts"]}) == 5


def test_versions_without_named_views_find_the_state_without_charts() -> None:
    envelope, state = read_as_mlflow(view_value(VIEW, "s1"))
    charts = {"compareRunCharts", "compareRunSections", "isAccordionReordered"}
    assert {key: envelope[key] for key in state if key not in charts} == {
        key: value for key, value in state.items() if key not in charts
    }
    assert not charts & set(envelope)


def test_a_view_of_very_many_groups_fits_into_a_tag() -> None:
    groups = [[f"optimizer number {number} 🙂", None] for number in range(1000)]
    view = View(1000 * "🙂", VIEW.by, groups, VIEW.results, VIEW.curves, 0, VIEW.tags, VIEW.only)
    value = view_value(view, "s1")
    assert len(value) <= EXPERIMENT_TAG_VALUE
    _, state = read_as_mlflow(value)
    assert state["groupsExpanded"] == {}


def test_a_sweep_that_measured_nothing_has_a_view() -> None:
    view = View("nothing", ["optimizer"], [["sgd"]], [], [], 0)
    _, state = read_as_mlflow(view_value(view, "s1"))
    assert state["orderByKey"] == "attributes.start_time"
    assert state["compareRunCharts"] == []
    assert "Results" not in {section["name"] for section in state["compareRunSections"]}


def test_the_key_of_the_address_is_that_of_the_tag() -> None:
    for sweep in ("299e98b7a223", "m/1", "odd ' % ` name 🙂", 300 * "x"):
        assert view_tag(sweep) == f"mlflow.sharedViewState.{view_key(sweep)}"
        assert len(view_tag(sweep)) <= 250


def test_the_latest_view_is_found_among_foreign_tags() -> None:
    later = View(VIEW.name, VIEW.by, [], [], [], VIEW.created + 1)
    tags = {
        view_tag("s1"): view_value(VIEW, "s1"),
        view_tag("s2"): view_value(later, "s2"),
        view_tag("old"): "deflate;abc",
        view_tag("foreign"): '{"createdAt": null}',
        view_tag("list"): "[1]",
        "mlflow.note.content": "note",
    }
    assert latest_view(tags) == "s2"
    assert latest_view({"mlflow.note.content": "note"}) is None


def test_a_summary_keeps_the_view_and_an_old_one_has_none(tmp_path: Path) -> None:
    Summary(tmp_path, "s1", ["e"], [], "note", VIEW).write()
    (found,) = find_summaries(tmp_path)
    assert found.view == VIEW
    Summary(tmp_path, "s1", ["e"], [], "note").write()
    (found,) = find_summaries(tmp_path)
    assert found.view is None
    path = tmp_path / "summary.json"
    for view in ({}, [], None, {**VIEW.to_json(), "created": "soon"}):
        path.write_text(json.dumps({**json.loads(path.read_text()), "view": view}))
        assert list(find_summaries(tmp_path)) == []
