"""What is changed in Hydra while it runs, since it offers no other way; each change says why.

A test for each fails when a new version of Hydra breaks it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from experiments.commands.interrupts import interrupts_deferred
from experiments.errors import ConfigError

_READ_FILES: Final = ("file", "pkg")
"""Schemes of the sources that do."""


def hold_interrupts_while_composing() -> None:
    """Hold interrupts back, for some hundredths of a second, while Hydra composes.

    Where one comes while OmegaConf changes a node, OmegaConf's `finally` clauses fail, and their
    error takes the interrupt's place. Hydra, when it looks whether to sweep, goes on after it.

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


def name_broken_files() -> None:
    """Have Hydra raise a ConfigError that names a YAML file that is broken, and the place in it.

    Hydra passes on what YAML and OmegaConf say of it, without a word of which file that is.

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
            return load(source, config_path)
        # YAML's numbers are read by Python, and so is UTF-8: both with a ValueError.
        except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
            raise ConfigError(_message(source, config_path, error)) from error

    return load_config


def _message(source: Any, config_path: str, error: Exception) -> str:
    """Say which file is broken, where, and how."""
    name = f"{config_path.removesuffix('.yaml')}.yaml"
    place = str(Path(source.path) / name)
    said = str(error).partition("\n")[0]
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        place += f", line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        said = " ".join(part for part in (error.problem, error.context) if part)
    return f"{place}: cannot be read as YAML ({said}). Correct the file."
