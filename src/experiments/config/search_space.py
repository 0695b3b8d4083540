"""Search spaces: which settings a comparison tunes, and over what values.

Any node of a configuration can declare under ``_search_`` which of its settings are tuned. Only
the sweeper reads the declaration: it is not passed to a constructor and not part of a run.

    _target_: nn.Adam
    lr: 0.001
    beta1: 0.9
    _search_:
      lr: {low: 1e-5, high: 1e-1}   # log-spaced, as many points as the budget leaves
      beta1: [0.5, 0.9, 0.99]       # these values

The order is that in which the settings of an optimizer are opened to the search, as far as the
budget pays for them (the most important first; Godbole et al. 2023, "Deep learning tuning
playbook"). An empty list is as good as no entry.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from experiments.config.build import build
from experiments.config.schema import SEARCH
from experiments.errors import ConfigError
from nn.component import Component, Count, Finite

Kind = Literal["grid", "random", "sobol", "halton"]
Side = Literal["below", "above"]
Edge = tuple[str, Side]
"""A key and one end of its range."""

_COVERS: Final = 9  # points that cover a range: two for each power of ten, over four of them
_LOG_DIGITS: Final = 3
_LINEAR_DIGITS: Final = 6


@dataclass(frozen=True)
class Settings:
    """The settings of one trial: a value for each key of a space.

    Parameters
    ----------
    values : tuple of (str, object)
        Pairs of dotted key and value, in the order of the space.
    """

    values: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        return " ".join(f"{key.rpartition('.')[2]}={_shown(value)}" for key, value in self.values)


@dataclass(frozen=True, kw_only=True)
class Range(Component):
    """A range of numbers.

    Parameters
    ----------
    low, high : float
        The ends of the range, which a grid includes.
    scale : {"log", "linear"}, default "log"
        The scale on which the points of a grid are equally spaced.
    points : int, optional
        Number of points in a grid; by default as many as the budget allows.
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
        """Return the value at `place`, where 0 is the low end and 1 the high one."""
        if self.scale == "linear":
            return _rounded(self.low + place * (self.high - self.low), _LINEAR_DIGITS)
        low, high = math.log(self.low), math.log(self.high)
        return _rounded(math.exp(low + place * (high - low)), _LOG_DIGITS)

    def with_points(self, points: int) -> Range:
        """Return the range with `points` points, or unchanged if it declares its own number."""
        return self if self.points is not None else replace(self, points=points)

    def grid(self, below: int, above: int, shift: float) -> tuple[float, ...]:
        """Return the points of the grid, with `below` and `above` more beyond the two ends.

        On a log scale all points are shifted by a part of a step; on a linear one they would leave
        ranges such as that from 0 on.
        """
        assert self.points is not None
        moved = shift if self.scale == "log" else 0.0
        steps = range(-below, self.points + above)
        return tuple(self.at((step + moved) / (self.points - 1)) for step in steps)


@dataclass(frozen=True)
class Values:
    """A fixed list of values.

    Parameters
    ----------
    values : tuple
        The values, in the order in which they are tried.
    """

    can_widen: ClassVar[bool] = False
    values: tuple[Any, ...]

    @property
    def points(self) -> int:
        """The number of values."""
        return len(self.values)

    def with_points(self, points: int) -> Values:
        """Return the values unchanged: their number is fixed."""
        return self

    def grid(self, below: int, above: int, shift: float) -> tuple[Any, ...]:
        """Return all values."""
        return self.values

    def at(self, place: float) -> Any:
        """Return the value at `place` in [0, 1], which the values divide into equal parts."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]


@dataclass(frozen=True)
class Space:
    """The space that a search covers.

    Parameters
    ----------
    axes : mapping of str to (Range or Values)
        The axes by dotted key.
    steps : mapping of Edge to int
        Number of steps by which a grid was widened at each end of its ranges.
    shift : float, default 0.0
        Part of a step by which the points of a grid are shifted.
    """

    axes: Mapping[str, Range | Values]
    steps: Mapping[Edge, int] = field(default_factory=dict)
    shift: float = 0.0

    def trials(self, kind: Kind, budget: int, seed: int) -> list[Settings]:
        """Return the settings to try, in order.

        Parameters
        ----------
        kind : {"grid", "random", "sobol", "halton"}
            The search: all combinations of the axes' points, points drawn uniformly on the
            axes' scales, or one of SciPy's scrambled quasi-random sequences.
        budget : int
            Number of settings.
        seed : int
            Seed of the draw; spaces with the same number of axes get the same places.

        Returns
        -------
        list of Settings

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

    def opened(self, knobs: int, node: str, asked: Collection[str] = ()) -> Space:
        """Keep the first `knobs` axes of a node, the requested ones, and all axes of other nodes.

        Parameters
        ----------
        knobs : int
            The number of axes, in the order in which the node declares them.
        node : str
            The node whose axes are opened in turn, such as ``optimizer``.
        asked : collection of str
            Keys of axes that are kept in any case.
        """
        own = [key for key in self.axes if key.startswith(f"{node}.")]
        closed = set(own[knobs:]) - set(asked)
        return replace(self, axes={k: axis for k, axis in self.axes.items() if k not in closed})

    def is_paid_by(self, kind: Kind, budget: int) -> bool:
        """Return whether a budget covers every axis.

        A range in a grid needs at least nine points, unless it declares another number; any other
        search needs nine settings for the first axis, and three times as many for each more.
        """
        if kind != "grid":
            return bool(budget >= _COVERS * 3 ** (len(self.axes) - 1))
        try:
            grid = self.with_points(budget)
        except ConfigError:
            return False
        return all(
            axis.points is not None or (grid.axes[key].points or 0) >= _COVERS
            for key, axis in self.axes.items()
        )

    def with_points(self, budget: int) -> Space:
        """Divide the budget among the ranges that do not declare a number of points.

        Raises
        ------
        ConfigError
            If no equal division gives a grid of exactly `budget` settings.
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
        """Return the ends of the grid's ranges at which `settings` lie."""
        found: set[Edge] = set()
        for key, value in settings.values:
            axis = self.axes[key]
            if axis.can_widen and axis.points is not None:
                points = self._points(key)
                found |= {(key, "below")} if value == points[0] else set()
                found |= {(key, "above")} if value == points[-1] else set()
        return found

    def widened(self, edges: set[Edge]) -> Space | None:
        """Return a grid one step longer at each of `edges`, or None if an axis cannot widen."""
        if not all(key in self.axes and self.axes[key].can_widen for key, _ in edges):
            return None
        return replace(self, steps=Counter(self.steps) + Counter(edges))

    def beyond(self, narrower: Space) -> list[Settings]:
        """Return the settings of this grid that are missing from a narrower one."""
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
        below, above = (self.steps.get((key, side), 0) for side in get_args(Side))
        return axis.grid(below, above, self.shift)


def declared_space(config: Mapping[str, Any]) -> Space:
    """Collect the search space that the nodes of a configuration declare.

    Parameters
    ----------
    config : mapping
        A composed and resolved configuration.

    Returns
    -------
    Space

    Raises
    ------
    ConfigError
        If a declaration is wrong; the message lists every mistake on a separate line.
    """
    faults: list[str] = []
    axes: dict[str, Range | Values] = {}
    for where, key, node in _declared(config, "", faults):
        if node == []:
            continue  # not searched
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
    """Draw points of the unit cube, an ndarray of shape (count, axes)."""
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
    """Format a value as it is written in a configuration."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple):
        return f"[{','.join(map(_shown, value))}]"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
