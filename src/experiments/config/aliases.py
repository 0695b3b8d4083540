"""Names that configurations use for classes whose module has moved since.

Records and published models keep the names that classes had when they were written.
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
"""Classes that a configuration may name, their modules and packages: the old name to the new."""


def current_name(target: str, moved: Mapping[str, str] = MOVED) -> str:
    """Return the name that a class has today.

    Parameters
    ----------
    target : str
        Full name of a class, old or new.
    moved : mapping of str to str
        Old names of modules to new ones. Of several that fit, the longest counts: a module may
        have moved elsewhere than its package.
    """
    path, rest = target, ""
    while path:
        if path in moved:
            return moved[path] + rest
        path, dot, last = path.rpartition(".")
        rest = f"{dot}{last}{rest}"
    return target


def with_current_names(config: Any) -> Any:
    """Copy a configuration, or a part of one, with the names that its classes have today."""
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
