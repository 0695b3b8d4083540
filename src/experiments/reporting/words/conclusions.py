"""What a comparison says, in words: no winner is named where the seeds do not show one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from experiments.analysis.groups import (
    Group,
    distinct,
    labels,
    scopes,
    sets_the_task,
    show,
    superseded,
    varied,
)
from experiments.analysis.pairs import MOST_COMPARED, Pair, compare_pairs
from experiments.analysis.values import by_seed
from experiments.reporting.words.formatting import interval, listing, number, single, tenths
from experiments.reporting.words.limits import left_out
from experiments.runs.records import Record
from experiments.training.metrics import SELECTION, metric_named

if TYPE_CHECKING:
    from experiments.analysis.study import Entry, Part, Study


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


def unseparated(groups: Sequence[Group]) -> list[Group]:
    """Find the groups of one task that the seeds do not separate from the first.

    By the paired differences of the best validation loss, corrected for the number of pairs
    (see `experiments.analysis.pairs`); diverged runs count. A group of one run has no known
    spread; it cannot be told apart from another.
    """
    ranked = [group for group in groups if group.measured(SELECTION)]
    separated = {
        place
        for pair in _pairs(ranked)
        if pair.separated and "0" in (pair.first, pair.second)
        for place in map(int, (pair.first, pair.second))
    }
    return [group for place, group in enumerate(ranked) if place and place not in separated]


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
    ranked = [group for group in groups if group.measured(SELECTION)]
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
    claim = f"{name} has the lowest mean validation loss, {value}"
    better = [
        names[id(ranked[int(pair.first)])]
        for pair in _pairs(ranked)
        if pair.separated and pair.second == "0"
    ]
    if better:  # only where the first has runs that diverged, which its mean leaves out
        return f"{claim}; but counting those that diverged, {listing(better)} did better."
    shared = [names[id(group)] for group in unseparated(ranked)]
    if shared:
        return f"{claim}, but the seeds do not separate it from {listing(shared)}."
    return f"{claim}, and the seeds separate it from every other group."


def _pairs(ranked: Sequence[Group]) -> Sequence[Pair]:
    """Compare the groups of one task in pairs, each labelled by its place."""
    compared = by_seed(ranked[:MOST_COMPARED], SELECTION)
    return _compared(tuple(tuple(values.items()) for values in compared))


@lru_cache(maxsize=8)
def _compared(groups: tuple[tuple[tuple[int, float], ...], ...]) -> Sequence[Pair]:
    """Compare groups, given by seed, once for all that is said of them and wherever it is said."""
    values = {str(place): dict(group) for place, group in enumerate(groups)}
    return tuple(compare_pairs(values, metric=SELECTION))


def _value(group: Group) -> str:
    losses = group.measured(SELECTION)
    deviation = statistics.stdev(losses) if len(losses) > 1 else math.nan
    return single(statistics.fmean(losses), deviation)


def _how(groups: Sequence[Group]) -> str:
    counts = [len(group.seeds) for group in groups if group.finished]
    if not counts:
        return "There is nothing to average."
    low, high = min(counts), max(counts)
    seeds = f"{low}" if low == high else f"{low} to {high}"
    if high == 1:
        over = "One seed each, so no spread is known."
    else:
        over = (
            f"Mean ± standard deviation over {seeds} seeds. Separated at 5% by the differences "
            "seed by seed, with Holm's correction for all pairs."
        )
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
            f"† Diverged: {listing(diverged)}. They are left out of the means, which speak for "
            "the other runs only."
        )
    for status, word in (("failed", "Failed"), ("interrupted", "Interrupted")):
        found = [
            f"{group.count(status)} of {len(group.runs)} runs of {name}"
            for group, name in zip(groups, names, strict=True)
            if group.count(status)
        ]
        if found:
            said.append(f"{word}: {listing(found)}. They are left out of the means.")
    return said


def _limits(records: Sequence[Record], groups: Sequence[Group]) -> list[str]:
    said = []
    within = sorted({key for group in groups for key in varied(group.runs)})
    if within:
        said.append(
            f"Runs of one group differ in {listing(within)} too, so the spread is not that of "
            "seeds alone."
        )
    if any(len({group.seeds for group in part if group.finished}) > 1 for part in scopes(groups)):
        said.append("Not all groups have the same seeds, so some differences may be the seeds'.")
    said += left_out(records)
    others = len({record.uid for record in distinct(records)}) + len(superseded(records))
    repeats = len(records) - others
    if repeats:
        said.append(
            f"{repeats} {'run is a repeat' if repeats == 1 else 'runs are repeats'} of another "
            "and not counted again."
        )
    return said


# ---- a whole study


def conclude(part: Part) -> str:
    """Say what one part of a study found: who does best, how fast, and what tuning changed."""
    having = [entry for entry in part.entries if part.metric in entry.metrics]
    metric = metric_name(part.metric)
    if not having:
        return f"No run measured the {metric}, so there is nothing to compare."
    tuned = [entry for entry in having if entry.setting == "tuned"]
    focus = tuned if tuned and len(tuned) < len(having) else having
    words = [_who(part, focus, metric), *_how_fast(part, focus)]
    if focus is tuned:
        words += _what_tuning_did(part, having)
        words[0] = f"Tuned, {words[0]}"
    return " ".join(words)


def how(study: Study) -> str:
    """Say how the numbers of a study were made."""
    seeds = len(study.reporting_seeds)
    words = (
        f"Mean with 95% interval over {seeds} {'seed' if seeds == 1 else 'seeds'}, others mean ± "
        "standard deviation; IQM is the interquartile mean. Differences are taken seed by seed; "
        "their intervals, at the level of Holm's correction over all pairs, leave zero out where "
        "two groups are separated. Wins: on how many seeds the first does better. Seeds needed: "
        "to find such a difference with probability 80%."
    )
    if study.tuning_seeds:
        words += (
            f" Tuned on {len(study.tuning_seeds)} other seeds. All of it holds for the settings "
            "that were searched."
        )
    return words


def metric_name(metric: str) -> str:
    """Name a metric where its best is spoken of: `validation loss` for `best/val_loss`."""
    return metric_named(metric).long.removeprefix("best ")


def _base(entry: Entry) -> str:
    return entry.name.removesuffix(f" ({entry.setting})")


def _who(part: Part, entries: Sequence[Entry], metric: str) -> str:
    best = entries[0]
    value = interval(best.metrics[part.metric].mean)
    if len(entries) == 1:
        return f"{_base(best)} has {metric} {value}; there is no other group to compare it with."
    if len(best.metrics[part.metric].seeds) < 2:
        return (
            f"{_base(best)} has the best {metric}, "
            f"{number(best.metrics[part.metric].mean.value, 4)}, on one seed: another seed may "
            "order them differently."
        )
    pairs = {pair.second: pair for pair in part.pairs if pair.first == best.label}
    close = [one for one in entries[1:] if one.label in pairs and not pairs[one.label].separated]
    behind = [one for one in entries[1:] if one.label in pairs and pairs[one.label].separated]
    worse = listing([_base(one) for one in behind])
    if not close:
        return f"{_base(best)} has the best {metric}, {value}, separated from {worse}."
    names = listing([_base(one) for one in (best, *close)])
    text = f"{names} are not separated by {metric}"
    if len(close) == 1:
        pair = pairs[close[0].label]
        more = "" if pair.seeds_needed is None else f"; about {pair.seeds_needed} seeds would do it"
        text += f" (difference {interval(pair.adjusted)}{more})"
    if behind:
        text += f"; {_base(best)} does better than {worse}"
    return text + "."


def _how_fast(part: Part, entries: Sequence[Entry]) -> list[str]:
    """Say which of the best reach the target in fewer epochs than which of the rest."""
    if part.target is None:
        return []
    close = {
        pair.second for pair in part.pairs if pair.first == entries[0].label and not pair.separated
    }
    leaders = [one for one in entries if one is entries[0] or one.label in close]
    faster = {(pair.first, pair.second) for pair in part.time_pairs if pair.separated}
    slower = [
        one
        for one in entries
        if one not in leaders and all((best.label, one.label) in faster for best in leaders)
    ]
    if not slower:
        return []
    subject = {1: _base(leaders[0]) + " reaches", 2: "Both reach"}.get(len(leaders), "All reach")
    names = listing([_base(one) for one in slower])
    medians = f"median {_medians(leaders)} against {_medians(slower)}"
    return [f"{subject} {part.target.short} in fewer epochs than {names} ({medians})."]


def _medians(entries: Sequence[Entry]) -> str:
    """Write how many epochs several take: `never` where none ever gets there."""
    found = [entry.times["epoch"] for entry in entries]
    if not any(one.reached for one in found):
        return "never"
    middles = [one.median.value for one in found]
    low, high = tenths(min(middles)), tenths(max(middles))
    return low if low == high else f"{low} to {high}"


def _what_tuning_did(part: Part, entries: Sequence[Entry]) -> list[str]:
    defaults = {entry.optimizer: entry for entry in entries if entry.setting == "default"}
    verdicts = {frozenset((pair.first, pair.second)): pair for pair in part.pairs}
    found: dict[str, list[str]] = {"better": [], "close": [], "worse": [], "same": []}
    for entry in entries:
        default = defaults.get(entry.optimizer)
        if entry.setting != "tuned" or default is None:
            continue
        pair = verdicts.get(frozenset((entry.label, default.label)))
        if _identities(entry) == _identities(default):
            verdict = "same"
        elif pair is None or not pair.separated:
            verdict = "close"
        else:
            verdict = "better" if pair.first == entry.label else "worse"
        found[verdict].append(_base(entry))
    words = {
        "better": "Tuning improved on the defaults of {}.",
        "close": "Tuned and default settings are not separated for {}.",
        "worse": "The defaults of {} do better than what tuning chose.",
        "same": "Tuning chose the defaults of {}.",
    }
    return [
        text.format(listing(found[verdict])) for verdict, text in words.items() if found[verdict]
    ]


def _identities(entry: Entry) -> set[str]:
    return {run.identity for run in entry.group.runs}
