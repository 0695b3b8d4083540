"""Part four: thousands of tiny runs, new and reused, which hardly train.

Nearly all of their time is what a sweep costs outside of training: composing jobs, writing records,
finding them again, publishing and comparing.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from benchmarking.cores import pinned
from benchmarking.measurements import OURS, Measurement
from benchmarking.sweeps import (
    ROOT,
    CommandError,
    Finished,
    Settings,
    adopt_orphans,
    count_published,
    moments,
    run_command,
)

COUNTS: Final = (1000, 3000)
"""The numbers of runs: two, which show whether a run costs more in a larger sweep."""

NEW: Final = "new"
REUSED: Final = "reused"

_TINY: Final = (
    "dataset=xor",
    "model.hidden=[4]",
    "loss=binary_cross_entropy",
    "training.epochs=2",
    "comparison.pictures=false",
)


def measure(
    counts: Sequence[int], settings: Settings, tell: Callable[[str], None]
) -> list[Measurement]:
    """Measure sweeps of tiny runs on all of the chosen cores, with an existing database.

    Parameters
    ----------
    counts : sequence of int
        The numbers of runs.
    settings : Settings
        The settings of the measurement; the peer takes no part.
    tell : callable
        A function that prints a line.

    Returns
    -------
    list of Measurement
        Measurements of the parts "tiny", "tiny cpu" and "tiny composing".
    """
    adopt_orphans()
    found: list[Measurement] = []
    for repetition in range(settings.repeats):
        for count in counts:
            for one in _new_and_reused(count, settings, repetition):
                found.append(one)
                if one.part == "tiny":
                    tell(f"{one.case}, {one.detail}: {one.value:.2f} s")
    return found


def _new_and_reused(count: int, settings: Settings, repetition: int) -> Iterator[Measurement]:
    folder = settings.folder / "tiny"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = folder / "mlflow.db"
    command = [sys.executable, str(ROOT / "run.py"), f"tracking.uri=sqlite:///{database}", *_TINY]
    run_command([*command, f"seed={count}"], folder)
    sweep = [*command, "-m", f"seed=range({count})", "hydra.verbose=experiments.sweeps"]
    for detail in (NEW, REUSED):
        with pinned(settings.cores):
            done = run_command([*sweep, f"hydra.sweep.dir={folder / detail}"], folder)
        # The run that created the database and the comparison of the sweep are runs too.
        published = count_published(database) - 2
        if published != count:
            raise CommandError(
                f"{count} tiny runs, {detail}: {published} are published:\n{done.output[-3000:]}"
            )
        for part, value in (
            ("tiny", done.seconds),
            ("tiny cpu", done.cpu_seconds),
            ("tiny composing", _composing(done)),
        ):
            yield Measurement(
                part,
                f"{count} tiny runs",
                OURS,
                value,
                "s",
                repetition,
                cores=len(settings.cores),
                database="existing",
                detail=detail,
            )


def _composing(done: Finished) -> float:
    """Return the seconds for which a sweep composed its jobs."""
    said = moments(done)
    return said["composed"] - said["started"]
