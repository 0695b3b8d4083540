"""Put into words which epoch's values runs report, and which were chosen on the test part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from experiments.analysis.study import Entry
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


def about_test(metric: str, entries: Sequence[Entry]) -> list[str]:
    """Say at which epoch a test metric was measured; nothing about other metrics.

    Parameters
    ----------
    metric : str
        The metric.
    entries : sequence of Entry
        The groups, of which those count that have measured it.
    """
    if metric.startswith("test_peak/"):
        return [_PEAK]
    if not metric.startswith("test/"):
        return []
    runs = [run for entry in entries if metric in entry.metrics for run in entry.group.runs]
    return [f"Test is measured at {_epochs(runs)}."]


def _epochs(records: Iterable[Record]) -> str:
    """Name the epochs at which runs measured the test part that did not choose by it."""
    rules = dict.fromkeys(record.report for record in records)
    return listing([_EPOCHS[rule] for rule in rules if rule in _EPOCHS] or [_EPOCHS["best_loss"]])


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
