"""Patches of Hydra for problems that it offers no other way to solve; each states its reason.

Each has a test that fails if a new version of Hydra breaks the patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any, Final

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from experiments.commands.interrupts import interrupts_deferred
from experiments.errors import ConfigError
from experiments.files.reading import read_file
from experiments.files.yaml import refuse_excess

_READ_FILES: Final = ("file", "pkg")
"""The schemes of Hydra's config sources that read files."""

_COUNTS: Final = {
    "n_trials": "trials",
    "n_jobs": "runs at a time",
    "max_batch_size": "runs in a batch",
}
"""Settings of sweepers, Hydra's and Optuna's, that are numbers of runs."""


def hold_interrupts_while_composing() -> None:
    """Defer interrupts while Hydra composes, which takes less than 0.1 s.

    If an interrupt arrives while OmegaConf modifies a node, OmegaConf's `finally` clauses raise an
    error that replaces the interrupt, and Hydra ignores that error where it checks for a sweep.

    Call once, before Hydra composes.
    """
    loader: Any = ConfigLoaderImpl
    compose = loader.load_configuration

    @wraps(compose)
    def load_configuration(*arguments: Any, **named: Any) -> DictConfig:
        with interrupts_deferred():
            config: DictConfig = compose(*arguments, **named)
        return config

    loader.load_configuration = load_configuration


@contextmanager
def unusable_sweeps_refused() -> Iterator[None]:
    """Have Hydra raise a ConfigError for an override that sweeps over no values, or far too many.

    Hydra's basic sweeper makes no jobs of ``seed=range(0)`` and ends with status 0; Optuna's takes
    the end of a range as one of its values. A pattern is checked only when a sweeper expands it,
    because a search path in the configuration may add choices after the first parsing.
    """
    override_type: Any = Override
    parser_type: Any = OverridesParser
    expand, parse = override_type.sweep_iterator, parser_type.parse_overrides

    @wraps(expand)
    def sweep_iterator(override: Override, *arguments: Any, **named: Any) -> Iterator[Any]:
        values = list(expand(override, *arguments, **named))  # bounded: it was parsed
        if not values:
            raise ConfigError(_no_values(override))
        return iter(values)

    @wraps(parse)
    def parse_overrides(parser: OverridesParser, *arguments: Any, **named: Any) -> list[Override]:
        overrides: list[Override] = parse(parser, *arguments, **named)
        for override in overrides:
            value = override.value()
            if isinstance(value, RangeSweep):
                _check_range(override, value)
        return overrides

    override_type.sweep_iterator, parser_type.parse_overrides = sweep_iterator, parse_overrides
    try:
        yield
    finally:
        override_type.sweep_iterator, parser_type.parse_overrides = expand, parse


@contextmanager
def grid_for_basic() -> Iterator[None]:
    """Have ``hydra/sweeper=basic`` choose this program's grid sweeper.

    Hydra's own makes the same jobs, but it writes ``multirun.yaml`` before the launcher can refuse
    the folder, and so overwrites that of another sweep.
    """
    Plugins.instance()  # imports the modules that store both
    sweepers = ConfigStore.instance().repo["hydra"]["sweeper"]
    own = sweepers["basic.yaml"]
    sweepers["basic.yaml"] = sweepers["grid.yaml"]
    try:
        yield
    finally:
        sweepers["basic.yaml"] = own


@contextmanager
def sweepers_counts_checked() -> Iterator[None]:
    """Have Hydra raise a ConfigError for a sweeper that would make no runs, before it begins.

    Sweepers do not check these settings: Optuna's searches for the best of no trials.
    """
    plugins: Any = Plugins
    instantiate = plugins.instantiate_sweeper

    @wraps(instantiate)
    def instantiate_sweeper(*arguments: Any, config: DictConfig, **named: Any) -> Any:
        for name, what in _COUNTS.items():
            count = config.hydra.sweeper.get(name)
            if count is not None and (not isinstance(count, int) or count < 1):
                raise ConfigError(
                    f"hydra.sweeper.{name}={count} is not a number of {what}: give 1 or more"
                )
        return instantiate(*arguments, config=config, **named)

    plugins.instantiate_sweeper = instantiate_sweeper
    try:
        yield
    finally:
        plugins.instantiate_sweeper = instantiate


def _check_range(override: Override, value: RangeSweep) -> None:
    """Raise a ConfigError for a range of no values, or of more than any sweep can have."""
    from experiments.config.limits import RUNS  # imports all layers

    count = sum(1 for _ in islice(value.range(), RUNS + 1))
    if count == 0:
        raise ConfigError(_no_values(override))
    if count > RUNS:
        raise ConfigError(
            f"{override.input_line}: this range has more than {RUNS:,} values, which is the "
            "largest number of runs in a sweep"
        )


def _no_values(override: Override) -> str:
    key = override.get_key_element()
    if isinstance(override.value(), Glob):
        loader = override.config_loader
        options = loader.get_group_options(override.key_or_group) if loader is not None else []
        return (
            f"{override.input_line}: no choice of {key} matches this pattern, so there is nothing "
            f"to train (choices: {', '.join(options)})"
        )
    return (
        f"{override.input_line}: this range has no values, so there is nothing to train; "
        f"range(START,STOP) ends before STOP: {key}=range(0,5) gives 0 to 4"
    )


def name_broken_files() -> None:
    """Have Hydra raise a ConfigError that names a malformed YAML file, with line and column.

    Hydra raises the errors of YAML and OmegaConf, which do not name the file. They also have no
    bounds: aliases that multiply fill the memory, and nesting the stack.

    Call once, before Hydra composes.
    """
    sources: Any = Plugins.instance().discover(ConfigSource)
    for source in sources:
        if source.scheme() in _READ_FILES:
            source.load_config = _naming_the_file(source.load_config)


def _naming_the_file(
    load: Callable[[Any, str], ConfigResult],
) -> Callable[[Any, str], ConfigResult]:
    def load_config(source: Any, config_path: str) -> ConfigResult:
        try:
            path = Path(source.path, _file_name(config_path)).resolve()
            if path.is_file():  # the configuration of a package may not be a file
                refuse_excess(read_file(path))
            return load(source, config_path)
        # A ValueError comes from a malformed number or from text that is not UTF-8.
        except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
            raise ConfigError(_message(source, config_path, error)) from error

    return load_config


def _file_name(config_path: str) -> str:
    return f"{config_path.removesuffix('.yaml')}.yaml"


def _message(source: Any, config_path: str, error: Exception) -> str:
    """Return the message for a malformed file, with the position and the reason."""
    place = str(Path(source.path, _file_name(config_path)))
    reason = str(error).partition("\n")[0]
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        place += f", line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        reason = " ".join(part for part in (error.problem, error.context) if part)
    return f"{place}: cannot be read as YAML ({reason}). Correct the file."
