"""How groups look: the same name, colour and dashes in every panel of a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.groups import Group, labels, show
from experiments.analysis.pictures.drawing import shades
from experiments.palette import color_of
from experiments.records import Record

# More names than this cannot be told apart by colour, nor stand beside a curve's end.
MOST_NAMED: Final = 16
_DASHES: Final = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))

Curves = Mapping[str, NDArray[np.float64]]
Dash = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class Drawn:
    """A group as it is drawn: its name, colour and curves."""

    group: Group
    label: str
    color: str
    dash: Dash
    named: bool
    finished: tuple[Curves, ...]
    diverged: tuple[Curves, ...]


def drawn(part: Sequence[Group]) -> list[Drawn]:
    """Give ranked groups of one task their looks.

    Groups of one optimizer are shades of its colour, from dark to light in the order of what
    they differ in, and dashed differently; beyond the best `MOST_NAMED` groups are grey.
    """
    names = labels(part)
    kin: dict[str, list[int]] = {}
    for index in sorted(range(len(part)), key=lambda index: _natural(part[index].values)):
        kin.setdefault(part[index].optimizer, []).append(index)
    looks: dict[int, tuple[str, Dash]] = {}
    for optimizer, members in kin.items():
        for place, shade in enumerate(shades(color_of(optimizer), len(members))):
            looks[members[place]] = shade, _DASHES[place % len(_DASHES)]
    return [
        Drawn(
            group,
            name,
            looks[index][0] if index < MOST_NAMED else "#c8c8c8",
            looks[index][1],
            index < MOST_NAMED,
            tuple(run.metrics() for run in group.finished),
            tuple(run.metrics() for run in group.runs if run.status == "diverged"),
        )
        for index, (group, name) in enumerate(zip(part, names, strict=True))
    ]


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
