"""What Hydra does over and over in one command with the same outcome, done once.

It composes a sweep's own configuration twice and a job's for each combination of choices, each
time from all files anew, and copies its store of plugins whenever it looks what groups there are.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import InputDefault, ResultDefault
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig

_READ_FILES: Final = ("file", "pkg")
"""Schemes of the sources that do."""


def have_hydra_remember() -> None:
    """Have Hydra read each file once, merge the same files once, and not copy its store.

    Call once, before it composes.
    """
    # What is taken out of the store is copied anyway. `--help` asks for its groups a hundred times.
    ConfigStore.__deepcopy__ = lambda store, _: store  # type: ignore[attr-defined]
    sources: Any = Plugins.instance().discover(ConfigSource)
    for source in sources:
        if source.scheme() in _READ_FILES:
            source.load_config = _remembered(source.load_config)
    _merge_once(ConfigLoaderImpl)
    tree: Any = defaults_list
    tree._create_interpolation_map = _if_needed(tree._create_interpolation_map)


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


@dataclass
class _Beginning(ResultDefault):
    """What stands for the first entries of a defaults list: these merged, as a pickle."""

    merged: bytes = b""


def _merge_once(loader: Any) -> None:
    """Have a loader merge what two defaults lists begin with once: most of them, of a sweep's jobs.

    Parameters
    ----------
    loader : type
        `ConfigLoaderImpl`. Entries are merged in their order, so that the rest can be merged into
        what the first ones have given.
    """
    load, merge = loader._load_single_config, loader._compose_config_from_defaults_list
    known: dict[tuple[Any, ...], bytes] = {}
    last: list[Any] = []

    def load_one(self: Any, default: ResultDefault, repo: Any) -> ConfigResult:
        if isinstance(default, _Beginning):
            config = pickle.loads(default.merged)
            return ConfigResult(provider="", path="", config=config, header={"package": ""})
        result: ConfigResult = load(self, default=default, repo=repo)
        return result

    def merge_all(self: Any, defaults: Sequence[ResultDefault], repo: Any) -> DictConfig:
        sources = tuple((source.scheme(), source.path) for source in repo.get_sources())
        entries = [(sources, astuple(default)) for default in defaults]
        first_time, shared = not last, _shared_beginning(entries, last)
        last[:] = entries
        rest = list(defaults[shared:])
        if shared:
            beginning = tuple(entries[:shared])
            if beginning not in known:
                known[beginning] = pickle.dumps(merge(self, defaults[:shared], repo))
            rest.insert(0, _Beginning(merged=known[beginning]))
        config: DictConfig = merge(self, rest, repo)
        if first_time:  # it is the sweep's own, which will be asked for again
            known[tuple(entries)] = pickle.dumps(config)
        return config

    loader._load_single_config, loader._compose_config_from_defaults_list = load_one, merge_all


def _shared_beginning(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Count the entries that two lists begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    differing = (place for place, (one, other) in pairs if one != other)
    return next(differing, min(len(first), len(second)))


def _if_needed(create: Callable[..., DictConfig]) -> Callable[..., DictConfig | None]:
    """Have the choices that a defaults list can interpolate made only for one that does."""

    def create_interpolation_map(
        overrides: Any, defaults: Sequence[InputDefault], self_added: bool
    ) -> DictConfig | None:
        texts = (str(text) for default in defaults for text in vars(default).values())
        if not any("${" in text for text in texts):
            return None
        return create(overrides, defaults, self_added)

    return create_interpolation_map
