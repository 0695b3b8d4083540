"""Files of plain text."""

from __future__ import annotations

import codecs
from pathlib import Path

from experiments.datasets.reading.encodings import undecodable
from experiments.datasets.reading.opening import opened
from experiments.errors import DataError


def read_text(path: Path, encoding: str = "utf-8") -> str:
    r"""Read a text file; a compressed one is unpacked.

    Lines end in "\\n", however they end in the file, and a byte order mark is left out.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str, default "utf-8"
        The encoding, which Python knows.

    Raises
    ------
    DataError
        If the file is missing, is not text, or needs more memory than there is.
    """
    with opened(path) as file:
        content = b"".join(iter(file.read1, b""))
        try:
            text = content.decode(encoding)
        except UnicodeError as error:
            raise undecodable(path, error, codecs.lookup(encoding).name) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{path}, line {line}: a NUL character, which is no text. If the file is UTF-16, train "
            "with dataset.encoding=utf-16-le or utf-16-be; otherwise remove the character."
        )
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
