"""Predict with a trained run, from its record or from MLflow.

    descent predict outputs/2025-03-04/05-06-07 flowers.csv
    descent predict runs:/0123456789abcdef0123456789abcdef images.npy --output out.csv

A CSV table needs the raw columns that the run was trained on, in any order; others are ignored. An
array needs exactly these columns, in their order. Predictions are CSV, in raw units.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.commands.parsing import add_tracker, command_parser
from experiments.config.trust import allowed_packages, search_working_directory
from experiments.errors import DataError, UserError
from experiments.files.atomic import write_output as atomic_write
from experiments.files.scratch import scratch_folder
from experiments.runs.record import Record
from experiments.serving.predictor import Predictor
from experiments.tracking.fetch import fetch_record

if TYPE_CHECKING:
    import pandas as pd

_RUN_ID = re.compile(r"(?:runs:/)?([0-9a-f]{32})/?")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command `predict`.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program; by default that of this process.

    Returns
    -------
    int
        The exit status.
    """
    options = _parser().parse_args(arguments)
    search_working_directory()
    try:
        with scratch_folder() as scratch:
            record = _record(options.run, options.uri, scratch)
            predictor = Predictor(record, options.weights, trusted=allowed_packages())
            table = predictor.predict(_read(options.input))
        text = table.to_csv(index=False)
        if options.output is None:
            sys.stdout.write(text)
        else:
            atomic_write(options.output, text.encode())
    except UserError as error:
        print(f"predict: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _record(run: str, uri: str | None, scratch: Path) -> Record:
    run_id = _RUN_ID.fullmatch(run)
    if run_id is not None and not Path(run).is_dir():
        return fetch_record(uri, run_id[1], scratch)
    return Record.read(run)


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
