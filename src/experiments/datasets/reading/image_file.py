"""Files of images: PNG and JPEG."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.opening import regular_file
from experiments.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

ENDINGS: Final = (".png", ".jpg", ".jpeg")
_BYTES: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's modes whose values have at most eight bits."""


def read_images(path: Path, shape: tuple[int, int, int], *, scaled: bool) -> NDArray[np.uint8]:
    """Read an image, or all images of a folder in the order of their names.

    Parameters
    ----------
    path : Path
        The file or the folder.
    shape : tuple of int
        (channels, height, width): one channel is grey, three are red, green and blue.
    scaled : bool
        Whether images of another size are brought to this one; otherwise they are refused.

    Returns
    -------
    ndarray of shape (images, channels, height, width)

    Raises
    ------
    DataError
        If there is no image, or one cannot be read or has another size.
    """
    paths = sorted(images_in(path)) if path.is_dir() else [path]
    if not paths:
        raise DataError(f"{path}: the folder has no PNG or JPEG file. Give one that has.")
    if not scaled:
        for one in paths:
            with opened(one) as image:
                height, width = upright(image).size[::-1]
            if (height, width) != shape[1:]:
                raise DataError(
                    f"{one} has {height}×{width} pixels, and the run takes {shape[1]}×{shape[2]}. "
                    "Scale it."
                )
    return np.stack([pixels_of(one, shape) for one in paths])


def pixels_of(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Read an image, (channels, height, width), and scale it to this shape."""
    from PIL import Image

    with opened(path) as image:
        converted = upright(image).convert("RGB" if shape[0] == 3 else "L")
        if converted.size != (shape[2], shape[1]):
            converted = converted.resize((shape[2], shape[1]), Image.Resampling.BILINEAR)
        array = np.asarray(converted, np.uint8).reshape(*shape[1:], shape[0])
    return np.moveaxis(array, -1, 0)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image; what fails while it is open is reported with its name."""
    from PIL import Image

    regular_file(path)
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.mode not in _BYTES:
                raise DataError(
                    f"{path}: the image has more than eight bits a channel ({image.mode}). "
                    "Convert it to eight."
                )
            yield image
    except DataError:
        raise
    except Exception as error:  # a damaged file leads Pillow to nearly any of them
        raise DataError(
            f"{path}: the image cannot be read ({' '.join(str(error).split())[:200]}). Replace "
            "the file, or move it away."
        ) from error


def upright(image: Image.Image) -> Image.Image:
    """Turn an image as the camera says in its header."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def images_in(folder: Path) -> Iterator[Path]:
    """Yield the PNG and JPEG files in a folder and those below it."""
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(where, name)
            if is_shown(path) and path.suffix.lower() in ENDINGS:
                yield path


def is_shown(path: Path) -> bool:
    """Whether a file or folder is not hidden."""
    return not path.name.startswith(".")
