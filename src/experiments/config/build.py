"""Checking a composed configuration, and building what it describes.

A node with a ``_target_`` names the class of a part; the fields of that class, with their types
and ranges, are the settings that the node may hold. Every fault of a configuration is found, and
no class is imported that is not trusted (:mod:`experiments.config.trust`).
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

from experiments.config.aliases import with_current_names
from experiments.config.limits import PARAMETERS, too_large
from experiments.config.models import Model
from experiments.config.schema import Run
from experiments.config.trust import why_untrusted
from experiments.datasets import Samples, Source
from experiments.errors import ConfigError
from nn.component import Component, problems, type_hints
from nn.losses import Loss
from nn.network import Network

T = TypeVar("T")

# In a served model, this project and whatever its network names are parts of one package.
_WITHIN: Final = __name__.partition("experiments.")[0]


def run_from_config(config: Mapping[str, Any], *, trusted: frozenset[str]) -> Run:
    """Build a run from its resolved configuration.

    Parameters
    ----------
    config : mapping
        Plain values, such as ``OmegaConf.to_container(config, resolve=True)`` returns.
    trusted : frozenset of str
        Packages besides this project's whose classes the configuration may name; see
        :mod:`experiments.config.trust`.

    Returns
    -------
    Run

    Raises
    ------
    ConfigError
        If anything is wrong; the message lists every mistake on a separate line.
    """
    faults: list[str] = []
    run = build(config, Run, "", faults, trusted=trusted)
    if run is not None:
        try:
            _ = run.objective
        except ValueError as error:
            faults.append(f"model.output_activation: {error}")
    if faults or run is None:
        raise ConfigError("\n".join(faults))
    return run


def build(
    node: Any, kind: type[T], where: str, faults: list[str], *, trusted: frozenset[str]
) -> T | None:
    """Build one part of a configuration, including the parts nested in it.

    This is the only place where classes named by a configuration are imported, and only trusted
    ones are.

    Parameters
    ----------
    node : mapping or str
        The part's settings, or the name of a class whose settings are all defaults.
    kind : type
        The required base class. It is built itself unless the node names a class.
    where : str
        Dotted name of the node, for messages.
    faults : list of str
        A list to which one line is appended for each mistake, such as a class that is not
        trusted.
    trusted : frozenset of str
        Packages besides this project's whose classes may be named.

    Returns
    -------
    object or None
        The part, or None if anything is wrong.
    """
    chosen, values = _chosen_class(node, kind, where, faults, trusted)
    if chosen is None:
        return None
    known = len(faults)
    prefix = f"{where}." if where else ""
    settings = {str(key): value for key, value in values.items()}
    for key in [key for key, value in settings.items() if value == "???"]:
        faults.append(f"{prefix}{key} must be given (it is ??? so far)")
        del settings[key]
    hints = type_hints(typing.cast(Any, chosen))
    unbuilt = set()
    for key, value in settings.items():
        if key in hints:
            before = len(faults)
            settings[key] = _converted(value, hints[key], f"{prefix}{key}", faults, trusted)
            if len(faults) > before:
                unbuilt.add(key)
    for fault in problems(chosen, settings):
        if fault.split(" ", 1)[0] not in unbuilt and not _already_said(fault, faults, prefix):
            faults.append(_placed(fault, where, prefix))
    if len(faults) > known:
        return None
    try:
        part: T = chosen(**settings)
        return part
    except (ValueError, ConfigError) as error:
        faults.append(f"{where}: {error}" if where else str(error))
        return None


def source_from_config(config: Mapping[str, Any], *, trusted: frozenset[str]) -> Source:
    """Build the data source of a finished run as the loss needs it, and none of the other parts.

    A loss that is not trusted, or cannot be built, has no say.

    Parameters
    ----------
    config : mapping
        The run's resolved configuration.
    trusted : frozenset of str
        Packages besides this project's whose classes may be named.

    Returns
    -------
    Source

    Raises
    ------
    ConfigError
        If it names a class that is not trusted, or cannot be built.
    """
    faults: list[str] = []
    source = build(config.get("dataset"), Source, "dataset", faults, trusted=trusted)  # type: ignore[type-abstract]
    if source is None:
        raise ConfigError("\n".join(faults))
    loss = build(config["loss"], Loss, "loss", faults, trusted=trusted)  # type: ignore[type-abstract]
    return source if loss is None else source.for_loss(loss)


def network_from_config(
    config: Mapping[str, Any],
    samples: Samples,
    outputs: int,
    runs: int = 1,
    *,
    parameters: int = PARAMETERS,
    trusted: frozenset[str],
) -> Network:
    """Build a network of the shape of a finished run, ready to load the run's weights.

    Parameters
    ----------
    config : mapping
        The run's resolved configuration.
    samples : Samples
        The dataset's samples.
    outputs : int
        Width of the network's output.
    runs : int, default 1
        Number of sets of weights that the network holds.
    parameters : int, default PARAMETERS
        Largest number of parameters. With weights to load, there are no more than they have.
    trusted : frozenset of str
        Packages besides this project's whose classes may be named.

    Returns
    -------
    Network

    Raises
    ------
    ConfigError
        If it names a class that is not trusted, or cannot be built.
    ValueError
        If the network has more parameters.
    """
    faults: list[str] = []
    model = build(config.get("model"), Model, "model", faults, trusted=trusted)  # type: ignore[type-abstract]
    loss = build(config.get("loss"), Loss, "loss", faults, trusted=trusted)  # type: ignore[type-abstract]
    training = config.get("training")
    dtype = str(training.get("dtype")) if isinstance(training, Mapping) else ""
    if model is None or loss is None:
        raise ConfigError("\n".join(faults))
    if dtype not in ("float32", "float64"):
        raise ConfigError("training.dtype must be one of float32, float64")
    try:
        layers, inputs = model.layers(outputs, samples), model.input_shape(samples)
        problem = too_large(layers, inputs, parameters)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    if problem is not None:
        raise ValueError(problem)
    try:
        return Network(
            layers,
            inputs,
            loss=loss,
            output_activation=model.output_activation,
            seeds=range(runs),
            dtype=dtype,
            padded=samples.padded,
        )
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error


def _chosen_class(
    node: Any, kind: type[Any], where: str, faults: list[str], trusted: frozenset[str]
) -> tuple[type[Any] | None, Mapping[str, Any]]:
    """Return the class that a node names, and the settings for it."""
    if isinstance(node, str) and issubclass(kind, Component) and kind.names():
        node = {"name": node}
    if not isinstance(node, Mapping):
        faults.append(f"{where} must be a group of settings, but is {node!r}")
        return None, {}
    settings = with_current_names(node)
    if "_target_" in settings:
        target = str(settings.pop("_target_"))
        return _imported(target, kind, where, faults, trusted), settings
    by_name = issubclass(kind, Component) and bool(kind.names())
    if not inspect.isabstract(kind) and not (by_name and "name" in settings):
        return kind, settings
    if by_name and "name" in settings:
        name = settings.pop("name")
        try:
            return kind.class_named(str(name)), settings
        except ValueError as error:
            faults.append(f"{where}: {error}")
            return None, settings
    faults.append(f"{where} must name its class by _target_")
    return None, settings


def _imported(
    target: str, kind: type[Any], where: str, faults: list[str], trusted: frozenset[str]
) -> type[Any] | None:
    """Import the class `target`, which must be trusted and a subclass of `kind`."""
    module_name, _, name = target.rpartition(".")
    full = all(part.isidentifier() for part in target.split("."))
    refused = why_untrusted(target, trusted) if full else None
    if refused is not None:
        faults.append(f"{where}._target_: {refused}")
        return None
    try:
        if not full:
            raise ImportError("not a full name")
        found = getattr(importlib.import_module(_WITHIN + module_name), name)
    except (ImportError, ValueError, AttributeError) as error:
        faults.append(
            f"{where}._target_: cannot import {target!r} ({error}); it must be the full name of "
            f"a class in an installed package or in a module in the working directory"
        )
        return None
    if not (inspect.isclass(found) and issubclass(found, kind) and dataclasses.is_dataclass(found)):
        faults.append(
            f"{where}._target_: {target} is not a dataclass derived from "
            f"{kind.__module__}.{kind.__name__}"
        )
        return None
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        faults.append(
            f"{where}._target_: {target} is abstract; name a class derived from it that has "
            f"{missing}"
        )
        return None
    return found


def _converted(
    value: Any, hint: Any, where: str, faults: list[str], trusted: frozenset[str]
) -> Any:
    """Build a value whose field holds a part; return plain values unchanged."""
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = typing.get_args(hint)
        return tuple(
            _converted(entry, items[0] if items else None, f"{where}[{i}]", faults, trusted)
            for i, entry in enumerate(value)
        )
    parts = [
        option
        for option in (hint, *typing.get_args(hint))
        if inspect.isclass(option) and issubclass(option, (Component, Source))
    ]
    if parts and isinstance(value, str | Mapping):
        return build(value, parts[0], where, faults, trusted=trusted)
    return value


def _placed(fault: str, where: str, prefix: str) -> str:
    if fault.startswith("unknown key"):
        return f"{where}: {fault}" if where else fault
    return f"{prefix}{fault}"


def _already_said(fault: str, faults: Sequence[str], prefix: str) -> bool:
    """Whether the missing value was already reported as ???."""
    key = fault.removesuffix(" is required")
    return key != fault and any(f.startswith(f"{prefix}{key} must be given") for f in faults)
