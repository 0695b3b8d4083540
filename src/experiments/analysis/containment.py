"""Find optimizers that contain others, that is, that make the same updates with certain settings.

An optimizer whose search space contains another's cannot do worse, if both are tuned well enough
(Choi et al. 2019). If it does, its space or its budget is too small, not the optimizer.
`tests/experiments/analysis/test_containment.py` checks that the updates are the same, and that the
search spaces in `conf/optimizer` contain these settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Containment:
    """An optimizer that contains another.

    Attributes
    ----------
    outer, inner : str
        The names of the optimizers.
    settings : mapping of str to (float or bool)
        The settings of the outer with which it makes the updates of the inner.
    given : mapping of str to (float or bool)
        The settings of the inner for which that holds, if not for all.
    renamed : mapping of str to str
        The settings of the outer that have another name in the inner.
    exact : bool
        Whether the updates are the same, rather than up to the correction of Adam's bias, which
        fades after the first 1/(1-β₂) steps.
    same_rates : bool
        Whether the ranges in which the learning rate is searched are the same.
    """

    outer: str
    inner: str
    settings: Mapping[str, float | bool]
    given: Mapping[str, float | bool] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    exact: bool = True
    same_rates: bool = True


CONTAINMENTS: Final = (
    Containment("momentum", "sgd", {"momentum": 0.0}),
    Containment("nesterov", "sgd", {"momentum": 0.0}),
    Containment(
        "adam",
        "rmsprop",
        {"beta1": 0.0},
        given={"momentum": 0.0, "centered": False},
        renamed={"beta2": "rho"},
        exact=False,
        same_rates=False,
    ),
    Containment("adamw", "adam", {"weight_decay": 0.0}, given={"weight_decay": 0.0}),
    Containment("ademamix", "adamw", {"alpha": 0.0}, given={"amsgrad": False}),
    Containment("lion", "signum", {}, renamed={"beta1": "beta", "beta2": "beta"}, same_rates=False),
)
"""The optimizers that contain others."""


def inner_of(outer: str) -> frozenset[str]:
    """Name the optimizers that an optimizer contains, also those contained in contained ones."""
    found = {one.inner for one in CONTAINMENTS if one.outer == outer}
    return frozenset(found.union(*(inner_of(name) for name in found)))
