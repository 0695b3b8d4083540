#!/usr/bin/env python3
"""Measure how fast this project trains on this machine, compared with other libraries.

    scripts/benchmark.py                          # everything; takes about half an hour
    scripts/benchmark.py steps --sizes 64-64-10   # training steps of one size
    scripts/benchmark.py updates                  # the updates of all optimizers
    scripts/benchmark.py sweeps --runs 20         # the 20-run sweep, from command to comparison
    scripts/benchmark.py tiny                     # 1,000 and 3,000 tiny runs, new and reused
    scripts/benchmark.py --peers-python ~/peers/bin/python

PyTorch and JAX are included if they are installed in this environment or in that of
--peers-python. Measurements that are compared are taken in turn, on the same cores. The script
prints the ratios and writes benchmark.csv and benchmark.png; docs/benchmark.md describes exactly
what is measured.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from benchmarking import report, steps, sweeps, tiny, updates
from benchmarking.cores import CAN_PIN, available
from benchmarking.measurements import Measurement, write_csv
from benchmarking.sizes import OPTIMIZERS, SIZES
from experiments.runs.environment import environment

PARTS = ("steps", "updates", "sweeps", "tiny")
SIZES_BY_NAME = {size.name: size for size in SIZES}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        _benchmark(options)
    except (steps.WorkerError, updates.UpdateError, sweeps.CommandError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmark.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts",
        nargs="*",
        type=_part,
        metavar="PART",
        help="steps (training steps), updates (those of all optimizers), sweeps (whole sweeps) or "
        "tiny (sweeps of thousands of tiny runs); all by default",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("benchmark"),
        metavar="DIR",
        help="folder for benchmark.csv and benchmark.png; ./benchmark by default",
    )
    parser.add_argument(
        "--repeats",
        type=_count,
        metavar="N",
        help="number of repetitions, whose median is shown; by default 7 for steps and updates, 3 "
        "for sweeps and 1 for tiny runs",
    )
    parser.add_argument(
        "--cores",
        type=_cores,
        metavar="N[,N]",
        help="cores: the last one for steps and updates, all for sweeps; by default the last two "
        "available",
    )
    parser.add_argument(
        "--peers-python",
        default=sys.executable,
        metavar="PATH",
        help="interpreter of an environment with PyTorch and JAX, and for sweeps also Hydra, "
        "MLflow and scikit-learn; this one by default",
    )
    part = parser.add_argument_group("steps")
    part.add_argument(
        "--sizes",
        type=_some_of(SIZES_BY_NAME),
        default=list(SIZES_BY_NAME),
        metavar="SIZE[,SIZE]",
        help=f"some of {', '.join(SIZES_BY_NAME)}; all by default",
    )
    part.add_argument(
        "--optimizers",
        type=_some_of(OPTIMIZERS),
        default=list(OPTIMIZERS),
        metavar="NAME[,NAME]",
        help=f"some of {', '.join(OPTIMIZERS)}; all by default",
    )
    part.add_argument(
        "--networks",
        type=int,
        metavar="N",
        help="number of networks of each size, such as 1; by default as many as the size has",
    )
    part = parser.add_argument_group("updates")
    part.add_argument(
        "--updates",
        type=_some_of(updates.updates()),
        default=list(updates.updates()),
        metavar="NAME[,NAME]",
        help=f"some of {', '.join(updates.updates())}; all by default",
    )
    part = parser.add_argument_group("sweeps")
    part.add_argument(
        "--runs",
        type=_some_of([str(runs) for runs in sweeps.SWEEPS]),
        default=["20", "400"],
        metavar="N[,N]",
        help=f"sizes of the sweeps, some of {', '.join(map(str, sweeps.SWEEPS))}; 20 and 400 by "
        "default",
    )
    peer = part.add_mutually_exclusive_group()
    peer.add_argument(
        "--peer",
        type=Path,
        default=sweeps.OWN_PEER,
        metavar="PATH",
        help="script to compare with, whose Hydra configuration has optimizer, seed, epochs, "
        "batch_size and tracking_uri; scripts/benchmarking/peer/run.py by default",
    )
    peer.add_argument("--no-peer", action="store_true", help="do not compare with a script")
    part.add_argument(
        "--whole-peer",
        action="store_true",
        help="let the script train all 400 runs, which takes at least ten minutes, four times per "
        "repetition; otherwise its time is extrapolated from 20 runs",
    )
    part = parser.add_argument_group("tiny")
    part.add_argument(
        "--tiny-runs",
        type=_counts,
        default=list(tiny.COUNTS),
        metavar="N[,N]",
        help=f"numbers of tiny runs; {','.join(map(str, tiny.COUNTS))} by default",
    )
    return parser


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _cores(text: str) -> list[int]:
    allowed = available()
    chosen = [int(part) if part.isdecimal() else -1 for part in text.split(",")]
    if not set(chosen) <= set(allowed) or len(set(chosen)) < len(chosen):
        raise argparse.ArgumentTypeError(
            f"{text!r}: choose among the cores {', '.join(map(str, allowed))}, each once"
        )
    return chosen


def _some_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a parser of comma-separated names."""
    names = list(known)

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r} is not among {', '.join(names)}")
        return chosen

    return parse


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not among {', '.join(PARTS)}")
    return text


def _benchmark(options: argparse.Namespace) -> None:
    from benchmarking.picture import draw

    parts = options.parts or PARTS
    cores = options.cores or available()[-2:]
    machine = _machine()
    print(machine)
    if not CAN_PIN:
        print("This system cannot pin processes to cores: expect noise.")
    found: list[Measurement] = []
    if "steps" in parts:
        found += _steps(options, cores[-1])
    if "updates" in parts:
        found += _updates(options, cores[-1])
    if "sweeps" in parts:
        found += _sweeps(options, cores)
    if "tiny" in parts:
        found += _tiny(options, cores)
    if short := list(report.speedups(found)):
        print("\nDuration relative to Descent's", *short, sep="\n")
    options.output.mkdir(parents=True, exist_ok=True)
    table, picture = options.output / "benchmark.csv", options.output / "benchmark.png"
    write_csv(found, table)
    written = [table]
    if {"steps", "sweeps"} & set(parts):  # the pictures are of these
        draw(found, picture, machine)
        written.append(picture)
    print(f"\nWritten: {', '.join(map(str, written))}")


def _machine() -> str:
    """Describe the machine and the libraries."""
    about = environment()
    parts = [str(about["cpu"]), f"Python {about['python']}", f"NumPy {about['numpy']}"]
    parts.append(str(about["blas"]))
    # With this setting the kernels are not those that OpenBLAS would choose for this machine.
    if kernels := os.environ.get("OPENBLAS_CORETYPE"):
        parts.append(f"OPENBLAS_CORETYPE={kernels}")
    return ", ".join(parts)


def _steps(options: argparse.Namespace, core: int) -> list[Measurement]:
    print(f"\nTraining steps on core {core} ...")
    sizes = [SIZES_BY_NAME[name] for name in options.sizes]
    if options.networks is not None:
        sizes = [replace(size, runs=options.networks) for size in sizes]
    found = steps.measure(
        sizes,
        options.optimizers,
        repeats=options.repeats or 7,
        core=core,
        python=sys.executable,
        peers_python=options.peers_python,
        tell=_tell,
    )
    print()
    print(*report.steps_report(found), sep="\n")
    return found


def _updates(options: argparse.Namespace, core: int) -> list[Measurement]:
    print(f"\nUpdates on core {core} ...")
    found = updates.measure(options.updates, repeats=options.repeats or 7, core=core, tell=_tell)
    print()
    print(*report.updates_report(found), sep="\n")
    return found


def _sweeps(options: argparse.Namespace, cores: Sequence[int]) -> list[Measurement]:
    print(f"\nSweeps on cores {', '.join(map(str, cores))} ...")
    peer = None if options.no_peer else options.peer.resolve()
    if peer is not None and (lacking := sweeps.peer_lacks(options.peers_python)):
        _tell(f"{sweeps.PEER}: {lacking} is not installed for {options.peers_python}; skipped")
        peer = None
    folder = Path(tempfile.mkdtemp(prefix="benchmark"))
    try:
        settings = sweeps.Settings(
            repeats=options.repeats or 3,
            cores=cores,
            peer=peer,
            peers_python=options.peers_python,
            whole_peer=options.whole_peer,
            folder=folder,
        )
        chosen = [sweeps.SWEEPS[int(runs)] for runs in options.runs]
        found = sweeps.measure(chosen, settings, _tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print()
    print(*report.sweeps_report(found), sep="\n")
    return found


def _tiny(options: argparse.Namespace, cores: Sequence[int]) -> list[Measurement]:
    print(f"\nTiny runs on cores {', '.join(map(str, cores))} ...")
    with tempfile.TemporaryDirectory(prefix="benchmark", ignore_cleanup_errors=True) as folder:
        settings = sweeps.Settings(
            repeats=options.repeats or 1,
            cores=cores,
            peer=None,
            peers_python=options.peers_python,
            whole_peer=False,
            folder=Path(folder),
        )
        found = tiny.measure(options.tiny_runs, settings, _tell)
    print()
    print(*report.tiny_report(found), sep="\n")
    return found


def _tell(line: str) -> None:
    print(f"  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
