"""Which groups and runs a picture shows, where it cannot show all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.analysis.groups import Group
from experiments.reporting.figures.looks import MOST_NAMED, Look, looks_of
from experiments.runs.record import Record
from experiments.training.status import Status


@dataclass(frozen=True)
class Shown:
    """A group as it is drawn, and the run that stands for it where one must.

    `trusted` are the packages, besides this project's, whose classes its networks may be built of.
    """

    group: Group
    look: Look
    run: Record
    trusted: frozenset[str]

    @property
    def label(self) -> str:
        """The group's name."""
        return self.look.label

    @property
    def color(self) -> str:
        """The group's colour."""
        return self.look.color

    @property
    def finished(self) -> bool:
        """Whether the run neither diverged nor was cut off."""
        return self.run in self.group.finished


def shown(
    groups: Sequence[Group], looks: Sequence[Look], *, trusted: frozenset[str]
) -> list[Shown]:
    """Choose among the ranked groups of one task, and for each the run of a typical seed.

    All groups where there are at most `MOST_NAMED`; else the best one of each optimizer, so
    that a grid of settings does not crowd the optimizers out. The seed is the same for all, so
    that they start from the same weights (see `typical_seed`); a group that did not finish with
    it is shown by a run that did finish, where it has one.

    Parameters
    ----------
    groups : sequence of Group
        Those of which every run failed before training are left out.
    looks : sequence of Look
        Theirs; chosen anew where not all groups are shown.
    trusted : frozenset of str
        Packages, besides this project's, whose classes their networks may be built of.
    """
    pairs = [
        (group, look)
        for group, look in zip(groups, looks, strict=True)
        if any(run.status is not Status.FAILED for run in group.runs)
    ]
    if len(pairs) > MOST_NAMED:
        best: dict[str, Group] = {}
        for group, _ in pairs:
            best.setdefault(group.optimizer, group)
        chosen = list(best.values()) if len(best) > 1 else [group for group, _ in pairs]
        chosen = chosen[:MOST_NAMED]
        pairs = list(zip(chosen, looks_of(chosen), strict=True))
    if not pairs:
        return []
    seed = typical_seed([group for group, _ in pairs])
    return [Shown(group, look, _run_of(group, seed), trusted) for group, look in pairs]


def typical_seed(groups: Sequence[Group]) -> int:
    """Find the seed whose runs are nearest to the median of their groups.

    Of the seeds with which most groups finished, the one whose ranks by best validation loss
    are, all groups together, the least distance from the middle; of several, the smallest.
    Where nothing finished, the smallest seed of all.
    """
    distances: dict[int, list[float]] = {}
    for group in groups:
        ranked = sorted(group.finished, key=_loss)
        for rank, run in enumerate(ranked):
            distances.setdefault(run.seed, []).append(abs(rank - (len(ranked) - 1) / 2))
    if not distances:
        return min(run.seed for group in groups for run in group.runs)
    return min(distances, key=lambda seed: (-len(distances[seed]), sum(distances[seed]), seed))


def _run_of(group: Group, seed: int) -> Record:
    trained = [run for run in group.runs if run.status is not Status.FAILED]
    ranked = sorted(trained, key=lambda run: (run not in group.finished, run.seed != seed))
    return ranked[0]


def _loss(run: Record) -> float:
    loss = run.summary.get("best/val_loss")
    return math.inf if loss is None else loss
