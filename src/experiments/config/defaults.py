"""What a configuration leaves out: the settings whose class has a default for them.

A setting that a version of this program adds has a default under which runs are as before. The
configurations of older runs lack it, and mean that default.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Mapping
from typing import Any

import experiments
import nn
from experiments.config.schema import Run
from experiments.datasets import Source
from nn.component import Component, type_hints

_PACKAGES = {package.__name__: package for package in (nn, experiments)}


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a run's configuration with the defaults of all settings that it leaves out.

    Nothing is imported: the settings of a class that is not this project's stay as they are.

    Parameters
    ----------
    config : mapping
        Resolved, with the names that classes have today.
    """
    filled: dict[str, Any] = _filled(config, Run)
    return filled


def _filled(node: Any, kind: type[Any] | None) -> Any:
    """Fill a node that describes a `kind`, or what it names by ``_target_``, and those in it."""
    if isinstance(node, list | tuple):
        return [_filled(item, kind) for item in node]
    if not isinstance(node, Mapping):
        return node
    kind = _described(node, kind)
    if kind is None:
        return {key: _filled(value, None) for key, value in node.items()}
    hints = type_hints(typing.cast(Any, kind))
    filled = {key: _filled(value, _part(hints.get(key))) for key, value in node.items()}
    for field in dataclasses.fields(kind):
        if field.init and field.name not in node and field.default is not dataclasses.MISSING:
            filled[field.name] = _written(field.default)
    return filled


def _described(node: Mapping[str, Any], kind: type[Any] | None) -> type[Any] | None:
    """Find the class of which a node gives the settings, if it is one of this project's."""
    if "_target_" in node:
        first, *names = str(node["_target_"]).split(".")
        try:
            kind = functools.reduce(getattr, names, _PACKAGES[first])  # type: ignore[assignment]
        except (KeyError, AttributeError):
            return None
    elif kind is not None and "name" in node and issubclass(kind, Component):
        try:
            kind = kind.class_named(str(node["name"]))
        except ValueError:
            return None
    return kind if inspect.isclass(kind) and dataclasses.is_dataclass(kind) else None


def _part(hint: Any) -> type[Any] | None:
    """Find the kind of part that a field holds, or a list in it."""
    for option in (hint, *typing.get_args(hint)):
        if inspect.isclass(option) and issubclass(option, Component | Source):
            return option
    return None


def _written(default: Any) -> Any:
    """Write a default as a configuration does."""
    if isinstance(default, tuple):
        return [_written(item) for item in default]
    if not isinstance(default, Component):
        return default
    settings = {
        field.name: _written(getattr(default, field.name))
        for field in dataclasses.fields(default)  # type: ignore[arg-type]
    }
    if not default.name:
        return settings
    plain = all(
        field.default == getattr(default, field.name)
        for field in dataclasses.fields(default)  # type: ignore[arg-type]
    )
    return default.name if plain else {"name": default.name, **settings}
