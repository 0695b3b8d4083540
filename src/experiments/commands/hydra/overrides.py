"""Reading and writing overrides in the syntax of Hydra's command line, with clear errors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any, Final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from experiments.errors import ConfigError
from experiments.files.masking import masked

_MARK: Final = re.compile(r"([\w.@/+]+)=([^\w?*])")


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
    for words in _split_by_blanks(overrides):
        if len(words) > 1:
            faults.append(_with_blanks(words))
            continue
        try:
            parsed += parser.parse_overrides(words)
        except HydraException as error:
            faults.append(_malformed(words[0], error))
    if faults:
        raise ConfigError("\n".join(faults))
    return parsed


def _split_by_blanks(words: Sequence[str]) -> list[list[str]]:
    """Group words that the shell has separated at a blank inside of one setting.

    ``model.hidden=[64, 32]`` reaches the program as two words, and so does ``optimizer=sgd, adam``.
    """
    groups: list[list[str]] = []
    for word in words:
        if groups and _goes_on("".join(groups[-1]), word):
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def _goes_on(setting: str, word: str) -> bool:
    """Whether a word seems to be the rest of the setting before it."""
    if word.startswith("="):
        return True
    if "=" in word or "=" not in setting:
        return False
    is_open = any(setting.count(a) > setting.count(b) for a, b in ("[]", "{}", "()"))
    return is_open or setting.endswith((",", "="))


def _with_blanks(words: Sequence[str]) -> str:
    whole, without = masked(" ".join(words)), masked("".join(words))
    quoted = f", or put it in quotes: '{whole}'" if without in whole.replace(", ", ",") else ""
    return (
        f"{whole}: a setting ends at a blank. Leave the blanks out: {shlex.quote(without)}{quoted}"
    )


def _malformed(override: str, error: HydraException) -> str:
    shown = masked(override)
    if "=" not in override and not override.startswith("~"):
        return f"{shown!r} is not a setting: give NAME=VALUE, or GROUP=CHOICE"
    reason = re.sub(r"Error parsing override '.*'\n|See https?://\S+ for details", "", str(error))
    pointed = re.match(r"(LexerNoViableAltException: ).*\n( *)\^", str(error))
    if pointed is not None:
        place = len(pointed[2]) - len(pointed[1])
        reason = f"unexpected {override[place : place + 1]!r}"
    if shown != override:
        reason = "it holds a secret, which is not shown"  # nor what Hydra quotes of it
    return (
        f"{shown}: cannot be read ({' '.join(reason.split())}). Close all brackets and quotes, "
        "and put a value with special characters in two pairs of quotes: NAME='\"VALUE\"'"
    )


def with_marks_quoted(arguments: Iterable[str]) -> list[str]:
    """Quote each value that is a single mark, such as that of ``dataset.decimal=,``.

    Hydra's grammar gives commas, semicolons and blanks a meaning, which a mark alone cannot have.
    """
    return [
        override_of(found[1], found[2]) if (found := _MARK.fullmatch(argument)) else argument
        for argument in arguments
    ]


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
