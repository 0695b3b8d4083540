"""The metrics of a run: one table of their names, labels and directions.

A run measures a loss and a score (accuracy or R²) on each part of the dataset, and the metrics of
`training.metrics` on the held-out parts. A *curve* has one value per epoch (`val/loss`); the
summary of a run holds single numbers, most of which are points on a curve (`best/val_loss`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, get_args

from experiments.errors import ConfigError
from nn import metrics as measures
from nn.metrics.averaged import Average, AveragedMetric

SELECTION: Final = "best/val_loss"
"""The metric that chooses: settings in tuning, and by default the epoch that is reported."""

HEADLINE: Final = "test/loss"
"""The metric by which runs are compared: nothing is chosen by it."""

AREA: Final = "area/val_loss"

UNTRAINED: Final = "untrained"
"""The prefix of the test metrics of the untrained network, `untrained/test_loss`."""

PROBE: Final = "probe/"
"""The beginning of the names of the columns that probes measure, `probe/sharpness`."""

NOT_NEGATIVE: Final = (0.0, math.inf)
A_SHARE: Final = (0.0, 1.0)
ANY: Final = (-math.inf, math.inf)


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
    untrained : str
        The metric of the untrained network, if the curve does not begin with it; empty otherwise.
    range : tuple of float
        The lowest and the highest value that is possible, which no interval exceeds. A loss of a
        user's own may be negative; values outside the range show that it does not apply.
    """

    name: str
    long: str
    short: str
    quantity: str = ""
    higher_is_better: bool = False
    curve: str | None = None
    by_median: bool = False
    untrained: str = ""
    range: tuple[float, float] = ANY

    @property
    def title(self) -> str:
        """The long name as a heading: `Best validation loss`."""
        return self.long[:1].upper() + self.long[1:]

    @property
    def is_curve(self) -> bool:
        """Whether the metric has one value per epoch."""
        return self.curve == self.name


def _of(name: str, long: str, short: str, curve: str) -> tuple[Metric, ...]:
    """Describe loss, accuracy and R² of one part of the dataset at one moment of training.

    The long label has a place for the quantity: `test {}`.
    """
    return tuple(
        Metric(
            f"{name}{key}", long.format(quantity), f"{short} {quantity}", quantity, higher,
            f"{curve}/{key}", range=limits,
        )
        for key, quantity, higher, limits in (
            ("loss", "loss", False, NOT_NEGATIVE),
            ("accuracy", "accuracy", True, A_SHARE),
            ("r2", "R²", True, (-math.inf, 1.0)),
        )
    )  # fmt: skip


# The validation loss chooses the epoch whose weights give the test metrics.
_BEST: Final = _of("best/val_", "validation {} at the reported epoch", "val", "val")
# Records of older versions lack the test metrics before training. The validation curve stands in.
_TEST: Final = tuple(
    replace(metric, untrained=metric.name.replace("test/", f"{UNTRAINED}/test_"))
    for metric in _of("test/", "test {}", "test", "val")
)
# The epoch is chosen by this very score, and the curve of the test part is recorded for it alone.
_TEST_PEAK: Final = tuple(
    replace(
        metric,
        long=f"peak {metric.long}, chosen on test",
        short=f"{metric.quantity} chosen on test",
    )
    for metric in _of("test_peak/", "test {}", "peak test", "test_curve")
)
_FINAL: Final = _of("final/val_", "final validation {}", "final val", "val")
_FINAL_TRAIN: Final = _of("final/train_", "final training {}", "final train", "train")
_UNTRAINED: Final = _of(f"{UNTRAINED}/test_", "test {} before training", "untrained test", "val")
_OTHERS: Final = (
    Metric("best/train_loss", "training loss at the reported epoch", "train loss", "loss", False,
           "train/loss", range=NOT_NEGATIVE),
    Metric(AREA, "area under the validation loss", "area", curve="val/loss", range=NOT_NEGATIVE),
    Metric("best/epoch", "reported epoch", "epoch", by_median=True, range=NOT_NEGATIVE),
    Metric("test_peak/epoch", "epoch of the peak, chosen on test", "test peak epoch",
           by_median=True, range=NOT_NEGATIVE),
    Metric("time/us_per_step", "time per step in µs", "µs/step", by_median=True,
           range=NOT_NEGATIVE),
    Metric("memory/state_bytes", "bytes of the optimizer's state", "state", by_median=True,
           range=NOT_NEGATIVE),
    Metric("time/seconds", "seconds of the run", "seconds", by_median=True, range=NOT_NEGATIVE),
)  # fmt: skip

CURVES: Final = (
    *_of("val/", "validation {}", "val", "val"),
    *_of("train/", "training {}", "train", "train"),
)
"""The curves of loss and scores, the loss first."""


_MOMENTS: Final = {
    metric.name.removesuffix("loss"): metric
    for metric in (_TEST[0], _TEST_PEAK[0], _BEST[0], _FINAL[0], _UNTRAINED[0], CURVES[0])
}
"""The parts and moments at which `training.metrics` are measured too, by the beginning of names."""

_OWN: Final[dict[str, bool]] = {}


def remember_metrics(directions: Mapping[str, bool]) -> None:
    """Remember whether higher is better of metrics that only a record knows, as of users' classes.

    A record carries the directions of its metrics, so that it can be compared where the classes are
    not installed or not trusted. The first direction of a name counts.

    Parameters
    ----------
    directions : mapping of str to bool
        Whether a higher value is better, by the metric's key.
    """
    for key, higher in directions.items():
        _OWN.setdefault(key, higher)


@cache
def _ours() -> dict[str, tuple[str, bool, tuple[float, float]]]:
    """Return title, direction and range of the metrics in `nn`, by key."""
    found = {}
    for name in measures.__all__:
        kind = getattr(measures, name)
        if not (isinstance(kind, type) and issubclass(kind, measures.Metric) and kind.name):
            continue
        found[kind.name] = kind.title, kind.higher_is_better, kind.limits
        if issubclass(kind, AveragedMetric):
            for average in get_args(Average):
                title = f"{kind.title} ({average})"
                found[kind(average=average).key] = title, kind.higher_is_better, kind.limits
    return found


def _of_measure(name: str) -> Metric | None:
    """Describe a metric of `training.metrics` at one moment; None if `name` is something else."""
    for start, loss in _MOMENTS.items():
        key = name.removeprefix(start)
        own = (key.replace("_", " "), _OWN[key], ANY) if key in _OWN else None
        described = _ours().get(key, own)
        if key == name or described is None:
            continue
        title, higher, limits = described
        return Metric(
            name,
            loss.long.replace("loss", title),
            loss.short.replace("loss", title),
            title,
            higher,
            (loss.curve or "").replace("/loss", f"/{key}"),
            untrained=loss.untrained.removesuffix("loss") + key if loss.untrained else "",
            range=limits,
        )
    return None


def _measures(measured: Collection[str], starts: Collection[str]) -> list[str]:
    """Return the names of the metrics of `training.metrics` among those that were measured."""
    return [
        name
        for start in starts
        for name in sorted(measured)
        if name.startswith(start) and name not in _TABLE and _of_measure(name)
    ]


def main_metrics(measured: Collection[str]) -> list[str]:
    """Return the metrics that a table shows first, of those that were measured.

    If no run reports its best epoch, the final validation values stand in for the best ones.
    """
    reported = _BEST if any(metric.name in measured for metric in _BEST) else _FINAL
    shown = [m.name for m in (*_TEST, *_TEST_PEAK, *reported) if m.name in measured]
    held_out = "best/val_" if reported is _BEST else "final/val_"
    return shown + _measures(measured, ("test/", "test_peak/", held_out))


def final_metric(measured: Collection[str]) -> str:
    """Return the metric that says best how good a network is: a test score, if there is one."""
    order = (metric for part in (_TEST, _TEST_PEAK, _BEST, _FINAL) for metric in reversed(part))
    return next((metric.name for metric in order if metric.name in measured), HEADLINE)


def default_metric(measured: Collection[str]) -> str:
    """Return the metric by which runs are compared that have all measured these.

    It is the test loss, or what stands in for it: the validation loss at the reported epoch, the
    peak on the test part if that is all that the runs report, and without any data but those of
    training the final loss, which is the final value of an objective.
    """
    order = (
        HEADLINE,
        SELECTION,
        "final/val_loss",
        "test_peak/accuracy",
        "test_peak/r2",
        "final/train_loss",
    )
    return next((name for name in order if name in measured), HEADLINE)


def validation_counterparts(metric: str) -> tuple[str, ...]:
    """Return the validation metrics of a test metric's quantity, at the epoch of its value."""
    part, _, quantity = metric.partition("/")
    return (f"best/val_{quantity}", f"final/val_{quantity}") if part == "test" else ()


def compared(measured: Collection[str]) -> list[str]:
    """Return the metrics that a comparison summarizes, of runs that have measured these."""
    held_out = ("test/", "test_peak/", "best/val_", "final/val_")
    return [*COMPARED, *_measures(measured, held_out)]


COMPARED: Final = (
    *(metric.name for metric in _TEST + _TEST_PEAK + _BEST + _FINAL),
    "final/train_loss",
    AREA,
    "best/epoch",
    "test_peak/epoch",
    "time/us_per_step",
    "memory/state_bytes",
)
"""The metrics of all runs that a comparison summarizes over seeds, in the order of its tables."""

_TABLE: Final = {
    metric.name: metric
    for metric in (
        *_BEST, *_FINAL, *_FINAL_TRAIN, *_TEST, *_TEST_PEAK, *_UNTRAINED, *_OTHERS, *CURVES
    )
}  # fmt: skip


def may_be_summarized(name: str) -> bool:
    """Return whether a run can have a metric of this name in its summary.

    The quantities that a run measures on a part of its data depend on its settings.
    """
    known = _TABLE.get(name)
    parts = ("test/", "test_peak/", "best/val_", "best/train_", "final/val_", "final/train_")
    return name.startswith(parts) or (known is not None and not known.is_curve)


def metric_named(name: str) -> Metric:
    """Look up a metric by its key in a record.

    A metric that is not in the table is labelled with its key, that of a probe without the prefix,
    and lower counts as better.
    """
    label = name.removeprefix(PROBE)
    curve = name if label != name else None
    return _TABLE.get(name) or _of_measure(name) or Metric(name, label, label, curve=curve)


def check_margin(margin: float, metric: str) -> None:
    """Check that a margin is a difference that two values of a metric can have.

    Raises
    ------
    ConfigError
        If it is not above 0, or not below the width of the metric's range.
    """
    described = metric_named(metric)
    widest = described.range[1] - described.range[0]
    if not 0 < margin < widest:
        limit = "" if math.isinf(widest) else f" and below {widest:g}"
        raise ConfigError(
            f"The margin is {margin:g}, but must be above 0{limit}: it is the smallest difference "
            f"of the {described.long} that matters."
        )
