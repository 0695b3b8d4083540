#!/usr/bin/env python3
"""Measure what each part of DESCENT_PLAIN saves, for the table in docs/performance.md.

A sweep runs in turn with everything on and with one part off, so that other load on the machine
slows both. For the parts of a training step, the ratio compares the time of a step; for all others,
the processor time of the whole command with all processes that it starts. Its runs are published to
a database that exists.

    python scripts/speedups.py                 # all parts, about ten minutes
    python scripts/speedups.py compile tiles --repeats 9
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from benchmarking.sweeps import Finished, adopt_orphans, run_command
from experiments import switches
from experiments.runs.find import find_records

ROOT = Path(__file__).resolve().parents[1]

STEP = ("compile", "pages", "replay", "tiles")
"""The parts of a training step; the others are parts of a command."""

NETWORKS = {
    "64-64-10": ("dataset=digits", "model.hidden=[64]", "training.epochs=40"),
    "64-256-256-10": ("dataset=digits", "model.hidden=[256,256]", "training.epochs=20"),
}
SMALL = ("training.epochs=2", "dataset=xor", "loss=binary_cross_entropy")
SWEEP = ("-m", "optimizer=sgd,adagrad,rmsprop,adam", "seed=range(5)", *SMALL)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"some of {', '.join(switches.PARTS)}"
    )
    parser.add_argument("--repeats", type=int, default=5, help="number of repetitions (default: 5)")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in switches.PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(switches.PARTS)}")
    adopt_orphans()
    print("time without a part / time with it, median (lowest to highest) of", options.repeats)
    for part in options.parts or switches.PARTS:
        if part in STEP:
            for name, network in NETWORKS.items():
                ratios = [step_ratio(part, network) for _ in range(options.repeats)]
                print(f"{part:8} step of {name:14} {shown(ratios)}", flush=True)
        else:
            ratios = [command_ratio(part) for _ in range(options.repeats)]
            print(f"{part:8} sweep of 20 runs       {shown(ratios)}", flush=True)
    return 0


def shown(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def step_ratio(part: str, network: Sequence[str]) -> float:
    """Return how much longer a step takes without a part."""
    times = []
    for setting in ("", part):
        with tempfile.TemporaryDirectory() as folder:
            run(setting, folder, "-m", *network, "optimizer=adam", "seed=range(8)", "tracking=none")
            records = find_records(folder)
            times.append(statistics.median(r.summary["time/us_per_step"] or 0 for r in records))
    return times[1] / times[0]


def command_ratio(part: str) -> float:
    """Return how much more processor time a published sweep takes without a part."""
    times = []
    for setting in ("", part):
        with tempfile.TemporaryDirectory() as folder:
            database = f"tracking.uri=sqlite:///{folder}/mlflow.db"
            run("", folder, "seed=99", *SMALL, database)  # creates the database
            times.append(run(setting, folder, *SWEEP, database).cpu_seconds)
    return times[1] / times[0]


def run(setting: str, folder: str, *arguments: str) -> Finished:
    command = [sys.executable, str(ROOT / "run.py"), *arguments]
    return run_command(command, Path(folder), {switches.VARIABLE: setting})


if __name__ == "__main__":
    sys.exit(main())
