"""What a search tries: the space that a configuration declares, and the settings drawn from it.

Whatever can be chosen declares beside its settings, under ``_search_``, which of them a comparison
tunes. That is a word to the sweeper: it reaches no constructor and is no part of a run.

    _target_: nn.Adam
    lr: 0.001
    beta1: 0.9
    _search_:
      lr: {low: 1e-5, high: 1e-1}   # log-spaced, as many points as the budget leaves
      beta1: [0.5, 0.9, 0.99]       # these values
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import SEARCH, build
from experiments.errors import ConfigError
from nn.component import Component, Count, Finite

Kind = Literal["grid", "random", "sobol", "halton"]
Side = Literal["below", "above"]
Edge = tuple[str, Side]
"""A key, and the end of its range at which a value lies."""

_LOG_DIGITS: Final = 3
_LINEAR_DIGITS: Final = 6


@dataclass(frozen=True)
class Settings:
    """One trial: values for the keys of a space.

    Parameters
    ----------
    values : tuple of (str, object)
        Dotted key and value, in the space's order.
    """

    values: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        return " ".join(f"{key.rpartition('.')[2]}={_shown(value)}" for key, value in self.values)


@dataclass(frozen=True, kw_only=True)
class Range(Component):
    """Numbers between two ends.

    Parameters
    ----------
    low, high : float
        The ends, which a grid includes.
    scale : {"log", "linear"}, default "log"
        In which neighbours are equally far apart.
    points : int, optional
        Of a grid; by default what the budget leaves after the other settings.
    """

    can_widen: ClassVar[bool] = True
    low: Finite
    high: Finite
    scale: Literal["log", "linear"] = "log"
    points: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            raise ValueError(f"low must be less than high, but {self.low:g} is not: {self.high:g}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low is {self.low:g}; a log scale starts above 0 (scale: linear?)")
        if self.points == 1:
            raise ValueError("a range has at least 2 points; a single value needs no search")

    def at(self, place: float) -> float:
        """Return the value at a place between 0, the low end, and 1, the high one."""
        if self.scale == "linear":
            return _rounded(self.low + place * (self.high - self.low), _LINEAR_DIGITS)
        low, high = math.log(self.low), math.log(self.high)
        return _rounded(math.exp(low + place * (high - low)), _LOG_DIGITS)

    def with_points(self, points: int) -> Range:
        """Return the range with so many points, unless it says itself how many it has."""
        return self if self.points is not None else replace(self, points=points)

    def grid(self, below: int, above: int) -> tuple[float, ...]:
        """Return the equally spaced points, and so many more beyond each end."""
        assert self.points is not None
        steps = range(-below, self.points + above)
        return tuple(self.at(step / (self.points - 1)) for step in steps)


@dataclass(frozen=True)
class Values:
    """These values and no others.

    Parameters
    ----------
    values : tuple
    """

    can_widen: ClassVar[bool] = False
    values: tuple[Any, ...]

    @property
    def points(self) -> int:
        """How many there are."""
        return len(self.values)

    def with_points(self, points: int) -> Values:
        """Return the values as they are."""
        return self

    def grid(self, below: int, above: int) -> tuple[Any, ...]:
        """Return all values."""
        return self.values

    def at(self, place: float) -> Any:
        """Return the value at a place between 0 and 1, of which each has an equal part."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]


@dataclass(frozen=True)
class Space:
    """The settings among which a search chooses.

    Parameters
    ----------
    axes : mapping of str to (Range or Values)
        By dotted key.
    steps : mapping of Edge to int
        By how many steps a grid's ranges were widened.
    """

    axes: Mapping[str, Range | Values]
    steps: Mapping[Edge, int] = field(default_factory=dict)

    def trials(self, kind: Kind, budget: int, seed: int) -> list[Settings]:
        """Return the settings to try, in order.

        Parameters
        ----------
        kind : {"grid", "random", "sobol", "halton"}
            All combinations of the axes' points; or places drawn at random, or by one of
            SciPy's scrambled quasi-random sequences, and put on the axes' scales.
        budget : int
            How many.
        seed : int
            Of what is drawn; spaces with equally many axes get the same places.

        Raises
        ------
        ConfigError
            If the grid's size is not the budget.
        """
        if kind == "grid":
            return self.with_points(budget)._grid()
        places = _places(kind, budget, len(self.axes), seed)
        return [
            Settings(
                tuple(
                    (key, axis.at(float(place)))
                    for (key, axis), place in zip(self.axes.items(), row, strict=True)
                )
            )
            for row in places
        ]

    def with_points(self, budget: int) -> Space:
        """Share the budget among the ranges that do not say how many points they have.

        Raises
        ------
        ConfigError
            If that cannot be done so that the grid has exactly `budget` settings.
        """
        sizes = {key: axis.points for key, axis in self.axes.items()}
        open_keys = [key for key, size in sizes.items() if size is None]
        taken = math.prod(size for size in sizes.values() if size is not None)
        points = round((budget / taken) ** (1 / len(open_keys))) if open_keys else 1
        if points ** len(open_keys) * taken != budget or (open_keys and points < 2):
            counted = " × ".join(f"{key}: {size or 'any'}" for key, size in sizes.items())
            raise ConfigError(
                f"its grid ({counted}) cannot have the {budget} settings of the budget; change "
                f"{SEARCH} or hydra.sweeper.budget, or search at random (hydra.sweeper.search)"
            )
        return replace(self, axes={k: axis.with_points(points) for k, axis in self.axes.items()})

    def edges(self, settings: Settings) -> set[Edge]:
        """Return at which ends of the grid's ranges some settings lie."""
        found: set[Edge] = set()
        for key, value in settings.values:
            axis = self.axes[key]
            if axis.can_widen and axis.points is not None:
                points = self._points(key)
                found |= {(key, "below")} if value == points[0] else set()
                found |= {(key, "above")} if value == points[-1] else set()
        return found

    def widened(self, edges: set[Edge]) -> Space | None:
        """Return a grid one step longer at these ends; None where it has no such range."""
        if not all(key in self.axes and self.axes[key].can_widen for key, _ in edges):
            return None
        return replace(self, steps=Counter(self.steps) + Counter(edges))

    def beyond(self, narrower: Space) -> list[Settings]:
        """Return the settings of this grid that a narrower one does not have."""
        known = set(narrower._grid())
        return [settings for settings in self._grid() if settings not in known]

    def _grid(self) -> list[Settings]:
        points = [self._points(key) for key in self.axes]
        return [
            Settings(tuple(zip(self.axes, values, strict=True)))
            for values in itertools.product(*points)
        ]

    def _points(self, key: str) -> tuple[Any, ...]:
        axis = self.axes[key]
        return axis.grid(self.steps.get((key, "below"), 0), self.steps.get((key, "above"), 0))


def declared_space(config: Mapping[str, Any]) -> Space:
    """Read the space that a configuration declares, in whatever nodes.

    Parameters
    ----------
    config : mapping
        Composed and resolved.

    Raises
    ------
    ConfigError
        Listing everything that is wrong with it.
    """
    faults: list[str] = []
    axes: dict[str, Range | Values] = {}
    for where, key, node in _declared(config, "", faults):
        axis = _axis(node, f"{where}{SEARCH}.{key}", faults)
        if axis is not None:
            axes[where + key] = axis
    if faults:
        raise ConfigError("\n".join(faults))
    return Space(axes)


def _declared(
    node: Mapping[str, Any], where: str, faults: list[str]
) -> Iterator[tuple[str, str, Any]]:
    for name, value in node.items():
        if name == SEARCH and isinstance(value, Mapping):
            yield from ((where, str(key), axis) for key, axis in value.items())
        elif name == SEARCH and value is not None:
            example = "{lr: {low: 1e-4, high: 1}}"
            faults.append(f"{where}{SEARCH} is {value!r}; name what is searched: {example}")
        elif isinstance(value, Mapping):
            yield from _declared(value, f"{where}{name}.", faults)


def _axis(node: Any, where: str, faults: list[str]) -> Range | Values | None:
    if isinstance(node, Mapping):
        return build(node, Range, where, faults, trusted=frozenset())
    if isinstance(node, Sequence) and not isinstance(node, str) and node:
        values = tuple(tuple(v) if isinstance(v, list) else v for v in node)
        if len(set(values)) == len(values):
            return Values(values)
    faults.append(
        f"{where} is {node!r}; give the ends, {{low: 1e-4, high: 1}}, or different values, [0, 0.9]"
    )
    return None


def _places(kind: Kind, count: int, axes: int, seed: int) -> NDArray[np.float64]:
    """Draw points of the unit cube, `(count, axes)`."""
    if kind == "random":
        return np.random.default_rng(seed).random((count, axes))
    from scipy.stats import qmc

    engine = {"sobol": qmc.Sobol, "halton": qmc.Halton}[kind](
        axes, scramble=True, seed=np.random.default_rng(seed)
    )
    if kind == "halton":
        return np.asarray(engine.random(count))
    # A Sobol' sequence is balanced at powers of 2; SciPy warns of any other number.
    return np.asarray(engine.random_base2(math.ceil(math.log2(count)))[:count])


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _shown(value: Any) -> str:
    """Write a value for people, as a configuration has it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple):
        return f"[{','.join(map(_shown, value))}]"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
