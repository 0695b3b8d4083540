"""Reading JSON that may come from anywhere: strict, and of a bounded size and depth."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final, NoReturn

NODES: Final = 4_000_000
"""Most values in a text. The names and statistics of a hundred thousand columns are a tenth."""

DEPTH: Final = 50
"""Most levels of nesting."""

_DIGITS: Final = 308  # more do not fit in a float


def parse_json(content: bytes | str) -> Any:
    """Parse JSON strictly.

    Parameters
    ----------
    content : bytes or str
        The text, in UTF-8 if it is bytes.

    Returns
    -------
    object
        Dictionaries, lists, strings, numbers, booleans and None. A lone surrogate, which stands
        for a byte that is not text and cannot be printed, is replaced by its escape.

    Raises
    ------
    ValueError
        If the text is not JSON, is too long or nested too deeply, or contains NaN, an infinity, a
        key that an object already has, or an integer that no float can represent.
    """
    text = content.decode() if isinstance(content, bytes) else content
    # Every value but the first follows one of these characters.
    if sum(map(text.count, "[{,:")) >= NODES:
        raise ValueError(f"it has more than {NODES:,} values")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_not_finite,
            parse_int=_integer,
            parse_float=_float,
        )
    except RecursionError:
        raise _too_deep() from None
    return _plain(value, 0)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:50]!r} occurs twice in an object")
    return made


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"an integer of {len(text)} digits is too large")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:50]} is too large")
    return value


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _plain(value: Any, depth: int) -> Any:
    """Replace lone surrogates, and refuse values that are nested too deeply."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="backslashreplace").decode()
    if not isinstance(value, dict | list):
        return value
    if depth == DEPTH:
        raise _too_deep()
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    return {_plain(key, depth): _plain(item, depth + 1) for key, item in value.items()}


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEPTH} levels deep")
