"""The metrics of a run: one table of their names, labels and directions.

A run measures a loss and a score (accuracy or R²) on each part of the dataset. A *curve* has one
value per epoch (`val/loss`); the summary of a run holds single numbers, most of which are points
on a curve (`best/val_loss`).
"""

from __future__ import annotations

from dataclasses import dataclass
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
_FINAL: Final = _of("final/val_", "final validation", "final val", "val")
_FINAL_TRAIN: Final = _of("final/train_", "final training", "final train", "train")
_OTHERS: Final = (
    Metric("best/train_loss", "training loss at the best epoch", "train loss", "loss", False,
           "train/loss"),
    Metric(AREA, "area under the validation loss", "area", curve="val/loss"),
    Metric("best/epoch", "best epoch", "epoch", by_median=True),
    Metric("time/us_per_step", "time per step in µs", "µs/step", by_median=True),
    Metric("time/seconds", "seconds of the run", "seconds", by_median=True),
)  # fmt: skip

CURVES: Final = (
    *_of("val/", "validation", "val", "val"),
    *_of("train/", "training", "train", "train"),
)
"""The curves of loss and scores, the loss first."""

MAIN: Final = tuple(metric.name for metric in _BEST + _TEST)
"""The metrics that a table shows first."""

COMPARED: Final = (
    *(metric.name for metric in _BEST + _FINAL),
    "final/train_loss",
    AREA,
    *(metric.name for metric in _TEST),
    "best/epoch",
    "time/us_per_step",
)
"""The metrics that a comparison summarizes over seeds, in the order of its tables."""

_TABLE: Final = {
    metric.name: metric
    for metric in (*_BEST, *_FINAL, *_FINAL_TRAIN, *_TEST, *_OTHERS, *CURVES)
}  # fmt: skip


def metric_named(name: str) -> Metric:
    """Look up a metric by its key in a record.

    A metric that is not in the table is labelled with its key, and lower counts as better.
    """
    return _TABLE.get(name) or Metric(name, name, name)
