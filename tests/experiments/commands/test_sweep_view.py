"""What MLflow's page shows of a sweep follows from what the sweep varied."""

from pathlib import Path
from unittest import mock

import pytest

from experiments.analysis.analyse import analyse
from experiments.commands import sweep_view
from experiments.commands.sweep_view import view_of
from experiments.runs.record import Record
from experiments.tracking.contents import params, tags
from experiments.tracking.views import View
from tests.experiments.analysis.made_up_studies import tuned_runs
from tests.experiments.analysis.made_up_sweeps import make_run, sweep


def viewed(records: list[Record]) -> View:
    return view_of(analyse(records), records)


def assert_published(view: View, records: list[Record]) -> None:
    """Check that each group of the view names values that some published run has."""
    for values in view.groups:
        wanted = dict(zip(view.by, values, strict=True))
        assert any(
            wanted.items()
            <= {param.key: param.value for param in params(run)}.items() | tags(run).items()
            for run in records
        ), wanted


def test_parameters_are_computed_for_one_run_of_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = mock.Mock(side_effect=sweep_view.param_values)
    monkeypatch.setattr(sweep_view, "param_values", asked)
    viewed(sweep(tmp_path, ("sgd", "adam"), range(3)))
    assert asked.call_count == 2


def test_optimizers_are_groups(tmp_path: Path) -> None:
    records = sweep(tmp_path, ("sgd", "adam", "muon"), range(2))
    view = viewed(records)
    assert view.by == ["optimizer"]
    assert sorted(view.groups) == [["adam"], ["muon"], ["sgd"]]
    assert view.results[:2] == ["test/loss", "test/accuracy"]
    assert view.curves == ["val/loss", "val/accuracy", "train/loss"]
    assert view.tags == []
    assert view.only == {}
    assert view.name.startswith("2025-03-04 05:06 ")
    assert {"sgd", "adam", "muon"} <= set(view.name.replace(",", "").split())
    assert_published(view, records)


def test_other_things_that_vary_are_groups(tmp_path: Path) -> None:
    records = [
        make_run(
            tmp_path / f"{number}",
            "sgd",
            seed,
            settings={"optimizer": {"lr": rate}, "model": {"hidden": hidden}},
        )
        for number, (seed, rate, hidden) in enumerate(
            (seed, rate, hidden) for seed in (0, 1) for rate in (0.1, 1.0) for hidden in ([8], [9])
        )
    ]
    view = viewed(records)
    assert view.by == ["model.hidden", "optimizer.lr"]
    assert sorted(view.groups) == [["[8]", "0.1"], ["[8]", "1.0"], ["[9]", "0.1"], ["[9]", "1.0"]]
    assert_published(view, records)


def test_a_setting_that_some_optimizers_lack_has_no_value(tmp_path: Path) -> None:
    records = [
        make_run(tmp_path / f"{number}", optimizer, number, settings={"optimizer": settings})
        for number, (optimizer, settings) in enumerate(
            [("sgd", {}), ("adam", {"beta1": 0.5}), ("adam", {"beta1": 0.75})]
        )
    ]
    view = viewed(records)
    assert view.by == ["optimizer", "optimizer.beta1"]
    assert ["sgd", None] in view.groups


def test_a_choice_of_any_configuration_group_is_published(tmp_path: Path) -> None:
    records = [
        make_run(tmp_path / kind, seed=0, choices={"my group/kind": kind}) for kind in ("a", "b")
    ]
    view = viewed(records)
    assert view.by == ["my group/kind"]
    assert_published(view, records)


@pytest.mark.parametrize("name", ["odd ' \" ` name", "ünï🙂", "a,b.c", 400 * "x"])
def test_odd_names_are_those_of_mlflow(name: str, tmp_path: Path) -> None:
    records = [make_run(tmp_path / f"{n}", own) for n, own in enumerate(("sgd", name))]
    view = viewed(records)
    assert [name] in view.groups
    assert_published(view, records)


def test_one_group_of_seeds_is_grouped_by_its_optimizer(tmp_path: Path) -> None:
    view = viewed([make_run(tmp_path / str(seed), "sgd", seed) for seed in range(2)])
    assert (view.by, view.groups) == (["optimizer"], [["sgd"]])


def test_a_tuned_comparison_shows_the_runs_to_report(tmp_path: Path) -> None:
    records = tuned_runs(tmp_path)
    # Tuning has chosen the defaults: one run is published for both settings.
    shared = make_run(
        tmp_path / "shared", "muon", labels={"stage": "reporting", "setting": "tuned,default"}
    )
    view = viewed([*records, shared])
    assert view.by == ["optimizer", "setting"]
    assert view.tags == ["setting"]
    assert view.only == {"stage": "reporting"}
    assert ["adam", "tuned"] in view.groups
    assert ["muon", "tuned,default"] in view.groups
    assert ["muon", "tuned"] not in view.groups
    assert_published(view, [*records, shared])
