"""The typed schema of a run, and how a composed configuration becomes one.

The schema is the dataclasses themselves: :class:`Run` and what its fields are made of. A part
that can be chosen (an optimizer, a loss, a dataset, ...) is a node with a ``_target_``, the
class that describes it, in this project or in the user's own package; the class's fields, with
their types and ranges, are what the node may hold. So a new part needs no entry anywhere.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar

from experiments.config.aliases import with_current_names
from experiments.config.models import Model
from experiments.config.trust import why_untrusted
from experiments.datasets import Source
from experiments.errors import ConfigError
from nn.component import Component, Count, Interval, NonNegative, Positive, problems, type_hints
from nn.losses import Loss
from nn.network import Network
from nn.objective import Objective
from nn.optimizers import Optimizer
from nn.schedules import Schedule

T = TypeVar("T")

SEARCH: Final = "_search_"
"""Key of a node under which it declares what a comparison tunes; no part of a run."""


@dataclass(frozen=True, kw_only=True)
class EarlyStopping(Component):
    """When to stop before the last epoch.

    Parameters
    ----------
    patience : int, optional
        Epochs without a better validation loss that are waited for; None never stops early.
    min_delta : float, default 0.0
        How much lower a loss must be to count as better.
    """

    patience: Count | None = None
    min_delta: NonNegative = 0.0


@dataclass(frozen=True, kw_only=True)
class Training(Component):
    """How long and on what terms a network trains.

    Parameters
    ----------
    epochs : int, default 20
    batch_size : int or "full", default 32
        Rows of a step; the last step of an epoch takes what is left.
    dtype : {"float32", "float64"}, default "float32"
    clip_norm, clip_value : float, optional
        Largest global norm and largest entry of a gradient.
    l1, l2 : float, default 0.0
        Strength of the penalties λ‖θ‖₁ and ½λ‖θ‖².
    penalize_biases : bool, default False
        Whether penalties act on biases and normalization gains too.
    early_stopping : EarlyStopping
    blas_threads : int, default 1
        Threads of a matrix product. Another number may change the last bits of a result.
    snapshots : "auto", int or None, default "auto"
        Of how many epochs at most the parameters are kept, for pictures of a run's path; at
        least 2. "auto": 50 where a network has two inputs, else none.
    """

    epochs: Count = 20
    batch_size: Count | Literal["full"] = 32
    dtype: Literal["float32", "float64"] = "float32"
    clip_norm: Positive | None = None
    clip_value: Positive | None = None
    l1: NonNegative = 0.0
    l2: NonNegative = 0.0
    penalize_biases: bool = False
    early_stopping: EarlyStopping = EarlyStopping()
    blas_threads: Count = 1
    snapshots: Annotated[int, Interval(2)] | Literal["auto"] | None = "auto"


@dataclass(frozen=True, kw_only=True)
class Tracking(Component):
    """Where records are published.

    Parameters
    ----------
    enabled : bool, default True
    uri : str, optional
        Of an MLflow server or database; the file ``mlflow.db`` of this project by default.
    models : {"all", "best", "none"}, default "best"
        Which runs of a sweep get their learning curves and a loadable model published: all,
        the best of each optimizer, none.
    patience : float, default 30.0
        Seconds without anything getting through after which, at the end, a tracker that does not
        answer is left; what is not published then can be later, with ``descent publish``.
    """

    enabled: bool = True
    uri: str | None = None
    models: Literal["all", "best", "none"] = "best"
    patience: NonNegative = 30.0


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Component):
    """How often what a run needs to go on after a crash is kept.

    Parameters
    ----------
    seconds : float, optional
        Between two checkpoints, which are taken after an epoch; 0 takes one after every epoch,
        None takes none. 10 by default, so a run that is shorter costs nothing.
    """

    seconds: NonNegative | None = 10


@dataclass(frozen=True, kw_only=True)
class Run(Component):
    """Everything that decides one run.

    Parameters
    ----------
    seed : int, default 0
        Of initial weights, batch order and dropout; at least 0.
    experiment_name : str, default "descent"
        Under which the tracker keeps the run.
    rerun : bool, default False
        Whether to train anew what is finished already.
    dataset, model, loss, optimizer, schedule, training, tracking, checkpoint
        The parts, each described by its own class.
    """

    dataset: Source
    model: Model
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    training: Training = Training()
    tracking: Tracking = Tracking()
    checkpoint: Checkpoint = Checkpoint()
    seed: Annotated[int, Interval(0)] = 0
    experiment_name: str = "descent"
    rerun: bool = False

    @property
    def objective(self) -> Objective:
        """Loss joined to the output activation."""
        return Objective(self.loss, self.model.output_activation)


def run_from_config(config: Mapping[str, Any], *, trusted: frozenset[str]) -> Run:
    """Build a run from its resolved configuration.

    Parameters
    ----------
    config : mapping
        Plain values, as ``OmegaConf.to_container(config, resolve=True)`` gives them.
    trusted : frozenset of str
        Packages whose classes it may name besides this project's; see
        :mod:`experiments.config.trust`.

    Raises
    ------
    ConfigError
        Listing everything that is wrong, one line each.
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


def without_search(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a configuration without what its nodes declare for a search."""
    return {
        key: without_search(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key != SEARCH
    }


def build(
    node: Any, kind: type[T], where: str, faults: list[str], *, trusted: frozenset[str]
) -> T | None:
    """Build one part of a configuration, and the parts that it is made of.

    Every class that a configuration names is imported here, and only if it is trusted.

    Parameters
    ----------
    node : mapping or str
        The part's settings, or the name of a class without any.
    kind : type
        What the part must be; built itself unless the node names a class by ``_target_``.
    where : str
        Dotted name of the node, for messages.
    faults : list of str
        Receives a line for everything that is wrong, such as a class that is not trusted.
    trusted : frozenset of str
        Packages whose classes may be named besides this project's.

    Returns
    -------
    object or None
        None if anything is wrong.
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
    """Build the data source of a finished run, and none of its other parts.

    Parameters
    ----------
    config : mapping
        The run's resolved configuration.
    trusted : frozenset of str
        As in :func:`run_from_config`.

    Raises
    ------
    ConfigError
        If it names a class that is not trusted, or cannot be built.
    """
    faults: list[str] = []
    source = build(config["dataset"], Source, "dataset", faults, trusted=trusted)  # type: ignore[type-abstract]
    if source is None:
        raise ConfigError("\n".join(faults))
    return source


def network_from_config(
    config: Mapping[str, Any],
    features: int,
    outputs: int,
    runs: int = 1,
    *,
    trusted: frozenset[str],
) -> Network:
    """Build the network of a finished run, to load its weights into.

    Parameters
    ----------
    config : mapping
        The run's resolved configuration.
    features, outputs : int
        Width of the network's input and output.
    runs : int, default 1
        How many sets of weights it is to hold.
    trusted : frozenset of str
        As in :func:`run_from_config`.

    Raises
    ------
    ConfigError
        If it names a class that is not trusted, or cannot be built.
    """
    faults: list[str] = []
    model = build(config["model"], Model, "model", faults, trusted=trusted)  # type: ignore[type-abstract]
    loss = build(config["loss"], Loss, "loss", faults, trusted=trusted)  # type: ignore[type-abstract]
    if model is None or loss is None:
        raise ConfigError("\n".join(faults))
    return Network(
        model.layers(outputs),
        features,
        loss=loss,
        output_activation=model.output_activation,
        seeds=range(runs),
        dtype=config["training"]["dtype"],
    )


def _chosen_class(
    node: Any, kind: type[Any], where: str, faults: list[str], trusted: frozenset[str]
) -> tuple[type[Any] | None, Mapping[str, Any]]:
    """Find the class that a node asks for, and the settings it gives to it."""
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
    faults.append(f"{where} must say which class it is, by _target_")
    return None, settings


def _imported(
    target: str, kind: type[Any], where: str, faults: list[str], trusted: frozenset[str]
) -> type[Any] | None:
    """Import the class called `target`, which must be trusted and a subclass of `kind`."""
    module_name, _, name = target.rpartition(".")
    full = all(part.isidentifier() for part in target.split("."))
    refused = why_untrusted(target, trusted) if full else None
    if refused is not None:
        faults.append(f"{where}._target_: {refused}")
        return None
    try:
        if not full:
            raise ImportError("not a full name")
        found = getattr(importlib.import_module(module_name), name)
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
    """Build what a field's type says is a part; leave plain values as they are."""
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
    """Whether a missing value was reported as ??? already."""
    key = fault.removesuffix(" is required")
    return key != fault and any(f.startswith(f"{prefix}{key} must be given") for f in faults)
