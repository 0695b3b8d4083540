"""Put into words which epoch's values runs report, and which were chosen on the test part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from experiments.analysis.study import Study
from experiments.reporting.words.formatting import listing
from experiments.runs.record import Record

_EPOCHS: Final = {
    "best_loss": "the best validation epoch",
    "best_accuracy": "the epoch of the best validation accuracy",
    "last": "the last epoch",
}
_PEAK: Final = (
    "Peak test values are those of the epoch that is best on the test part, so they look better "
    "than they are."
)


def runs_of(study: Study) -> list[Record]:
    """Return the runs of a study's groups, without those of tuning."""
    return [run for part in study.parts for entry in part.entries for run in entry.group.runs]


def its_epoch(records: Iterable[Record]) -> str:
    """Name the epoch that each of these runs reports, such as "its last epoch"."""
    rules = {record.report for record in records}
    if "test_peak" in rules:
        return (
            "its best test epoch, which was chosen on these data"
            if len(rules) == 1
            else ("the epoch that it reports, for some runs chosen on these data")
        )
    if rules <= {"best_loss", "best_accuracy"}:
        return "its best epoch"
    return "its last epoch" if rules == {"last"} else "the epoch that it reports"


def where_test_is_measured(records: Iterable[Record]) -> str:
    """Say in sentences at which epoch the test values were measured."""
    rules = dict.fromkeys(record.report for record in records)
    epochs = [_EPOCHS[rule] for rule in rules if rule in _EPOCHS]
    said = [f"Test is measured at {listing(epochs)}."] if epochs else []
    return " ".join([*said, _PEAK] if "test_peak" in rules else said)
