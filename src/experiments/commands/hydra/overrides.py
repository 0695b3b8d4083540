"""Reading and writing overrides in the syntax of Hydra's command line, with clear errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from experiments.errors import ConfigError


def parse(overrides: Sequence[str], parser: OverridesParser | None = None) -> list[Override]:
    """Parse overrides.

    Parameters
    ----------
    overrides : sequence of str
        Overrides as on a command line.
    parser : OverridesParser, optional
        Hydra's parser; by default one without a config loader, which cannot expand ``glob()``.

    Raises
    ------
    ConfigError
        If overrides are malformed; the message lists all of them.
    """
    parser = parser or OverridesParser.create()
    parsed, faults = [], []
    for override in overrides:
        try:
            parsed += parser.parse_overrides([override])
        except HydraException as error:
            faults.append(_malformed(override, error))
    if faults:
        raise ConfigError("\n".join(faults))
    return parsed


def _malformed(override: str, error: HydraException) -> str:
    if "=" not in override and not override.startswith("~"):
        return f"{override!r} is not a setting: give NAME=VALUE, or GROUP=CHOICE"
    reason = re.sub(r"Error parsing override '.*'\n|See https?://\S+ for details", "", str(error))
    pointed = re.match(r"(LexerNoViableAltException: ).*\n( *)\^", str(error))
    if pointed is not None:
        place = len(pointed[2]) - len(pointed[1])
        reason = f"unexpected {override[place : place + 1]!r}"
    return (
        f"{override}: cannot be read ({' '.join(reason.split())}). Close all brackets and quotes, "
        "and put a value with special characters in two pairs of quotes: NAME='\"VALUE\"'"
    )


def override_of(key: str, value: Any) -> str:
    """Write a setting as an override that Hydra reads back: ``optimizer.lr=0.01``.

    Parameters
    ----------
    key : str
        The dotted key.
    value : None, bool, int, float, str, or sequence of these
        The value; floats are written with 12 significant digits.
    """
    return f"{key}={_text(value)}"


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return QuotedString(value, Quote.single).with_quotes()
    if isinstance(value, tuple | list):
        return f"[{','.join(map(_text, value))}]"
    return f"{value:.12g}" if isinstance(value, float) else repr(value)


def first_lines(error: Exception) -> str:
    """Shorten Hydra's message to the lines that a user needs."""
    text = re.sub(r"\n\s*(full_key|object_type|reference_type)[^\n]*", "", str(error))
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        text += " " + str(cause).split("\n", 1)[0]
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
