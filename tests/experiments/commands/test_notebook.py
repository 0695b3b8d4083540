"""Training and comparing from Python: settings as overrides, and what results give."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.commands import notebook
from experiments.commands.console import NotebookDisplay
from experiments.commands.notebook import Comparison, Results, compare
from experiments.errors import ConfigError, UserError
from tests.experiments.analysis.made_up_sweeps import sweep as made_up_sweep


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("adam", "key=adam"),
        (["sgd", "adam"], "key=sgd,adam"),
        (range(3), "key=0,1,2"),
        (np.array([0.1, 0.01]), "key=0.1,0.01"),
        (np.float64(0.5), "key=0.5"),
        ([[64, 32], (16,)], "key=[64,32],[16]"),
        (None, "key=null"),
        (True, "key=true"),
        ("null", "key='null'"),
        ("1e3", "key='1e3'"),
        ("a, b", "key='a, b'"),
        (Path("data/table.csv"), "key='data/table.csv'"),
    ],
)
def test_a_setting_is_written_as_on_a_command_line(value: Any, written: str) -> None:
    assert notebook._swept("key", value) == written


def test_a_list_is_one_value_of_one_run() -> None:
    assert notebook._override("model.hidden", [64, 32]) == "model.hidden=[64,32]"


def test_one_run_takes_one_value_of_each() -> None:
    for given, settings in [(["optimizer=sgd,adam"], {}), ([], {"optimizer": ["sgd", "adam"]})]:
        with pytest.raises(ConfigError, match=r"optimizer.*descent\.sweep trains them"):
            notebook.train(*given, **settings)


@pytest.mark.parametrize("function", [notebook.sweep, notebook.train])
def test_a_list_of_overrides_is_answered_by_how_to_give_them(function: Any) -> None:
    with pytest.raises(ConfigError, match=r"not a text\. Give each setting as a text"):
        function(["seed=1"])


def test_an_empty_sweep_is_refused() -> None:
    with pytest.raises(ConfigError, match="optimizer is an empty list"):
        notebook._swept("optimizer", [])
    with pytest.raises(ConfigError, match="no choice of optimizer matches"):
        notebook.sweep("optimizer=glob(zzz*)")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(made_up_sweep(tmp_path_factory.mktemp("runs")))


def test_the_frame_has_one_row_a_run(results: Results) -> None:
    frame = results.frame()
    assert len(frame) == len(results) > 1
    assert {"name", "status", "seed", "optimizer", "best/val_loss"} <= {*frame.columns}


def test_the_curves_have_one_row_a_run_and_epoch(results: Results) -> None:
    curves = results.curves()
    assert not curves.duplicated(["run", "epoch"]).any()
    assert {"optimizer", "seed", "val/loss"} <= {*curves.columns}
    for record in results:
        own = curves[(curves["optimizer"] == record.choices["optimizer"])]
        own = own[own["seed"] == record.seed]
        measured = pd.Series(record.measurements()["val/loss"], dtype=float).to_numpy()
        np.testing.assert_array_equal(own["val/loss"].to_numpy(), measured)


def test_a_comparison_prints_its_conclusions_and_gives_tables(results: Results) -> None:
    comparison = results.compare(by="optimizer")
    assert isinstance(comparison, Comparison)
    assert "adam and rmsprop are not separated by test loss" in repr(comparison)
    assert len(comparison.frame()) == results.frame()["optimizer"].nunique()
    assert "p" in comparison.pairs().columns
    assert comparison._repr_html_().startswith("<pre>")
    assert "<table" in results._repr_html_()
    assert repr(results).startswith(f"{len(results)} runs\n")


def test_a_plot_is_a_figure_that_a_notebook_shows(results: Results) -> None:
    figure: Any = results.plot()
    assert type(figure).__module__ == "matplotlib.figure"
    assert figure._repr_png_().startswith(b"\x89PNG")
    alone = Results(results.records[:1]).plot()
    assert type(alone).__module__ == "matplotlib.figure"


def test_a_folder_can_be_compared_and_an_empty_one_is_named(
    results: Results, tmp_path: Path
) -> None:
    folder = results.records[0].folder.parent
    assert len(compare(folder, by=["optimizer"]).frame()) == len(results.compare().frame())
    with pytest.raises(UserError, match="no finished runs here"):
        compare(tmp_path)


def test_progress_is_replaced_in_a_notebook_and_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[str] = []

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> SimpleNamespace:
        assert raw
        assert display_id
        shown.append(data["text/plain"])
        return SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))

    fake: Any = ModuleType("IPython.display")
    fake.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    drawn = iter(["1 of 2", "2 of 2"])
    panel = NotebookDisplay(lambda: next(drawn))
    panel.refresh()
    panel.refresh()  # too soon
    panel._next = 0.0
    panel.refresh()
    panel.close()
    assert shown == ["1 of 2\n", "2 of 2\n", ""]
