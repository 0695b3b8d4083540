"""Preparing the command line for Hydra: reordering settings, and rejecting unknown options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from hydra._internal.utils import get_args_parser

from experiments.errors import ConfigError
from experiments.files.yaml import DEPTH

_MOST_COMMAS: Final = 2000
_MOST_DIGITS: Final = 4000  # Python converts no more to a number

_NESTING: Final = {**dict.fromkeys("[{(", 1), **dict.fromkeys("]})", -1)}


def with_settings_together(arguments: Sequence[str]) -> list[str]:
    """Move settings behind the options, so that options may also be given between settings.

    Python's argparse rejects ``optimizer=sgd -m seed=1,2``, because its positional arguments must
    be adjacent.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program.

    Raises
    ------
    ConfigError
        If an option is unknown, or a setting has too many values, levels or digits.
    """
    for word in arguments:
        problem = _excess(word)
        if problem is not None:
            raise ConfigError(f"{word.partition('=')[0][:60]}: {problem}")
    parser = get_args_parser()
    parser.allow_abbrev = False  # --experiment is not an abbreviation of --experimental-rerun
    options, rest = parser.parse_known_args(list(arguments))
    unknown = [word for word in rest if word.startswith("-")]
    if unknown:
        raise ConfigError("\n".join(_no_such_option(word, arguments) for word in unknown))
    if not rest:
        return list(arguments)
    settings = [*options.overrides, *rest]
    return [word for word in arguments if word not in settings] + settings


def _excess(word: str) -> str | None:
    """Describe what Hydra's parser cannot bear in a setting: it has no bounds of its own."""
    if word.count(",") > _MOST_COMMAS:  # the time grows with the square of this number
        return (
            f"this setting has more than {_MOST_COMMAS} values. Put a long list into a YAML file "
            "(--config-dir), or write numbers as range(START,STOP)"
        )
    depths = accumulate(_NESTING.get(character, 0) for character in word)
    if max(depths, default=0) > DEPTH:
        return f"the value is nested more than {DEPTH} levels deep"
    digits = max(map(len, re.findall(r"\d+", word)), default=0)
    return f"a number of {digits} digits is too large" if digits > _MOST_DIGITS else None


def _no_such_option(word: str, arguments: Sequence[str]) -> str:
    name, given, value = word.lstrip("-").partition("=")
    following = list(arguments)[list(arguments).index(word) + 1 :][:1]
    if not given and following and not following[0].startswith("-") and "=" not in following[0]:
        value, word = following[0], f"{word} {following[0]}"
    return (
        f"{word}: there is no such option. Settings are NAME=VALUE, without dashes"
        f"{f': {name}={value}' if value else ''} (--help lists settings, --hydra-help options)"
    )
