"""Settings of an optimizer that hold for some of the parameters only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..component import Component, NonNegative, Positive, suggestion
from ..parameters import Layout, Parameter


@dataclass(frozen=True, kw_only=True)
class ParameterGroup(Component):
    """Other settings of an optimizer for some of the parameters.

    Parameters
    ----------
    parameters : str
        The parameters: ``"biases"``, those whose names end with ``bias`` (learnt positions and
        initial states are none, though they do not decay either); ``"normalization"``, the gains
        and shifts of normalization layers; ``"first"`` or ``"last"``, all parameters of the first
        or last layer that has weights; or a pattern of names such as ``"dense1/*"`` or
        ``"*/weights"``.
    lr_factor : float, default 1.0
        The factor, above 0, of the optimizer's learning rate.
    weight_decay : float, optional
        Weight decay of all parameters of the group, also of biases; by default that of the
        optimizer.
    """

    parameters: str
    lr_factor: Positive = 1.0
    weight_decay: NonNegative | None = None

    def matches(self, parameter: Parameter, layout: Layout) -> bool:
        """Whether the group names a parameter of a layout."""
        if self.parameters == "biases":
            return parameter.name.endswith("bias")
        if self.parameters == "normalization":
            return parameter.normalizes
        layers = list(layout.layers)
        if self.parameters == "first":
            return parameter.layer in layers[:1]
        if self.parameters == "last":
            return parameter.layer in layers[-1:]
        return fnmatchcase(parameter.name, self.parameters)


def assigned(groups: Sequence[ParameterGroup], layout: Layout) -> list[ParameterGroup | None]:
    """Return the group of each parameter of a layout, the first that names it; None for none.

    Raises
    ------
    ValueError
        If a group has no parameter; the message lists the parameters of the layout.
    """
    found = [
        next((group for group in groups if group.matches(parameter, layout)), None)
        for parameter in layout.parameters
    ]
    for position, group in enumerate(groups):
        if any(each is group for each in found):
            continue
        names = [parameter.name for parameter in layout.parameters]
        words = ["biases", "normalization", "first", "last", *names]
        if any(group.matches(parameter, layout) for parameter in layout.parameters):
            why = "all of whose parameters belong to groups before it; put it before them"
        else:
            near = suggestion(group.parameters, words)
            why = f"which matches no parameter{near} (there are: {', '.join(names)})"
        raise ValueError(f"groups[{position}] is {group.parameters!r}, {why}")
    return found
