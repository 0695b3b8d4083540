"""Put the results of a comparison into words. A winner is named only if the seeds show one."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.study import Entry, Part, Study
from experiments.reporting.words.formatting import interval, listing, number, span, tenths
from experiments.reporting.words.reported import runs_of, where_test_is_measured
from experiments.reporting.words.targets import short_target
from experiments.training.metrics import metric_named


def conclusions(study: Study) -> list[str]:
    """Write the conclusions of a study, one paragraph per part."""
    if len(study.parts) == 1:
        return [conclude(study.parts[0])]
    return [f"On {part.name}: {conclude(part)}" for part in study.parts]


def conclude(part: Part) -> str:
    """Write the conclusion of one part: the best groups, their speed, and the effect of tuning."""
    having = [entry for entry in part.entries if part.metric in entry.metrics]
    metric = metric_name(part.metric)
    if not having:
        return f"No run measured the {metric}, so there is nothing to compare."
    tuned = [entry for entry in having if entry.setting == "tuned"]
    focus = tuned if tuned and len(tuned) < len(having) else having
    words = [_who(part, focus, metric), *_how_fast(part, focus)]
    if focus is tuned:
        words += _what_tuning_did(part, having)
        words[0] = f"With tuned settings, {words[0]}"
    return " ".join(words)


def how(study: Study) -> str:
    """Explain how the numbers of a study were computed."""
    seeds = len(study.reporting_seeds)
    words = (
        f"Mean with 95% interval over {seeds} {'seed' if seeds == 1 else 'seeds'}; other metrics "
        "are mean ± standard deviation. IQM is the interquartile mean. Differences are paired by "
        "seed; their intervals, corrected for all pairs by Holm's method, exclude zero if two "
        "groups are separated. Wins: the share of seeds on which the first group does better. "
        "Seeds needed: the number that would detect this difference with a power of 80%."
    )
    if study.tuning_seeds:
        words += (
            f" Settings were tuned on {len(study.tuning_seeds)} other seeds. The results hold "
            "only for the settings that were searched."
        )
    return words


def how_briefly(study: Study) -> str:
    """Explain how the numbers in a study's narrow view were computed."""
    counts = [len(entry.seeds) for part in study.parts for entry in part.entries if entry.seeds]
    if not counts:
        return "No run was completed, so there is nothing to average."
    over = (
        "With one seed each, the spread is unknown."
        if max(counts) == 1
        else (
            f"Mean ± standard deviation over {span(counts)} seeds; the 95% interval of the mean is "
            "in brackets. Groups are separated at the 5% level by differences paired by seed, "
            "with Holm's correction for all pairs."
        )
    )
    return f"{over} {where_test_is_measured(runs_of(study))} Epochs and times are medians."


def metric_name(metric: str) -> str:
    """Name a metric in a sentence, without "best": `validation loss` for `best/val_loss`."""
    return metric_named(metric).long.removeprefix("best ")


def _base(entry: Entry) -> str:
    return entry.name.removesuffix(f" ({entry.setting})")


def _who(part: Part, entries: Sequence[Entry], metric: str) -> str:
    best = entries[0]
    value = interval(best.metrics[part.metric].mean)
    if len(entries) == 1:
        return f"{_base(best)} has {metric} {value} and is the only group."
    if len(best.metrics[part.metric].seeds) < 2:
        return (
            f"{_base(best)} has the best {metric}, "
            f"{number(best.metrics[part.metric].mean.value, 4)}, on one seed; another seed may "
            "give a different order."
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
        more = "" if pair.seeds_needed is None else f"; it takes about {pair.seeds_needed} seeds"
        text += f" (difference {interval(pair.adjusted)}{more})"
    if behind:
        text += f"; {_base(best)} does better than {worse}"
    return text + "."


def _how_fast(part: Part, entries: Sequence[Entry]) -> list[str]:
    """Write which groups reach the target in more epochs than all of the best ones, if any."""
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
    return [f"{subject} {short_target(part.target)} in fewer epochs than {names} ({medians})."]


def _medians(entries: Sequence[Entry]) -> str:
    """Format the median epochs of several groups: `never` if none reaches the target."""
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
        "worse": "The defaults of {} do better than the tuned settings.",
        "same": "Tuning chose the defaults of {}.",
    }
    return [
        text.format(listing(found[verdict])) for verdict, text in words.items() if found[verdict]
    ]


def _identities(entry: Entry) -> set[str]:
    return {run.identity for run in entry.group.runs}
