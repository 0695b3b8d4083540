"""The metrics of a run: the one table of their names, directions and words.

A run measures a loss, and accuracy or R² as its score, on each part of the data. A *curve* has a
value an epoch (`val/loss`); the summary of a run has single numbers, most of them points of a
curve (`best/val_loss`).
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
        Names for people: `best validation loss`, and `val loss` where room is scarce.
    quantity : str
        What is measured, wherever and whenever: `loss`, `accuracy`, `R²`; empty for others.
    higher_is_better : bool
    curve : str or None
        The curve of which the metric is a point; a curve's own name; None for what no curve has.
    by_median : bool
        Whether a table shows the median over seeds, and not the mean.
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
        """The long name as a heading has it: `Best validation loss`."""
        return self.long[:1].upper() + self.long[1:]

    @property
    def is_curve(self) -> bool:
        """Whether there is a value an epoch."""
        return self.curve == self.name


def _of(name: str, long: str, short: str, curve: str) -> tuple[Metric, ...]:
    """Describe the loss, the accuracy and the R² of one part at one time."""
    return (
        Metric(f"{name}loss", f"{long} loss", f"{short} loss", "loss", False, f"{curve}/loss"),
        Metric(
            f"{name}accuracy", f"{long} accuracy", f"{short} accuracy", "accuracy", True,
            f"{curve}/accuracy",
        ),
        Metric(f"{name}r2", f"{long} R²", f"{short} R²", "R²", True, f"{curve}/r2"),
    )  # fmt: skip


# Validation selects; test is read with the weights of the best validation epoch. Before training
# there is no test metric, so the validation curve has the value of the untrained network.
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
"""The curves of the loss and of the scores, the loss first."""

MAIN: Final = tuple(metric.name for metric in _BEST + _TEST)
"""What a table shows first."""

COMPARED: Final = (
    *(metric.name for metric in _BEST + _FINAL),
    "final/train_loss",
    AREA,
    *(metric.name for metric in _TEST),
    "best/epoch",
    "time/us_per_step",
)
"""What a comparison summarizes over seeds, in the order in which tables have it."""

_TABLE: Final = {
    metric.name: metric
    for metric in (*_BEST, *_FINAL, *_FINAL_TRAIN, *_TEST, *_OTHERS, *CURVES)
}  # fmt: skip


def metric_named(name: str) -> Metric:
    """Look up a metric; one that is not in the table is shown by its name, and lower is better."""
    return _TABLE.get(name) or Metric(name, name, name)
