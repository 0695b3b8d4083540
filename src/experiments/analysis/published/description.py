"""The `_published_` node of an experiment: how a published result is repeated, and its claims.

    _published_:
      title: Adam does not converge on a convex problem
      source: Reddi et al. 2018, On the convergence of Adam and beyond, arXiv 1904.09237
      runs:
        adam: [optimizer=adam, optimizer.lr=0.1]
        amsgrad: [optimizer=amsgrad, optimizer.lr=0.1]
      claims:
        - kind: order
          says: Adam ends higher than AMSGrad
          where: figure 1
          measure: final/train_loss
          order: [amsgrad, adam]

Only the command that repeats published results reads the node: it is not part of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from experiments.analysis.published.measure import Measure
from experiments.analysis.published.verdict import KINDS, Claim, Order
from experiments.config.build import build
from experiments.config.schema import PUBLISHED
from experiments.config.seeds import read_seeds
from experiments.errors import ConfigError
from nn.component import Component, suggestion

ENOUGH: Final = 10
"""The number of seeds from which a number is judged, unless a run takes long."""


@dataclass(frozen=True, kw_only=True)
class Tuning(Component):
    """How a setting of a group is chosen before its runs are made.

    Parameters
    ----------
    setting : str
        The dotted name of the setting, such as ``optimizer.lr``.
    values : sequence of float
        The values to try.
    measure : Measure
        The measure whose mean over `seeds` chooses.
    higher : bool, default False
        Whether higher is better.
    seeds : sequence of int
        The seeds of these runs, which are other ones than those that are reported.
    """

    setting: str
    values: tuple[float, ...]
    measure: Measure
    higher: bool = False
    seeds: tuple[int, ...] = (100, 101, 102)

    def choose(self, measured: Mapping[float, Sequence[float]]) -> float:
        """Return the value with the best mean, the first of equal ones."""
        sign = -1 if self.higher else 1
        return min(measured, key=lambda value: sign * sum(measured[value]) / len(measured[value]))


@dataclass(frozen=True, kw_only=True)
class Runs(Component):
    """A group of runs that differ in nothing but the seed.

    Parameters
    ----------
    settings : sequence of str, default ()
        Settings as on a command line, beside those of the experiment's file.
    seeds : sequence of int, optional
        The seeds of the group; by default those of the result.
    tune : Tuning, optional
        A setting that is chosen first.
    """

    settings: tuple[str, ...] = ()
    seeds: tuple[int, ...] | None = None
    tune: Tuning | None = None


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published result: how it is repeated, and what is claimed.

    Parameters
    ----------
    title : str
        The result in a few words.
    source : str
        The publication.
    runs : mapping of str to Runs
        The groups of runs.
    claims : sequence of Claim
        The claims of the source.
    seeds : sequence of int, default 0 to 9
        The seeds of every group.
    few_seeds : str, optional
        Why there are fewer than ten seeds although there are numbers among the claims.
    smoke : sequence of str, default ()
        Settings that make every run as short as can be.
    differs : str, default ""
        The differences from the source, in a sentence.
    changed : str, default ""
        If a claim does not hold: the changes that were tried, one at a time, and their results.
    data : str, default ""
        The files of the data, and where a user gets them.
    """

    title: str
    source: str
    runs: Mapping[str, Runs]
    claims: tuple[Claim, ...]
    seeds: tuple[int, ...] = tuple(range(ENOUGH))
    few_seeds: str | None = None
    smoke: tuple[str, ...] = ()
    differs: str = ""
    changed: str = ""
    data: str = ""

    def __post_init__(self) -> None:
        if not self.claims or not self.runs:
            raise ValueError("runs and claims must not be empty")
        for claim in self.claims:
            for group in claim.groups:
                if group not in self.runs:
                    raise ValueError(
                        f"claims: {claim.says!r} is about {group!r}, which is not in runs"
                        f"{suggestion(group, self.runs)}"
                    )
        numbers = any(not isinstance(claim, Order) for claim in self.claims)
        if numbers and len(self.seeds) < ENOUGH and not self.few_seeds:
            raise ValueError(
                f"seeds are {len(self.seeds)}, too few to judge a number; give at least {ENOUGH}, "
                "or say in few_seeds why there are fewer"
            )


def read_description(config: Mapping[str, Any], name: str) -> Published:
    """Read the `_published_` node of a configuration.

    Parameters
    ----------
    config : mapping
        The composed configuration.
    name : str
        The name of the experiment, for messages.

    Returns
    -------
    Published

    Raises
    ------
    ConfigError
        If there is no such node, or something in it is wrong; the message lists everything.
    """
    node = config.get(PUBLISHED)
    where = f"experiment=published/{name}: {PUBLISHED}"
    if not isinstance(node, Mapping):
        raise ConfigError(f"{where} is missing, which says what was published")
    faults: list[str] = []
    runs = {
        str(group): _runs(settings, f"{where}.runs.{group}", faults)
        for group, settings in _mapping(node.get("runs")).items()
    }
    claims = tuple(
        _claim(claim, f"{where}.claims.{number}", faults)
        for number, claim in enumerate(node.get("claims") or ())
    )
    if faults:
        raise ConfigError("\n".join(faults))
    rest = {key: value for key, value in node.items() if key not in ("runs", "claims")}
    if "seeds" in rest:
        rest["seeds"] = read_seeds(rest["seeds"])
    settings: dict[str, Any] = {
        str(key): tuple(value) if isinstance(value, list) else value for key, value in rest.items()
    }
    known = [field.name for field in fields(Published)]
    for key in settings:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}{suggestion(key, known)}")
    try:
        return Published(runs=runs, claims=claims, **settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def read_claim(node: Any, where: str) -> Claim:
    """Read a claim, of an experiment's file or of stored results.

    Raises
    ------
    ConfigError
        If something is wrong.
    """
    faults: list[str] = []
    claim = _claim(node, where, faults)
    if faults:
        raise ConfigError("\n".join(faults))
    assert isinstance(claim, Claim)
    return claim


def _claim(node: Any, where: str, faults: list[str]) -> Any:
    kind = str(_mapping(node).get("kind"))
    if kind not in KINDS:
        faults.append(f"{where}.kind is {kind!r}; choose {', '.join(KINDS)}")
        return None
    rest = {key: value for key, value in node.items() if key != "kind"}
    rest["measure"] = _measure(rest.get("measure"))
    return build(rest, KINDS[kind], where, faults, trusted=frozenset())


def _runs(node: Any, where: str, faults: list[str]) -> Any:
    if isinstance(node, list):
        node = {"settings": node}
    node = dict(_mapping(node))
    if "seeds" in node:
        node["seeds"] = read_seeds(node["seeds"])
    if "tune" in node:
        tune = dict(_mapping(node["tune"]))
        tune["measure"] = _measure(tune.get("measure"))
        if "seeds" in tune:
            tune["seeds"] = read_seeds(tune["seeds"])
        node["tune"] = tune
    return build(node, Runs, where, faults, trusted=frozenset())


def _measure(node: Any) -> Any:
    """Write out a measure that is given by the name of its metric alone."""
    return {"metric": node} if isinstance(node, str) else node


def _mapping(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}
