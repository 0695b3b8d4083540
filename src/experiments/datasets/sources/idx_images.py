"""The base class of MNIST and Fashion-MNIST, read from IDX files or downloaded from OpenML."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.scaling import Scaling
from experiments.datasets.source import DividedSource, ShareOrNone
from experiments.datasets.sources import openml
from experiments.datasets.sources.idx import read_idx, write_idx
from experiments.datasets.sources.paths import user_path
from experiments.datasets.splits import split_published
from experiments.datasets.table import Table
from experiments.errors import DataError
from experiments.warning import warn

# The published names, stem and ending; one mirror joins them by a dot instead of a dash.
_FILES: Final = (
    ("train-images", "idx3-ubyte"),
    ("train-labels", "idx1-ubyte"),
    ("t10k-images", "idx3-ubyte"),
    ("t10k-labels", "idx1-ubyte"),
)
_TRAIN_ROWS: Final = 60_000
_SHAPE: Final = (28, 28)


@dataclass(frozen=True, kw_only=True)
class IdxImages(DividedSource):
    """A published image set of ten classes, with its published test set.

    The files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`
    and `t10k-labels-idx1-ubyte`, plain or compressed (`.gz`). If no folder has any of them and
    `download` is true, the set is downloaded from OpenML and saved in `dir` under these names.

    The validation part is taken from the training set. Inputs are float32: as float64
    the 60000 images alone would take 376 MB.

    Parameters
    ----------
    seed : int, default 0
        Seed of the split and of the subset that `limit` selects.
    limit : int, optional
        Largest number of rows to use, of the training set and of the test set separately.
    split : {"stratified", "position"}, default "stratified"
        Whether the validation part is a stratified sample of the training set, or its last rows.
    counts : sequence of int, optional
        Numbers of training and validation rows: ``[50000, 10000]`` with ``split="position"`` is
        the division of Nielsen and of many others. By default `validation` and `limit` decide.
    validation : float, default 0.1
        Fraction of the training set; 0 for no validation part.
    scaling : {"standard", "channel", "minmax", "max", "none"}, default "max"
        Scaling of the pixels. "max" divides by the brightest pixel of the training part (255).
    dir : str
        Folder of the files, relative to where the command is given.
    fallback_dir : str, optional
        Folder to try if `dir` has none of the files.
    download : bool, default True
        Whether to download the set if neither folder has it.
    """

    # Reading and encoding the files takes about as long as reading the encoded arrays, which are
    # four times as large.
    cacheable: ClassVar[bool] = False
    name: ClassVar[str]
    class_names: ClassVar[tuple[str, ...]]
    openml_name: ClassVar[str]
    openml_version: ClassVar[int] = 1

    counted: ClassVar[tuple[str, ...]] = ("training", "validation")

    validation: ShareOrNone = 0.1
    scaling: Scaling = "max"
    dir: str
    fallback_dir: str | None = None
    download: bool = True

    def files(self) -> tuple[Path, ...]:
        """Return the four files, or an empty tuple if no folder has any.

        Raises
        ------
        DataError
            If a folder has some of the files and lacks others.
        """
        for folder in self._folders():
            found = [_find(folder, *parts) for parts in _FILES]
            present = tuple(path for path in found if path is not None)
            if len(present) == len(_FILES):
                return present
            if present:
                absent = [
                    f"{stem}-{ending}"
                    for (stem, ending), path in zip(_FILES, found, strict=True)
                    if path is None
                ]
                raise DataError(
                    f"{folder}: {' and '.join(absent)} (plain or .gz) not found beside "
                    f"{', '.join(path.name for path in present)}. Add the missing files, or "
                    "move these away."
                )
        return ()

    def load(self) -> Dataset:
        """Read the files, or download the set; then split and encode it."""
        paths = self.files()
        if paths:
            images = self._read(paths)
        elif self.download:
            images = self._fetch()
        else:
            raise DataError(f"{self._not_found()} Put them there, or set dataset.download=true.")
        height, width = images.train_images.shape[1:]
        pixels = [images.train_images, images.test_images]
        table = np.concatenate([array.reshape(len(array), -1) for array in pixels])
        names = [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]
        train_labels, test_labels = (
            labels.astype(np.int64) for labels in (images.train_labels, images.test_labels)
        )
        return prepare(
            name=self.name,
            task=Task.MULTICLASS,
            table=Table.of_numbers(table, names),
            targets=np.concatenate([train_labels, test_labels]),
            target_names=self.class_names,
            split=split_published(
                train_labels,
                test_labels,
                seed=self.seed,
                limit=self.limit,
                validation=self.validation,
                counts=self.counts,
                method=self.split,
            ),
            scaling=self.scaling,
            shape=(1, height, width),
        )

    def _folders(self) -> list[Path]:
        return [user_path(folder) for folder in (self.dir, self.fallback_dir) if folder]

    def _read(self, paths: tuple[Path, ...]) -> openml.Images:
        train_images, test_images = (read_idx(paths[position], 3) for position in (0, 2))
        train_labels, test_labels = (self._labels(paths[position]) for position in (1, 3))
        for images, labels, first in (
            (train_images, train_labels, 0),
            (test_images, test_labels, 2),
        ):
            if len(images) != len(labels):
                raise DataError(
                    f"{paths[first]} holds {len(images)} images but {paths[first + 1].name} "
                    f"{len(labels)} labels. Use files that belong together."
                )
        if train_images.shape[1:] != test_images.shape[1:]:
            raise DataError(
                f"{paths[0]} holds images of {_size(train_images)} pixels but {paths[2].name} of "
                f"{_size(test_images)}. Use files that belong together."
            )
        return openml.Images(train_images, train_labels, test_images, test_labels)

    def _labels(self, path: Path) -> NDArray[np.uint8]:
        labels = read_idx(path, 1)
        wrong = np.flatnonzero(labels >= len(self.class_names))
        if len(wrong):
            raise DataError(
                f"{path}: label {wrong[0] + 1} is {labels[wrong[0]]}, not 0 to "
                f"{len(self.class_names) - 1}. Download the file again."
            )
        return labels

    def _fetch(self) -> openml.Images:
        try:
            images = openml.fetch_images(self.openml_name, self.openml_version, _TRAIN_ROWS, _SHAPE)
        except DataError as error:
            raise DataError(
                f"{self._not_found()} {error} Without one, put the four files (plain or .gz) into "
                "the folder, or name the folder that has them: dataset.dir=FOLDER."
            ) from error
        folder = self._folders()[0]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for (stem, ending), array in zip(_FILES, images, strict=True):
                write_idx(folder / f"{stem}-{ending}", array)
        except OSError as error:
            warn(f"{folder}: the fetched files cannot be kept ({error}) and will be fetched again.")
        return images

    def _not_found(self) -> str:
        folders = " or ".join(str(folder) for folder in self._folders())
        names = ", ".join(f"{stem}-{ending}" for stem, ending in _FILES)
        return f"{self.name}: none of {names} (plain or .gz) is in {folders}."


def _find(folder: Path, stem: str, ending: str) -> Path | None:
    for joint in "-.":
        for suffix in ("", ".gz"):
            path = folder / f"{stem}{joint}{ending}{suffix}"
            # Reading it says what is wrong with a folder or a broken link.
            if os.path.lexists(path):
                return path
    return None


def _size(images: NDArray[np.uint8]) -> str:
    return "×".join(map(str, images.shape[1:]))
