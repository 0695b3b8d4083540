"""Passwords in addresses, masked before anything is shown, written or published."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from experiments.files.atomic import write_atomically

# Hydra escapes a colon in an override, and JSON that backslash once more.
_USER_INFO = re.compile(r"(?<=://)(?:[^\s/@'\"\\]|\\+[^\s\w'\"\\])+(?=@)")
# Databases take them after a question mark too.
_QUERY = re.compile(
    r"(?<=[?&])((?:\w*password|passwd|pwd|\w*token|\w*secret|api_?key)\\*=)[^\s&'\"\\,}]+",
    re.IGNORECASE,
)


def mask_secrets(text: str) -> str:
    """Mask the password of every address in a text, and the token of one that has no user.

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
    """Mask passwords in files that others have written, Hydra for one, and in those of folders.

    What cannot be read or written stays as it is.
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
