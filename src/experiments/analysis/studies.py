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

from experiments.errors import ConfigError
from experiments.runs.record import Record

STUDY: Final = "study"
"""The label of the study that a run belongs to; runs of a single tuning have none."""


def study_of(run: Record) -> str:
    """Return the name of a run's study; empty if tuning was not repeated."""
    return run.labels.get(STUDY, "")


def studies_by_seed(runs: Iterable[Record]) -> dict[int, int]:
    """Return the number of the study that each seed belongs to; empty without several studies.

    Raises
    ------
    ConfigError
        If there are several studies, and runs of a seed belong to none or to more than one.
    """
    found: dict[int, set[str]] = {}
    for run in runs:
        found.setdefault(run.seed, set()).add(study_of(run))
    studies = {study for own in found.values() for study in own if study.isdecimal()}
    if len(studies) < 2:
        return {}
    for seed, own in found.items():
        if len(own) > 1 or not own <= studies:
            raise ConfigError(
                f"Runs of seed {seed} belong to {'different studies' if own <= studies else 'none'}"
                " of a repeated tuning, to which other runs belong. Verdicts would be over studies "
                "for some runs and over seeds for others: compare each sweep by itself."
            )
    return {seed: int(study) for seed, (study,) in found.items()}


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
