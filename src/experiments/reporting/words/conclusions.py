"""Put the results of a comparison into words. A winner is named only if the seeds show one."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.pairs import Pair
from experiments.analysis.robustness import AS_CONFIGURED
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.study import Entry, Part, Study
from experiments.reporting.words.formatting import (
    compact,
    counts,
    in_unit,
    interval,
    listing,
)
from experiments.reporting.words.limits import ENOUGH_SEEDS
from experiments.reporting.words.robustness import about_robustness
from experiments.reporting.words.targets import COUNTED, short_target
from experiments.training.metrics import metric_named
from experiments.training.status import Status


def conclusions(study: Study) -> list[str]:
    """Write the conclusions of a study, one paragraph per part."""
    if len(study.parts) == 1:
        return [conclude(study.parts[0])]
    return [
        *about_robustness(study),
        *(f"{_on(part.name)}: {conclude(part)}" for part in study.parts),
    ]


def _on(name: str) -> str:
    """Name a part at the start of a sentence: a dataset, or what was varied."""
    if name == AS_CONFIGURED:
        return name.capitalize()
    return f"With {name}" if "=" in name else f"On {name}"


def conclude(part: Part) -> str:
    """Write the conclusion of one part.

    It says which groups are best, and at once what speaks against that: runs of theirs that did not
    end well, an order that validation does not confirm, and rows too few to tell the difference.
    Then follow their speed and the effect of tuning.
    """
    having = [entry for entry in part.entries if part.metric in entry.metrics]
    focus = part.focus
    metric = part.metric_words
    if not having:
        return f"No run measured the {metric}, so there is nothing to compare."
    leaders = _leaders(part, focus)
    words = [
        _who(part, focus, metric),
        *_what_went_wrong(leaders),
        *_seeds_far_off(part, leaders),
        *_too_few_rows(part, focus),
        *_what_validation_says(part, focus),
        *_how_fast(part, focus),
    ]
    if len(focus) < len(having):
        words += _what_tuning_did(part, having)
        words[0] = f"With tuned settings, {words[0]}"
    return " ".join(words)


def how(study: Study, *, in_full: bool = True) -> list[str]:
    """Explain how the conclusions of a study were reached.

    Parameters
    ----------
    study : Study
        The result of `analyse`.
    in_full : bool, default True
        Whether the tables of the pairs, whose columns explain them, are shown, too.
    """
    entries = [entry for part in study.parts for entry in part.entries]
    if not any(entry.seeds for entry in entries):
        return ["No run was completed, so there is nothing to average."]
    words = []
    if not in_full and any("[" in text for text in conclusions(study)):
        words.append(
            "Brackets hold 95% intervals; those of differences are corrected for all pairs."
        )
    if not in_full and any(pair.can_separate for part in study.parts for pair in part.pairs):
        words.append(
            "Groups are separated at the 5% level by differences paired by "
            f"{'study' if _studies(study) else 'seed'}, with Holm's correction for all pairs."
        )
    if study.tuning_seeds:
        words.append(
            f"Settings were tuned on {len(study.tuning_seeds)} other seeds{_in_studies(study)}. "
            "The results hold only for the settings that were searched."
        )
    return words


def _studies(study: Study) -> int:
    return max(part.studies for part in study.parts)


def _in_studies(study: Study) -> str:
    """Say that the tuning was repeated, if it was."""
    count = _studies(study)
    return f", in {count} studies whose means are compared" if count else ""


def _who(part: Part, entries: Sequence[Entry], metric: str) -> str:
    best = entries[0]
    value = _with_unit(part.metric, best.metrics[part.metric].mean)
    if len(entries) == 1:
        return f"{best.base} has {metric} {value} and is the only group."
    pairs = part.pairs_of(best.label)
    rivals = [(one, pairs[one.label]) for one in entries[1:] if one.label in pairs]
    close = [one for one, pair in rivals if pair.can_separate and not pair.settled]
    behind = [one for one, pair in rivals if pair.better == best.label]
    ahead = [one for one, pair in rivals if pair.better == one.label]
    alike = [one for one, pair in rivals if pair.equivalent]
    unknown = [one for one, pair in rivals if not pair.can_separate]
    if len(best.metrics[part.metric].seeds) < 2:
        return (
            f"{best.base} has the best {metric}, {value}, on one seed. Nothing can be said about "
            f"others: give every group the same seeds, {ENOUGH_SEEDS}."
        )
    worse = listing([one.base for one in behind])
    if close:
        names = listing([one.base for one in (best, *close)])
        text = f"{names} are not separated by {metric}"
        if len(close) == 1:
            pair = pairs[close[0].label]
            text += f" (difference {_with_unit(part.metric, pair.adjusted)}{_more(part, pair)})"
        if behind:
            text += f"; {best.base} does better than {worse}"
    else:
        text = f"{best.base} has the best {metric}, {value}"
        if behind:
            text += f", separated from {worse}"
    if alike:
        text += (
            f"; {listing([one.base for one in alike])} {'is' if len(alike) == 1 else 'are'} "
            f"equivalent to {best.base}, with differences surely below {compact(part.margin or 0)}"
        )
    if ahead:
        text += (
            f"; on the seeds that both have, {listing([one.base for one in ahead])} "
            f"{'does' if len(ahead) == 1 else 'do'} better than {best.base}"
        )
    if unknown:
        text += (
            f". Nothing can be said about {listing([one.base for one in unknown])} with so few "
            f"seeds: give every group the same, {ENOUGH_SEEDS}"
        )
    return text + "."


def _more(part: Part, pair: Pair) -> str:
    needed = pair.seeds_needed
    if needed is None:
        return ""
    outcome = "separate them" if pair.margin is None else "settle it"
    more = f" ({needed - len(pair.seeds)} more)" if needed > len(pair.seeds) > 0 else ""
    return f"; about {needed} {part.units}{more} would probably {outcome}"


def _with_unit(metric: str, estimate: Estimate) -> str:
    """Format a value of a metric, a time with its unit."""
    label, (found,) = in_unit(metric, [estimate])
    unit, per, _ = label.partition("/")
    return f"{interval(found)} {unit}" if per else interval(found)


def _leaders(part: Part, entries: Sequence[Entry]) -> list[Entry]:
    """Return the best group and those that are not separated from it."""
    best = entries[0].label
    close = {
        label
        for label, pair in part.pairs_of(best).items()
        if pair.can_separate and pair.better != best
    }
    return [one for one in entries if one is entries[0] or one.label in close]


def _what_went_wrong(leaders: Sequence[Entry]) -> list[str]:
    """Write how many runs of the best groups did not end well, by what happened to them."""
    ways: dict[tuple[str, str], list[tuple[Entry, int]]] = {}
    for entry in leaders:
        found = entry.divergences
        for count, one, many in (
            (found.non_finite, "diverged", "diverged"),
            (found.worse_than_start, "ended worse than it began", "ended worse than they began"),
            (found.at_chance, "is no better than guessing", "are no better than guessing"),
            (entry.group.count(Status.FAILED), "failed", "failed"),
            (entry.group.count(Status.INTERRUPTED), "was interrupted", "were interrupted"),
        ):
            if count:
                ways.setdefault((one, many), []).append((entry, count))
    said = []
    for (one, many), counted in ways.items():
        runs = [f"{count} of {len(e.group.runs)} runs of {e.base}" for e, count in counted]
        said.append(f"{listing(runs)} {one if [count for _, count in counted] == [1] else many}.")
    return said


def _seeds_far_off(part: Part, leaders: Sequence[Entry]) -> list[str]:
    """Write whose means are not separated from the best one because of single seeds."""
    names = {entry.label: entry.base for entry in leaders[1:]}
    pairs = part.pairs_of(leaders[0].label)
    found = [names[label] for label, pair in pairs.items() if label in names and pair.far_off]
    if not found:
        return []
    differences, say = (
        ("difference", "its mean says") if len(found) == 1 else ("differences", "their means say")
    )
    text = (
        f"Single seeds far off decide the {differences} from {listing(found)}, so that {say} "
        "little: compare the interquartile means."
    )
    return [text]


def _too_few_rows(part: Part, entries: Sequence[Entry]) -> list[str]:
    """Write which separated groups the rows of the part do not tell from the best one."""
    found = part.few_rows
    if found is None:
        return []
    names = {entry.label: entry.base for entry in entries}
    untold = [names[pair.second] for pair in found.pairs]
    difference = abs(found.pairs[0].difference.value)
    gap, error = (compact(size, 2) for size in (difference, found.error))
    text = (
        f"But {found.rows} {found.part} rows are too few to tell {entries[0].base} from "
        f"{listing(untold)} on other data: the difference from {untold[0]}, {gap}, has a standard "
        f"error of {error} over the rows."
    )
    return [text]


def _what_validation_says(part: Part, entries: Sequence[Entry]) -> list[str]:
    """Write where validation orders the groups in another way."""
    found = part.disagreement
    if found is None:
        return []
    among = {entry.label: entry.base for entry in entries}
    separated = sum(
        pair.separated and pair.first in among and pair.second in among for pair in part.pairs
    )
    words = []
    if found.first != entries[0].label:
        words.append(f"{among[found.first]} has the best {metric_named(found.metric).long}")
    if found.reversed:
        count = len(found.reversed)
        verb = "is" if count == 1 else "are"
        words.append(f"{count} of {separated} separated pairs {verb} the other way round")
    return [f"Validation disagrees about the order: {', and '.join(words)}."]


def _how_fast(part: Part, entries: Sequence[Entry]) -> list[str]:
    """Write which groups reach the target later than all of the best ones, if any."""
    if part.target is None:
        return []
    leaders = _leaders(part, entries)
    faster = {(pair.first, pair.second) for pair in part.time_pairs if pair.separated}
    slower = [
        one
        for one in entries
        if one not in leaders and all((best.label, one.label) in faster for best in leaders)
    ]
    if not slower:
        return []
    subject = {1: leaders[0].base + " reaches", 2: "Both reach"}.get(len(leaders), "All reach")
    names = listing([one.base for one in slower])
    medians = " against ".join(_medians(entries, part.clock) for entries in (leaders, slower))
    counted = f"in fewer {COUNTED[part.clock]} than {names} (median {medians})"
    return [f"{subject} {short_target(part.target)} {counted}."]


def _medians(entries: Sequence[Entry], clock: str) -> str:
    """Format the median times of several groups: `9`, `8 to 12`, or `12 to never`."""
    middles = [entry.times[clock].median.value for entry in entries]
    low, high = counts([min(middles), max(middles)])
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
            effect = "same"
        elif pair is None or not pair.can_separate:
            continue
        elif not pair.first_is_better:
            effect = "close"
        else:
            effect = "better" if pair.better == entry.label else "worse"
        found[effect].append(entry.base)
    words = {
        "better": "Tuning improved on the defaults of {}.",
        "close": "Tuned and default settings are not separated for {}.",
        "worse": "The defaults of {} do better than the tuned settings.",
        "same": "Tuning chose the defaults of {}.",
    }
    return [text.format(listing(found[effect])) for effect, text in words.items() if found[effect]]


def _identities(entry: Entry) -> set[str]:
    return {run.identity for run in entry.group.runs}
