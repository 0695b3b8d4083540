"""Draw the pictures of a study, each with a name, a caption and a text alternative."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from experiments.analysis.groups import EPOCHS, course
from experiments.analysis.pairs import Pair
from experiments.analysis.study import Entry, Part, Study
from experiments.escape import visible
from experiments.files.paths import slug
from experiments.palette import color_of
from experiments.reporting.figures.budgets import plot_budgets
from experiments.reporting.figures.curves import (
    Family,
    family_of,
    plot_curves,
    score_of,
    shown_part,
    units_of,
)
from experiments.reporting.figures.drawing import saved
from experiments.reporting.figures.forest import plot_differences
from experiments.reporting.figures.looks import MOST_NAMED, OTHERS_ARE_GREY, Look, emphasized
from experiments.reporting.figures.networks import NetworkPicture, networks_of
from experiments.reporting.figures.sensitivity import plot_sensitivity
from experiments.reporting.figures.steps import plot_profiles, plot_times
from experiments.reporting.figures.strips import final_metric, plot_strips, strip_of
from experiments.reporting.figures.verdicts import plot_verdicts
from experiments.reporting.words.budgets import about_budgets
from experiments.reporting.words.formatting import compact, listing, number
from experiments.reporting.words.targets import COUNTED, long_target, target_source
from experiments.training.metrics import PROBE, metric_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_PAIRS: Final = 15
_MOST_ROWS: Final = 48
_MOST_PROBES: Final = 16
_WHOLE_ROW: Final = 8.0  # inches; narrower pictures share a row of the page

Shown = tuple[Entry, Look]


@dataclass(frozen=True)
class Picture:
    """A figure with its name, caption and description.

    Attributes
    ----------
    name : str
        The name of its files, without a suffix.
    figure : Figure
        The figure, not yet rendered.
    caption : str
        The caption below the figure.
    description : str
        The text alternative for people who cannot see the figure.
    on_white : bool
        Whether the figure has text on images or coloured cells, so that a dark page shows it
        unchanged.
    """

    name: str
    figure: Figure
    caption: str
    description: str
    on_white: bool = False

    @cached_property
    def png(self) -> bytes:
        """The figure as PNG, rendered once because this is slow."""
        return saved(self.figure, "png")

    @property
    def is_wide(self) -> bool:
        """Whether the figure takes the whole width of the page."""
        return bool(self.figure.get_figwidth() > _WHOLE_ROW)


@dataclass(frozen=True)
class PartPictures:
    """The pictures of one task.

    Attributes
    ----------
    main : tuple of Picture
        The pictures shown first.
    sensitivity : tuple of Picture
        The pictures of sensitivity to settings.
    more : tuple of Picture
        The pictures that are folded away.
    networks : tuple of Picture
        The pictures of networks.
    missing : str
        The reason why there are no pictures of networks; empty if there are.
    """

    main: tuple[Picture, ...]
    sensitivity: tuple[Picture, ...]
    more: tuple[Picture, ...]
    networks: tuple[Picture, ...]
    missing: str

    @property
    def all(self) -> tuple[Picture, ...]:
        """All pictures, in the order of the page."""
        return self.main + self.sensitivity + self.more + self.networks


def pictures_of(
    part: Part, looks: Sequence[Look], prefix: str, *, trusted: frozenset[str]
) -> PartPictures:
    """Draw the pictures of one task.

    Parameters
    ----------
    part : Part
        The part of a study on this task.
    looks : sequence of Look
        The looks of the entries.
    prefix : str
        The prefix of the pictures' names; empty if there is one task.
    trusted : frozenset of str
        The packages, besides this project's, whose classes may be used to load the data and build
        the networks.

    Returns
    -------
    PartPictures
    """
    entries = list(zip(part.entries, looks, strict=True))
    chosen = [pair for pair in entries if pair[0].setting != "default"] or entries
    main = emphasized(chosen, part.pairs)
    rest = emphasized([pair for pair in entries if pair not in chosen], part.pairs)
    networks, missing = networks_of(main, trusted=trusted)
    return PartPictures(
        tuple(_main(part, main, entries, prefix)),
        (*_sensitivity(part, prefix), *_budgets(part, prefix)),
        tuple(_more(part, main, rest, prefix)),
        tuple(_of_network(one, prefix) for one in networks),
        missing,
    )


def profiles_of(study: Study, looks: Mapping[str, Look]) -> list[Picture]:
    """Draw the performance profiles across datasets, if there are any."""
    if not study.profiles:
        return []
    entries = [(looks[profile.label], profile) for profile in study.profiles]
    first = study.profiles[0].label
    return [
        Picture(
            "performance-profiles",
            plot_profiles(entries),
            "The share of datasets and seeds on which each group reaches the target within a "
            "factor of the fastest. Next to the names: the area up to a factor of four (at most "
            "1).",
            f"Performance profiles of {_names(entries)}; {first} has the largest area.",
        )
    ]


def _main(
    part: Part,
    shown: Sequence[tuple[Entry, Look]],
    entries: Sequence[tuple[Entry, Look]],
    prefix: str,
) -> Iterator[Picture]:
    families = [family_of(entry.group, look) for entry, look in shown]
    measured = [curves for one in families for curves in one.finished + one.diverged]
    for kind in ("loss", score_of(measured)):
        metric = f"{shown_part(measured)}/{kind}"
        for unit in units_of(families):
            yield from _curves(families, metric, prefix, unit)
    yield _strips(entries, part.metric, prefix, "study" if part.studies else "seed")
    pairs, note = _chosen_pairs(part)
    if pairs:
        looks = {entry.label: look for entry, look in entries}
        yield Picture(
            f"{prefix}differences",
            plot_differences(pairs, looks, metric_named(part.metric).title),
            f"{note} Lines are intervals corrected for all pairs (Holm); a pair whose interval "
            "covers 0 is not separated."
            + (" Grey: differences below the margin." if part.margin is not None else ""),
            f"Forest plot of {len(pairs)} differences: "
            f"{sum(pair.separated for pair in pairs)} separated.",
        )
        if len(pairs) < len(part.separable_pairs):
            # With too many groups the squares are illegible, so only tuned groups are drawn.
            yield _verdicts(part, entries if len(entries) <= MOST_NAMED else shown, prefix)
    for unit in dict.fromkeys([part.clock, EPOCHS]):
        yield from _times(part, shown, unit, prefix, _last(families, unit))


def _times(
    part: Part, shown: Sequence[Shown], unit: str, prefix: str, last: float
) -> Iterator[Picture]:
    """Draw when runs reach the target, in epochs, gradients or seconds of training steps."""
    times = [(look, entry.times[unit]) for entry, look in shown if unit in entry.times]
    if part.target and times:
        over = {**COUNTED, "seconds": "seconds of training steps, measured one by one"}
        yield Picture(
            f"{prefix}time-to-target{'' if unit == EPOCHS else f'-{unit}'}",
            plot_times(times, long_target(part.target), last),
            f"The share of runs that reached the target, over the {over[unit]}. Next to the names: "
            "the median, or “never” if most runs miss the target. Target: "
            f"{target_source(part.target)}.",
            f"Step curves of the share of runs that reached {long_target(part.target)}: "
            f"{_names(times)}.",
        )


def _verdicts(part: Part, entries: Sequence[Shown], prefix: str) -> Picture:
    compared = {label for pair in part.separable_pairs for label in (pair.first, pair.second)}
    rows = [(entry.label, look) for entry, look in entries if entry.label in compared]
    named = {label for label, _ in rows}
    pairs = [pair for pair in part.separable_pairs if {pair.first, pair.second} <= named]
    return Picture(
        f"{prefix}verdicts",
        plot_verdicts(rows, pairs, metric_named(part.metric).title),
        "The best group is on top. A square means that the row is better than the column and "
        "separated from it; a dot means that the two are not separated."
        + (" An equals sign means that they are equivalent." if part.margin is not None else ""),
        f"Table of verdicts over {len(pairs)} pairs: "
        f"{sum(pair.separated for pair in pairs)} separated.",
    )


def _sensitivity(part: Part, prefix: str) -> Iterator[Picture]:
    for key in dict.fromkeys(one.key for one in part.sensitivities):
        found = [one for one in part.sensitivities if one.key == key]
        chosen = {
            one.optimizer: float(value)
            for one in part.tuning
            if isinstance(value := one.chosen.get(key), int | float)
        }
        best = listing([f"{one.optimizer} {compact(one.best)}" for one in found])
        yield Picture(
            f"{prefix}sensitivity-{slug(key)}",
            plot_sensitivity(found, chosen, metric_named(found[0].metric).title),
            f"Each seed is a point; the curve passes through the {found[0].average}s, and the "
            "curves of other optimizers are grey. The ring marks "
            f"{'the value that tuning chose' if chosen else 'the best value'}; the shaded range "
            "works about as well as the best. × marks values at which runs diverged, which "
            "tuning cannot choose; their points are the losses of the untrained network.",
            f"{metric_named(found[0].metric).title} over {key}; best at {best}.",
        )


def _budgets(part: Part, prefix: str) -> Iterator[Picture]:
    if not part.budgets:
        return
    looks = {name: Look(visible(name), color_of(name)) for name in part.budgets[0].expected}
    units = part.units if part.studies else "tuning seeds"
    yield Picture(
        f"{prefix}budgets",
        plot_budgets(part.budgets, looks, metric_named(part.metric).title, higher=part.higher),
        "What fewer settings would have given: the expected result of the best of as many of the "
        f"settings tried, chosen by validation. Thin lines: 95% intervals over {units}, left out "
        "where they are wider than the picture. A filled point: separated from all others. "
        + about_budgets(part.budgets),
        f"{metric_named(part.metric).title} by the number of settings tried. "
        + about_budgets(part.budgets),
    )


def _more(
    part: Part, main: Sequence[Shown], rest: Sequence[Shown], prefix: str
) -> Iterator[Picture]:
    families = [family_of(entry.group, look) for entry, look in main]
    yield from _curves(families, "train/loss", prefix)
    for probe in _probes(families)[:_MOST_PROBES]:
        yield from _curves(families, probe, prefix)
    yield from _times(part, main, "seconds", prefix, _last_second(main))
    metric = final_metric(part)
    if metric != part.metric:
        yield _strips([*main, *rest], metric, prefix, "study" if part.studies else "seed")
    if rest:
        families = [family_of(entry.group, look) for entry, look in rest]
        yield from _curves(families, "val/loss", f"{prefix}default-")


def _probes(families: Sequence[Family]) -> list[str]:
    """Return the columns that probes measured, in the order of the settings."""
    runs = [curves for one in families for curves in one.finished + one.diverged]
    return list(dict.fromkeys(name for run in runs for name in run if name.startswith(PROBE)))


def _of_network(drawn: NetworkPicture, prefix: str) -> Picture:
    return Picture(
        f"{prefix}{drawn.name}",
        drawn.figure,
        drawn.caption,
        f"{drawn.title}. {drawn.caption}",
        drawn.on_white,
    )


def _curves(
    families: Sequence[Family], metric: str, prefix: str, unit: str = EPOCHS
) -> Iterator[Picture]:
    if any(metric in curves for one in families for curves in one.finished + one.diverged):
        seeds = max(len(one.finished) for one in families)
        how = (
            "Each seed is a thin line; the median is bold, with its 95% interval (the range for "
            "five seeds or fewer)."
            if seeds > 1
            else "One seed each."
        )
        if any(one.diverged for one in families):
            how += " Diverged runs end in ×."
        if not all(one.look.named for one in families):
            how += f" {OTHERS_ARE_GREY}"
        yield Picture(
            f"{prefix}curves-{slug(metric)}{'' if unit == EPOCHS else f'-by-{unit}'}",
            plot_curves(families, metric, unit),
            how,
            f"Learning curves, {metric} by {unit}: "
            f"{listing([one.look.label for one in families])}.",
        )


def _strips(entries: Sequence[Shown], metric: str, prefix: str, unit: str) -> Picture:
    higher = metric_named(metric).higher_is_better
    found = sorted(
        ((entry, look) for entry, look in entries if metric in entry.metrics),
        key=lambda pair: pair[0].metrics[metric].mean.value * (-1 if higher else 1),
    )[:_MOST_ROWS]
    strips = [strip_of(entry, look, metric) for entry, look in found]
    said = listing([f"{one.look.label} {number(one.centre, 4)}" for one in strips])
    default = any(entry.setting == "default" for entry, _ in found)
    return Picture(
        f"{prefix}final-{slug(metric)}",
        plot_strips(strips, metric_named(metric).title, higher=higher),
        f"Each {unit} is a point; the bar is the mean, the line its 95% interval."
        + (" Hollow points: default settings." if default else ""),
        f"Strip plot of the {metric_named(metric).long}; means: {said}.",
    )


def _chosen_pairs(part: Part) -> tuple[list[Pair], str]:
    """Choose the pairs that fit into a picture; return them with a note of which they are."""
    pairs = list(part.separable_pairs)
    if len(pairs) <= _MOST_PAIRS:
        return pairs, "All pairs."
    tuned = {entry.label for entry in part.entries if entry.setting == "tuned"}
    among = [pair for pair in pairs if {pair.first, pair.second} <= tuned]
    if 0 < len(among) <= _MOST_PAIRS:
        return among, "All pairs of tuned groups."
    best = part.entries[0].label
    chosen = [pair for pair in pairs if best in (pair.first, pair.second)]
    return chosen, f"Pairs of {best} with each other group."


def _last(families: Sequence[Family], unit: str) -> float:
    ends = (float(course(curves, unit)[-1]) for one in families for curves in one.finished)
    return max(ends, default=1.0)


def _last_second(shown: Sequence[Shown]) -> float:
    """Return the longest training, in seconds of steps."""
    lengths = [
        float(curves["step"][-1]) * 1e-6 * (run.summary.get("time/us_per_step") or 0.0)
        for entry, _ in shown
        for run, curves in entry.group.curves.items()
        if "step" in curves
    ]
    return max(lengths, default=0.0) or 1.0


def _names(entries: Sequence[tuple[Look, object]]) -> str:
    return listing([look.label for look, _ in entries])
