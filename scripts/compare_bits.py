#!/usr/bin/env python3
"""Compare the results of two commits bit for bit on this machine.

    scripts/compare_bits.py HEAD             # the working tree with the last commit
    scripts/compare_bits.py v1.0 main        # two commits

Each commit is checked out into a temporary folder, where its own `run.py` trains the same small
networks. The weights and metrics of every run are compared, except for times. The exit status is 1
if any run differs, and 2 if the comparison is not possible.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ROOT: Final = Path(__file__).resolve().parents[1]

COMMON: Final = ("tracking=none", "training.epochs=3", "training.batch_size=16")
OPTIMIZERS: Final = (
    *("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw"),
    *("amsgrad", "adamax", "nadam", "radam", "lion", "muon"),
)
ACTIVATIONS: Final = (
    *("identity", "sigmoid", "tanh", "relu", "leaky_relu"),
    *("elu", "selu", "softplus", "gelu", "silu"),
)
SCHEDULES: Final = (
    *("constant", "step", "exponential", "inverse_square_root"),
    *("polynomial", "cosine", "one_cycle"),
)
HIDDEN_LAYERS: Final = (
    "[{_target_: nn.layers.Dense, units: 4}, {_target_: nn.layers.Activation, function: relu}]"
)

TIMES: Final = frozenset({"seconds"})
"""Columns of the metrics that differ whenever a run is repeated."""

Arrays = dict[str, NDArray[Any]]


class CannotCompare(Exception):
    """Two commits cannot be compared; the message says why."""


@dataclass(frozen=True)
class Sweep:
    """Small runs that are trained by one command.

    Parameters
    ----------
    name : str
        Name of the sweep.
    fixed : sequence of str
        Overrides of all runs.
    swept : mapping of str to sequence of str
        Values of the keys that vary; there is one run for every combination.
    """

    name: str
    fixed: Sequence[str]
    swept: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def overrides(self) -> list[str]:
        """Return the overrides of the command."""
        return [*COMMON, *self.fixed, *(f"{k}={','.join(v)}" for k, v in self.swept.items())]

    def runs(self) -> dict[str, list[str]]:
        """Return the overrides of each run by its name, in the order of the sweep's jobs."""
        combinations = (
            [f"{key}={value}" for key, value in zip(self.swept, values, strict=True)]
            for values in itertools.product(*self.swept.values())
        )
        return {
            " ".join([f"{self.name}:", *chosen]).rstrip(":"): [*COMMON, *self.fixed, *chosen]
            for chosen in combinations
        }


# No sum in these networks, over the rows of a batch or the inputs of a layer, has more terms than
# `LONGEST_SUM`, so that its blocking does not depend on the processor's caches. Batch normalization
# is combined with plain gradient descent: the gradient of a bias before it is zero except for
# rounding errors, which an adaptive optimizer would scale up to the size of a normal step.
LONGEST_SUM: Final = 64
SWEEPS: Final = (
    Sweep(
        "optimizers",
        ["dataset=iris", "model.hidden=[5]", "model.activation=tanh"],
        {"optimizer": OPTIMIZERS, "training.dtype": ["float32", "float64"]},
    ),
    Sweep(
        "weight decay",
        ["dataset=iris", "model.hidden=[5]", "optimizer.decay_biases=true"],
        {"optimizer": ["sgd", "adam", "adamw", "muon"], "optimizer.weight_decay": ["0.05"]},
    ),
    Sweep(
        "centred",
        ["dataset=iris", "model.hidden=[5]", "optimizer=rmsprop", "optimizer.centered=true"],
        {"optimizer.momentum": ["0.0", "0.9"]},
    ),
    Sweep(
        "layers",
        ["dataset=iris", "model.hidden=[6,5]", "optimizer=sgd"],
        {"model.normalization": ["null", "batch", "layer"], "model.dropout": ["0.0", "0.3"]},
    ),
    Sweep(
        "sequential",
        [
            "dataset=iris",
            "optimizer=momentum",
            "model=sequential",
            f"model.hidden_layers={HIDDEN_LAYERS}",
        ],
    ),
    Sweep(
        "activations",
        ["dataset=moons", "dataset.rows=60", "loss=binary_cross_entropy", "model.hidden=[4]"],
        {"model.activation": ACTIVATIONS},
    ),
    Sweep(
        "xor",
        ["experiment=xor", "training.epochs=6", "training.batch_size=full"],
        {"seed": ["0", "1"]},
    ),
    Sweep(
        "spirals",
        ["dataset=spirals", "dataset.rows=60", "dataset.arms=3", "model.hidden=[4]"],
        {"training.dtype": ["float32", "float64"]},
    ),
    Sweep(
        "digits",
        ["dataset=digits", "dataset.limit=80", "model.hidden=[4]"],
        {"loss": ["cross_entropy", "kl_divergence"], "loss.label_smoothing": ["0.0", "0.1"]},
    ),
    Sweep(
        "images",
        ["dataset=mnist", "dataset.dir=images", "dataset.validation=0.2", "model.hidden=[4]"],
    ),
    Sweep(
        "table of classes",
        ["dataset=csv", "dataset.path=table.csv", "dataset.target=kind", "model=linear"],
        {"dataset.missing": ["drop", "mean"]},
    ),
    Sweep(
        "table of numbers",
        [
            "dataset=csv",
            "dataset.path=table.csv",
            "dataset.target=[price,weight]",
            "dataset.missing=median",
            "model.hidden=[4]",
            "loss=mse",
        ],
    ),
    Sweep(
        "regression",
        ["dataset=diabetes", "dataset.limit=100", "model.hidden=[4]"],
        {"loss": ["mse", "mae", "huber"], "training.dtype": ["float32", "float64"]},
    ),
    Sweep(
        "schedules",
        ["dataset=iris", "model.hidden=[4]", "optimizer=nesterov", "training.epochs=5"],
        {"schedule": SCHEDULES, "schedule.by": ["step"], "schedule.warmup": ["3"]},
    ),
    Sweep(
        "reduce on plateau",
        [
            "dataset=iris",
            "model.hidden=[4]",
            "training.epochs=5",
            "schedule=reduce_on_plateau",
            "schedule.patience=1",
            "schedule.threshold=0.5",
        ],
    ),
    Sweep(
        "penalties",
        ["dataset=iris", "model.hidden=[4]", "optimizer=sgd", "training.penalize_biases=true"],
        {"training.l1": ["0.0", "0.01"], "training.l2": ["0.0", "0.02"]},
    ),
    Sweep(
        "clipping",
        ["dataset=iris", "model.hidden=[4]", "optimizer=sgd"],
        {"training.clip_norm": ["null", "0.3"], "training.clip_value": ["null", "0.05"]},
    ),
    Sweep(
        "early stopping",
        [
            "dataset=iris",
            "model.hidden=[4]",
            "training.epochs=10",
            "training.early_stopping.patience=2",
            "training.early_stopping.min_delta=0.2",
        ],
    ),
    Sweep(
        "convolutions",
        [
            "dataset=digits",
            "dataset.limit=40",
            "training.batch_size=4",  # so that no kernel's gradient is a longer sum
            "model=cnn",
            "model.channels=[3]",
            "model.kernels=3",
            "model.strides=2",
            "model.padding=0",
            "model.dense=[]",
        ],
        {"model.pools": ["1", "2"], "optimizer": ["sgd", "adam"]},
    ),
    Sweep(
        "recurrence",
        [
            "dataset=digits",
            "dataset.limit=40",
            "training.batch_size=4",
            "model.shape=[8,8]",
            "model.units=[3]",
            "model.bidirectional=true",
        ],
        {"model": ["rnn", "lstm", "gru"], "model.output": ["last", "all"]},
    ),
    Sweep(
        "sparse rows",
        ["dataset=bag_of_words", "dataset.path=rows.svm", "model.hidden=[4]"],
        {"optimizer": ["sgd", "adagrad"], "training.dtype": ["float32", "float64"]},
    ),
)


def write_inputs(folder: Path) -> None:
    """Write the data files that some of the runs read."""
    lines = ["height,colour,price,weight,kind"]
    for row in range(50):
        height = "" if row % 17 == 5 else f"{1 + row * 7 % 23 / 10}"
        colour = ("red", "green", "blue")[row * 5 % 11 % 3]
        price, weight = 3 * (row * 7 % 23) + row % 5, (row * row % 29) / 4
        lines.append(f"{height},{colour},{price},{weight},{'ab'[row * 7 % 23 > 11]}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    entries = [f"{i % 2} {1 + i % 7}:{i % 5 + 0.5} {8 + i % 11}:1 20:-{i % 3}" for i in range(50)]
    (folder / "rows.svm").write_text("\n".join(entries) + "\n", encoding="utf-8")
    images = folder / "images"
    images.mkdir()
    for stem, rows in (("train", 60), ("t10k", 20)):
        labels = np.arange(rows, dtype=np.uint8) % 10
        pixels = (np.arange(rows * 16) * 37 % 101).astype(np.uint8)
        pixels += np.repeat(labels * 15, 16)
        header = struct.pack(">4B3I", 0, 0, 8, 3, rows, 4, 4)
        (images / f"{stem}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        header = struct.pack(">4BI", 0, 0, 8, 1, rows)
        (images / f"{stem}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())


def read_run(folder: Path) -> Arrays:
    """Read the results of a run, except for times.

    Parameters
    ----------
    folder : Path
        The folder of the run's record.

    Returns
    -------
    dict of str to ndarray
        Weights and metrics by name. Metrics have shape (epochs + 1,), and NaN for missing values.
    """
    with np.load(folder / "weights.npz", allow_pickle=False) as archive:
        arrays = {f"weights {name}": archive[name] for name in archive.files}
    with open(folder / "metrics.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    for name, column in zip(header, zip(*rows, strict=True), strict=True):
        if name not in TIMES:
            arrays[name] = np.array([float(cell or "nan") for cell in column])
    return arrays


def differences(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> list[str]:
    """Return one line for each array in which two runs differ."""
    lines = []
    for name in [*one, *(name for name in other if name not in one)]:
        if name not in one or name not in other:
            lines.append(f"{name}: only the {'first' if name in one else 'second'} has it")
        elif one[name].dtype != other[name].dtype or one[name].shape != other[name].shape:
            kinds = (f"{a.dtype} {a.shape}" for a in (one[name], other[name]))
            lines.append(f"{name}: {' and '.join(kinds)}")
        elif one[name].tobytes() != other[name].tobytes():
            with np.errstate(all="ignore"):
                gap = np.nanmax(np.abs(one[name] - other[name]), initial=0)
            lines.append(f"{name}: by up to {gap:.3g}")
    return lines


def train_all(tree: Path, scratch: Path) -> dict[str, Arrays]:
    """Train all runs with the `run.py` of a checkout, and read their results.

    Parameters
    ----------
    tree : Path
        The checkout.
    scratch : Path
        An empty folder for inputs and records.

    Returns
    -------
    dict of str to dict of str to ndarray
        The results of each run (see :func:`read_run`) by its name.

    Raises
    ------
    CannotCompare
        If a command fails.
    """
    write_inputs(scratch)
    found: dict[str, Arrays] = {}
    for number, sweep in enumerate(SWEEPS):
        folder = scratch / "runs" / str(number)
        where = f"hydra.sweep.dir={folder.relative_to(scratch)}"
        arguments = ["-m", *sweep.overrides(), where, "hydra.launcher.n_jobs=1"]
        # -S: if this project is installed in the environment, its modules would come from the
        # checkout that it was installed from.
        done = subprocess.run(
            [sys.executable, "-S", str(tree / "run.py"), *arguments],
            cwd=scratch,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tree / "src"), *_libraries()])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise CannotCompare(
                f"{tree}: run.py ended with status {done.returncode}:\n"
                f"  run.py {' '.join(arguments)}\n{done.stderr or done.stdout}"
            )
        for job, name in enumerate(sweep.runs()):
            try:
                found[name] = read_run(folder / str(job))
            except OSError as error:
                raise CannotCompare(
                    f"{tree}: the run {name!r} left no results ({error})"
                ) from error
    return found


def _libraries() -> list[str]:
    """Return this interpreter's search path for modules, without checkouts of this project."""
    return [
        entry
        for entry in sys.path
        if entry and not any(Path(entry, name).exists() for name in ("experiments", "run.py"))
    ]


@contextmanager
def checkout(commit: str | None, folder: Path) -> Iterator[Path]:
    """Check out a commit into a folder for the body of a `with` statement.

    None stands for the working tree, which is used in place.
    """
    if commit is None:
        yield ROOT
        return
    _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str) -> None:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise CannotCompare(f"git {' '.join(arguments)}: {done.stderr.strip()}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="compare_bits.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("first", metavar="COMMIT")
    parser.add_argument("second", metavar="COMMIT", nargs="?", help="default: the working tree")
    options = parser.parse_args(arguments)
    commits = [options.first, options.second]
    try:
        with tempfile.TemporaryDirectory(prefix="compare-bits-") as scratch:
            one, other = _both(commits, Path(scratch))
    except CannotCompare as error:
        print(f"compare_bits: {error}", file=sys.stderr)
        return 2
    return _report([commit or "the working tree" for commit in commits], one, other)


def _both(commits: Sequence[str | None], scratch: Path) -> list[dict[str, Arrays]]:
    """Train the runs of both commits in parallel."""
    work = [scratch / f"runs-{number}" for number in range(len(commits))]
    for folder in work:
        folder.mkdir()
    with (
        checkout(commits[0], scratch / "tree-0") as one,
        checkout(commits[1], scratch / "tree-1") as other,
        ThreadPoolExecutor(2) as pool,
    ):
        return list(pool.map(train_all, [one, other], work))


def _report(names: Sequence[str], one: dict[str, Arrays], other: dict[str, Arrays]) -> int:
    differing = {name: lines for name in one if (lines := differences(one[name], other[name]))}
    for name, lines in differing.items():
        print(name, *lines, sep="\n  ")
    print(
        f"{len(differing)} of {len(one)} runs differ between {names[0]} and {names[1]}."
        if differing
        else f"All {len(one)} runs have the same bits at {names[0]} and {names[1]}."
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
