"""Choose the groups and runs that a picture shows if it cannot show all."""

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
    """A group as it is drawn, with the run that represents it.

    Attributes
    ----------
    group : Group
        The group.
    look : Look
        The look of the group.
    run : Record
        The run that represents the group in pictures of a single run.
    trusted : frozenset of str
        The packages, besides this project's, whose classes may be used to build its networks.
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
        """Whether the run finished: it neither diverged nor was interrupted."""
        return self.run in self.group.finished


def shown(
    groups: Sequence[Group], looks: Sequence[Look], *, trusted: frozenset[str]
) -> list[Shown]:
    """Choose groups of one task to show, and for each the run of a typical seed.

    At most `MOST_NAMED` groups are all shown. Of more, the best of each optimizer is shown, so
    that a grid of settings does not crowd out other optimizers. The seed is the same for all, so
    that they start from the same weights (see `typical_seed`). A group that did not finish with
    this seed is represented by another run that finished, if there is one.

    Parameters
    ----------
    groups : sequence of Group
        The ranked groups. Those whose runs all failed before training are skipped.
    looks : sequence of Look
        The looks of the groups; new ones are chosen if not all groups are shown.
    trusted : frozenset of str
        The packages, besides this project's, whose classes may be used to build networks.

    Returns
    -------
    list of Shown
        The groups to show, in the given order.
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
    """Find the seed whose runs are closest to the median of their groups.

    Among the seeds with which most groups finished, this is the one with the smallest total
    distance of its ranks, by best validation loss, from the middle rank; the smallest of several
    such seeds. If nothing finished, it is the smallest seed.
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
    loss = run.reported("val_loss")
    return math.inf if loss is None else loss
