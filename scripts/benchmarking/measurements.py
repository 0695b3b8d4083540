"""Measurements, one per repetition, and the statistics computed from them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

OURS = "Descent"


@dataclass(frozen=True)
class Measurement:
    """One measured number.

    Parameters
    ----------
    part : str
        The quantity: "step" or "compile"; "sweep", its "phase"s, the "cpu" time of all its
        processes, or the peer's "run"; "command".
    case : str
        The size of the networks, the sweep or the command.
    contestant : str
        The name of the contestant.
    value : float
        The number.
    unit : str
        The unit of the number.
    repetition : int, default 0
        The repetition, from 0. Measurements of the same repetition were taken in close succession.
    optimizer : str, default ""
        The optimizer of a step.
    cores : int, default 1
        The number of cores.
    database : str, default ""
        The database of a sweep or command: "fresh" or "existing".
    detail : str, default ""
        The way of training, the phase, or "extrapolated".
    """

    part: str
    case: str
    contestant: str
    value: float
    unit: str
    repetition: int = 0
    optimizer: str = ""
    cores: int = 1
    database: str = ""
    detail: str = ""


def write_csv(measurements: Sequence[Measurement], path: Path) -> None:
    """Write all measurements, one per row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Measurement)])
        writer.writeheader()
        writer.writerows(asdict(measurement) for measurement in measurements)


def select(measurements: Iterable[Measurement], **wanted: object) -> list[Measurement]:
    """Return the measurements whose fields have these values."""
    return [m for m in measurements if all(getattr(m, k) == v for k, v in wanted.items())]


def middle(measurements: Iterable[Measurement]) -> float:
    """Return the median of the values."""
    return median(m.value for m in measurements)


def ratio(theirs: Sequence[Measurement], ours: Sequence[Measurement]) -> float:
    """Return how many times as long theirs takes as ours.

    This is the median of the ratios within each repetition: a machine that is temporarily slow
    affects both.
    """
    by_repetition = {m.repetition: m.value for m in ours}
    return median(m.value / by_repetition[m.repetition] for m in theirs)


def counted_cores(cores: int) -> str:
    """Return "1 core", "2 cores"."""
    return "1 core" if cores == 1 else f"{cores} cores"
