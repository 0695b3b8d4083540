"""Put the limits of a comparison's conclusions into words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from experiments.analysis.groups import DATA, show
from experiments.analysis.study import Entry, Part, Study
from experiments.reporting.words.budgets import verdict_at
from experiments.reporting.words.formatting import listing
from experiments.runs.record import Record, Scalar
from experiments.training.metrics import HEADLINE, SELECTION, metric_named
from experiments.training.status import Status

FEW_SEEDS: Final = 5
ENOUGH_SEEDS: Final = f"at least {FEW_SEEDS}, better 10 ('seed=range(10)')"


def warnings_of(study: Study) -> list[str]:
    """List what limits the conclusions of a study, without duplicates."""
    return list(dict.fromkeys([*_provenance(study), *limits_of(study)]))


def limits_of(study: Study) -> list[str]:
    """List what limits the numbers of a study, except the provenance of its runs."""
    said = [*_left_out(study), *_kernels(study), *_different_data(study)]
    for part in study.parts:
        found = [
            *_chosen_on_test(part),
            *_stand_ins(part),
            *_seeds(part),
            *_unsound(part),
            *_tuning(part),
            *_diagnosis(part),
            *_groups(part),
        ]
        said += [f"{part.name}: {text}" for text in found]
    return list(dict.fromkeys(said))


def _provenance(study: Study) -> Iterable[str]:
    shared = sorted(set(study.tuning_seeds) & set(study.reporting_seeds))
    if shared:
        yield (
            f"{'Seed' if len(shared) == 1 else 'Seeds'} {listing(list(map(str, shared)))} "
            f"{'was' if len(shared) == 1 else 'were'} used for both tuning and reporting, so "
            "tuned results look better than they are. Report on other seeds."
        )
    names = (("commit", "commits"), ("python", "Python versions"), ("numpy", "NumPy versions"))
    for key, name in names:
        found = study.versions.get(key, ())
        if len(found) > 1:
            versions = listing([version[:12] for version in found])
            yield f"The runs used several {name} ({versions}), which may explain some differences."
    if "True" in study.versions.get("dirty", ()):
        yield "The code had uncommitted changes, so its commit alone does not reproduce the runs."


def _left_out(study: Study) -> Iterable[str]:
    """Report how many runs are left out because the same runs were trained again."""
    if study.superseded:
        yield (
            "1 run was left out: a later run with other code or libraries has the same "
            "configuration, data and seed."
            if study.superseded == 1
            else f"{study.superseded} runs were left out: later runs with other code or libraries "
            "have the same configurations, data and seeds."
        )
    if study.repeats:
        yield (
            "1 run repeats another and is not counted."
            if study.repeats == 1
            else f"{study.repeats} runs repeat others and are not counted."
        )


def _kernels(study: Study) -> Iterable[str]:
    """Warn if runs were trained on processors for which BLAS has different kernels."""
    if len(study.kernels) > 1 or any(len(cores) > 1 for cores in study.kernels):
        counted = [
            f"{' then '.join(cores)} ({count} {'run' if count == 1 else 'runs'})"
            for cores, count in study.kernels.items()
        ]
        yield (
            f"BLAS kernels for different processors trained these runs: {listing(counted)}. They "
            "round differently, which may explain some differences."
        )


def _different_data(study: Study) -> Iterable[str]:
    """Say that groups are compared apart because their data differ."""
    if any(DATA in entry.group.by for part in study.parts for entry in part.entries):
        yield (
            "Runs of one seed were trained on different data (data=...), so their differences are "
            "not due to the optimizers alone: each version of the data is compared separately."
        )


def _chosen_on_test(part: Part) -> Iterable[str]:
    runs = [run for entry in part.entries for run in entry.group.runs]
    peaks = [
        entry.label
        for entry in part.entries
        if any(run.report == "test_peak" for run in entry.group.runs)
    ]
    if peaks:
        yield (
            f"the reported epoch of {listing(peaks)} was chosen on the test part "
            "(training.report=test_peak), so these test values look better than they are."
        )
    elif part.metric.startswith("test/") and not any(
        "validation" in run.dataset.get("rows", ()) for run in runs
    ):
        yield (
            "there is no validation part, so groups are compared on the test part; settings that "
            "are chosen by this comparison look better than they are."
        )


def _stand_ins(part: Part) -> Iterable[str]:
    """Say what stands in for values that were not measured, and which runs have none at all."""
    name = part.metric_words
    runs = [run for entry in part.entries for run in entry.group.counted]
    if part.asked and part.asked != part.metric:
        yield (
            f"no run has measured {part.asked} (comparison.metric), so groups are compared by the "
            f"{name}."
        )
    elif part.metric != HEADLINE and not part.asked and not part.metric.startswith("test"):
        without = sum(HEADLINE not in run.summary for run in runs)
        if without < len(runs):
            yield (
                f"{without} of {len(runs)} runs have no {metric_named(HEADLINE).long}, so the "
                f"{name} stands in for all."
            )
        elif any("test" in run.dataset.get("rows", ()) for run in runs):
            yield f"no {metric_named(HEADLINE).long} was measured; the {name} stands in."
        elif part.metric == "final/train_loss" and name != metric_named(part.metric).long:
            yield f"there are no data, so groups are compared by the {name}."
        else:
            yield f"there are no test rows; the {name} stands in."
    if part.metric == SELECTION and any(run.report == "best_loss" for run in runs):
        yield (
            f"the {name} is the lowest of all epochs, which favours groups whose loss jumps about."
        )
    replaced = [
        _of(len(sample.stood_in), entry)
        for entry in part.entries
        if (sample := entry.metrics.get(part.metric)) and sample.stood_in
    ]
    if replaced:
        yield (
            f"records of an older version lack the {name} before training, so the validation value "
            f"before training stands in for the diverged: {listing(replaced)}."
        )
    missing = [
        _of(count, entry)
        for entry in part.entries
        if (count := _valueless(part, entry)) and part.metric in measured_in(part)
    ]
    if missing:
        yield f"no {name} was measured, so these are left out: {listing(missing)}."


def measured_in(part: Part) -> set[str]:
    """Name the metrics of which a group of the part has values."""
    return {metric for entry in part.entries for metric in entry.metrics}


def _valueless(part: Part, entry: Entry) -> int:
    """Count the seeds of runs that count but have no value of the part's metric."""
    sample = entry.metrics.get(part.metric)
    if part.studies and sample is not None:
        return part.studies - len(sample.seeds)
    return len(set(entry.seeds) - set(sample.seeds if sample else ()))


def _seeds(part: Part) -> Iterable[str]:
    counts = [len(entry.seeds) for entry in part.entries if entry.seeds]
    if counts and max(counts) > 1 and min(counts) < FEW_SEEDS:
        few = min(counts)
        yield (
            f"only {few} {'seed' if few == 1 else 'seeds'}: intervals are wide or missing, and "
            f"small differences cannot be detected. Take {ENOUGH_SEEDS}."
        )
    lengths = {show(value) for run in _runs(part) for value in _length(run)}
    if len(lengths) > 1:
        yield (
            f"runs were trained for different lengths ({listing(sorted(lengths))}): a difference "
            "between groups may be due to that alone."
        )
    if len({entry.seeds for entry in part.entries if entry.seeds}) > 1:
        yield (
            "not all groups have the same seeds; a difference uses the seeds that both groups have."
        )
    unpaired = sum(pair.can_separate and not pair.paired for pair in part.pairs)
    if unpaired:
        yield (
            f"{unpaired} of {len(part.pairs)} pairs share too few seeds to be paired by seed and "
            "are compared as independent samples."
        )


def _runs(part: Part) -> list[Record]:
    return [run for entry in part.entries for run in entry.group.runs]


def _length(run: Record) -> list[Scalar]:
    """Return the length of a run's training as it was set: epochs or steps."""
    for unit in ("steps", "epochs"):
        if (count := run.settings.get(f"training.{unit}")) is not None:
            return [f"{count} {unit}"]
    return []


def _unsound(part: Part) -> Iterable[str]:
    for way in _ways(part.entries[0]) if part.entries else ():
        named = [_of(count, entry) for entry in part.entries if (count := _ways(entry)[way])]
        if named:
            yield f"diverged ({way}): {listing(named)}."
    if any(one.diverged for entry in part.entries for one in entry.metrics.values()):
        yield (
            "a run whose loss was not finite (†) counts with the values of its untrained network "
            "in every mean, interval and pair."
        )
    for status, word in ((Status.FAILED, "failed"), (Status.INTERRUPTED, "interrupted")):
        found = [e for e in part.entries if e.group.count(status)]
        if found:
            named = [_of(entry.group.count(status), entry) for entry in found]
            yield f"{word} and left out: {listing(named)}."


def _tuning(part: Part) -> Iterable[str]:
    yield from _at_edge(
        (key, f"{one.optimizer} ({show(one.chosen[key])})")
        for one in part.tuning
        for key in one.at_edge
    )
    budgets = {(one.trials, len(one.seeds)) for one in part.tuning}
    if len(budgets) > 1:
        named = [f"{one.optimizer} {one.trials} × {len(one.seeds)}" for one in part.tuning]
        yield (
            f"tuning budgets (settings × seeds) are not equal: {listing(named)}, which favours "
            f"those that were tuned more.{_at_equal_budget(part)}"
        )
    if part.tuning:
        return
    yield from _at_edge(
        (curve.key, f"{curve.optimizer} ({show(curve.best)})")
        for curve in part.sensitivities
        if curve.at_edge
    )
    if part.sensitivities:
        where = " and by the test part" if part.metric.startswith("test") else ""
        yield (
            f"the best of {len(part.entries)} settings was chosen on the seeds{where} that it is "
            "reported on, so it looks better than it is. Tune on validation, then report on fresh "
            "seeds (hydra/sweeper=tune_then_compare)."
        )


def _at_equal_budget(part: Part) -> str:
    if not part.budgets:
        return ""
    last = part.budgets[-1]
    return f" With {last.trials} settings for each, on the tuning seeds, {verdict_at(last)}."


def _at_edge(found: Iterable[tuple[str, str]]) -> Iterable[str]:
    """Warn about each setting whose best value is the lowest or highest that was tried."""
    named: dict[str, list[str]] = {}
    for key, name in found:
        named.setdefault(key, []).append(name)
    for key, names in named.items():
        yield (
            f"the best {key} of {listing(names)} is at the edge of the values tried; a better one "
            "may lie beyond, so widen its range."
        )


def _diagnosis(part: Part) -> Iterable[str]:
    """Say what the curves and trials of the chosen settings show, and what to do."""
    if not part.tuning:
        return
    found = part.diagnosis
    if found.improving:
        yield (
            f"{_most_runs(found.improving)} still improve at the last epoch, so more epochs may "
            "change the order: raise training.epochs."
        )
    if found.rising:
        yield (
            f"{_most_runs(found.rising)} end with a validation loss that has risen again: stop "
            "early (training.early_stopping.patience), or lower the rate (schedule=cosine)."
        )
    for label, inner in found.outdone.items():
        yield (
            f"{label} contains {listing(inner)} and yet does worse: its search space or budget is "
            "too small. Search more of its settings (hydra.sweeper.knobs, hydra.sweeper.budget)."
        )
    if found.infeasible:
        named = [f"{bad} of {all_} of {name}" for name, (bad, all_) in found.infeasible.items()]
        yield (
            f"settings that cannot be chosen, because a run diverged or failed: {listing(named)}. "
            "Such trials are lost; search a range in which runs end well."
        )


def _most_runs(labels: Sequence[str]) -> str:
    return f"most runs of {listing(labels)}"


def _groups(part: Part) -> Iterable[str]:
    within = sorted({key for entry in part.entries for key in entry.group.differing})
    if within:
        yield (
            f"runs within a group also differ in {listing(within)}; runs of a seed are averaged."
        )
    yield from _far_off(part)
    for pair in part.pairs:
        if pair.separated and _order_of_iqm(part, pair.first, pair.second) < 0:
            yield (
                f"{pair.first} has the better mean but {pair.second} the better interquartile "
                "mean: a few seeds make the difference."
            )
    having = sum(part.metric in entry.metrics for entry in part.entries)
    if part.pairs and len(part.pairs) < math.comb(having, 2):
        tuned = any(entry.setting == "tuned" for entry in part.focus)
        which = "of tuned settings" if tuned else "of the best means"
        yield (f"of the pairs of {having} groups, {len(part.pairs)} are compared, those {which}.")


def _far_off(part: Part) -> Iterable[str]:
    """Warn about differences that a seed far off decides, whose intervals promise too much."""
    found = [pair for pair in part.separable_pairs if pair.far_off]
    if found:
        named = [f"{pair.first} and {pair.second} ({_seed_words(pair.far_off)})" for pair in found]
        yield (
            f"one seed far off: the difference on it is unlike that on all other seeds in "
            f"{len(found)} of {len(part.separable_pairs)} pairs: {listing(named)}. Such intervals "
            "hold the mean less often than 95%; compare the interquartile means, or train more "
            "seeds."
        )


def _seed_words(seeds: Sequence[int]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listing(list(map(str, seeds)))}"


def _order_of_iqm(part: Part, first: str, second: str) -> float:
    """Return how much better the interquartile mean of the first is; negative if it is worse."""
    values = {entry.label: entry.metrics[part.metric].iqm.value for entry in part.entries
              if part.metric in entry.metrics}  # fmt: skip
    better = values[second] - values[first]
    return -better if part.higher else better


def _of(count: int, entry: Entry) -> str:
    return f"{count} of {len(entry.group.runs)} runs of {entry.label}"


def _ways(entry: Entry) -> dict[str, int]:
    found = entry.divergences
    return {
        "not finite": found.non_finite,
        "worse than at the start": found.worse_than_start,
        "at chance level": found.at_chance,
    }
