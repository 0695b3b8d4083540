"""Download of image sets from OpenML with scikit-learn's client."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.errors import DataError


class Images(NamedTuple):
    """An image set with its published test set.

    Images are uint8 of shape (count, height, width), labels uint8 of shape (count,).
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def fetch_images(name: str, version: int, train_rows: int, shape: tuple[int, int]) -> Images:
    """Download an image set of 8-bit pixels.

    Parameters
    ----------
    name : str
        Name of the dataset on OpenML, such as "mnist_784".
    version : int
        Version of the dataset on OpenML.
    train_rows : int
        Number of rows in the published training set; the rows after them are the test set.
    shape : tuple of int
        Height and width of an image.

    Returns
    -------
    Images

    Raises
    ------
    DataError
        If the download fails (no network, server down), or the dataset is not as expected.
    """
    from http.client import HTTPException

    from sklearn.datasets import fetch_openml

    # Explicit types: by default scikit-learn 1.9 makes the labels categorical, which fails with
    # pandas 3.1.
    pixels = shape[0] * shape[1]
    types = dict.fromkeys(range(pixels), "int16") | {pixels: "str"}
    try:
        with warnings.catch_warnings():
            # There is a warning for every retry; the final error says enough.
            warnings.simplefilter("ignore")
            bunch = fetch_openml(
                name=name,
                version=version,
                as_frame=False,
                parser="pandas",
                read_csv_kwargs={"dtype": types},
                cache=False,
            )
    except (OSError, ValueError, LookupError, TypeError, HTTPException) as error:
        raise DataError(
            f"OpenML's dataset {name} (version {version}) could not be fetched "
            f"({type(error).__name__}: {error}). Is there a network?"
        ) from error
    return _divided(bunch, f"OpenML's dataset {name} (version {version})", train_rows, shape)


def _divided(bunch: Any, what: str, train_rows: int, shape: tuple[int, int]) -> Images:
    try:
        pixels = np.asarray(bunch.data)
        labels = np.array([int(str(label).strip("'")) for label in bunch.target])
        fits = (
            pixels.ndim == 2
            and pixels.shape[1] == shape[0] * shape[1]
            and len(labels) == len(pixels) > train_rows
            and bool(pixels.min() >= 0 and pixels.max() <= 255)
            and set(np.unique(labels)) <= set(range(10))
        )
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise DataError(
            f"{what} is not a set of more than {train_rows} images of {shape[0]}×{shape[1]} "
            "pixels 0 to 255 with labels 0 to 9. Give the files in IDX format instead."
        )
    images = pixels.astype(np.uint8).reshape(-1, *shape)
    digits = labels.astype(np.uint8)
    return Images(
        images[:train_rows], digits[:train_rows], images[train_rows:], digits[train_rows:]
    )
