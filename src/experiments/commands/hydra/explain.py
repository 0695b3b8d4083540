"""Saying what is wrong with a command line that Hydra has refused."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.types import RunMode

from experiments.commands.hydra.compose import Composer, first_lines, parse
from experiments.errors import ConfigError

_CONFIG = "config"


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """Turn Hydra's complaint into one that lists everything and suggests what was meant.

    Parameters
    ----------
    error : Exception
        Which Hydra stopped at, the first fault it met.
    arguments : sequence of str
        The command line.
    """
    try:
        return "\n".join(dict.fromkeys(_faults(arguments))) or first_lines(error)
    except Exception:  # noqa: BLE001 - whatever it is, Hydra's own words are better than it
        return first_lines(error)


def _faults(arguments: Sequence[str]) -> Iterator[str]:
    options = get_args_parser().parse_args(list(arguments))
    if options.config_dir is not None and not Path(options.config_dir).is_dir():
        yield f"--config-dir {options.config_dir}: there is no such folder"
        return
    try:
        parsed = parse(options.overrides)
    except ConfigError as found:
        yield str(found)
        return
    # Hydra's own settings are no part of a job.
    parsed = [override for override in parsed if not override.key_or_group.startswith("hydra.")]
    sweeps = [override for override in parsed if override.is_sweep_override()]
    if sweeps and not options.multirun:
        for override in sweeps:
            yield _not_a_sweep(override)
        return
    composer = _composer(options)
    for job in BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]:
        try:
            composer.compose(job)
        except ConfigError as found:
            yield str(found)


def _not_a_sweep(override: Override) -> str:
    key = override.get_key_element()
    values = str(override.input_line).partition("=")[2]
    return (
        f"{override.input_line}: several values are a sweep, which needs -m: "
        f"python run.py -m {override.input_line}. A list is {key}=[{values}], "
        f"a text with commas {key}='\"{values}\"'"
    )


def _composer(options: Namespace) -> Composer:
    """Load the configuration as the command line has it, but without its overrides."""
    program = Path(sys.argv[0]).resolve().parent
    path = create_config_search_path(str(program / (options.config_path or "conf")))
    if options.config_dir is not None:
        path.prepend("command-line", f"file://{Path(options.config_dir).absolute()}")
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2("run", path)
    try:
        master = hydra.compose_config(
            options.config_name or _CONFIG, [], RunMode.RUN, with_log_configuration=False
        )
        master.hydra.job.config_name = options.config_name or _CONFIG
        return Composer(hydra.config_loader, master)
    finally:
        GlobalHydra.instance().clear()
