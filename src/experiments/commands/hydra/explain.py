"""Explaining the faults of a command line that Hydra has rejected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override

from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.locate import config_folder
from experiments.commands.hydra.overrides import first_lines, parse
from experiments.errors import ConfigError
from experiments.program import program

_CONFIG = "config"


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """Return a message that lists all faults of a command line, with suggestions.

    Parameters
    ----------
    error : Exception
        Hydra's error, about the first fault that it found.
    arguments : sequence of str
        The command line without the program.
    """
    try:
        return "\n".join(dict.fromkeys(_faults(arguments))) or first_lines(error)
    except Exception:  # noqa: BLE001 - Hydra's own message is better than any other error
        return first_lines(error)


def _faults(arguments: Sequence[str]) -> Iterator[str]:
    options = get_args_parser().parse_args(list(arguments))
    if options.config_dir is not None and not Path(options.config_dir).is_dir():
        yield f"--config-dir {options.config_dir}: no such folder"
        return
    try:
        parsed = parse(options.overrides)
    except ConfigError as found:
        yield str(found)
        return
    # Hydra's own settings are not part of a job's configuration.
    parsed = [override for override in parsed if not override.key_or_group.startswith("hydra.")]
    sweeps = [override for override in parsed if override.is_sweep_override()]
    if sweeps and not options.multirun:
        for override in sweeps:
            yield _not_a_sweep(override)
        return
    composer = Composer.load(
        config_folder(options.config_path),
        None if options.config_dir is None else Path(options.config_dir),
        config_name=options.config_name or _CONFIG,
    )
    for job in BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]:
        try:
            composer.compose(job)
        except ConfigError as found:
            yield str(found)


def _not_a_sweep(override: Override) -> str:
    key = override.get_key_element()
    values = str(override.input_line).partition("=")[2]
    return (
        f"{override.input_line}: several values make a sweep, which needs -m: "
        f"{program()} -m {override.input_line}. Write a list as '{key}=[{values}]', "
        f"a text with commas as {key}='\"{values}\"'"
    )
