"""Components: dataclasses that can be chosen by name and that validate their fields.

Optimizers, losses, activations, layers and so on are components. The type of a field declares
which values it accepts: ``beta1: Annotated[float, Interval(0, 1, "left")] = 0.9``. Construction
checks them; :func:`problems` checks the values of a configuration before construction.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import reprlib
import types
import typing
from abc import ABC
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self


def _number(value: float) -> str:
    """Write the end of a range: a large whole number by its digits, others briefly."""
    return str(value) if isinstance(value, int) else f"{value:g}"


@dataclasses.dataclass(frozen=True)
class Interval:
    """A range of numbers.

    Parameters
    ----------
    low, high : float
        The ends; infinite by default.
    closed : {"both", "left", "right", "neither"}
        The ends that belong to the range. Values must be finite in any case.
    """

    low: float = -math.inf
    high: float = math.inf
    closed: Literal["both", "left", "right", "neither"] = "both"

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.closed in ("both", "left") else value > self.low
        below = value <= self.high if self.closed in ("both", "right") else value < self.high
        try:
            return above and below and math.isfinite(value)
        except OverflowError:  # an integer larger than any float
            return False

    def __str__(self) -> str:
        if self.high == math.inf:
            if self.low == -math.inf:
                return "finite"
            return (
                f"at least {self.low:g}"
                if self.closed in ("both", "left")
                else f"above {self.low:g}"
            )
        left = "[" if self.closed in ("both", "left") else "("
        right = "]" if self.closed in ("both", "right") else ")"
        return f"in {left}{_number(self.low)}, {_number(self.high)}{right}"


@dataclasses.dataclass(frozen=True)
class AtMost:
    """A bound on the length of a list.

    Parameters
    ----------
    items : int
        The largest number of items.
    """

    items: int


Positive = Annotated[float, Interval(0, closed="neither")]
NonNegative = Annotated[float, Interval(0)]
Finite = Annotated[float, Interval()]
Decay = Annotated[float, Interval(0, 1, "left")]
"""A decay rate of a running average: 0 keeps only the last value, 1 would never forget."""
Fraction = Annotated[float, Interval(0, 1)]
Probability = Annotated[float, Interval(0, 1, "left")]
Count = Annotated[int, Interval(1)]


class Component(ABC):  # noqa: B024, the abstract methods are those of the subclasses
    """Base of all parts of a network and of its training.

    Subclasses are dataclasses whose fields are checked at construction. A subclass that can be
    chosen by name sets :attr:`name`.
    """

    name: ClassVar[str] = ""

    @property
    def label(self) -> str:
        """The component's name in messages: :attr:`name`, or the class's if that is empty."""
        return self.name or type(self).__name__

    def __post_init__(self) -> None:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = {field.name: getattr(self, field.name) for field in fields if field.init}
        wrong = problems(type(self), values)
        if wrong:
            raise ValueError(f"{type(self).__name__}: " + "; ".join(wrong))
        for name, value in values.items():
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))  # components are hashed

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all imported subclasses, sorted."""
        return sorted({kind.name for kind in _descendants(cls)} - {""})

    @classmethod
    def named(cls, name: str, **options: Any) -> Self:
        """Construct the subclass called `name`.

        Parameters
        ----------
        name : str
            One of :meth:`names`, which include the user's subclasses whose modules are imported.
        **options
            Values of the fields.

        Raises
        ------
        ValueError
            If the name is unknown (the nearest one is suggested) or an option is wrong.
        """
        chosen: Self = cls.class_named(name)(**options)
        return chosen

    @classmethod
    def class_named(cls, name: str) -> type[Any]:
        """Return the subclass called `name`.

        Raises
        ------
        ValueError
            If the name is unknown (the nearest one is suggested).
        """
        for kind in _descendants(cls):
            if kind.name == name != "":
                return kind
        known = cls.names()
        raise ValueError(
            f"no {cls.__name__.lower()} is called {name!r}{suggestion(name, known)} "
            f"(known: {', '.join(known)})"
        )


def _descendants(cls: type[Any]) -> Iterable[type[Any]]:
    for kind in cls.__subclasses__():
        yield kind
        yield from _descendants(kind)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word nearest to `word`, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def problems(kind: type[Any], values: Mapping[str, Any]) -> list[str]:
    """Describe what is wrong with `values` as arguments of the dataclass `kind`.

    Parameters
    ----------
    kind : type
        A dataclass with typed fields, ``Annotated`` with their range if they have one.
    values : mapping of str to object
        The values by field name.

    Returns
    -------
    list of str
        One sentence for each mistake: an unknown name (with a suggestion), a missing value, a
        wrong type, or a value out of range. Empty without mistakes.
    """
    fields = _fields(typing.cast(Any, kind))
    found = [
        f"unknown key {_short.repr(key)}{suggestion(key, fields)} (known: {', '.join(fields)})"
        for key in values
        if key not in fields
    ]
    for key, (required, check) in fields.items():
        if key in values:
            fault = check(values[key])
            if fault:
                found.append(f"{key} must be {fault}, but is {_short.repr(values[key])}")
        elif required:
            found.append(f"{key} is required")
    return found


_short = reprlib.Repr()
"""What messages show of a value, which may be a list of a million numbers."""

_short.maxlist = _short.maxtuple = _short.maxdict = 12
_short.maxstring = _short.maxother = _short.maxlong = 300


@functools.cache
def type_hints(kind: Any) -> dict[str, Any]:
    """Return the types of a class's fields, including their annotations."""
    return typing.get_type_hints(kind, include_extras=True)


_Check = Callable[[Any], str | None]
"""A function that describes what a value must be; it returns None if the value is that already."""


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[bool, _Check]]:
    """Return for each field of a dataclass whether it is required, and the check of its value.

    Types are examined once per class: a sweep checks the same classes thousands of times.
    """
    missing, hints = dataclasses.MISSING, type_hints(kind)
    return {
        field.name: (
            field.default is missing and field.default_factory is missing,
            _check(hints[field.name]),
        )
        for field in dataclasses.fields(kind)
        if field.init
    }


def _check(hint: Any) -> _Check:
    """Return the check of values of a type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _check_within(*arguments)
    if origin in (typing.Union, types.UnionType):
        return _check_options([_check(option) for option in arguments])
    if origin is Literal:
        wanted = "one of " + ", ".join(map(str, arguments))
        return lambda value: None if value in arguments else wanted
    if origin in (tuple, list):
        return _check_items(_check(arguments[0]))
    if origin is dict:
        return _check_entries(_check(arguments[1]))
    return functools.partial(_plain_fault, kind=hint)


def _check_within(inner: Any, *constraints: Any) -> _Check:
    check, number = _check(inner), "a whole number" if inner is int else "a number"

    def fault_of(value: Any) -> str | None:
        fault = check(value)
        for constraint in constraints:
            if isinstance(constraint, Interval) and (fault or value not in constraint):
                return f"{number} {constraint}"
            if isinstance(constraint, AtMost) and not fault and len(value) > constraint.items:
                return f"a list of at most {constraint.items} items"
        return fault

    return fault_of


def _check_options(checks: Sequence[_Check]) -> _Check:
    def fault_of(value: Any) -> str | None:
        faults = []
        for check in checks:
            fault = check(value)
            if fault is None:
                return None
            faults.append(fault)
        return " or ".join(dict.fromkeys(filter(None, faults)))

    return fault_of


def _check_items(check: _Check) -> _Check:
    def fault_of(value: Any) -> str | None:
        if not isinstance(value, (tuple, list)):
            return "a list"
        faults = [fault for entry in value if (fault := check(entry))]
        return f"a list of items each {faults[0]}" if faults else None

    return fault_of


def _check_entries(check: _Check) -> _Check:
    def fault_of(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return "a mapping"
        for key, entry in value.items():
            if fault := check(entry):
                return f"a mapping in which {_short.repr(key)} is {fault}"
        return None

    return fault_of


def _plain_fault(value: Any, kind: Any) -> str | None:
    if kind is float:
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        return None if good else "a number"
    if kind is int:
        good = isinstance(value, int) and not isinstance(value, bool)
        return None if good else "a whole number"
    if kind is bool:
        return None if isinstance(value, bool) else "true or false"
    if kind is str:
        return None if isinstance(value, str) else "a word"
    if kind is type(None):
        return None if value is None else "null"
    if isinstance(kind, type) and not isinstance(value, kind):
        return f"{_article(kind.__name__)} {kind.__name__}"
    return None


def _article(word: str) -> str:
    return "an" if word[0] in "AEIOUaeiou" else "a"
