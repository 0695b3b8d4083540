"""Predict with a trained run, from its record or from MLflow.

    descent predict outputs/2025-03-04/05-06-07 flowers.csv
    descent predict runs:/0123456789abcdef0123456789abcdef images.npy --output out.csv

A CSV table needs the raw columns that the run was trained on, in any order; others are ignored. An
array needs exactly these columns, in their order. Predictions are CSV, in raw units.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.commands.parsing import add_tracker, carry_out, command_parser
from experiments.config.trust import allowed_packages
from experiments.errors import DataError
from experiments.files.atomic import write_output as atomic_write
from experiments.files.scratch import scratch_folder
from experiments.program import program
from experiments.runs.layout import RECORD
from experiments.runs.record import Record
from experiments.serving.predictor import Predictor
from experiments.tracking.fetch import fetch_record

if TYPE_CHECKING:
    import pandas as pd

_RUN_ID = re.compile(r"(?:runs:/)?([0-9a-f]{32})/?")


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict with a trained run; see :func:`experiments.commands.parsing.carry_out`."""
    return carry_out("predict", _parser(), _predict, arguments)


def _predict(options: argparse.Namespace) -> None:
    with scratch_folder() as scratch:
        _check_order(options.run, options.input)
        record = _record(options.run, options.uri, scratch)
        predictor = Predictor(record, options.weights, trusted=allowed_packages())
        table = predictor.predict(_read(options.input))
    text = table.to_csv(index=False)
    if options.output is None:
        sys.stdout.write(text)
    else:
        atomic_write(options.output, text.encode())


def _check_order(run: str, data: Path) -> None:
    """Refuse a file in place of a run, and a folder in place of data."""
    if Path(run).is_file():
        swapped = data.is_dir() or _RUN_ID.fullmatch(str(data)) is not None
        cure = "Give a run's folder first, then the data"
        if swapped:
            cure = f"The run comes first: {program('predict')} {shlex.join([str(data), run])}"
        raise DataError(f"{run}: this is a file, not the folder of a run. {cure}")
    if data.is_dir():
        raise DataError(f"{data}: this is a folder. Give a CSV table or a .npy array after the run")


def _record(run: str, uri: str | None, scratch: Path) -> Record:
    run_id = _RUN_ID.fullmatch(run)
    if run_id is not None and not Path(run).is_dir():
        return fetch_record(uri, run_id[1], scratch)
    folder = Path(run)
    if folder.is_dir() and not (folder / RECORD).exists():
        runs = sorted(path.parent for path in folder.rglob(RECORD))
        if runs:
            raise DataError(
                f"{run}: this folder is not that of a run, but has runs in it. Give the folder of "
                f"one of them, such as {runs[0]}"
            )
    return Record.read(folder)


def _read(path: Path) -> pd.DataFrame | np.ndarray[Any, Any]:
    if not path.is_file():
        raise DataError(f"{path}: no such file. Give a CSV table or a .npy array.")
    if path.suffix == ".npy":
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path}: not an array of numbers as NumPy saves it: {error}") from None
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:  # ValueError: a malformed table, or not UTF-8
        raise DataError(f"{path}: not a CSV table with a header: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("predict", __doc__ or "")
    parser.add_argument(
        "run", metavar="RUN", help="a run's folder, runs:/ID, or a run id in MLflow"
    )
    parser.add_argument("input", metavar="INPUT", type=Path, help="a .csv table or a .npy array")
    parser.add_argument("--output", type=Path, help="CSV file to write (default: print)")
    parser.add_argument(
        "--weights",
        choices=("best", "final"),
        default="best",
        help="weights of the best validation epoch, or of the last (default: best)",
    )
    add_tracker(parser)
    return parser
