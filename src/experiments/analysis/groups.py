"""Find what was varied between runs, and group the runs that differ only in their seed.

A comparison compares groups. The runs of a group share the values of the grouping keys. A key is
the name of a configuration group (`optimizer`, whose value is the choice, `adam`) or the dotted
name of a setting (`optimizer.lr`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.studies import study_of
from experiments.errors import ConfigError
from experiments.runs.identity import READING, WITHOUT_EFFECT
from experiments.runs.record import Record, Scalar
from experiments.training.status import Status

# Settings that decide where results are written, and presets, whose effect shows in the
# settings they set.
_NO_RESULT: Final = WITHOUT_EFFECT | {"seed", "experiment", "debug", "hydra"}
# The curve of the test part is read by nothing but `training.report=test_peak`.
_NO_RESULT_KEYS: Final = frozenset(f"dataset.{name}" for name in READING) | {
    "training.test_every_epoch"
}

# The label of runs in a tuned comparison, `tuned` or `default`. It groups like a choice.
SETTING: Final = "setting"

# The label that distinguishes the tasks when runs of several tasks are compared.
TASK: Final = "task"

# The label with the number of looks, if seeds are added until the verdicts are settled.
LOOKS: Final = "looks"

# The key that distinguishes data, if runs of one seed and task have several.
DATA: Final = "data"

SPLIT: Final = "dataset.seed"

Curves = Mapping[str, NDArray[np.float64]]
"""The values after each epoch, shape (epochs + 1,), by column name such as `val/loss`."""

EPOCHS: Final = "epoch"
GRADIENTS: Final = "gradients"
"""What the course of a run is counted in: passes over the data, or gradients."""

_ABSENT: Final = object()  # stands for a missing setting; differs from every value, even None


def counts_gradients(runs: Iterable[Curves]) -> bool:
    """Whether one of these runs takes another number of gradients than steps."""
    return any("evaluations" in curves for curves in runs)


def course(curves: Curves, unit: str) -> NDArray[np.float64]:
    """Return how far a run was after each epoch, in epochs, steps or gradients.

    A step takes one gradient, unless the run counted them.
    """
    if unit == GRADIENTS:
        return curves["evaluations"] if "evaluations" in curves else curves["step"]
    return curves[unit]


@dataclass(frozen=True)
class Group:
    """Runs that share the values of the grouping keys.

    Attributes
    ----------
    by : tuple of str
        The grouping keys.
    values : tuple of scalar
        The keys' values, in the same order; None if the runs do not have the setting.
    runs : tuple of Record
        All runs of any status, sorted by seed.
    read : callable
        A function that reads the curves of a run.
    """

    by: tuple[str, ...]
    values: tuple[Scalar, ...]
    runs: tuple[Record, ...]
    read: Callable[[Record], Curves] = field(default=Record.metrics, repr=False, compare=False)

    @property
    def finished(self) -> tuple[Record, ...]:
        """The runs that completed: neither diverged, failed nor interrupted."""
        return tuple(run for run in self.runs if run.status.ended_well)

    @cached_property
    def counted(self) -> tuple[Record, ...]:
        """The runs that a comparison counts: those that finished and those that diverged."""
        return tuple(run for run in self.runs if run.status.is_final)

    @cached_property
    def curves(self) -> Mapping[Record, Curves]:
        """The curves of each counted run."""
        return {run: self.read(run) for run in self.counted}

    @cached_property
    def differing(self) -> tuple[str, ...]:
        """The settings other than the seed in which the group's runs differ within a study."""
        studies: dict[str, list[Record]] = {}
        for run in self.runs:
            studies.setdefault(study_of(run), []).append(run)
        return tuple(sorted({key for own in studies.values() for key in varied(own)}))

    @property
    def optimizer(self) -> str:
        """The name of the chosen optimizer, which decides the colour."""
        return self.runs[0].choices.get("optimizer", "")

    @property
    def scope(self) -> tuple[Scalar, ...]:
        """The values of the keys that define the task; groups of equal scope are comparable."""
        return tuple(
            value for key, value in zip(self.by, self.values, strict=True) if sets_the_task(key)
        )

    def count(self, status: Status) -> int:
        """Count the runs with a status."""
        return sum(run.status is status for run in self.runs)


def distinct(records: Iterable[Record]) -> list[Record]:
    """Keep one execution of every run, sorted by seed and name.

    Two executions of one configuration on the same data and with the same seed are the same run.
    Counting both would make the spread look smaller, even if different code produced them (see
    `superseded`). An execution with a result is preferred, then the one that ended last.

    Runs whose choices have different names count as different, even with equal settings, so a
    copy of an optimizer under another name can be compared with the original. If tuning chose the
    defaults, one run is labelled `tuned,default`; it is returned once per label value, because it
    belongs to both groups.
    """
    kept = [max(executions, key=_worth) for executions in _by_run(records)]
    return sorted(kept, key=lambda run: (run.seed, run.name, run.identity, run.uid))


def superseded(records: Iterable[Record]) -> list[Record]:
    """Find the runs that `distinct` drops in favour of a later one of other code or libraries.

    Unlike repeats by the same code, these may have different results.
    """
    found: dict[str, Record] = {}
    for executions in _by_run(records):
        kept = max(executions, key=_worth)
        found |= {
            run.uid: run
            for run in executions
            if run.identity != kept.identity and run.status.is_final
        }
    return list(found.values())


def _by_run(records: Iterable[Record]) -> list[list[Record]]:
    """Collect the executions of each run."""
    found: dict[tuple[object, ...], list[Record]] = {}
    for record in (part for execution in records for part in _by_setting(execution)):
        named = sorted(choice for choice in record.choices.items() if not _is_ignored(choice[0]))
        settings = {item for item in record.settings.items() if not _is_ignored(item[0])}
        # If the data could not be loaded, they cannot be recognized as the same.
        data = record.dataset.get("digest") or record.uid
        key = frozenset(settings), data, record.seed, record.labels.get(SETTING), *named
        found.setdefault(key, []).append(record)
    return list(found.values())


def _by_setting(record: Record) -> list[Record]:
    settings = record.labels.get(SETTING, "").split(",")
    if len(settings) == 1:
        return [record]
    return [
        replace(record, data={**record.data, "labels": {**record.labels, SETTING: setting}})
        for setting in settings
    ]


def varied(records: Iterable[Record]) -> list[str]:
    """Name the choices and settings, other than the seed, that differ between runs.

    A configuration group is listed if its choice differs. A setting inside a configuration group
    is listed if it differs between runs *of the same choice*: `optimizer.beta1`, which only Adam
    has, follows from the choice; a swept `optimizer.lr` does not. Any other setting is listed if
    it differs at all, and being absent from some runs counts as a difference. The seed of the split
    is not listed if it is the run's in all runs.

    Returns
    -------
    list of str
        `optimizer` first, then the other choices, then the settings; both sorted.
    """
    runs = list(records)
    flats = [run.settings for run in runs]
    chosen = [run.choices for run in runs]
    choices = {key for own in chosen for key in own if not _is_ignored(key)}
    differing = [key for key in choices if len({own.get(key, _ABSENT) for own in chosen}) > 1]
    settings = []
    for key in {key for flat in flats for key in flat} - choices:
        if _is_ignored(key) or (key == SPLIT and follow_their_seeds(runs)):
            continue
        group = _configuration_group(key, choices)
        seen: dict[str | None, set[object]] = {}
        for own, flat in zip(chosen, flats, strict=True):
            choice = None if group is None else own.get(group)
            seen.setdefault(choice, set()).add(flat.get(key, _ABSENT))
        if any(len(values) > 1 for values in seen.values()):
            settings.append(key)
    return sorted(differing, key=lambda key: (key != "optimizer", key)) + sorted(settings)


def follow_their_seeds(runs: Sequence[Record]) -> bool:
    """Whether each run's split has the seed of the run, as with ``dataset.seed=${seed}``."""
    return all(run.settings.get(SPLIT) == run.seed for run in runs)


def sets_the_task(key: str) -> bool:
    """Return whether a key defines the task, so that losses across its values do not compare."""
    return key.split(".")[0] in ("dataset", "loss", TASK, DATA)


def group_runs(records: Iterable[Record], by: Sequence[str] | None = None) -> list[Group]:
    """Group distinct runs.

    Parameters
    ----------
    records : iterable of Record
        Runs of any status; repeats of one run are dropped (see `distinct`).
    by : sequence of str, optional
        Grouping keys; by default `optimizer` and everything that was varied. A dataset or loss
        that varies is always added, because losses of different tasks cannot be averaged.

    Returns
    -------
    list of Group
        The groups, sorted by task and then by the values of the keys. `values.ranked` ranks the
        groups of one task.

    Raises
    ------
    ConfigError
        If there are no records, or no run has one of the keys.
    """
    runs = distinct(records)
    if not runs:
        raise ConfigError("There are no runs to compare. Give folders with finished runs in them.")
    keys = _with_data(runs, _grouping_keys(runs, by))
    members: dict[tuple[Scalar, ...], list[Record]] = {}
    for run in runs:
        members.setdefault(tuple(_value(run, key) for key in keys), []).append(run)
    read = cache(Record.metrics)
    groups = [Group(keys, values, tuple(found), read) for values, found in members.items()]
    return sorted(
        groups, key=lambda group: (list(map(show, group.scope)), list(map(show, group.values)))
    )


def scopes(groups: Sequence[Group]) -> list[list[Group]]:
    """Split groups into lists of groups that can be compared with each other."""
    parts: dict[tuple[Scalar, ...], list[Group]] = {}
    for group in groups:
        parts.setdefault(group.scope, []).append(group)
    return list(parts.values())


def scope_names(parts: Sequence[Sequence[Group]]) -> list[str]:
    """Name the tasks of `scopes`: `digits`, or `digits (mse)` if it is learnt with two losses."""
    groups = [part[0] for part in parts]
    if TASK in groups[0].by:  # a tuned comparison has named them
        return _names(groups, [TASK])
    keys = ["dataset", *(key for key in groups[0].by if sets_the_task(key) and key != "dataset")]
    for key in keys[1:]:
        fewer = [other for other in keys if other != key]
        if len({_values(group, fewer) for group in groups}) == len(groups):
            keys = fewer
    return _names(groups, keys)


def labels(
    groups: Sequence[Group],
    details: Sequence[Mapping[str, Scalar]] | None = None,
    *,
    setting: bool = True,
) -> list[str]:
    """Name each group by what distinguishes it from the others: `adam`, or `adam (lr=0.01)`.

    Parameters
    ----------
    groups : sequence of Group
        The groups of one comparison.
    details : sequence of mapping of str to scalar, optional
        Additional values for each group: `adam (tuned, lr 0.003)`.
    setting : bool, default True
        Whether the names say which groups have `tuned` and which have `default` settings.

    Returns
    -------
    list of str
        The names, in the order of the groups.
    """
    keys = sorted(telling_keys(groups), key=lambda key: key == SETTING)
    if not setting and len(keys) > 1:
        keys = [key for key in keys if key != SETTING]
    return _names(groups, keys, details)


def _names(
    groups: Sequence[Group],
    keys: Sequence[str],
    details: Sequence[Mapping[str, Scalar]] | None = None,
) -> list[str]:
    """Name groups by the values of keys, the first value before the parentheses.

    A setting that a group does not have is left out, and so is one that only some groups have and
    that is at its default, unless groups would then have equal names.
    """
    short = short_names([key for key in keys if key != SETTING])
    optional = {key for key in keys if any(lacks(group, key) for group in groups)}

    def words(group: Group, named: Iterable[str]) -> tuple[str, ...]:
        values = zip(named, _values(group, named), strict=True)
        return tuple(
            show(value) if _is_choice(group, key) else f"{short[key]}={show(value)}"
            for key, value in values
        )

    found = [
        words(group, [k for k in keys if not _at_rest(group, k, optional)]) for group in groups
    ]
    full = [words(group, keys) for group in groups]
    if not all(found) or len(set(found)) < len(set(full)):
        found = full
    names = []
    for (head, *rest), more in zip(found, details or [{}] * len(groups), strict=True):
        rest += [f"{key} {show(value)}" for key, value in more.items()]
        names.append(f"{head} ({', '.join(rest)})" if rest else head)
    return names


def lacks(group: Group, key: str) -> bool:
    """Return whether a group has no such choice or setting, as SGD has no `optimizer.beta1`."""
    run = group.runs[0]
    return key not in ("seed", SETTING, TASK, DATA) and key not in run.choices | run.settings


def _at_rest(group: Group, key: str, optional: Set[str]) -> bool:
    """Return whether a value need not be named: it is missing, null, or an optional default."""
    (value,) = _values(group, [key])
    if value is None:
        return True
    return key in optional and value == group.runs[0].defaults.get(key)


def telling_keys(groups: Sequence[Group]) -> list[str]:
    """Drop the keys whose value is the same in all groups, but keep at least one key."""
    by = groups[0].by
    telling = [key for i, key in enumerate(by) if len({group.values[i] for group in groups}) > 1]
    if telling == [SETTING]:
        telling = [by[0], SETTING]
    return telling or [key for key in by if not sets_the_task(key)][:1] or list(by[:1])


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Shorten dotted names to their last part where it is unique: `optimizer.lr` to `lr`."""
    last = [key.rsplit(".", 1)[-1] for key in keys]
    return {
        key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)
    }


def show(value: Scalar) -> str:
    """Format the value of a grouping key for people."""
    if value is None:
        return "none"
    if isinstance(value, str) and value.startswith("["):
        return value.replace('"', "")  # a list, `["id", "name"]`
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _grouping_keys(runs: Sequence[Record], by: Sequence[str] | None) -> tuple[str, ...]:
    differing = _differing(runs)
    if by is None:
        return tuple(dict.fromkeys(["optimizer", *differing]))
    if not by:
        raise ConfigError("There is nothing to group by. Name at least one key, such as optimizer.")
    known = {"seed"}.union(*(run.choices for run in runs), *(run.settings for run in runs))
    if SETTING in differing:
        known.add(SETTING)
    for key in by:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else "Name a choice or a setting of the runs."
            raise ConfigError(f"Cannot group by {key!r}: no run has it. {hint}")
    kept = [key for key in differing if sets_the_task(key) or key == SETTING]
    return tuple(dict.fromkeys([*by, *kept]))


def _with_data(runs: Sequence[Record], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Add the data to the keys if runs of one seed and task differ in them.

    Raises
    ------
    ConfigError
        If, in addition, each seed has its own split, so that no data are common to several seeds.
    """
    scope = [key for key in keys if sets_the_task(key)]
    seen: dict[tuple[Scalar, ...], set[object]] = {}
    for run in runs:
        if digest := run.dataset.get("digest"):
            task = run.choices.get("dataset"), run.seed, *(_value(run, key) for key in scope)
            seen.setdefault(task, set()).add(digest)
    if all(len(digests) == 1 for digests in seen.values()):
        return keys
    if follow_their_seeds(runs):
        raise ConfigError(
            "Runs of one seed were trained on different data, so their differences are not due to "
            "the optimizers alone. Each seed has its own split besides: compare the runs of each "
            "version of the data by themselves."
        )
    return (*keys, DATA)


def _differing(runs: Sequence[Record]) -> list[str]:
    """Name what was varied; for tuned runs the label only, not the settings that tuning chose."""
    differing = varied(runs)
    settings = {run.labels.get(SETTING) for run in runs}
    if settings == {None}:
        return differing
    alike: dict[tuple[object, ...], list[Record]] = {}
    for run in runs:
        task = [value for key, value in sorted(run.choices.items()) if sets_the_task(key)]
        labels = run.labels.get(SETTING), run.labels.get(TASK), study_of(run)
        alike.setdefault((*labels, *task), []).append(run)
    within = {key for part in alike.values() for key in varied(part)}
    kept = [key for key in differing if sets_the_task(key) or key in within]
    labelled = [key for key in (TASK, SETTING) if len({run.labels.get(key) for run in runs}) > 1]
    return [*kept, *labelled]


def _value(run: Record, key: str) -> Scalar:
    if key == "seed":
        return run.seed
    if key in (SETTING, TASK):
        return run.labels.get(key)
    if key == DATA:
        return str(run.dataset.get("digest") or "unknown")[:8]
    choices = run.choices
    return choices[key] if key in choices else run.settings.get(key)


def _values(group: Group, keys: Iterable[str]) -> tuple[Scalar, ...]:
    return tuple(_value(group.runs[0], key) for key in keys)


def _is_choice(group: Group, key: str) -> bool:
    return key in (SETTING, TASK) or any(key in run.choices for run in group.runs)


def _worth(record: Record) -> tuple[bool, float, str]:
    return record.status.is_final, record.finished.timestamp(), record.uid


@cache
def _is_ignored(key: str) -> bool:
    return key.split(".")[0].split("/")[0] in _NO_RESULT or key in _NO_RESULT_KEYS


def _configuration_group(key: str, choices: set[str]) -> str | None:
    """Find the innermost configuration group that a setting belongs to."""
    owners = [group for group in choices if key.startswith(group.replace("/", ".") + ".")]
    return max(owners, key=len, default=None)
