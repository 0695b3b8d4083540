"""A folder of images, with a subfolder for each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.reading.image_file import (
    images_in,
    is_shown,
    opened,
    pixels_of,
    upright,
)
from experiments.datasets.reading.memory import available_memory, require_memory
from experiments.datasets.scaling import Scaling
from experiments.datasets.source import SplitSource
from experiments.datasets.sources.paths import user_path
from experiments.datasets.table import Table
from experiments.errors import ConfigError, DataError
from nn.component import Count

_COLORS: Final = ("red", "green", "blue")


@dataclass(frozen=True, kw_only=True)
class Images(SplitSource):
    """PNG and JPEG files in a folder that has a subfolder for each class.

    The subfolders' names are the classes. Their images may lie in further folders; files of other
    kinds and hidden ones are left out. All images have one size, or are brought to one by `size`.
    Inputs are float32.

    Parameters
    ----------
    seed, limit, split, counts, validation, test
        See `SplitSource`. The rows are in the order of the classes, and of the files' names.
    dir : str
        The folder, relative to where the command is given.
    color : bool, optional
        Whether images have three channels, red, green and blue, or one, grey. By default three if
        any of them is in colour.
    size : sequence of two int, optional
        Height and width to which all images are scaled (by bilinear interpolation, without
        keeping their proportions).
    scaling : {"standard", "channel", "minmax", "max", "none"}, default "max"
        Scaling of the pixels. "max" divides by the brightest pixel of the training part;
        "channel" gives each channel mean 0 and deviation 1.
    verify : bool, default False
        Whether to read the files even if they look unchanged since they were cached.
    """

    name: ClassVar[str] = "images"

    scaling: Scaling = "max"
    dir: str
    color: bool | None = None
    size: tuple[Count, ...] | None = None
    verify: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is None:
            return
        object.__setattr__(self, "size", tuple(self.size))  # sources are hashed
        if len(self.size) != 2:
            raise ConfigError(
                "dataset Images: dataset.size must be height and width, such as [32,32], "
                f"but is {list(self.size)}."
            )

    def files(self) -> tuple[Path, ...]:
        """Return the images of all classes."""
        return tuple(path for paths in self._classes().values() for path in paths)

    def load(self) -> Dataset:
        """Read, split and encode the images."""
        classes = self._classes()
        paths = [path for found in classes.values() for path in found]
        shape = self._shape(paths)
        require_memory(
            f"reading {len(paths)} images of {' × '.join(map(str, shape))} numbers",
            5.0 * len(paths) * int(np.prod(shape)),  # the pixels, and then their float32
            available_memory(),
        )
        pixels = np.empty((len(paths), *shape), np.uint8)
        for row, path in enumerate(paths):
            pixels[row] = pixels_of(path, shape)
        sizes = [len(found) for found in classes.values()]
        return self.prepare(
            name=self.name,
            task=Task.BINARY if len(classes) == 2 else Task.MULTICLASS,
            table=Table.of_numbers(pixels.reshape(len(paths), -1), _names(shape)),
            targets=np.repeat(np.arange(len(classes)), sizes),
            target_names=tuple(classes),
            shape=shape,
        )

    def _classes(self) -> dict[str, list[Path]]:
        """Return the files of each class, by name.

        Raises
        ------
        DataError
            If the folder cannot be read, has fewer than two subfolders, or one without images.
        """
        top = user_path(self.dir)
        try:
            folders = sorted(path for path in top.iterdir() if is_shown(path) and path.is_dir())
        except OSError as error:
            raise DataError(
                f"{top}: the folder of images cannot be read ({error.strerror}). Name it by "
                "dataset.dir=FOLDER."
            ) from error
        if len(folders) < 2:
            raise DataError(
                f"{top}: a folder of images has a subfolder for each class, and this one has "
                f"{len(folders) or 'none'}. Name one that has: dataset.dir=FOLDER."
            )
        classes = {folder.name: sorted(images_in(folder)) for folder in folders}
        for name, found in classes.items():
            if not found:
                raise DataError(
                    f"{top / name}: the folder of a class has no PNG or JPEG file. Add some, or "
                    "move it away."
                )
        return classes

    def _shape(self, paths: list[Path]) -> tuple[int, int, int]:
        """Return (channels, height, width) of all images; read from their headers.

        Raises
        ------
        DataError
            If they differ in size.
        """
        color, first = self.color, None
        for path in paths:
            with opened(path) as image:
                # A camera may say in the header that the image has to be turned.
                height, width = upright(image).size[::-1]
                if color is None and image.mode not in ("1", "L", "LA"):
                    color = True
            if self.size is not None:
                height, width = self.size
            if first is None:
                first = height, width
            elif (height, width) != first:
                raise DataError(
                    f"{path} has {height}×{width} pixels, but {paths[0]} {first[0]}×{first[1]}. "
                    f"Bring all to one size: dataset.size=[{first[0]},{first[1]}]."
                )
        assert first is not None  # each class has an image
        return (3 if color else 1, *first)


def _names(shape: tuple[int, int, int]) -> list[str]:
    """Name the pixels, in the order of the channels, rows and columns."""
    channels = _COLORS if shape[0] == 3 else ("pixel",)
    places: Any = np.ndindex(*shape[1:])
    places = [f"{row}_{column}" for row, column in places]
    return [f"{channel}_{place}" for channel in channels for place in places]
