"""Tabulate the groups of a study as plain numbers, one row per group, without pandas."""

from __future__ import annotations

import csv
import io
import math
from typing import Final

from experiments.analysis.study import Entry, Study
from experiments.files.csv import Quoting, with_quotes
from experiments.training.metrics import main_metrics
from experiments.training.status import Status

Row = dict[str, float]

_ALWAYS: Final = ("best/val_loss", "test/loss")
_BY_MEDIAN: Final = ("best/epoch", "time/us_per_step")


def narrow_rows(study: Study) -> list[Row]:
    """Summarize every group of a study over its seeds.

    Returns
    -------
    list of dict
        One dict per group, with the columns of `experiments.reporting.tables.frames.comparison`;
        NaN where nothing was measured.
    """
    entries = [entry for part in study.parts for entry in part.entries]
    measured = {metric for entry in entries for metric in entry.metrics}
    metrics = list(dict.fromkeys([*study.metrics, *main_metrics({*measured, *_ALWAYS})]))
    return [_row(entry, metrics) for entry in entries]


def narrow_csv(study: Study) -> str:
    """Write `narrow_rows` as CSV, unrounded, after the values of the grouping keys."""
    rows = narrow_rows(study)
    groups = [entry.group for part in study.parts for entry in part.entries]

    def write(quoting: Quoting) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=quoting)
        writer.writerow([*groups[0].by, *rows[0]])
        for group, row in zip(groups, rows, strict=True):
            writer.writerow([*group.values, *("" if math.isnan(v) else v for v in row.values())])
        return text.getvalue()

    return with_quotes(write)


def _row(entry: Entry, metrics: list[str]) -> Row:
    group = entry.group
    row: Row = {
        "runs": len(group.runs),
        "seeds": len(entry.seeds),
        "finished": len(group.finished),
        "diverged": group.count(Status.DIVERGED),
        "failed": group.count(Status.FAILED),
        "interrupted": group.count(Status.INTERRUPTED),
    }
    for metric in metrics:
        sample = entry.metrics.get(metric)
        row[f"{metric} mean"] = math.nan if sample is None else sample.mean.value
        row[f"{metric} sd"] = math.nan if sample is None else sample.sd
        row[f"{metric} best"] = math.nan if sample is None else sample.best
        row[f"{metric} n"] = 0 if sample is None else len(sample.values)
    for metric in _BY_MEDIAN:
        sample = entry.metrics.get(metric)
        row[f"{metric} median"] = math.nan if sample is None else sample.median.value
    return row
