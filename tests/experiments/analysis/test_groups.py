from datetime import UTC, datetime, timedelta

import pytest

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import (
    distinct,
    group_runs,
    labels,
    scope_names,
    scopes,
    superseded,
    varied,
)
from experiments.errors import ConfigError
from experiments.reporting.words.limits import limits_of
from tests.experiments.analysis.made_up_sweeps import make_run, sweep


def lr(rate):
    return {"optimizer": {"lr": rate}}


def test_an_optimizer_is_named_without_the_settings_that_follow_from_it(tmp_path):
    runs = [
        make_run(tmp_path / "a", "sgd", 0, settings=lr(0.1)),
        make_run(tmp_path / "b", "adam", 0, settings=lr(0.001)),
        make_run(tmp_path / "c", "adam", 1, settings=lr(0.001)),
    ]
    assert runs[1].flat_config()["optimizer.beta1"] == 0.9
    assert "optimizer.beta1" not in runs[0].flat_config()
    assert varied(runs) == ["optimizer"]


def test_a_setting_swept_within_one_optimizer_counts(tmp_path):
    runs = [
        make_run(tmp_path / "a", "sgd", 0, settings=lr(0.1)),
        make_run(tmp_path / "b", "adam", 0, settings=lr(0.001)),
        make_run(tmp_path / "c", "adam", 0, settings=lr(0.01)),
    ]
    assert varied(runs) == ["optimizer", "optimizer.lr"]
    assert varied(runs[1:]) == ["optimizer.lr"]


def test_settings_outside_the_differing_choice_count_where_they_differ_at_all(tmp_path):
    runs = [
        make_run(tmp_path / "a", "sgd", 0, settings={"training": {"epochs": 50}}),
        make_run(tmp_path / "b", "adam", 0, settings={"model": {"hidden": [8, 8]}}),
    ]
    assert varied(runs) == ["optimizer", "model.hidden", "training.epochs"]


def test_a_setting_that_some_runs_lack_differs(tmp_path):
    runs = [
        make_run(tmp_path / "a"),
        make_run(tmp_path / "b", settings={"model": {"dropout": None}}),
    ]
    assert varied(runs) == ["model.dropout"]


def split_by(seed):
    return {"dataset": {"seed": seed}}


def test_a_split_that_follows_the_seed_is_no_task_of_its_own(tmp_path):
    runs = [
        make_run(tmp_path / f"{name}{seed}", name, seed, settings=split_by(seed))
        for name in ("sgd", "adam")
        for seed in (0, 1, 2)
    ]
    assert varied(runs) == ["optimizer"]
    groups = group_runs(runs)
    assert [len(group.runs) for group in groups] == [3, 3]
    assert len(scopes(groups)) == 1
    assert all(group.differing == () for group in groups)


def test_a_split_that_does_not_follow_the_seed_is(tmp_path):
    runs = [
        make_run(tmp_path / f"{split}{seed}", "sgd", seed, settings=split_by(split))
        for split in (0, 1)
        for seed in (0, 1)
    ]
    assert varied(runs) == ["dataset.seed"]
    assert len(scopes(group_runs(runs))) == 2


def test_the_default_report_is_the_rule_that_it_stands_for(tmp_path):
    old = make_run(tmp_path / "old")
    named = {"training": {"report": "best_loss", "test_every_epoch": True}}
    new = make_run(tmp_path / "new", settings=named, report="best_loss")
    last = make_run(tmp_path / "last", report="last")
    assert varied([old, new]) == []
    assert varied([old, last]) == ["training.report"]


def test_seeds_and_where_results_go_do_not_count(tmp_path):
    runs = [
        make_run(tmp_path / "a", seed=0),
        make_run(
            tmp_path / "b",
            seed=1,
            settings={"tracking": {"uri": "sqlite:///x.db"}, "dataset": {"dir": "elsewhere"}},
            choices={"tracking": "server", "experiment": "xor"},
        ),
    ]
    assert varied(runs) == []
    assert varied([]) == []


def test_one_run_done_twice_is_one_run_and_the_finished_execution_is_kept(tmp_path):
    later = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)).isoformat()
    finished = make_run(tmp_path / "a", seed=3)
    interrupted = make_run(tmp_path / "b", seed=3, status="interrupted", finished=later)
    again = make_run(tmp_path / "c", seed=3, finished=later)
    assert finished.identity == interrupted.identity == again.identity
    assert distinct([finished, interrupted]) == [finished]
    assert distinct([interrupted, finished]) == [finished]
    assert distinct([finished, again, interrupted]) == [again]


def test_what_other_code_has_trained_again_counts_once(tmp_path):
    later = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)).isoformat()
    old = [make_run(tmp_path / f"old{seed}", seed=seed) for seed in range(3)]
    new = make_run(tmp_path / "new", seed=1, identity="of new code", finished=later)
    given = [*old, new]
    assert distinct(given) == distinct(given[::-1]) == [old[0], new, old[2]]
    assert superseded(given) == [old[1]]
    (group,) = group_runs(given)
    assert group.runs == (old[0], new, old[2])


def test_the_run_that_ended_last_counts_though_it_diverged(tmp_path):
    later = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)).isoformat()
    old = make_run(tmp_path / "old")
    diverged = make_run(tmp_path / "new", identity="new", status="diverged", finished=later)
    interrupted = make_run(tmp_path / "cut", identity="new", status="interrupted", finished=later)
    assert distinct([old, diverged, interrupted]) == [diverged]
    assert superseded([old, diverged, interrupted]) == [old]
    assert distinct([old, interrupted]) == [old]
    assert superseded([old, interrupted]) == []


def test_other_data_and_other_seeds_are_other_runs(tmp_path):
    one = make_run(tmp_path / "a")
    data = make_run(tmp_path / "b", identity="b", dataset={**one.dataset, "digest": "other"})
    seed = make_run(tmp_path / "c", seed=1)
    assert len(distinct([one, data, seed])) == 3
    unloaded = [
        make_run(tmp_path / f"{n}", identity="", uid=f"{n}" * 32, dataset=None, status="failed")
        for n in range(2)
    ]
    assert len(distinct(unloaded)) == 2


def test_settings_that_a_later_version_adds_differ_only_where_they_are_set(tmp_path):
    """The old runs have neither the setting nor today's name of their model's class."""
    old_name = {"model": {"_target_": "experiments.models.MLP"}}
    old = [make_run(tmp_path / f"old{seed}", seed=seed, settings=old_name) for seed in range(2)]
    model = {"_target_": "experiments.config.models.MLP", "normalization": None}
    added = {"training": {"clip_norm": None, "l2": 0.0}, "model": model}
    new = [
        make_run(tmp_path / f"new{seed}", seed=seed, settings=added, identity=f"new {seed}")
        for seed in range(1, 3)
    ]
    assert "training.l2" not in old[0].flat_config()
    assert new[0].flat_config()["training.l2"] == 0.0
    assert varied([*old, *new]) == []
    assert len(distinct([*old, *new])) == 3
    changed = make_run(tmp_path / "changed", settings={**added, "training": {"l2": 0.1}})
    assert varied([*old, *new, changed]) == ["training.l2"]
    groups = group_runs([*old, *new, changed])
    assert {group.values: len(group.runs) for group in groups} == {
        ("adam", 0.0): 3,
        ("adam", 0.1): 1,
    }


def test_a_copy_under_another_name_is_another_run(tmp_path):
    """Though the same things decide the results, so that the identities are equal."""
    runs = [
        make_run(tmp_path / f"{name}{seed}", name, seed=seed, identity=f"of seed {seed}")
        for name in ("adam", "copy")
        for seed in range(3)
    ]
    assert len(distinct(runs)) == 6
    assert {group.optimizer: len(group.runs) for group in group_runs(runs)} == {
        "adam": 3,
        "copy": 3,
    }
    (preset,) = distinct(
        make_run(tmp_path / preset, seed=7, identity="the same", choices={"experiment": preset})
        for preset in ("one", "other")
    )
    assert preset.seed == 7


def test_a_run_that_is_tuned_and_default_at_once_has_a_part_in_both(tmp_path):
    both = make_run(
        tmp_path / "a", seed=3, labels={"stage": "reporting", "setting": "tuned,default"}
    )
    tuned, default = distinct(distinct([both]))
    assert tuned.labels == {"stage": "reporting", "setting": "tuned"}
    assert default.labels == {"stage": "reporting", "setting": "default"}
    assert tuned.summary == default.summary == both.summary


def test_tasks_that_labels_tell_apart_are_not_compared_with_one_another(tmp_path):
    """Nor is what makes them different told of every group again."""
    runs = [
        make_run(
            tmp_path / f"{name}{width}{rate}",
            name,
            settings={"model": {"hidden": [width]}, "optimizer": {"lr": rate}},
            labels={"setting": setting, "task": f"model.hidden=[{width}]"},
        )
        for name in ("adam", "sgd")
        for width in (4, 8)
        for setting, rate in (("tuned", 0.1 / width), ("default", 0.01))
    ]
    parts = scopes(group_runs(runs))
    assert [len(part) for part in parts] == [4, 4]
    for part in parts:
        assert len({run.labels["task"] for group in part for run in group.runs}) == 1
        assert set(labels(part)) == {
            f"{name} ({setting})" for name in ("adam", "sgd") for setting in ("tuned", "default")
        }


def test_runs_are_grouped_by_what_was_varied_and_by_the_optimizer_at_least(tmp_path):
    same = sweep(tmp_path / "a", ["adam"], range(3))
    (group,) = group_runs(same)
    assert group.by == ("optimizer",)
    assert [run.seed for run in group.runs] == [0, 1, 2]

    swept = [run for r in (0.1, 0.01) for run in sweep(tmp_path / f"{r}", settings=lr(r))]
    groups = group_runs(swept)
    assert len(groups) == 8
    assert {group.by for group in groups} == {("optimizer", "optimizer.lr")}
    assert "adam (lr=0.01)" in labels(groups)


def test_other_tasks_are_never_averaged_together(tmp_path):
    runs = sweep(tmp_path / "a") + sweep(
        tmp_path / "b", score="r2", choices={"dataset": "diabetes", "loss": "mse"}
    )
    groups = group_runs(runs, ["optimizer"])
    assert groups[0].by == ("optimizer", "dataset", "loss")
    parts = scopes(groups)
    assert [{run.choices["dataset"] for g in part for run in g.runs} for part in parts] == [
        {"diabetes"},
        {"digits"},
    ]
    assert [len(part) for part in parts] == [4, 4]


def test_unknown_keys_are_refused_with_the_nearest_right_one(tmp_path):
    runs = sweep(tmp_path, ["adam"], [0])
    with pytest.raises(ConfigError, match=r"'optimiser'.*Did you mean optimizer\?"):
        group_runs(runs, ["optimiser"])
    with pytest.raises(ConfigError, match="nothing to group by"):
        group_runs(runs, [])
    with pytest.raises(ConfigError, match="no runs to compare"):
        group_runs([])


def test_settings_that_some_tasks_do_not_have_are_named_only_where_they_are_set(tmp_path):
    table = {"_target_": "experiments.datasets.Csv", "path": "t.csv", "target": "price"}
    runs = [make_run(tmp_path / "digits")]
    for name, ignored in (("all", []), ("some", ["id", "name"])):
        runs.append(
            make_run(
                tmp_path / name,
                choices={"dataset": "csv", "loss": "mse"},
                settings={"dataset": {**table, "ignore": ignored}},
            )
        )
    assert set(scope_names(scopes(group_runs(runs)))) == {
        "digits",
        "csv",
        "csv (ignore=[id, name])",
    }


def test_a_dataset_names_its_tasks_where_only_a_setting_differs(tmp_path):
    runs = [
        make_run(tmp_path / f"{limit}", settings={"dataset": {"limit": limit}})
        for limit in (None, 500)
    ]
    assert set(scope_names(scopes(group_runs(runs)))) == {"digits", "digits (limit=500)"}


def test_groups_are_named_by_what_they_have(tmp_path):
    runs = [
        make_run(tmp_path / "sgd", "sgd"),
        *(
            make_run(tmp_path / f"{beta}", settings={"optimizer": {"beta1": beta}})
            for beta in (0.8, 0.7)
        ),
    ]
    assert set(labels(group_runs(runs))) == {"sgd", "adam (beta1=0.8)", "adam (beta1=0.7)"}


def other_data(run, digest="other"):
    return {"dataset": {**run.dataset, "digest": digest}}


def test_different_data_of_one_seed_are_compared_apart(tmp_path):
    runs = sweep(tmp_path, ["sgd", "adam"], seeds=range(2))
    changed = [
        make_run(tmp_path / f"n{i}", "adam", seed, summary={"test/loss": 0.1}, identity=f"n{i}",
                 **other_data(runs[0]))
        for i, seed in enumerate(range(2))
    ]  # fmt: skip
    groups = group_runs([*runs, *changed])
    assert [len(part) for part in scopes(groups)] == [2, 1]
    assert {group.by for group in groups} == {("optimizer", "data")}
    study = analyse([*runs, *changed])
    assert all("data=" in part.name for part in study.parts)
    assert any("trained on different data" in text for text in limits_of(study))


def test_different_data_and_splits_of_each_seed_are_refused(tmp_path):
    def run(name, seed, digest):
        made = make_run(tmp_path / name, "sgd", seed, settings={"dataset": {"seed": seed}})
        return make_run(
            tmp_path / f"{name}d",
            "sgd",
            seed,
            identity=name,
            settings={"dataset": {"seed": seed}},
            **other_data(made, digest),
        )

    own = [run("a", 0, "one"), run("b", 1, "two")]
    assert len(group_runs(own)) == 1
    with pytest.raises(ConfigError, match="Runs of one seed were trained on different data"):
        group_runs([*own, run("c", 0, "three")])
