"""How Hydra reads its YAML files: each once, by libyaml, and a broken one is told with its place.

It would read them anew for each configuration that it composes, and leave what YAML and OmegaConf
say of a broken one without a word of which file that is.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import _utils as omegaconf_internals
from omegaconf.errors import OmegaConfBaseException

from experiments.errors import ConfigError
from experiments.files import yaml as libyaml

_READ_FILES: Final = ("file", "pkg")
"""Schemes of the sources that do."""


def have_hydra_read_once() -> None:
    """Have Hydra read its files so; call once, before it composes."""
    _have_omegaconf_use_libyaml()
    sources: Any = Plugins.instance().discover(ConfigSource)
    for source in sources:
        if source.scheme() in _READ_FILES:
            source.load_config = _once(source.load_config)


def _have_omegaconf_use_libyaml() -> None:
    """Give OmegaConf one loader, where it would derive one from PyYAML's for each file.

    Both read the same, but for tabs, which libyaml takes in more places, and characters that are
    escaped in two halves, as JSON may have them, which it refuses.
    """
    pyyaml: Any = yaml
    its_own = pyyaml.SafeLoader
    pyyaml.SafeLoader = libyaml.Loader
    try:
        loader = omegaconf_internals.get_yaml_loader()
    finally:
        pyyaml.SafeLoader = its_own
    omegaconf_internals.get_yaml_loader = lambda: loader


def _once(load: Callable[[Any, str], ConfigResult]) -> Callable[[Any, str], ConfigResult]:
    known: dict[tuple[str, str], bytes] = {}

    def load_config(source: Any, config_path: str) -> ConfigResult:
        key = (source.path, config_path)
        if key not in known:
            try:
                known[key] = pickle.dumps(load(source, config_path))
            # YAML's numbers are read by Python, and so is UTF-8: both with a ValueError.
            except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
                raise ConfigError(_told(source, config_path, error)) from error
        # A copy each time, since Hydra changes what it is given; this is how copying is fastest.
        result: ConfigResult = pickle.loads(known[key])
        return result

    return load_config


def _told(source: Any, config_path: str, error: Exception) -> str:
    """Say which file is broken, where in it, and how."""
    name = f"{config_path.removesuffix('.yaml')}.yaml"
    place = str(Path(source.path) / name)
    said = str(error).partition("\n")[0]
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        place += f", line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        said = " ".join(part for part in (error.problem, error.context) if part)
    return f"{place}: cannot be read as YAML ({said}). Mend the file."
