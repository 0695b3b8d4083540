"""Composing the configurations of many jobs, fast and with complete error messages.

Hydra takes about 60 ms to compose a job from its YAML files. This module reads the files once for
each combination of group choices and applies values to a copy, with Hydra's own parser and rules.
The result equals that of Hydra (``ConfigLoader.load_sweep_config``), except that a mapping may
replace a list, and a list a mapping, which Hydra refuses to merge.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from experiments.commands.hydra.overrides import first_lines, parse
from experiments.config.schema import SEARCH
from experiments.errors import ConfigError
from nn.component import suggestion


@dataclass(frozen=True)
class Composed:
    """A job's composed configuration.

    Parameters
    ----------
    config : dict
        The application's configuration as plain values, unresolved.
    hydra : dict
        The ``hydra`` node as plain values, unresolved.
    resolved : dict
        The configuration with interpolations resolved. It shares the parts that have none.
    """

    config: dict[str, Any]
    hydra: dict[str, Any]
    resolved: dict[str, Any]


class Composer:
    """Composes the configurations of a sweep's jobs.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's loader.
    master : DictConfig
        The configuration that Hydra composed for the sweep itself.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self._loader = loader
        self.master = master
        self._parser = OverridesParser.create(config_loader=loader)
        self._parsed: dict[str, Override] = {}
        self._groups: dict[str, list[str] | None] = {}
        self._bases: dict[tuple[str, ...], tuple[bytes, dict[str, Any]]] = {}

    @classmethod
    def load(cls, conf: Path, beside: Path | None = None, *, config_name: str = "config") -> Self:
        """Make a composer for a folder of configuration files.

        Parameters
        ----------
        conf : Path
            The folder of the configuration files.
        beside : Path, optional
            A folder with further choices, as with ``--config-dir``.
        config_name : str, default "config"
            The name of the main configuration.
        """
        path = create_config_search_path(str(conf))
        if beside is not None:
            path.prepend("command-line", f"file://{beside.absolute()}")
        GlobalHydra.instance().clear()
        try:
            hydra = Hydra.create_main_hydra2("run", path)
            master = hydra.compose_config(
                config_name, [], RunMode.RUN, with_log_configuration=False
            )
        finally:
            GlobalHydra.instance().clear()
        master.hydra.job.config_name = config_name
        return cls(hydra.config_loader, master)

    def compose(self, overrides: Sequence[str], number: int = 0) -> Composed:
        """Compose one job.

        Parameters
        ----------
        overrides : sequence of str
            Overrides as on a command line, each with one value.
        number : int, default 0
            The number of the job in its sweep.

        Raises
        ------
        ConfigError
            If overrides cannot be applied; the message lists all of them, with suggestions.
        """
        parsed = self._parse(overrides)
        groups = [o for o in parsed if self._is_group(o)]
        values = [o for o in parsed if not self._is_group(o)]
        faults = [fault for o in groups for fault in self._group_faults(o)]
        if faults:
            raise ConfigError("\n".join(faults))
        base, hydra_base = self._base(tuple(str(o.input_line) for o in groups))
        config: DictConfig = pickle.loads(base)
        for override in values:
            try:
                if _is_of_other_form(override, config):
                    OmegaConf.update(config, override.key_or_group, override.value(), merge=False)
                else:
                    ConfigLoaderImpl._apply_overrides_to_config([override], config)
            except (HydraException, OmegaConfBaseException) as error:
                faults.append(_value_fault(override, config, error))
        if faults:
            raise ConfigError("\n".join(faults))
        hydra = self._hydra_node(hydra_base, parsed, number)
        unresolved = plain(config)
        return Composed(unresolved, hydra, self._resolved(config, unresolved, hydra))

    def _parse(self, overrides: Sequence[str]) -> list[Override]:
        """Parse overrides, each once: jobs have many overrides in common."""
        new = [override for override in dict.fromkeys(overrides) if override not in self._parsed]
        if new:
            self._parsed |= zip(new, parse(new, self._parser), strict=True)
        return [self._parsed[override] for override in overrides]

    def _is_group(self, override: Override) -> bool:
        return override.package is not None or self._options(override.key_or_group) is not None

    def _options(self, group: str) -> list[str] | None:
        """Return the choices of a group; None if the group does not exist."""
        if group not in self._groups:
            parent, _, name = group.rpartition("/")
            known = name in self._loader.list_groups(parent)
            self._groups[group] = list(self._choices(group)) if known else None
        return self._groups[group]

    def _choices(self, group: str) -> Iterator[str]:
        """Yield the choices of a group, those in its folders by their paths."""
        yield from self._loader.get_group_options(group, ObjectType.CONFIG)
        for folder in self._loader.list_groups(group):
            yield from (f"{folder}/{choice}" for choice in self._choices(f"{group}/{folder}"))

    def _group_faults(self, override: Override) -> Iterator[str]:
        group = override.key_or_group
        options = self._options(group) or []
        if not override.is_delete() and override.value() is None:
            yield f"{group}=null: give one of its choices ({', '.join(options)})"
        if override.is_delete() or not isinstance(override.value(), str):
            return
        choice = str(override.value())
        if choice in ("all", "*") and choice not in options:
            # Mini-batches are the default, and Rprop and L-BFGS refuse them.
            most = "*,exclude=[rprop,lbfgs]" if group == "optimizer" else "*"
            yield (
                f"{group}={choice}: unknown choice. To compare all, use python run.py -m "
                f"'{group}=glob({most})'; to compare some, python run.py -m "
                f"{group}={','.join(options[:2])}"
            )
        elif choice not in options:
            yield (
                f"{group}={choice}: unknown choice{suggestion(choice, options)} "
                f"(choices: {', '.join(options)})"
            )
        elif "/" in group and group not in self.master.hydra.runtime.choices:
            above, _, folder = group.rpartition("/")
            yield f"{group}={choice}: give {above}={folder}/{choice}"
        elif _adds(override) and group in self.master.hydra.runtime.choices:
            yield (
                f"{override.input_line}: {group} is part of every configuration; a choice is "
                f"given without +: {group}={choice}"
            )

    def _base(self, groups: tuple[str, ...]) -> tuple[bytes, dict[str, Any]]:
        """Compose group choices without other overrides.

        Returns
        -------
        bytes
            The application's configuration, pickled: unpickling is eight times as fast as
            `copy.deepcopy`.
        dict
            The ``hydra`` node as plain values.
        """
        if groups not in self._bases:
            try:
                full = self._loader.load_sweep_config(self.master, list(groups))
            except HydraException as error:
                raise ConfigError(first_lines(error)) from error
            hydra = plain(full.hydra)
            with open_dict(full):
                del full["hydra"]
            self._bases[groups] = pickle.dumps(full), hydra
        return self._bases[groups]

    def _hydra_node(
        self, base: dict[str, Any], parsed: Sequence[Override], number: int
    ) -> dict[str, Any]:
        settings = base["job"]["config"]["override_dirname"]
        dirname = get_overrides_dirname(
            overrides=list(parsed),
            kv_sep=settings["kv_sep"],
            item_sep=settings["item_sep"],
            exclude_keys=settings["exclude_keys"],
        )
        task = [str(override.input_line) for override in parsed]
        return {
            **base,
            "overrides": {**base["overrides"], "task": task},
            "job": {**base["job"], "id": str(number), "num": number, "override_dirname": dirname},
        }

    def _resolved(
        self, config: DictConfig, unresolved: dict[str, Any], hydra: dict[str, Any]
    ) -> dict[str, Any]:
        written = {key: repr(value) for key, value in unresolved.items()}
        interpolated = [key for key, text in written.items() if "${" in text]
        if not interpolated:
            return unresolved
        try:
            if not any("${hydra" in text for text in written.values()):
                return unresolved | {key: _resolved_part(config, key) for key in interpolated}
            # Interpolations and resolvers of the ``hydra`` node need both parts in one tree.
            whole = copy.deepcopy(config)
            with open_dict(whole):
                whole["hydra"] = hydra
            before = HydraConfig.instance().cfg
            HydraConfig.instance().cfg = whole  # type: ignore[assignment]
            try:
                return unresolved | {key: _resolved_part(whole, key) for key in interpolated}
            finally:
                HydraConfig.instance().cfg = before
        except OmegaConfBaseException as error:
            raise ConfigError(first_lines(error)) from error


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a configuration as plain values, with its interpolations unresolved."""
    values = OmegaConf.to_container(config, resolve=False)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _resolved_part(config: DictConfig, key: str) -> Any:
    if OmegaConf.is_missing(config, key):
        return "???"
    part = config[key]
    return OmegaConf.to_container(part, resolve=True) if OmegaConf.is_config(part) else part


def flat_keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Iterate over the dotted names of all nodes of a configuration."""
    for key in config:
        name = f"{prefix}{key!s}"
        yield name
        value = config._get_node(key)
        if isinstance(value, DictConfig) and not value._is_none() and not value._is_missing():
            yield from flat_keys(value, f"{name}.")


def _adds(override: Override) -> bool:
    """Whether an override adds a choice where the group has its usual place."""
    return override.package is None and (override.is_add() or override.is_force_add())


def _is_of_other_form(override: Override, config: DictConfig) -> bool:
    """Whether an override gives a mapping where there is a list, or a list for a mapping."""
    given = () if override.is_delete() else override.value()
    there = OmegaConf.select(config, override.key_or_group, throw_on_missing=False)
    return (isinstance(given, dict) and isinstance(there, ListConfig)) or (
        isinstance(given, list) and isinstance(there, DictConfig)
    )


def _value_fault(override: Override, config: DictConfig, error: Exception) -> str:
    key = override.key_or_group
    known = list(flat_keys(config))
    if override.is_add() and key in known:
        setting = str(override.input_line).lstrip("+")
        return f"{override.input_line}: {key} exists already; it is set without +: {setting}"
    if key in known or override.is_add():
        return f"{override.input_line}: {first_lines(error)}"
    parent, _, end = key.rpartition(".")
    if parent.endswith(f".{SEARCH}") and parent in known:
        declared = [name.rpartition(".")[2] for name in known if name.rpartition(".")[0] == parent]
        return f"{parent} has no {end}{suggestion(end, declared)} (it has {', '.join(declared)})"
    # Names that begin with an underscore are the machinery's: _target_, _search_.
    known = [name for name in known if not name.startswith("_") and "._" not in name]
    siblings = [name for name in known if name.rpartition(".")[0] == parent]
    near = suggestion(key, siblings) or _suggested_end(end, known) or suggestion(key, known)
    hint = f" (known: {', '.join(siblings)})" if siblings else ""
    return f"unknown key {key!r}{near}{hint}"


def _suggested_end(end: str, known: Sequence[str]) -> str:
    """Suggest names that end so: for ``lr``, ``optimizer.lr``."""
    ends = [name for name in known if name.rpartition(".")[2] == end]
    return f"; did you mean {' or '.join(map(repr, ends))}?" if ends else ""
