"""Put the methods of a study into words: the rules of comparison as it followed them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from experiments.analysis.groups import SPLIT
from experiments.analysis.study import Study
from experiments.analysis.targets import Target
from experiments.analysis.tuning import is_tuning, selection_of
from experiments.reporting.words import notes
from experiments.reporting.words.formatting import listing, number, span
from experiments.reporting.words.reported import about_test
from experiments.reporting.words.targets import target_source
from experiments.training.metrics import HEADLINE, metric_named

_SEARCHES: Final = {
    "grid": "from its own grid",
    "random": "drawn at random from its own ranges",
    "sobol": "from its own ranges, spread by a Sobol' sequence",
    "halton": "from its own ranges, spread by a Halton sequence",
}


def protocol_of(study: Study) -> list[str]:
    """Describe the methods of a study, in sentences for the report."""
    return [*_splits(study), *_tuning(study), *_seeds(study), *_statistics(study)]


def _splits(study: Study) -> Iterator[str]:
    for part in study.parts:
        rows = next((run.dataset["rows"] for run in part.records if "rows" in run.dataset), None)
        if rows:
            parts = {"train": "training"}
            counts = listing([f"{n} for {parts.get(name, name)}" for name, n in rows.items()])
            how = "split with the dataset's seed"
            if len({run.settings.get(SPLIT) for run in part.records}) > 1:
                how = (
                    "each seed with a separate split, the same for all groups; as the training "
                    "rows of different seeds overlap, the variance of means is corrected (Nadeau "
                    "and Bengio 2003)"
                )
            yield f"Rows of {part.name}: {counts}, {how}."
    rules = {run.report for part in study.parts for run in part.records if not is_tuning(run)}
    if rules <= {"best_loss"}:
        yield (
            "Tuning, early stopping and the choice of the checkpoint use the validation data only. "
            "The test data are used once, at the best validation epoch."
        )
    else:
        entries = [entry for part in study.parts for entry in part.entries]
        yield from dict.fromkeys(
            text
            for metric in ("test/loss", "test_peak/loss")
            if any(metric in entry.metrics for entry in entries)
            for text in about_test(metric, entries)
        )


def _tuning(study: Study) -> Iterator[str]:
    tuned = [one for part in study.parts for one in part.tuning]
    if not tuned:
        yield "No settings were tuned on separate seeds; they were used as given."
        return
    budgets = sorted({one.trials for one in tuned})
    labels = [r.labels for part in study.parts for r in part.records if is_tuning(r)]
    search = labels[0].get("search", "grid")
    metric, aggregate = selection_of(
        [r for part in study.parts for r in part.records if is_tuning(r)]
    )
    yield (
        f"Every optimizer was tuned with {span(budgets)} settings {_SEARCHES[search]} on "
        f"{_count(study.tuning_seeds, 'seed')} ({_seeds_listed(study.tuning_seeds)}). The setting "
        f"with the best {aggregate} of the {metric_named(metric).long} was chosen; a "
        "diverged run counts as infinite. Conclusions hold for the settings searched; a different "
        "search may give a different order."
    )
    studies = max(part.studies for part in study.parts)
    if studies:
        moved = ", grids shifted by parts of a step" if search == "grid" else ""
        yield (
            f"The whole tuning was repeated in {studies} studies on other seeds and settings"
            f"{moved}, and the winners of each study were reported on separate seeds (Dahl et "
            "al. 2023). Means, intervals and verdicts are over the means of studies."
        )
    widened = max(int(label.get("widening", "0")) for label in labels)
    if widened:
        yield (
            "The best value of an optimizer was at the edge of its grid, so all grids were "
            f"extended there by one step, {_times(widened)}."
        )


def _seeds(study: Study) -> Iterator[str]:
    seeds = study.reporting_seeds
    apart = study.tuning_seeds and not set(seeds) & set(study.tuning_seeds)
    yield (
        f"Reported on {_count(seeds, 'seed')} ({_seeds_listed(seeds)})"
        f"{', none of which was used for tuning' if apart else ''}. For each seed, all optimizers "
        "start from the same weights and see the same batches, so differences are paired."
    )
    for part in study.parts:
        if part.target:
            aim = f"Target on {part.name}: {_target(part.target)}, {target_source(part.target)}."
            yield f"{aim} A run that misses it counts as slower than any that reaches it."


def _statistics(study: Study) -> Iterator[str]:
    units = study.parts[0].units
    named = listing(list(dict.fromkeys(part.metric_words for part in study.parts)))
    fair = ", by which nothing was chosen" if study.metrics == (HEADLINE,) else ""
    yield (
        f"Groups are ranked and separated by the {named}{fair}. A run whose loss was not finite "
        "counts with the values of its untrained network; runs that failed or were interrupted are "
        "left out."
    )
    yield (
        "Intervals have a level of 95%. Two groups are separated if the studentized interval of "
        f"their mean difference over the {units}, corrected for all pairs by Holm's method, does "
        "not cover 0. Not separated does not mean equal."
    )
    looks = max(part.looks for part in study.parts)
    if looks > 1:
        yield (
            "Seeds were added until the verdicts on tuned settings were settled, in at most "
            f"{looks} looks, fixed beforehand; every level is divided by {looks}."
        )
    for part in study.parts:
        yield from notes.margin(part)


def _target(target: Target) -> str:
    reached = "at least" if target.higher else "at most"
    return f"{metric_named(target.curve).long} {reached} {number(target.value, 4)}"


def _seeds_listed(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return listing([str(seed) for seed in seeds])


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _count(items: Sequence[object], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"
