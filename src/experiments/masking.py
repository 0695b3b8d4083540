"""Passwords in addresses, masked before anything is shown, written or published."""

from __future__ import annotations

import re

# Hydra escapes a colon in an override, and JSON that backslash once more.
_USER_INFO = re.compile(r"(?<=://)(?:[^\s/@'\"\\]|\\+[^\s\w'\"\\])+(?=@)")


def mask_secrets(text: str) -> str:
    """Mask the password of every address in a text, and the token of one that has no user.

    Examples
    --------
    >>> mask_secrets("tracking.uri=https://ada:secret@example.org/mlflow")
    'tracking.uri=https://ada:***@example.org/mlflow'
    >>> mask_secrets("https://token@example.org")
    'https://***@example.org'
    """
    return _USER_INFO.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    user, colon, _ = match[0].partition(":")
    return f"{user}:***" if colon else "***"
