"""What a comparison says of each group, in plain numbers: a row a group."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Sequence
from typing import Final

import numpy as np

from experiments.analysis.groups import Group
from experiments.training.metrics import MAIN, metric_named

Row = dict[str, float]

_ALWAYS: Final = ("best/val_loss", "test/loss")


def comparison_rows(groups: Sequence[Group]) -> list[Row]:
    """Summarize groups of runs over their seeds.

    Parameters
    ----------
    groups
        At least one.

    Returns
    -------
    list of dict
        One a group, with the columns of `experiments.reporting.tables.frames.comparison`; NaN where
        nothing was measured.
    """
    metrics = [
        metric
        for metric in MAIN
        if metric in _ALWAYS or any(group.measured(metric) for group in groups)
    ]
    return [_row(group, metrics) for group in groups]


def comparison_csv(groups: Sequence[Group]) -> str:
    """Write the rows of groups as CSV, unrounded: the values of the grouping keys come first."""
    rows = comparison_rows(groups)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*groups[0].by, *rows[0]])
    for group, row in zip(groups, rows, strict=True):
        writer.writerow([*group.values, *("" if math.isnan(v) else v for v in row.values())])
    return text.getvalue()


def _row(group: Group, metrics: Sequence[str]) -> Row:
    row: Row = {
        "runs": len(group.runs),
        "seeds": len(group.seeds),
        "finished": len(group.finished),
        "diverged": group.count("diverged"),
        "failed": group.count("failed"),
        "interrupted": group.count("interrupted"),
    }
    for metric in metrics:
        values = group.measured(metric)
        best = max if metric_named(metric).higher_is_better else min
        row[f"{metric} mean"] = float(np.mean(values)) if values else np.nan
        row[f"{metric} sd"] = statistics.stdev(values) if len(values) > 1 else np.nan
        row[f"{metric} best"] = best(values, default=np.nan)
        row[f"{metric} n"] = len(values)
    for metric in ("best/epoch", "time/us_per_step"):
        values = group.measured(metric)
        row[f"{metric} median"] = float(np.median(values)) if values else np.nan
    return row
