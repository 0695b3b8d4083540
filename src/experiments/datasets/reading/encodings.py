"""Encodings of text: which Python knows, and which a file likely has."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Final

from experiments.errors import ConfigError, DataError

_CONTEXT: Final = 40  # bytes around a byte that cannot be decoded


def is_encoding(name: str) -> bool:
    """Whether Python knows an encoding of text by this name."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def check_encoding(where: str, name: str) -> None:
    """Raise a ConfigError, which begins with `where`, unless Python knows `dataset.encoding`."""
    if not is_encoding(name):
        raise ConfigError(
            f"{where}: dataset.encoding is {name!r}, which Python does not know. Give one such as "
            "utf-8, latin-1, cp1252 or utf-16."
        )


def undecodable(
    path: Path, error: UnicodeError, codec: str, *, lines: int = 0, read: int | None = None
) -> DataError:
    """Return an error that says where a file is not text, and which encoding it likely has.

    Parameters
    ----------
    path : Path
        The file.
    error : UnicodeError
        The error that decoding the file, or a block of it, has raised.
    codec : str
        The encoding that was tried, by Python's name for it.
    lines : int, default 0
        The number of lines before the block.
    read : int, optional
        The number of bytes that have been read, of which the block is the end; by default the
        block is the whole file.
    """
    line, cure = lines + 1, "Save it as UTF-8, or train with dataset.encoding=NAME"
    if isinstance(error, UnicodeDecodeError):
        content = bytes(error.object)
        line += content.count(b"\n", 0, error.start)
        begins = read is None or read == len(content)
        likely = _likely_encoding(content, error.start, first=begins)
        if b"\0" in content and not likely.startswith("utf"):
            cure = "It holds binary data. Give text, or a table as CSV or Parquet"
        elif likely != codec:
            seen = _around(content, error.start, likely)
            cure = (
                f"It may be {likely} (with {seen!r} there): save it as UTF-8, or train with "
                f"dataset.encoding={likely}"
            )
    elif codec in ("utf-16", "utf-32"):  # Python then wants a byte order mark
        cure = f"Without a byte order mark, train with dataset.encoding={codec}-le or {codec}-be"
    named = "UTF-8" if codec == "utf-8" else codec
    return DataError(f"{path}, line {line}: not {named} text. {cure}.")


def _likely_encoding(content: bytes, wrong: int, *, first: bool) -> str:
    """Guess the encoding of bytes that another encoding does not decode.

    Parameters
    ----------
    content : bytes
        A part of the file.
    wrong : int
        The position of the first byte that cannot be decoded.
    first : bool
        Whether the file begins with these bytes.
    """
    if first and content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if first and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content.count(0) > len(content) // 4:
        return "utf-16-le" if content[1::2].count(0) > content[::2].count(0) else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        # In Latin-1 these are control characters; Windows has typographic quotes and € there.
        windows = any(0x80 <= byte < 0xA0 for byte in content[wrong : wrong + _CONTEXT])
        return "cp1252" if windows else "latin-1"
    return "utf-8"


def _around(content: bytes, wrong: int, encoding: str) -> str:
    """Return the word around a byte, read in an encoding."""
    if encoding.startswith("utf"):
        return content[:_CONTEXT].decode(encoding, "ignore").partition("\n")[0].strip()
    before = re.split(rb"[\s,;|\"]", content[max(wrong - _CONTEXT, 0) : wrong])[-1]
    after = re.split(rb"[\s,;|\"]", content[wrong : wrong + _CONTEXT])[0]
    return (before + after).decode(encoding, "replace")
