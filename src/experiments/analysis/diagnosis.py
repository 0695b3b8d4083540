"""Diagnose chosen settings: what their curves and trials say about the tuning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.containment import inner_of
from experiments.analysis.groups import Curves, Group
from experiments.analysis.pairs import Pair
from experiments.analysis.tuning import Trial

_LATE: Final = 0.1  # the last tenth of the epochs
_LITTLE: Final = 0.01  # a share of the gain from training
_MUCH: Final = 0.05
_MANY: Final = 0.25  # a share of the trials


@dataclass(frozen=True)
class Diagnosis:
    """Faults of the settings of groups, each with the groups' labels.

    Attributes
    ----------
    improving : tuple of str
        The groups most of whose runs still improve at the last epoch: validation loss is lowest
        at the end, and fell by more than 1% of its whole fall in the last tenth of the epochs.
    rising : tuple of str
        The groups most of whose runs end with a validation loss that has risen again, by more than
        5% of its whole fall.
    outdone : mapping of str to tuple of str
        The groups that are worse than those of optimizers that they contain, and separated from
        them (see `containment`): these optimizers.
    infeasible : mapping of str to (int, int)
        The optimizers of which a quarter of the settings or more cannot be chosen, because a run
        diverged or failed: how many these are, and how many were tried.
    """

    improving: tuple[str, ...]
    rising: tuple[str, ...]
    outdone: Mapping[str, tuple[str, ...]]
    infeasible: Mapping[str, tuple[int, int]]


def diagnose(
    groups: Mapping[str, Group], pairs: Iterable[Pair], trials: Mapping[str, Sequence[Trial]]
) -> Diagnosis:
    """Diagnose the groups that a conclusion is about.

    Parameters
    ----------
    groups : mapping of str to Group
        The groups by label.
    pairs : iterable of Pair
        The comparisons of every two of them.
    trials : mapping of str to sequence of Trial
        The trials of each optimizer that was tuned.

    Returns
    -------
    Diagnosis
    """
    curves = {
        label: [group.curves[run] for run in group.finished] for label, group in groups.items()
    }
    optimizers = {label: group.optimizer for label, group in groups.items()}
    outdone: dict[str, list[str]] = {}
    for pair in pairs:
        first, second = optimizers.get(pair.first), optimizers.get(pair.second)
        if pair.first_is_better and first and second and first in inner_of(second):
            outdone.setdefault(pair.second, []).append(first)
    infeasible = {
        optimizer: (sum(not math.isfinite(one.score) for one in own), len(own))
        for optimizer, own in trials.items()
    }
    return Diagnosis(
        tuple(label for label, own in curves.items() if _mostly(map(_improves, own))),
        tuple(label for label, own in curves.items() if _mostly(map(_rises, own))),
        {label: tuple(names) for label, names in outdone.items()},
        {
            name: (bad, all_)
            for name, (bad, all_) in infeasible.items()
            if bad and bad >= _MANY * all_
        },
    )


def _mostly(found: Iterable[bool]) -> bool:
    answers = list(found)
    return 2 * sum(answers) > len(answers)


def _improves(curves: Curves) -> bool:
    losses = _losses(curves)
    if losses.size < 3:
        return False
    late = math.ceil((losses.size - 1) * _LATE)
    gain = losses[0] - losses.min()
    fall = losses[:-late].min() - losses[-1]
    return bool(losses.argmin() == losses.size - 1 and fall > _LITTLE * gain)


def _rises(curves: Curves) -> bool:
    losses = _losses(curves)
    return losses.size > 2 and bool(
        losses[-1] - losses.min() > _MUCH * (losses[0] - losses.min()) > 0
    )


def _losses(curves: Curves) -> NDArray[np.float64]:
    """Return the finite validation losses, or training losses without a validation part."""
    losses = curves.get("val/loss", curves.get("train/loss", np.empty(0)))
    return losses[np.isfinite(losses)]
