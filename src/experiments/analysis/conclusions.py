"""What a comparison says, in words: no winner is named where the seeds do not show one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from experiments.analysis.formatting import single
from experiments.analysis.groups import (
    Group,
    distinct,
    labels,
    scopes,
    sets_the_task,
    show,
    varied,
)
from experiments.records import Record

LOSS = "best/val_loss"


def headline(groups: Sequence[Group]) -> str:
    """Say which group does best on validation loss, and whether the seeds bear it out.

    Parameters
    ----------
    groups
        Ranked, as `group_runs` gives them. Each task (dataset and loss) has its own sentence.
    """
    parts = scopes(groups)
    if len(parts) == 1:
        return _sentence(parts[0])
    named = zip(scope_names(parts), parts, strict=True)
    return " ".join(f"On {name}: {_sentence(part)}" for name, part in named)


def overlapping(groups: Sequence[Group]) -> list[Group]:
    """Find the groups whose spread of validation loss overlaps that of the first.

    The spread is one sample standard deviation to either side of the mean. A group of one
    run has no known spread; it cannot be told apart from another.
    """
    ranked = [group for group in groups if group.measured(LOSS)]
    if not ranked:
        return []
    first_high = _spread(ranked[0])[1]
    return [group for group in ranked[1:] if _spread(group)[0] <= first_high]


def remarks(records: Sequence[Record], groups: Sequence[Group]) -> list[str]:
    """Say how the numbers were made, and what limits them.

    Parameters
    ----------
    records
        All that was given, repeats too.
    groups
        Those of `group_runs` on the same records.
    """
    return [_how(groups), *_left_out(groups), *_limits(records, groups)]


def scope_names(parts: Sequence[Sequence[Group]]) -> list[str]:
    """Name the tasks that `scopes` gives: `digits`, or `digits, mse` where losses differ too."""
    keys = [key for key in parts[0][0].by if sets_the_task(key)]
    if len({_named(part[0], ["dataset"]) for part in parts}) == len(parts):
        keys = ["dataset"]
    return [_named(part[0], keys) for part in parts]


def _named(group: Group, keys: Sequence[str]) -> str:
    return ", ".join(
        show(value) if "." not in key else f"{key}={show(value)}"
        for key, value in zip(group.by, group.values, strict=True)
        if key in keys
    )


def _sentence(groups: Sequence[Group]) -> str:
    names = dict(zip(map(id, groups), labels(groups), strict=True))
    ranked = [group for group in groups if group.measured(LOSS)]
    if not ranked:
        return "No run finished with a validation loss, so there is nothing to compare."
    best = ranked[0]
    name, value = names[id(best)], _value(best)
    if best.count("diverged"):
        name += f" ({best.count('diverged')} of its {len(best.runs)} runs diverged)"
    if len(groups) == 1:
        return f"{name}: best validation loss {value}. There is no other group to compare it with."
    if len(ranked) == 1:
        return f"Only {name} has finished runs: best validation loss {value}."
    shared = [names[id(group)] for group in overlapping(groups)]
    if all(len(group.seeds) < 2 for group in ranked):
        return (
            f"{name} has the lowest validation loss, {value}, on one seed: "
            "another seed may order them differently."
        )
    if len(best.seeds) < 2:
        return (
            f"{name} has the lowest validation loss, {value}, but from one seed only: "
            "its spread is not known, so it is not separated from the others."
        )
    if shared:
        return (
            f"{name} has the lowest mean validation loss, {value}, but the spread of its seeds "
            f"overlaps that of {_listing(shared)}: these runs do not separate them."
        )
    return (
        f"{name} has the lowest validation loss, {value}; the spread of its seeds "
        f"overlaps that of no other group."
    )


def _value(group: Group) -> str:
    losses = group.measured(LOSS)
    deviation = statistics.stdev(losses) if len(losses) > 1 else math.nan
    return single(statistics.fmean(losses), deviation)


def _spread(group: Group) -> tuple[float, float]:
    losses = group.measured(LOSS)
    mean = statistics.fmean(losses)
    if len(losses) < 2:
        return -math.inf, math.inf
    deviation = statistics.stdev(losses)
    return mean - deviation, mean + deviation


def _how(groups: Sequence[Group]) -> str:
    counts = [len(group.seeds) for group in groups if group.finished]
    if not counts:
        return "There is nothing to average."
    low, high = min(counts), max(counts)
    seeds = f"{low}" if low == high else f"{low} to {high}"
    if high == 1:
        over = "One seed each, so no spread is known."
    else:
        over = f"Mean ± standard deviation over {seeds} seeds."
    return f"{over} Test is read at the best validation epoch. Epochs and times are medians."


def _left_out(groups: Sequence[Group]) -> list[str]:
    said = []
    names = labels(groups)
    diverged = [
        f"{group.count('diverged')} of {len(group.runs)} runs of {name}"
        for group, name in zip(groups, names, strict=True)
        if group.count("diverged")
    ]
    if diverged:
        said.append(
            f"† Diverged: {_listing(diverged)}. They are left out of the means, which speak for "
            "the other runs only."
        )
    for status, word in (("failed", "Failed"), ("interrupted", "Interrupted")):
        found = [
            f"{group.count(status)} of {len(group.runs)} runs of {name}"
            for group, name in zip(groups, names, strict=True)
            if group.count(status)
        ]
        if found:
            said.append(f"{word}: {_listing(found)}. They are left out of the means.")
    return said


def _limits(records: Sequence[Record], groups: Sequence[Group]) -> list[str]:
    said = []
    within = sorted({key for group in groups for key in varied(group.runs)})
    if within:
        said.append(
            f"Runs of one group differ in {_listing(within)} too, so the spread is not that of "
            "seeds alone."
        )
    if any(len({group.seeds for group in part if group.finished}) > 1 for part in scopes(groups)):
        said.append("Not all groups have the same seeds, so some differences may be the seeds'.")
    repeats = len(records) - len(distinct(records))
    if repeats:
        said.append(
            f"{repeats} {'run is a repeat' if repeats == 1 else 'runs are repeats'} of another "
            "and not counted again."
        )
    return said


def _listing(words: Sequence[str]) -> str:
    if len(words) > 6:
        words = [*words[:5], f"{len(words) - 5} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
