"""Patches of Hydra for problems that it offers no other way to solve; each states its reason.

Each has a test that fails if a new version of Hydra breaks the patch.
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
"""The schemes of Hydra's config sources that read files."""


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


def name_broken_files() -> None:
    """Have Hydra raise a ConfigError that names a malformed YAML file, with line and column.

    Hydra raises the errors of YAML and OmegaConf, which do not name the file.

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
        # A ValueError comes from a malformed number or from text that is not UTF-8.
        except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
            raise ConfigError(_message(source, config_path, error)) from error

    return load_config


def _message(source: Any, config_path: str, error: Exception) -> str:
    """Return the message for a malformed file, with the position and the reason."""
    name = f"{config_path.removesuffix('.yaml')}.yaml"
    place = str(Path(source.path) / name)
    reason = str(error).partition("\n")[0]
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        place += f", line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        reason = " ".join(part for part in (error.problem, error.context) if part)
    return f"{place}: cannot be read as YAML ({reason}). Correct the file."
