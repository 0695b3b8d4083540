"""Masking of passwords in addresses, before text is shown, written or published."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from experiments.files.atomic import write_atomically

# Hydra escapes a colon in an override with a backslash, which JSON then escapes again.
_USER_INFO = re.compile(r"(?<=://)(?:[^\s/@'\"\\]|\\+[^\s\w'\"\\])+(?=@)")
# Database addresses may also have them in the query string.
_QUERY = re.compile(
    r"(?<=[?&])((?:\w*password|passwd|pwd|\w*token|\w*secret|api_?key)\\*=)[^\s&'\"\\,}]+",
    re.IGNORECASE,
)


def mask_secrets(text: str) -> str:
    """Mask the password of every address in a text, and a token in place of the user name.

    Parameters
    ----------
    text : str
        Any text, with or without addresses.

    Returns
    -------
    str
        The text with ``***`` in place of each secret.

    Examples
    --------
    >>> mask_secrets("tracking.uri=https://ada:secret@example.org/mlflow")
    'tracking.uri=https://ada:***@example.org/mlflow'
    >>> mask_secrets("https://token@example.org")
    'https://***@example.org'
    >>> mask_secrets("postgresql://db/runs?user=ada&password=secret")
    'postgresql://db/runs?user=ada&password=***'
    """
    return _QUERY.sub(r"\1***", _USER_INFO.sub(_masked, text))


def mask_files(*paths: Path) -> None:
    """Mask passwords in text files that other programs (such as Hydra) have written.

    Parameters
    ----------
    *paths : Path
        Files, and folders whose files are masked recursively. A file that cannot be read as text
        or written is skipped.
    """
    for path in paths:
        with suppress(OSError, UnicodeDecodeError):
            if path.is_dir():
                mask_files(*path.iterdir())
                continue
            text = path.read_text(encoding="utf-8")
            masked = mask_secrets(text)
            if masked != text:
                write_atomically(path, masked.encode())


def _masked(match: re.Match[str]) -> str:
    user, colon, _ = match[0].partition(":")
    return f"{user}:***" if colon else "***"
