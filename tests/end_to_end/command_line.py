"""The real command line, in temporary folders: nothing here touches the project's database."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.runs.find import find_records
from experiments.runs.record import Record
from tests.end_to_end import forks

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "run.py"

NOT_TRACKED = "tracking=none"

# As few rows as Iris has, without scikit-learn, which takes longer to import than a run to train.
FEW_POINTS = ("dataset=moons", "dataset.rows=150")


@dataclass
class Finished:
    """A command that has ended."""

    status: int
    out: str
    err: str
    folder: Path

    def records(self) -> list[Record]:
        """All records in the folder where the command was given, sorted by path."""
        return find_records(self.folder)

    def record(self) -> Record:
        """The only one."""
        (record,) = self.records()
        return record


def environment(**more: str) -> dict[str, str]:
    """Variables that find this checkout and nothing of what the caller has set."""
    unwanted = ("MLFLOW_", "HYDRA_", "PYTEST_", "COLUMNS", "LINES")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), **more}


def python(
    *arguments: object, folder: Path, timeout: float = 240, env: dict[str, str] | None = None
) -> Finished:
    """Run this interpreter with arguments, in a folder that is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr, folder)


def forked(
    program: Path, *arguments: object, folder: Path, env: dict[str, str] | None = None
) -> Finished:
    """Run a program of this project as a fork of a process that has imported Hydra (`forks`)."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [str(argument) for argument in arguments]
    return Finished(*forks.call(program, words, environment(**(env or {})), folder), folder)


def run(*arguments: object, folder: Path, env: dict[str, str] | None = None) -> Finished:
    """Run ``python run.py ARGUMENTS`` in a folder; the outputs go below it."""
    return forked(RUN, *arguments, folder=folder, env=env)


def started(*arguments: object, folder: Path, **options: Any) -> Finished:
    """Run ``python run.py ARGUMENTS`` in a folder, as a user does: Python is started for it."""
    return python(RUN, *arguments, folder=folder, **options)


def in_background(
    *arguments: object, folder: Path, stderr: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start ``python run.py ARGUMENTS`` in a session, to which signals can be sent, and return."""
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, RUN, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def script(
    name: str, *arguments: object, folder: Path, env: dict[str, str] | None = None
) -> Finished:
    """Run one of the project's scripts."""
    return forked(ROOT / "scripts" / name, *arguments, folder=folder, env=env)


def succeeded(finished: Finished) -> Finished:
    """Check that a command ended well, and quietly where there is no terminal."""
    assert finished.status == 0, finished.out + finished.err
    assert finished.err == "", finished.err
    return finished


def at_once(commands: Sequence[tuple[Any, ...]], folder: Path) -> list[Finished]:
    """Run several commands, two at a time, each in a folder of its own."""
    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(run, *arguments, folder=folder / str(number))
            for number, arguments in enumerate(commands)
        ]
        return [future.result() for future in futures]


def uri(folder: Path) -> str:
    """The address of a database in a folder."""
    return f"sqlite:///{folder / 'mlflow.db'}"


def tracked(folder: Path) -> str:
    """The override that has runs published to a database in a folder."""
    return f"tracking.uri={uri(folder)}"


def timeless(record: Record) -> pd.DataFrame:
    """What a run measured, as text, without the column that no two runs share."""
    table = pd.read_csv(record.folder / "metrics.csv", dtype=str)
    return table.drop(columns="seconds")


def assert_same_bits(one: Record, other: Record) -> None:
    """Check that two runs gave the same weights and the same measurements, byte for byte."""
    names = one.name, other.name
    left, right = (r.folder / "weights.npz" for r in (one, other))
    assert left.read_bytes() == right.read_bytes(), names
    pd.testing.assert_frame_equal(timeless(one), timeless(other))


def assert_trained(record: Record, epochs: int) -> None:
    """Check that a run has gone on for so many epochs and learnt something."""
    metrics = record.metrics()
    np.testing.assert_array_equal(metrics["epoch"], np.arange(epochs + 1))
    assert metrics["train/loss"][-1] < metrics["train/loss"][0]


def plugin(name: str) -> pytest.MarkDecorator:
    """Skip a test where a package is not installed."""
    try:
        importlib.metadata.version(name)
        missing = False
    except importlib.metadata.PackageNotFoundError:
        missing = True
    return pytest.mark.skipif(missing, reason=f"{name} is not installed")
