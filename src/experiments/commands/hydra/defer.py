"""Settings that only the jobs of a sweep can have, kept from Hydra until it composes them.

Hydra composes a sweep's own configuration first, with every override that is not swept over, and
refuses one that the default choices do not know: ``-m optimizer=momentum,nesterov
optimizer.momentum=0.8`` fails because Adam, the default, has no such setting. What is swept over
it leaves to the jobs; so such a setting is made a sweep over its one value.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override

from experiments.commands.hydra.locate import config_folder
from experiments.commands.hydra.overrides import parse
from experiments.errors import ConfigError


def deferred(arguments: Sequence[str]) -> list[str]:
    """Rewrite a command line so that settings of swept choices wait for the jobs.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program.

    Returns
    -------
    list of str
        The same, unless it sweeps over choices.
    """
    options = get_args_parser().parse_args(list(arguments))
    folders = [config_folder(options.config_path)]
    if options.config_dir is not None:
        folders.append(Path(options.config_dir))
    try:
        overrides = parse(options.overrides)
    except ConfigError:
        return list(arguments)  # Hydra will refuse it, and be explained
    swept = any(
        override.is_sweep_override()
        and any((folder / override.key_or_group).is_dir() for folder in folders)
        for override in overrides
    )
    if not swept:
        return list(arguments)
    # All that is said of a key waits, or none of it does: the last word must stay the last.
    now = {o.key_or_group for o in overrides if not _can_wait(o)}
    waiting = {str(o.input_line): _waiting(o) for o in overrides if o.key_or_group not in now}
    return [waiting.get(argument, argument) for argument in arguments]


def _can_wait(override: Override) -> bool:
    key = override.key_or_group
    return "." in key and not (
        key.startswith("hydra.")
        or override.is_sweep_override()
        or override.is_delete()
        or override.value() is None  # which Hydra's choice() cannot give
    )


def _waiting(override: Override) -> str:
    return f"{override.get_key_element()}=choice({override.get_value_element_as_str()})"
