"""What is said about the epoch that runs report, and what of it was chosen on the test part."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from experiments.analysis.analyse import analyse
from experiments.reporting.tables.markup import study_markdown
from experiments.reporting.tables.terminal import print_comparison
from experiments.reporting.words.conclusions import conclusions
from experiments.reporting.words.limits import limits_of
from experiments.reporting.words.protocol import protocol_of
from experiments.reporting.words.reported import its_epoch
from experiments.runs.record import Record
from tests.experiments.analysis.made_up_sweeps import make_run
from tests.experiments.record_factory import record_data

BEST = {"best/epoch": 2, "best/val_loss": 0.3, "best/val_accuracy": 0.9}
FINAL = {"final/val_loss": 0.4, "final/val_accuracy": 0.8, "final/train_loss": 0.2}
TEST = {"test/loss": 0.5, "test/accuracy": 0.75}
PEAK = {"test_peak/epoch": 1, "test_peak/loss": 0.6, "test_peak/accuracy": 0.7}


def runs_reporting(folder: Path, rule: str, summary: dict[str, float], **data: Any) -> list[Record]:
    return [
        make_run(
            folder / f"{rule}-{name}-{seed}",
            name,
            seed,
            report=rule,
            summary={key: value + 0.01 * seed + shift for key, value in summary.items()},
            settings={"training": {"report": rule}},
            **data,
        )
        for name, shift in (("sgd", 0.0), ("adam", 0.05))
        for seed in range(3)
    ]


def everything_said(runs: list[Record]) -> str:
    study, text = analyse(runs), io.StringIO()
    print_comparison(study, Console(file=text, width=300))
    words = [*conclusions(study), *limits_of(study), *protocol_of(study), study_markdown(study)]
    return " ".join([*words, text.getvalue()])


@pytest.mark.parametrize(
    ("rule", "summary", "metric", "said"),
    [
        ("best_loss", BEST | FINAL | TEST, "test/loss", "at the best validation epoch"),
        ("best_accuracy", BEST | FINAL | TEST, "test/loss", "best validation accuracy"),
        ("last", FINAL | TEST, "test/loss", "Test is measured at the last epoch"),
        ("test_peak", FINAL | PEAK, "final/val_loss", "they look better than they are"),
    ],
)
def test_what_is_compared_and_said(
    tmp_path: Path, rule: str, summary: dict[str, float], metric: str, said: str
) -> None:
    runs = runs_reporting(tmp_path, rule, summary)
    assert analyse(runs).metrics == (metric,)
    words = everything_said(runs)
    assert said in words
    assert ("best validation" in words) == rule.startswith("best")
    assert ("chosen on test" in words) == (rule == "test_peak")
    assert ("was chosen on the test part" in words) == (rule == "test_peak")


NO_VALIDATION = {**record_data()["dataset"], "rows": {"train": 70, "test": 30}}


def test_without_a_validation_part_the_test_part_compares_and_a_warning_says_so(
    tmp_path: Path,
) -> None:
    runs = runs_reporting(tmp_path, "last", {"final/train_loss": 0.1, **TEST},
                          dataset=NO_VALIDATION)  # fmt: skip
    study = analyse(runs)
    assert study.metrics == ("test/loss",)
    assert any("there is no validation part" in text for text in limits_of(study))
    peaks = runs_reporting(tmp_path / "peak", "test_peak", PEAK, dataset=NO_VALIDATION)
    assert analyse(peaks).metrics == ("test_peak/accuracy",)


def test_a_run_says_what_it_reports(tmp_path: Path) -> None:
    best, *_ = runs_reporting(tmp_path, "best_loss", BEST | FINAL)
    last, *_ = runs_reporting(tmp_path, "last", FINAL)
    peak, *_ = runs_reporting(tmp_path, "test_peak", FINAL | PEAK)
    assert [run.reported("val_loss") for run in (best, last, peak)] == [0.3, 0.4, 0.4]
    assert [run.objective for run in (best, last)] == [0.3, 0.4]
    assert its_epoch([best]) == "its best epoch"
    assert its_epoch([last]) == "its last epoch"
    assert "chosen on these data" in its_epoch([peak])
    assert "chosen on these data" in its_epoch([best, peak])
    assert its_epoch([best, last]) == "the epoch that it reports"


def test_each_seed_may_have_a_split_of_its_own(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / f"{name}{seed}", name, seed, settings={"dataset": {"seed": seed}})
        for name in ("sgd", "adam")
        for seed in range(3)
    ]
    assert "each seed with a separate split" in " ".join(protocol_of(analyse(runs)))
