"""Defaults for the settings that a configuration leaves out.

A new setting always gets a default that keeps earlier behaviour. The configuration of an older
run lacks the setting, and therefore means that default.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Mapping
from typing import Annotated, Any

import experiments
import nn
from experiments.config.schema import Run
from experiments.datasets import Source
from nn.component import Component, type_hints

_PACKAGES = {"nn": nn, "experiments": experiments}


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a run's configuration and fill in the defaults of missing settings.

    Nothing is imported: the settings of a class from outside this project are copied unchanged.

    Parameters
    ----------
    config : mapping
        A resolved configuration with current class names.

    Returns
    -------
    dict
    """
    filled: dict[str, Any] = _filled(config, Run)
    return filled


def _filled(node: Any, kind: type[Any] | None) -> Any:
    """Fill in a node that describes a `kind` or names its class by ``_target_``, recursively."""
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
    """Return the class that a node describes if it belongs to this project, or None."""
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
    """Return the class of the part, or of the list of parts, that a field holds."""
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    for option in (hint, *typing.get_args(hint)):
        if inspect.isclass(option) and issubclass(option, Component | Source):
            return option
    return None


def _written(default: Any) -> Any:
    """Convert a default to the form that it has in a configuration."""
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
