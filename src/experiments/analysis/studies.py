"""Studies: the whole tuning repeated, with other trials and seeds, to see what chance does to it.

The winner of each study is reported on separate seeds. Two tunings of one optimizer may choose
settings that really differ, so runs of one study share the luck of its tuning. The study, not the
seed, is then what is drawn at random, and statistics are over means of studies.

Reference: Dahl et al. (2023), "Benchmarking neural network training algorithms" (AlgoPerf).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Final

from experiments.runs.record import Record

STUDY: Final = "study"
"""The label of the study that a run belongs to; runs of a single tuning have none."""


def study_of(run: Record) -> str:
    """Return the name of a run's study; empty if tuning was not repeated."""
    return run.labels.get(STUDY, "")


def studies_by_seed(runs: Iterable[Record]) -> dict[int, int]:
    """Return the number of the study that each seed belongs to; empty without several studies."""
    found = {run.seed: int(study) for run in runs if (study := study_of(run)).isdecimal()}
    return found if len(set(found.values())) > 1 else {}


def means_of_studies(values: Mapping[int, float], studies: Mapping[int, int]) -> dict[int, float]:
    """Average the values of each study's seeds.

    Parameters
    ----------
    values : mapping of int to float
        The values by seed.
    studies : mapping of int to int
        The study of each seed; if empty, the values are returned as they are.
    """
    if not studies:
        return dict(values)
    members: dict[int, list[float]] = {}
    for seed, value in values.items():
        members.setdefault(studies[seed], []).append(value)
    return {study: statistics.fmean(own) for study, own in sorted(members.items())}
