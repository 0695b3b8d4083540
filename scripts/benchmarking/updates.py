"""Part two: the updates of all optimizers, beside what they cannot do without.

An elementwise update has to read the gradients, and to read and write parameters and state. One of
matrices has to make its products.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import nn
from benchmarking.cores import one_thread_each, pinned
from benchmarking.measurements import OURS, Measurement

WIDTHS: Final = (784, 1000, 1000, 10)
"""A network whose parameters, with those of any state, are larger than the caches of a core."""

ELEMENTWISE: Final = "elementwise"
SUMS: Final = "sums over tensors or runs"
MATRICES: Final = "matrices"
BOUND: Final = "bound"
ROOTS: Final = "roots"
UNIT: Final = "µs"

_SCRIPTS = Path(__file__).resolve().parents[1]


class UpdateError(Exception):
    """The process of an optimizer has ended early."""


def updates() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the name and the settings of each optimizer that is measured, by a label.

    Optimizers that search are left out: their step evaluates losses.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {
        name: (name, {})
        for name in nn.Optimizer.names()
        if not nn.Optimizer.class_named(name).searches
    }
    masks = {f"adam {mask}": ("adam", {"mask": mask}) for mask in ("cautious", "grams")}
    return found | masks


def measure(
    labels: Sequence[str],
    *,
    repeats: int,
    core: int,
    tell: Callable[[str], None],
    widths: Sequence[int] = WIDTHS,
) -> list[Measurement]:
    """Measure updates.

    Parameters
    ----------
    labels : sequence of str
        The optimizers, of :func:`updates`.
    repeats : int
        Number of repetitions. In each, the updates and their bound take turns.
    core : int
        The core on which they run.
    tell : callable
        A function that prints a line.
    widths : sequence of int, default WIDTHS
        The numbers of inputs, units and outputs of the network.

    Returns
    -------
    list of Measurement
        Measurements of the part "update".
    """
    found: list[Measurement] = []
    with pinned([core]):
        for label in labels:
            mine = list(_measured(label, repeats, widths))
            found += mine
            tell(f"{label}: {mine[0].value:.0f} {UNIT}")
    return found


def _measured(label: str, repeats: int, widths: Sequence[int]) -> Iterator[Measurement]:
    name, options = updates()[label]
    asked = {"optimizer": name, "options": options, "widths": list(widths), "repeats": repeats}
    process = subprocess.run(
        [sys.executable, "-m", "benchmarking.updating", json.dumps(asked)],
        cwd=_SCRIPTS,
        env=one_thread_each(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if process.returncode:
        raise UpdateError(f"{label} ended with status {process.returncode}; see above")
    answer = json.loads(process.stdout.splitlines()[-1])
    contestants = {"update": OURS, "bound": BOUND, "roots": ROOTS}
    for repetition, times in enumerate(answer["repetitions"]):
        for key, contestant in contestants.items():
            yield Measurement(
                "update",
                "-".join(map(str, widths)),
                contestant,
                times[key],
                UNIT,
                repetition,
                optimizer=label,
                detail=answer["kind"],
            )
