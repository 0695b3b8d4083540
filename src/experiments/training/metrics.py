"""The metrics of a run: one table of their names, labels and directions.

A run measures a loss and a score (accuracy or R²) on each part of the dataset. A *curve* has one
value per epoch (`val/loss`); the summary of a run holds single numbers, most of which are points
on a curve (`best/val_loss`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

SELECTION: Final = "best/val_loss"
AREA: Final = "area/val_loss"


@dataclass(frozen=True)
class Metric:
    """A number by which runs are described and compared.

    Attributes
    ----------
    name : str
        The key in a record: `best/val_loss` of a summary, `val/loss` of a curve.
    long, short : str
        Labels for people: `best validation loss`, and `val loss` where room is scarce.
    quantity : str
        The measured quantity, whatever the part and the epoch: `loss`, `accuracy` or `R²`;
        empty for all other metrics.
    higher_is_better : bool
        Whether a higher value is the better one.
    curve : str or None
        The curve on which the metric is a point (for a curve its own name), or None.
    by_median : bool
        Whether tables show the median over seeds instead of the mean.
    """

    name: str
    long: str
    short: str
    quantity: str = ""
    higher_is_better: bool = False
    curve: str | None = None
    by_median: bool = False

    @property
    def title(self) -> str:
        """The long name as a heading: `Best validation loss`."""
        return self.long[:1].upper() + self.long[1:]

    @property
    def is_curve(self) -> bool:
        """Whether the metric has one value per epoch."""
        return self.curve == self.name


def _of(name: str, long: str, short: str, curve: str) -> tuple[Metric, ...]:
    """Describe loss, accuracy and R² of one part of the dataset at one moment of training."""
    return (
        Metric(f"{name}loss", f"{long} loss", f"{short} loss", "loss", False, f"{curve}/loss"),
        Metric(
            f"{name}accuracy", f"{long} accuracy", f"{short} accuracy", "accuracy", True,
            f"{curve}/accuracy",
        ),
        Metric(f"{name}r2", f"{long} R²", f"{short} R²", "R²", True, f"{curve}/r2"),
    )  # fmt: skip


# The validation loss selects the epoch whose weights give the test metrics. There is no test
# metric before training, so the validation curve stands in for the untrained network.
_BEST: Final = _of("best/val_", "best validation", "val", "val")
_TEST: Final = _of("test/", "test", "test", "val")
# The epoch is chosen by this very score, and the curve of the test part is recorded for it alone.
_TEST_PEAK: Final = tuple(
    replace(metric, long=f"peak {metric.long}, chosen on test", short=metric.short)
    for metric in _of("test_peak/", "test", "peak test", "test_curve")
)
_FINAL: Final = _of("final/val_", "final validation", "final val", "val")
_FINAL_TRAIN: Final = _of("final/train_", "final training", "final train", "train")
_OTHERS: Final = (
    Metric("best/train_loss", "training loss at the best epoch", "train loss", "loss", False,
           "train/loss"),
    Metric(AREA, "area under the validation loss", "area", curve="val/loss"),
    Metric("best/epoch", "best epoch", "epoch", by_median=True),
    Metric("test_peak/epoch", "epoch of the peak, chosen on test", "test peak epoch",
           by_median=True),
    Metric("time/us_per_step", "time per step in µs", "µs/step", by_median=True),
    Metric("time/seconds", "seconds of the run", "seconds", by_median=True),
)  # fmt: skip

CURVES: Final = (
    *_of("val/", "validation", "val", "val"),
    *_of("train/", "training", "train", "train"),
)
"""The curves of loss and scores, the loss first."""


def main_metrics(measured: Collection[str]) -> list[str]:
    """Return the metrics that a table shows first, of those that were measured.

    If no run reports its best epoch, the final validation values stand in for the best ones.
    """
    reported = _BEST if any(metric.name in measured for metric in _BEST) else _FINAL
    shown = (*reported, *_TEST, *_TEST_PEAK)
    return [metric.name for metric in shown if metric.name in measured]


def default_metric(measured: Collection[str]) -> str:
    """Return the metric by which runs are compared that have all measured these.

    It is the validation loss at the best epoch or, for runs that report their last epoch, at that.
    Runs without a validation part are compared by the test loss, or by the peak on the test part
    if that is all they report.
    """
    order = (SELECTION, "final/val_loss", "test/loss", "test_peak/accuracy", "test_peak/r2")
    return next((name for name in order if name in measured), SELECTION)


COMPARED: Final = (
    *(metric.name for metric in _BEST + _FINAL),
    "final/train_loss",
    AREA,
    *(metric.name for metric in _TEST + _TEST_PEAK),
    "best/epoch",
    "test_peak/epoch",
    "time/us_per_step",
)
"""The metrics that a comparison summarizes over seeds, in the order of its tables."""

_TABLE: Final = {
    metric.name: metric
    for metric in (*_BEST, *_FINAL, *_FINAL_TRAIN, *_TEST, *_TEST_PEAK, *_OTHERS, *CURVES)
}  # fmt: skip


def metric_named(name: str) -> Metric:
    """Look up a metric by its key in a record.

    A metric that is not in the table is labelled with its key, and lower counts as better.
    """
    return _TABLE.get(name) or Metric(name, name, name)
