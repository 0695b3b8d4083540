"""Masking of passwords and tokens, before text is shown, written or published.

A secret is recognized by its place: before the last ``@`` of an address, or as the value of a key
such as ``password`` or ``api_key``. Elsewhere, as in the message of a library, it is recognized by
its value: that of an environment variable with such a name, or one that :func:`remember_secrets`
was given.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final
from urllib.parse import quote, unquote

HIDDEN: Final = "***"
"""What stands in the place of a secret."""

_SHORTEST: Final = 8
"""The length from which a secret is masked by its value alone; shorter ones may be usual words."""

_NAMES: Final = (
    "password|passwd|passphrase|pwd|secret|token|credentials?"
    "|(?:api|access|account|encryption|private|secret|signing)[_-]?key"
)
_KEY: Final = re.compile(rf"[+~]*[\w.@/-]*(?:{_NAMES})", re.IGNORECASE)

# Of the environment: MLFLOW_TRACKING_TOKEN, KEY_OF_PROXY; but not PWD or TOKEN_FILE.
_VARIABLE: Final = re.compile(
    r"(?!PWD$|.*_(?:DIR|FILE|FOLDER|PATH)$)(?:.*_)?"
    r"(?:\w*TOKEN|\w*PASSWORD|\w*PASSWD|PASS|PASSPHRASE|PWD|\w*SECRETS?|CREDENTIALS?|\w*KEY)(?:_.*)?",
    re.IGNORECASE,
)

# Hydra escapes a colon or an equals sign in an override with a backslash, JSON escapes it again.
# The patterns begin with a literal: Python finds it ten times as fast as a lookbehind.
_PASSWORD: Final = r"(?P<user>://[^\s:/@'\"<>\\]*)(?P<colon>\\*:)(?P<secret>{any}*)(?=@)"
_USER: Final = r"(?P<user>://)(?P<colon>)(?P<secret>[^\s:/'\"<>]+)(?=@)"
_IN_TEXT: Final = [re.compile(_PASSWORD.format(any=r"[^\s'\"<>]")), re.compile(_USER)]
_IN_ADDRESS: Final = [re.compile(_PASSWORD.format(any="."), re.DOTALL), re.compile(_USER)]
_IS_ADDRESS: Final = re.compile(r"(?:[+~]*[\w.@/-]+=)?['\"]?[A-Za-z][\w+.-]*\\*://")
_SETTING: Final = re.compile(rf"(?P<key>{_KEY.pattern})=(?P<secret>.+)", re.IGNORECASE | re.DOTALL)
_PAIR: Final = re.compile(
    # ``key=``, ``key: `` or ``"key": ``, and a value in quotes or up to a blank or a bracket.
    rf"(?P<key>(?:{_NAMES})(?:\\*[\"'])?\\*[=:][ ]?)"
    r"(?!(?:null|none|true|false)\b)"
    r"(?P<secret>\"(?:[^\"\\]|\\.)*\"|'[^']*'|['\"]?[^\s&'\"<>]*[^\s&'\"<>\\,;:.)}\]])",
    re.IGNORECASE,
)
# The end of each such key, in text without capitals. Few texts have one, and searching for it takes
# a tenth of the time.
_END_OF_KEY: Final = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|credentials?|key)(?:\\*[\"'])?\\*[=:]"
)

_remembered: set[str] = set()


def mask_secrets(text: str, known: Collection[str] = ()) -> str:
    """Mask all secrets in a running text.

    Parameters
    ----------
    text : str
        Any text, such as a message.
    known : collection of str, optional
        Further secrets, of any length; one that is a word is masked only as a whole word.

    Returns
    -------
    str
        The text with ``***`` in place of each secret.

    Examples
    --------
    >>> mask_secrets("tracking.uri=https://ada:s/cr@t@example.org/mlflow")
    'tracking.uri=https://ada:***@example.org/mlflow'
    >>> mask_secrets("https://token@example.org")
    'https://***@example.org'
    >>> mask_secrets("postgresql://db/runs?user=ada&password=secret")
    'postgresql://db/runs?user=ada&password=***'
    """
    return _mask_text(text, _by_value(known))


def masked(value: Any) -> Any:
    """Copy a tree of mappings and sequences with all secrets masked.

    The value of a key such as ``password`` is masked whole, and so is that of a setting
    ``password=...``; other texts as by :func:`mask_secrets`. In contrast to a running text, the end
    of each value is known, so that a password may contain blanks and quotes.
    """
    return _mask_tree(value, _by_value(()))


def secrets_in(value: Any) -> set[str]:
    """Return the secrets that a tree of mappings and sequences contains in their places.

    Passwords of addresses are also returned as they read without percent signs.
    """
    found = set(_secrets_in(value)) - {"", HIDDEN}
    return found | {unquote(secret) for secret in found}


def pieces(secrets: Collection[str]) -> set[str]:
    """Return secrets together with the pieces that an unquoted ``@`` or ``/`` makes of them.

    A password ``p@ss/word`` in an address may make a library say that the host ``ss`` is unknown.
    """
    parts = {part for secret in secrets for part in re.split(r"[]@/:?#[]", secret)}
    return {*secrets, *(part for part in parts if len(part) > 1)}


def remember_secrets(value: Any) -> None:
    """Have this process mask the secrets of a tree by their values, wherever they appear.

    Those of fewer than eight characters, which may be usual words, are masked only at their places.
    """
    _remembered.update(secret for secret in secrets_in(value) if len(secret) >= _SHORTEST)


def _mask_text(text: str, by_value: re.Pattern[str] | None) -> str:
    if by_value is not None:
        text = by_value.sub(HIDDEN, text)
    if "://" in text:
        for pattern in _IN_TEXT:
            text = pattern.sub(rf"\g<user>\g<colon>{HIDDEN}", text)
    return _PAIR.sub(_mask_pair, text) if _END_OF_KEY.search(text.casefold()) else text


def _mask_pair(match: re.Match[str]) -> str:
    first = match["secret"][0]
    quoted = first in "'\"" and match["secret"][-1] == first
    return match["key"] + (f"{first}{HIDDEN}{first}" if quoted else HIDDEN)


def _mask_tree(value: Any, by_value: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        return _mask_value(value, by_value)
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _is_secret(key, item) else _mask_tree(item, by_value)
            for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_mask_tree(item, by_value) for item in value]
    return value


def _mask_value(value: str, by_value: re.Pattern[str] | None) -> str:
    if ":" not in value and "=" not in value:  # as nearly all values of a configuration
        return value if by_value is None else by_value.sub(HIDDEN, value)
    setting = _SETTING.fullmatch(value)
    if setting is not None:
        return f"{setting['key']}={HIDDEN}"
    if _IS_ADDRESS.match(value):
        for pattern in _IN_ADDRESS:
            value = pattern.sub(rf"\g<user>\g<colon>{HIDDEN}", value)
    return _mask_text(value, by_value)


def _is_secret(key: object, value: object) -> bool:
    """Tell whether a key says that its value is a secret; a switch or an empty value is not."""
    return (
        isinstance(value, str | int | float | Mapping | Sequence)
        and not isinstance(value, bool)
        and _names_secret(str(key))
    )


@lru_cache(maxsize=4096)
def _names_secret(key: str) -> bool:
    return _KEY.fullmatch(key) is not None


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if ":" not in value and "=" not in value:
            return
        setting = _SETTING.fullmatch(value)
        if setting is not None:
            yield setting["secret"].strip("'\"")
        for pattern in _IN_ADDRESS if _IS_ADDRESS.match(value) else _IN_TEXT:
            yield from (match["secret"] for match in pattern.finditer(value))
        yield from (match["secret"].strip("'\"") for match in _PAIR.finditer(value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if _is_secret(key, item) and not isinstance(item, Mapping | list | tuple):
                yield str(item)
            else:
                yield from _secrets_in(item)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for item in value:
            yield from _secrets_in(item)


def _by_value(known: Collection[str]) -> re.Pattern[str] | None:
    """Return a pattern of all secrets that are known by their values; None if there are none."""
    of_environment = {os.environ[name] for name in os.environ if _holds_secret(name)}
    secrets = {*known, *_remembered, *(s for s in of_environment if len(s) >= _SHORTEST)}
    return _pattern(frozenset(secrets)) if secrets else None


@cache
def _holds_secret(variable: str) -> bool:
    return _VARIABLE.fullmatch(variable) is not None


@lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern of secrets, also as they are written in an address or in JSON."""
    written = {
        text for secret in secrets for text in (secret, quote(secret, ""), json.dumps(secret)[1:-1])
    }
    return re.compile(
        "|".join(
            rf"(?<!\w){re.escape(text)}(?!\w)"
            if text.isalpha() or len(text) < _SHORTEST
            else re.escape(text)
            for text in sorted(written, key=len, reverse=True)
        )
    )
