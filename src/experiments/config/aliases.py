"""Former names of classes that have moved.

Records and published models name classes as they were called when the record was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_SOURCES: Final = (
    "breast_cancer",
    "circles",
    "csv_table",
    "diabetes",
    "digits",
    "fashion_mnist",
    "iris",
    "mnist",
    "moons",
    "spirals",
    "wine",
    "xor",
)

MOVED: Final[Mapping[str, str]] = {
    "experiments.models": "experiments.config.models",
    "nn.initializers.Constant": "nn.initializers.Filled",
    "nn.layers.Activation": "nn.layers.ActivationLayer",
    "nn.optimizers.base": "nn.optimizers",
    **{f"experiments.datasets.{name}": f"experiments.datasets.sources.{name}" for name in _SOURCES},
}
"""Old names of classes, modules and packages, mapped to the new ones."""


def current_name(target: str, moved: Mapping[str, str] = MOVED) -> str:
    """Return the current name of a class.

    Parameters
    ----------
    target : str
        Full name of a class, old or new.
    moved : mapping of str to str
        Old names mapped to new ones. The longest match wins: a module may have moved to another
        place than its package.

    Returns
    -------
    str
    """
    path, rest = target, ""
    while path:
        if path in moved:
            return moved[path] + rest
        path, dot, last = path.rpartition(".")
        rest = f"{dot}{last}{rest}"
    return target


def with_current_names(config: Any) -> Any:
    """Copy a configuration, or a part of one, with the current names of its classes."""
    if isinstance(config, Mapping):
        return {
            key: current_name(value)
            if key == "_target_" and isinstance(value, str)
            else with_current_names(value)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return [with_current_names(item) for item in config]
    return config
