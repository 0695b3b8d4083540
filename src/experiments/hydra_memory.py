"""What Hydra does over and over in one command with the same outcome, done once.

It composes a sweep's own configuration twice and a job's for each combination of choices, each
time from all files anew, and copies its store of plugins whenever it looks what groups there are.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, Final

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource

_READ_FILES: Final = ("file", "pkg")
"""Schemes of the sources that do."""


def have_hydra_remember() -> None:
    """Have Hydra read each file once, and not copy its store; call once, before it composes."""
    # What is taken out of the store is copied anyway. `--help` asks for its groups a hundred times.
    ConfigStore.__deepcopy__ = lambda store, _: store  # type: ignore[attr-defined]
    sources: Any = Plugins.instance().discover(ConfigSource)
    for source in sources:
        if source.scheme() in _READ_FILES:
            source.load_config = _remembered(source.load_config)


def _remembered(load: Callable[[Any, str], ConfigResult]) -> Callable[[Any, str], ConfigResult]:
    known: dict[tuple[str, str], bytes] = {}

    def load_config(source: Any, config_path: str) -> ConfigResult:
        key = (source.path, config_path)
        if key not in known:
            known[key] = pickle.dumps(load(source, config_path))
        # A copy each time, since Hydra changes what it is given; this is how copying is fastest.
        result: ConfigResult = pickle.loads(known[key])
        return result

    return load_config
