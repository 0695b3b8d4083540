"""Predict with a trained run, from its record or from MLflow.

    descent predict outputs/2025-03-04/05-06-07 flowers.csv
    descent predict runs:/0123456789abcdef0123456789abcdef images.npy --output out.csv

A table needs the raw columns that the run was trained on, in any order; others are ignored. It is
read as the training table was: CSV, also compressed, or Parquet, with the delimiter, encoding,
decimal mark and missing values of the run. An array needs exactly these columns, in their order.
A run on texts also takes a .txt file with a text on each line; a run on sparse rows, a svmlight
file or a matrix of SciPy's in a .npz file; a run on images, a PNG or JPEG file or a folder of them.
Predictions are CSV, in raw units.
"""

from __future__ import annotations

import argparse
import logging
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.commands.parsing import (
    add_run,
    add_tracker,
    add_weights,
    carry_out,
    command_parser,
)
from experiments.commands.streams import write_data
from experiments.config.trust import allowed_packages
from experiments.datasets import SparsePreprocessing, read_table
from experiments.datasets.reading.array_file import read_array, read_sparse
from experiments.datasets.reading.image_file import ENDINGS, images_in, read_images
from experiments.datasets.reading.svmlight import read_svmlight
from experiments.datasets.reading.text_file import read_text
from experiments.errors import DataError
from experiments.files.atomic import write_output as atomic_write
from experiments.files.csv import csv_text
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
    with scratch_folder() as scratch, _progress_shown():
        _check_order(options.run, options.input)
        record = record_of(options.run, options.uri, scratch)
        predictor = Predictor(record, options.weights, trusted=allowed_packages())
        table = _predicted(predictor, options.input)
    text = csv_text(table)
    if options.output is None:
        write_data(text)
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
    if data.is_dir() and not any(images_in(data)):
        raise DataError(
            f"{data}: this is a folder without images. Give a table or a .npy array after the run"
        )


def _predicted(predictor: Predictor, path: Path) -> pd.DataFrame:
    raw = _read(path, predictor)
    try:
        table = predictor.predict(raw)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if path.is_dir():
        table.insert(0, "file", [str(one.relative_to(path)) for one in sorted(images_in(path))])
    return table


def record_of(run: str, uri: str | None, scratch: Path) -> Record:
    """Return the record of a run's folder, or of a run in MLflow.

    Parameters
    ----------
    run : str
        The folder, or the run's id.
    uri : str or None
        The address of MLflow; None for the default one.
    scratch : Path
        A folder for what is fetched.
    """
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


def _read(path: Path, predictor: Predictor) -> Any:
    preprocessing = predictor.preprocessing
    if path.is_dir() or path.suffix.lower() in ENDINGS:
        return _images(path, predictor)
    if path.suffix == ".npz":
        return read_sparse(path)
    if path.suffix == ".npy":
        return read_array(path)
    if isinstance(preprocessing, SparsePreprocessing) and preprocessing.terms is None:
        width, first = preprocessing.width, preprocessing.first
        return read_svmlight(path, width=width, first=first)[0]
    if path.suffix == ".txt" and predictor.takes_texts:
        return _lines(path, predictor.table_format.encoding)
    return read_table(path, predictor.table_format)


def _images(path: Path, predictor: Predictor) -> np.ndarray[Any, Any]:
    shape = predictor.shape
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(f"{path}: the run was not trained on images. Give a table, or an array")
    return read_images(path, (shape[0], shape[1], shape[2]), scaled=predictor.scales_images)


def _lines(path: Path, encoding: str) -> np.ndarray[Any, Any]:
    """Read a text from each line."""
    return np.array(read_text(path, encoding).removesuffix("\n").split("\n"), object)


@contextmanager
def _progress_shown() -> Iterator[None]:
    """Print what reading a long file logs to standard error."""
    logger = logging.getLogger("experiments.datasets.reading")
    handler, level = logging.StreamHandler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("predict", __doc__ or "")
    add_run(parser)
    parser.add_argument(
        "input",
        metavar="INPUT",
        type=Path,
        help="a table, .npy array, texts, sparse rows or images",
    )
    parser.add_argument("--output", type=Path, help="CSV file to write (default: print)")
    add_weights(parser)
    add_tracker(parser)
    return parser
