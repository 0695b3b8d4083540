"""Choose the name, colour and dashes of each group, for all panels of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from experiments.analysis.groups import Group, labels, show
from experiments.analysis.pairs import Pair
from experiments.analysis.study import Entry
from experiments.escape import visible
from experiments.palette import color_of
from experiments.reporting.figures.drawing import REST, shades
from experiments.runs.record import Record

# More groups than this cannot be distinguished by colour or named next to their curves.
MOST_NAMED: Final = 16
# More curves than this cover each other.
MOST_CURVES: Final = 8
OTHERS_ARE_GREY: Final = (
    f"In colour: the best group and at most {MOST_CURVES - 1} that are not separated from it. The "
    "medians of the others are grey."
)
_DASHES: Final = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))

Dash = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class Look:
    """The look of a group, the same in every panel.

    Attributes
    ----------
    label : str
        The name of the group.
    color : str
        The colour, as `#rrggbb`.
    dash : Dash
        The line style, as in matplotlib.
    named : bool
        Whether the group is labelled; there is not room for all.
    stands_out : bool
        Whether curves show the group in its colour and with its name (see `emphasized`).
    """

    label: str
    color: str
    dash: Dash = "-"
    named: bool = True
    stands_out: bool = True

    @property
    def of_curves(self) -> Look:
        """The look of the group's curves, which are grey unless the group stands out."""
        return self if self.stands_out else self.in_background

    @property
    def in_background(self) -> Look:
        """The look of a group that is grey and has no name."""
        return replace(self, color=REST, dash="-", named=False)

    @property
    def filled(self) -> bool:
        """Whether points are filled; those of dashed curves are hollow."""
        return self.dash == "-"


def looks_of(part: Sequence[Group]) -> list[Look]:
    """Return the looks of the ranked groups of one task.

    The groups of an optimizer have shades of its colour, from dark to light in the order of
    their differing values, and different dashes. All but the best `MOST_NAMED` groups are grey.
    """
    drawn = _shaded([(group.optimizer, group) for group in part])
    return [
        Look(visible(label), color if index < MOST_NAMED else REST, dash, index < MOST_NAMED)
        for index, (label, (color, dash)) in enumerate(zip(labels(part), drawn, strict=True))
    ]


def looks_of_entries(entries: Sequence[Entry]) -> list[Look]:
    """Return the looks of the ranked entries of one part of a study.

    Unlike in `looks_of`, tuned and default runs have exactly their optimizer's colour, default
    runs are dashed, and names are as short as possible: `adam`, `adam (default)`.
    """
    short = [
        entry.label
        if not entry.setting
        else entry.optimizer
        if entry.setting == "tuned"
        else f"{entry.optimizer} ({entry.setting})"
        for entry in entries
    ]
    if len(set(short)) < len(short):
        short = [entry.label for entry in entries]
    drawn = _shaded([(f"{entry.optimizer} {entry.setting}", entry.group) for entry in entries])
    dashes: dict[str, Dash] = {"tuned": "-", "default": _DASHES[1]}
    return [
        Look(visible(label), color, dashes.get(entry.setting, dash))
        for entry, label, (color, dash) in zip(entries, short, drawn, strict=True)
    ]


def emphasized(
    ranked: Sequence[tuple[Entry, Look]], pairs: Iterable[Pair]
) -> list[tuple[Entry, Look]]:
    """Choose the groups that stand out among curves, if there are more than `MOST_CURVES`.

    These are the best group and those that are not separated from it, at most `MOST_CURVES`.
    """
    if len(ranked) <= MOST_CURVES:
        return list(ranked)
    best = ranked[0][0].label
    open_ = {
        label
        for pair in pairs
        if best in (pair.first, pair.second) and pair.better != best
        for label in (pair.first, pair.second)
    }
    kept = [entry.label for entry, _ in ranked if entry.label in {best, *open_}][:MOST_CURVES]
    return [(entry, replace(look, stands_out=entry.label in kept)) for entry, look in ranked]


def _shaded(groups: Sequence[tuple[str, Group]]) -> list[tuple[str, Dash]]:
    """Return the colour and dashes of each group; groups with equal keys have related shades."""
    kin: dict[str, list[int]] = {}
    for index in sorted(range(len(groups)), key=lambda index: _natural(groups[index][1].values)):
        kin.setdefault(groups[index][0], []).append(index)
    drawn: dict[int, tuple[str, Dash]] = {}
    for members in kin.values():
        color = color_of(groups[members[0]][1].optimizer)
        for place, shade in enumerate(shades(color, len(members))):
            drawn[members[place]] = shade, _DASHES[place % len(_DASHES)]
    return [drawn[index] for index in range(len(groups))]


def context(runs: Sequence[Record]) -> str:
    """Name the datasets and models of runs, for a title."""
    found = []
    for key in ("dataset", "model"):
        names = sorted({run.choices[key] for run in runs if key in run.choices})
        found += [f"{len(names)} {key}s"] if len(names) > 3 else [" and ".join(names)][: len(names)]
    return ", ".join(found) or "Runs"


def _natural(values: Sequence[object]) -> list[tuple[int, float, str]]:
    return [
        (0, float(value), "")
        if isinstance(value, int | float)
        else (1, 0.0, show(value) if isinstance(value, str) else "")
        for value in values
    ]
