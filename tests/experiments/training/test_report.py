"""Which epoch a run reports, and whose weights it serves."""

from typing import Any

import numpy as np
import pytest

import nn
from experiments.config.schema import EarlyStopping, Training
from experiments.datasets import Dataset, Task
from experiments.errors import ConfigError
from experiments.training.checks import check, check_tuning
from experiments.training.loop import train
from experiments.training.outcome import Outcome
from experiments.training.report import report_for
from nn.schedules import Cosine, ReduceOnPlateau
from tests.experiments.small_runs import make_dataset, make_run
from tests.experiments.training.test_loop import bits, outcome_of

HELD_OUT = make_dataset(rows=(23, 40, 31))
BARE = make_dataset(rows=(23, 0, 31))
OSCILLATING = nn.SGD(lr=4.0)  # so that no two rules choose the same epoch


def reporting(rule: str | None, dataset: Dataset = HELD_OUT, **settings: Any) -> Outcome:
    settings = {
        "optimizer": OSCILLATING,
        "seed": 1,
        "epochs": 12,
        "test_every_epoch": True,
        **settings,
    }
    return outcome_of(make_run(report=rule, **settings), dataset)


CHOSEN = {
    "best_loss": lambda metrics: np.argmin(metrics["val/loss"]),
    "best_accuracy": lambda metrics: np.argmax(metrics["val/accuracy"]),
    "last": lambda metrics: len(metrics["epoch"]) - 1,
    "test_peak": lambda metrics: np.argmax(metrics["test_curve/accuracy"]),
}


@pytest.mark.parametrize("rule", CHOSEN)
def test_the_epoch_that_the_rule_chooses_is_served(rule: str) -> None:
    outcome = reporting(rule)
    epoch = int(CHOSEN[rule](outcome.metrics))
    # A training that ends there has the same weights and test values.
    shorter = reporting("last", epochs=epoch)
    for name, array in shorter.weights.items():
        if name.startswith("final/"):
            served = outcome.weights[name.replace("final/", "best/")]
            assert served.tobytes() == array.tobytes(), name
    prefix = "test_peak" if rule == "test_peak" else "test"
    for kind in ("loss", "accuracy"):
        value = outcome.summary[f"{prefix}/{kind}"]
        assert value == outcome.metrics[f"test_curve/{kind}"][epoch]
        assert value == shorter.summary[f"test/{kind}"]


def test_the_rules_choose_different_epochs() -> None:
    chosen = {int(choose(reporting("last").metrics)) for choose in CHOSEN.values()}
    assert len(chosen) == len(CHOSEN)


def test_each_rule_names_its_values_after_itself() -> None:
    names = {rule: set(reporting(rule).summary) for rule in CHOSEN}
    best = {"best/epoch", "best/val_loss", "best/val_accuracy", "best/train_loss"}
    assert names["best_loss"] == names["best_accuracy"] >= {*best, "test/loss", "final/val_loss"}
    assert names["last"] == names["best_loss"] - best
    peak = {"test_peak/epoch", "test_peak/loss", "test_peak/accuracy"}
    assert names["test_peak"] == names["last"] - {"test/loss", "test/accuracy"} | peak


def test_the_first_of_equal_epochs_is_chosen() -> None:
    rule = report_for(Training(report="best_accuracy"), HELD_OUT)
    column = {"val/accuracy": [0.5, 0.75, 0.75, 0.5, 0.8]}
    chosen = None
    for epoch in range(5):
        chosen = epoch if rule.prefers(column, epoch, chosen) else chosen
        assert chosen == [0, 1, 1, 1, 4][epoch]


def test_a_score_that_is_not_a_number_is_never_preferred() -> None:
    rule = report_for(Training(report="test_peak", test_every_epoch=True), HELD_OUT)
    column = {"test_curve/accuracy": [float("nan"), 0.25, float("nan"), 0.5]}
    assert rule.prefers(column, 0, None)
    assert rule.prefers(column, 1, 0)
    assert not rule.prefers(column, 2, 1)
    assert rule.prefers(column, 3, 1)


def test_measuring_the_test_part_changes_nothing_else() -> None:
    without, measured = (bits(reporting("best_loss", test_every_epoch=on)) for on in (False, True))
    curves = {name for name in measured if name.startswith("test_curve/")}
    assert curves == {"test_curve/loss", "test_curve/accuracy"}
    assert {name: value for name, value in measured.items() if name not in curves} == without


def test_null_is_the_best_loss_or_without_validation_the_last_epoch() -> None:
    assert bits(reporting(None)) == bits(reporting("best_loss"))
    assert bits(reporting(None, BARE)) == bits(reporting("last", BARE))


def test_without_a_validation_part_nothing_of_it_is_measured() -> None:
    outcome = reporting(None, BARE)
    assert not [name for name in (*outcome.metrics, *outcome.summary) if "val" in name]
    assert outcome.summary["test/loss"] == outcome.metrics["test_curve/loss"][-1]
    losses: list[float] = []
    run = make_run(epochs=3)
    (seen,) = train([run], BARE, lambda epoch, live: losses.extend(loss for _, loss in live))
    assert losses == seen.metrics["train/loss"][1:3]


def test_a_run_diverges_without_a_validation_part_too() -> None:
    outcome = reporting(None, make_dataset(Task.REGRESSION, (23, 0, 9)), task=Task.REGRESSION,
                        optimizer=nn.SGD(lr=1e30))  # fmt: skip
    assert outcome.status == "diverged"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"report": "best_loss"}, "training.report=best_loss chooses the epoch by the validation"),
        ({"report": "best_accuracy"}, "no validation part"),
        ({"early_stopping": EarlyStopping(patience=3)}, "early_stopping.patience=3 watches"),
        ({"schedule": ReduceOnPlateau()}, "schedule=reduce_on_plateau follows the validation"),
    ],
)
def test_what_needs_a_validation_part_is_refused_without_one(
    settings: dict[str, Any], message: str
) -> None:
    run = make_run(**settings)
    check(run, HELD_OUT)
    with pytest.raises(ConfigError, match=message):
        check(run, BARE)


def test_all_faults_are_listed() -> None:
    run = make_run(early_stopping=EarlyStopping(patience=3), schedule=ReduceOnPlateau(by="step"))
    with pytest.raises(ConfigError) as raised:
        check(run, BARE)
    assert len(str(raised.value).splitlines()) == 2
    check(make_run(schedule=Cosine()), BARE)


def test_numbers_have_no_accuracy() -> None:
    run = make_run(Task.REGRESSION, report="best_accuracy")
    with pytest.raises(ConfigError, match="no accuracy"):
        check(run, make_dataset(Task.REGRESSION))
    peak = make_run(Task.REGRESSION, report="test_peak", test_every_epoch=True)
    outcome = outcome_of(peak, make_dataset(Task.REGRESSION))
    assert outcome.summary["test_peak/r2"] == max(outcome.metrics["test_curve/r2"])


def test_settings_cannot_be_tuned_on_the_test_part() -> None:
    check_tuning(make_run(report="last"), HELD_OUT)
    with pytest.raises(ConfigError, match="chosen on the test part"):
        check_tuning(make_run(report="test_peak", test_every_epoch=True), HELD_OUT)
    with pytest.raises(ConfigError, match="has no validation part"):
        check_tuning(make_run(), BARE)


def test_the_peak_needs_the_test_curve_and_refuses_early_stopping() -> None:
    with pytest.raises(ValueError, match="test_every_epoch=true"):
        Training(report="test_peak")
    with pytest.raises(ValueError, match="early stopping"):
        Training(
            report="test_peak", test_every_epoch=True, early_stopping=EarlyStopping(patience=2)
        )


@pytest.mark.parametrize("rule", [*CHOSEN, None])
def test_while_a_run_trains_its_loss_is_that_of_the_epoch_it_would_report(rule: str | None) -> None:
    dataset = BARE if rule is None else HELD_OUT
    run = make_run(
        report=rule, optimizer=OSCILLATING, seed=1, epochs=12, test_every_epoch=rule is not None
    )
    told: list[float] = []
    (outcome,) = train([run], dataset, lambda epoch, losses: told.append(losses[0][1]))
    losses = outcome.metrics["train/loss" if rule is None else "val/loss"]
    # The epoch that is chosen on the test part counts for the test values only.
    choose = CHOSEN["last" if rule in (None, "test_peak") else rule]
    expected = []
    for epoch in range(1, 12):
        so_far = {name: column[: epoch + 1] for name, column in outcome.metrics.items()}
        expected.append(losses[choose(so_far)])
    assert told == expected
