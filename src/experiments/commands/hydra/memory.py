"""What Hydra does over and over in one command with the same outcome, done once.

It composes a sweep's own configuration twice and a job's for each combination of choices, each
time from all files and overrides anew, and copies its store of plugins whenever it looks what
groups there are.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import takewhile
from typing import Any

from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import InputDefault, ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig

from experiments.commands.hydra.files import have_hydra_read_once


def have_hydra_remember() -> None:
    """Have Hydra read, parse and merge the same once, and not copy its store.

    Call once, before it composes.
    """
    # What is taken out of the store is copied anyway. `--help` asks for its groups a hundred times.
    ConfigStore.__deepcopy__ = lambda store, _: store  # type: ignore[attr-defined]
    have_hydra_read_once()
    parser: Any = OverridesParser
    parser.parse_rule = _parsed_once(parser.parse_rule)
    _merge_once(ConfigLoaderImpl)
    tree: Any = defaults_list
    tree._create_interpolation_map = _if_needed(tree._create_interpolation_map)


def _parsed_once(parse: Callable[[Any, str, str], Any]) -> Callable[[Any, str, str], Any]:
    known: dict[str, bytes] = {}

    def parse_rule(parser: Any, text: str, rule: str) -> Any:
        # What is shuffled comes out in another order each time.
        if rule != "override" or "shuffle" in text:
            return parse(parser, text, rule)
        if text not in known:
            known[text] = pickle.dumps(parse(parser, text, rule))
        return pickle.loads(known[text])

    return parse_rule


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
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


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
