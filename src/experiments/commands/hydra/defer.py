"""Deferring settings of swept choices until Hydra composes the jobs of a sweep.

Hydra first composes a configuration for the sweep itself, with every override that is not swept,
and rejects settings that the default choices lack: ``-m optimizer=momentum,nesterov
optimizer.momentum=0.8`` fails because Adam, the default, has no momentum. Hydra applies swept
overrides only to jobs, so this module rewrites such a setting as a sweep over its single value.

So it does with what a tuned comparison searches: jobs may give a range where the choice declares a
list (``optimizer._search_.momentum={low:0.5,high:0.99}``), and may search less
(``~optimizer._search_.momentum``, which is the same as an empty list).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override

from experiments.commands.hydra.locate import config_folder
from experiments.commands.hydra.overrides import parse
from experiments.config.schema import SEARCH
from experiments.errors import ConfigError


def deferred(arguments: Sequence[str]) -> list[str]:
    """Rewrite a command line so that settings of swept choices apply only to jobs.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program.

    Returns
    -------
    list of str
        The rewritten command line; unchanged if it neither sweeps over choices nor says what is
        searched.
    """
    options = get_args_parser().parse_args(list(arguments))
    folders = [config_folder(options.config_path)]
    if options.config_dir is not None:
        folders.append(Path(options.config_dir))
    try:
        overrides = parse(options.overrides)
    except ConfigError:
        return list(arguments)  # Hydra rejects it, and `explain` improves the message
    swept = any(
        override.is_sweep_override()
        and any((folder / override.key_or_group).is_dir() for folder in folders)
        for override in overrides
    )
    # All overrides of a key are deferred or none, since the last one must stay the last.
    now = {o.key_or_group for o in overrides if not _can_wait(o, swept)}
    waiting = {str(o.input_line): _waiting(o) for o in overrides if o.key_or_group not in now}
    return [waiting.get(argument, argument) for argument in arguments]


def _can_wait(override: Override, swept: bool) -> bool:
    """Whether a setting can wait for the jobs, where choices are swept or not."""
    key = override.key_or_group
    if f".{SEARCH}." in key and override.is_delete():
        return True
    return (f".{SEARCH}." in key or (swept and "." in key)) and not (
        key.startswith("hydra.")
        or override.is_sweep_override()
        or override.is_delete()
        or override.value() is None  # choice(null) is not valid in Hydra
    )


def _waiting(override: Override) -> str:
    if override.is_delete():
        return f"{override.key_or_group}=choice([])"
    return f"{override.get_key_element()}=choice({override.get_value_element_as_str()})"
