"""Convert records to pandas tables: runs, learning curves, and comparisons of groups."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import varied
from experiments.analysis.study import Study
from experiments.reporting.tables.rows import narrow_rows
from experiments.reporting.words.budgets import verdict_at
from experiments.reporting.words.conclusions import conclusions
from experiments.reporting.words.limits import warnings_of
from experiments.runs.record import Record

__all__ = [
    "comparison",
    "curves_table",
    "pairs_table",
    "runs_table",
    "study_json",
    "study_table",
    "varied",
]


def runs_table(records: Iterable[Record]) -> pd.DataFrame:
    """Tabulate runs.

    Returns
    -------
    pandas.DataFrame
        One row per run, in the given order. The columns are `name`, `status`, `seed`, the choices
        (`optimizer`), the settings by dotted name (`optimizer.lr`) and the summary
        (`best/val_loss`). A cell is empty if the run does not have the setting or metric. Names
        that occur more than once are numbered.
    """
    runs = list(records)
    rows = []
    for name, run in zip(_unique_names(runs), runs, strict=True):
        rows.append(
            {
                **{key: value for key, value in run.flat_config().items() if key != "seed"},
                **run.choices,
                **run.summary,
                "name": name,
                "status": str(run.status),
                "seed": run.seed,
            }
        )
    columns = dict.fromkeys(["name", "status", "seed"])
    for part in ("choices", "flat_config", "summary"):
        for run in runs:
            found = run.flat_config() if part == "flat_config" else getattr(run, part)
            columns.update(dict.fromkeys(found))
    return pd.DataFrame(rows, columns=list(columns))


def curves_table(records: Iterable[Record]) -> pd.DataFrame:
    """Tabulate learning curves in long form.

    Returns
    -------
    pandas.DataFrame
        One row per measurement, with the columns `run` (the `name` of `runs_table`), `epoch` (0
        is before training), `metric` and `value`. Missing measurements have no row, but a
        measured NaN has one.
    """
    runs = list(records)
    parts: list[tuple[str, int, str, float]] = []
    for name, run in zip(_unique_names(runs), runs, strict=True):
        columns = run.measurements()
        epochs = columns.pop("epoch", [])
        for metric, values in columns.items():
            parts += [
                (name, int(epoch), metric, value)
                for epoch, value in zip(epochs, values, strict=True)
                if epoch is not None and value is not None
            ]
    table = pd.DataFrame(parts, columns=["run", "epoch", "metric", "value"])
    return table.astype({"run": "str", "epoch": "int64", "metric": "str", "value": "float64"})


def comparison(records: Iterable[Record], by: Sequence[str] | None = None) -> pd.DataFrame:
    """Compare groups of runs over their seeds: the narrow view of a study.

    Parameters
    ----------
    records : iterable of Record
        Runs of any status. Repeats of a run (see `distinct`) count once.
    by : sequence of str, optional
        Grouping keys; by default `optimizer` and everything that was varied (see `varied`). A
        dataset or loss that varies is always added.

    Returns
    -------
    pandas.DataFrame
        One row per group, indexed by the grouping keys and sorted by task, then by the mean of
        the best validation loss. The columns are the number of `runs`, and of these `finished`,
        `diverged`, `failed` and `interrupted`; the number of `seeds` of the runs that count; for
        each metric `<metric> mean`, `<metric> sd` (ddof=1, blank for one seed), `<metric> best`
        and `<metric> n`, the number of seeds behind these; `best/epoch median` and
        `time/us_per_step median` (microseconds).

        A diverged run counts with the metrics of its untrained network, except in medians.
        Failed and interrupted runs appear only in the counts.

    Raises
    ------
    ConfigError
        If there are no records, or no run has one of the keys.
    """
    study = analyse(records, by=by)
    groups = [entry.group for part in study.parts for entry in part.entries]
    index: pd.Index = (
        pd.Index([group.values[0] for group in groups], name=groups[0].by[0], dtype=object)
        if len(groups[0].by) == 1
        else pd.MultiIndex.from_tuples([group.values for group in groups], names=groups[0].by)
    )
    return pd.DataFrame(narrow_rows(study), index=index)


def study_table(study: Study) -> pd.DataFrame:
    """Tabulate the groups of a study, unrounded.

    Returns
    -------
    pandas.DataFrame
        One row per group and part, in the order of the study. The columns are `part`, `group`,
        `optimizer`, `setting`, `seeds`, `runs`, `finished`, and the number of runs that went
        wrong, by kind; for each metric `<metric> mean`, `mean low`, `mean high`, `sd`, `iqm`,
        `iqm low`, `iqm high`, `median` and `best`, with 95% intervals; `target`, and for each unit
        `<unit> to target` (median), `low`, `high` and `reached`.
    """
    rows: list[dict[str, object]] = []
    for part in study.parts:
        for entry in part.entries:
            wrong = entry.divergences
            row: dict[str, object] = {
                "part": part.name,
                "group": entry.label,
                "optimizer": entry.optimizer,
                "setting": entry.setting,
                "seeds": len(entry.seeds),
                "runs": len(entry.group.runs),
                "finished": len(entry.group.finished),
                "not finite": wrong.non_finite,
                "worse than at the start": wrong.worse_than_start,
                "at chance level": wrong.at_chance,
            }
            for metric, found in entry.metrics.items():
                row[f"{metric} mean"] = found.mean.value
                row[f"{metric} mean low"] = found.mean.low
                row[f"{metric} mean high"] = found.mean.high
                row[f"{metric} sd"] = found.sd
                row[f"{metric} iqm"] = found.iqm.value
                row[f"{metric} iqm low"] = found.iqm.low
                row[f"{metric} iqm high"] = found.iqm.high
                row[f"{metric} median"] = found.median.value
                row[f"{metric} best"] = found.best
            if part.target is not None:
                row["target"] = part.target.value
            for unit, times in entry.times.items():
                row[f"{unit} to target"] = times.median.value
                row[f"{unit} to target low"] = times.median.low
                row[f"{unit} to target high"] = times.median.high
                row[f"{unit} to target reached"] = times.reached
            rows.append(row)
    return pd.DataFrame(rows)


def study_json(study: Study) -> str:
    """Write a study as JSON: conclusions, warnings, and tables of groups, pairs and budgets.

    Numbers that are not finite, such as the ends of an unbounded interval, are null.
    """
    tables = {
        "groups": study_table(study),
        "pairs": pairs_table(study),
        "budgets": budgets_table(study),
    }
    contents = {
        "metrics": study.metrics,
        "conclusions": conclusions(study),
        "warnings": warnings_of(study),
        **{
            name: json.loads(table.to_json(orient="records", double_precision=15))
            for name, table in tables.items()
        },
    }
    return json.dumps(contents, indent=1, ensure_ascii=False) + "\n"


def budgets_table(study: Study) -> pd.DataFrame:
    """Tabulate what a tuned comparison would have shown with fewer trials, unrounded.

    Returns
    -------
    pandas.DataFrame
        One row per part, number of trials and optimizer: the `expected` result with its interval,
        and the `verdict` at this number of trials in words.
    """
    rows = [
        {
            "part": part.name,
            "trials": budget.trials,
            "optimizer": optimizer,
            "metric": part.metric,
            "expected": estimate.value,
            "expected low": estimate.low,
            "expected high": estimate.high,
            "verdict": verdict_at(budget),
        }
        for part in study.parts
        for budget in part.budgets
        for optimizer, estimate in budget.expected.items()
    ]
    return pd.DataFrame(rows)


def pairs_table(study: Study) -> pd.DataFrame:
    """Tabulate the pairwise comparisons of a study, unrounded.

    Returns
    -------
    pandas.DataFrame
        One row per pair. The columns are `part` and the attributes of
        `experiments.analysis.pairs.Pair`, with the ends of each interval: `difference low` and
        `high` without correction, at 95%; `adjusted low` and `high` at `adjusted level`.
    """
    rows = [
        {
            "part": part.name,
            "first": pair.first,
            "second": pair.second,
            "metric": pair.metric,
            "seeds": len(pair.seeds),
            "paired": pair.paired,
            "difference": pair.difference.value,
            "difference low": pair.difference.low,
            "difference high": pair.difference.high,
            "adjusted low": pair.adjusted.low,
            "adjusted high": pair.adjusted.high,
            "adjusted level": pair.adjusted.level,
            "p": pair.p_value,
            "p (Holm)": pair.adjusted_p,
            "separated": pair.separated,
            "margin": pair.margin,
            "p of equivalence (Holm)": None if pair.margin is None else pair.equivalence_p,
            "verdict": pair.verdict.value,
            "improvement": pair.improvement.value,
            "improvement low": pair.improvement.low,
            "improvement high": pair.improvement.high,
            "seeds needed": pair.seeds_needed,
        }
        for part in study.parts
        for pair in (*part.pairs, *part.time_pairs)
    ]
    return pd.DataFrame(rows)


def _unique_names(runs: Sequence[Record]) -> list[str]:
    """Distinguish runs of the same name by numbers: `adam-seed0`, `adam-seed0 (2)`."""
    seen: Counter[str] = Counter()
    names = []
    for run in runs:
        seen[run.name] += 1
        names.append(run.name if seen[run.name] == 1 else f"{run.name} ({seen[run.name]})")
    return names
