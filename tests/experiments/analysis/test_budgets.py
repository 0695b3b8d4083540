import itertools
import json

import numpy as np
import pytest

from experiments.analysis.analyse import analyse
from experiments.analysis.budgets import Budget
from experiments.analysis.pairs import compare_pairs
from experiments.analysis.statistics.estimate import Estimate
from experiments.reporting.tables.frames import study_json
from experiments.reporting.words.budgets import about_budgets, verdict_at
from tests.experiments.analysis.made_up_sweeps import make_run

RATES = (0.001, 0.01, 0.1, 1.0)


def runs(folder, losses, seeds=(100, 101, 102), **labels):
    """One tuning run for each optimizer, rate and seed, and one that reports."""
    made = []
    for optimizer, by_rate in losses.items():
        for place, (rate, loss) in enumerate(zip(RATES, by_rate, strict=False)):
            for seed in seeds:
                noise = 0.001 * np.random.default_rng([seed, place, len(optimizer)]).normal()
                made.append(run(folder, len(made), optimizer, seed, rate, loss + noise, "tuning"))
        for seed in (0, 1):
            made.append(run(folder, len(made), optimizer, seed, 0.01, min(by_rate), "reporting"))
    return made


def run(folder, number, optimizer, seed, rate, loss, stage, **labels):
    told = {"stage": stage, **({"setting": "tuned"} if stage == "reporting" else {}), **labels}
    return make_run(
        folder / f"{number}",
        optimizer,
        seed,
        summary={"best/val_loss": loss, "test/loss": loss + 0.5, "untrained/test_loss": 2.3},
        metrics={"epoch": [0.0, 1.0], "val/loss": [2.3, loss]},
        settings={"optimizer": {"lr": rate}},
        labels=told,
    )


LOSSES = {"sgd": (0.9, 0.5, 0.1, 0.8), "adam": (0.3, 0.3, 0.3, 0.3)}


def test_it_is_the_mean_over_all_draws_of_as_many_settings(tmp_path):
    (part,) = analyse(runs(tmp_path, LOSSES)).parts
    assert [budget.trials for budget in part.budgets] == [1, 2, 3, 4]
    for budget in part.budgets:
        draws = itertools.combinations(LOSSES["sgd"], budget.trials)
        expected = 0.5 + np.mean([min(draw) for draw in draws])
        assert budget.expected["sgd"].value == pytest.approx(expected, abs=0.005)


def test_overlapping_splits_widen_the_intervals_of_budgets(tmp_path, monkeypatch):
    made = runs(tmp_path, LOSSES)
    (apart,) = analyse(made).parts
    monkeypatch.setattr("experiments.analysis.budgets.overlap_of", lambda *_: 1.0)
    (shared,) = analyse(made).parts
    for one, other in zip(apart.budgets, shared.budgets, strict=True):
        for name in LOSSES:
            narrow, wide = one.expected[name], other.expected[name]
            assert wide.high - wide.low == pytest.approx(2 * (narrow.high - narrow.low))  # √(1+3)
        assert other.pairs[0].overlap == 1


def test_the_best_on_average_may_be_behind_on_the_seeds_that_both_have():
    values = {
        "a": {seed: 1 + 0.01 * seed for seed in range(6)} | dict.fromkeys(range(6, 12), 0.1),
        "b": {seed: 0.9 + 0.012 * seed for seed in range(6)},
    }
    pairs = compare_pairs(values, metric="test/loss")
    budget = Budget(1, {name: Estimate(0.5, 0.4, 0.6) for name in "ab"}, tuple(pairs))
    assert budget.behind("b") == {"a"}
    assert budget.behind("a") == set()
    assert verdict_at(budget) == "a is not separated from b"


def test_the_order_turns_with_the_budget(tmp_path):
    (part,) = analyse(runs(tmp_path, LOSSES)).parts
    assert [next(iter(budget.expected)) for budget in part.budgets] == [
        "adam",
        "adam",
        "sgd",
        "sgd",
    ]
    assert about_budgets(part.budgets) == (
        "With 1 to 2 settings, adam is best; with 3 to 4 settings, sgd is best."
    )


def test_programs_read_the_budgets_of_a_study(tmp_path):
    written = json.loads(study_json(analyse(runs(tmp_path, LOSSES))))["budgets"]
    assert len(written) == 4 * 2
    assert [row["verdict"] for row in written[::2]] == ["adam is best"] * 2 + ["sgd is best"] * 2
    assert written[0]["expected low"] < written[0]["expected"] < written[0]["expected high"]


def test_a_run_that_made_its_network_worse_counts_as_the_untrained_one(tmp_path):
    (part,) = analyse(runs(tmp_path, {**LOSSES, "sgd": (0.9, 0.5, 0.1, 1e12)})).parts
    expected = np.mean([1.4, 1.0, 0.6, 2.3])
    assert part.budgets[0].expected["sgd"].value == pytest.approx(expected, abs=0.005)


def test_unequal_budgets_are_compared_up_to_the_smaller(tmp_path):
    (part,) = analyse(runs(tmp_path, {**LOSSES, "adam": (0.3, 0.3, 0.2)})).parts
    assert [budget.trials for budget in part.budgets] == [1, 2, 3]


def test_runs_without_tuning_have_no_budgets(tmp_path):
    made = [run(tmp_path, number, "sgd", number, 0.1, 0.5, "reporting") for number in range(3)]
    assert analyse(made).parts[0].budgets == ()
