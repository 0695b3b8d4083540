"""Tuned comparisons: optimizers are tuned on some seeds and compared on others.

Every optimizer of a task gets the same number of trials over the search space that its own
configuration declares. Its best settings and its defaults are then trained on fresh seeds, and only
these runs are compared. All randomness comes from seeds, so the same command makes the same runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import groupby
from typing import Final

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import LOOKS
from experiments.analysis.robustness import AS_CONFIGURED
from experiments.analysis.studies import STUDY
from experiments.config.build import run_from_config
from experiments.config.schema import SEARCH, without_declarations
from experiments.config.search_space import Edge, Settings, Space, declared_space
from experiments.config.seeds import show_seeds
from experiments.config.trust import named_packages
from experiments.errors import ConfigError
from experiments.runs.record import Record
from experiments.sweeps.drafts import Composer, Draft
from experiments.sweeps.sweep import Sweep
from experiments.sweeps.tuning.looks import undecided
from experiments.sweeps.tuning.protocol import Protocol, Score, finished
from experiments.sweeps.tuning.variations import variations
from experiments.training.checks import check, check_tuning

COMPARED: Final = "optimizer"

# Labels of runs, and their values.
STAGE: Final = "stage"
TUNING: Final = "tuning"
REPORTING: Final = "reporting"
TASK: Final = "task"
SETTING: Final = "setting"
TUNED: Final = "tuned"
DEFAULT: Final = "default"
BOTH: Final = f"{TUNED},{DEFAULT}"


@dataclass
class Entrant:
    """An optimizer that is compared with others in a task.

    Parameters
    ----------
    task : tuple of str
        The overrides that make the task.
    choice : tuple of str
        The override that chooses the optimizer, if there is one.
    space : Space
        The search space, including any widening.
    defaults : Settings
        The values of the space's keys in the optimizer's configuration.
    scores : dict of Settings to Score
        The scores of the settings that were tried, in that order.
    study : int, default 0
        The number of the study.
    """

    task: tuple[str, ...]
    choice: tuple[str, ...]
    space: Space
    defaults: Settings
    scores: dict[Settings, Score] = field(default_factory=dict)
    study: int = 0

    @property
    def name(self) -> str:
        """The optimizer's name, as the override chooses it."""
        return self.choice[0].partition("=")[2] if self.choice else COMPARED

    @property
    def best(self) -> Settings | None:
        """The best settings tried, the first of equals; None if no settings could be trained."""
        best = min(self.scores, key=lambda settings: self.scores[settings])
        return best if self.scores[best][-1] < float("inf") else None

    @property
    def tuned(self) -> Settings:
        """The best settings; the defaults if no settings could be trained."""
        return self.best or self.defaults

    def draft(
        self, settings: Settings | None, seed: int, labels: Mapping[str, str] | None = None
    ) -> Draft:
        """Return the draft of one run, by default with the default settings."""
        chosen = dict(settings.values) if settings is not None else {}
        return Draft((*self.task, *self.choice), {**chosen, "seed": seed}, labels or {})


class TunedComparison:
    """A tuned comparison of optimizers on one or more tasks.

    Parameters
    ----------
    sweep : Sweep
        The sweep that trains the runs.
    protocol : Protocol
        The terms of the comparison.
    composer : Composer
        The composer of the runs' configurations.
    choices : sequence of sequence of str
        The overrides that choose each optimizer: ``[["optimizer=sgd"], ...]``.
    tasks : sequence of sequence of str, default ((),)
        The overrides that make each task, on which all optimizers are compared; by default one
        task without overrides.
    say : callable, optional
        A function that shows the user one line about a decision.

    Raises
    ------
    ConfigError
        If a task sets a seed or a setting that is searched, or a search space is invalid.
    """

    def __init__(
        self,
        sweep: Sweep,
        protocol: Protocol,
        composer: Composer,
        choices: Sequence[Sequence[str]],
        tasks: Sequence[Sequence[str]] = ((),),
        *,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._sweep = sweep
        self._protocol = protocol
        self._composer = composer
        self._say = say
        varied = [task for own in tasks for task in _varied(composer, protocol, choices, own)]
        self._entrants = list(_entrants(composer, protocol, choices, varied))

    def run(self) -> None:
        """Tune, widening the grids where needed, and train the runs to be reported."""
        self._try(
            {
                id(entrant): entrant.space.trials(
                    self._protocol.search,
                    self._protocol.budget,
                    self._protocol.search_seed + entrant.study,
                )
                for entrant in self._entrants
            },
            0,
        )
        if self._protocol.search == "grid":
            self._widen()
        self._report()

    def _try(self, trials: dict[int, list[Settings]], widening: int) -> None:
        """Train settings on the tuning seeds and score them.

        Parameters
        ----------
        trials : dict of int to list of Settings
            The settings of each entrant, by its ``id()``.
        widening : int
            The number of widenings so far.
        """
        pairs = [
            (entrant, settings)
            for entrant in self._entrants
            for settings in trials.get(id(entrant), [])
        ]
        labels = {
            STAGE: TUNING,
            "search": self._protocol.search,
            "select": self._protocol.select,
            "aggregate": self._protocol.aggregate,
            "widening": str(widening),
        }
        records = self._train(
            [
                entrant.draft(settings, seed, labels | self._label(entrant))
                for entrant, settings in pairs
                for seed in self._protocol.tuning_seeds_of(entrant.study)
            ],
            f"{'widening' if widening else 'tuning'}: {self._counted(trials)}",
        )
        seeds = len(self._protocol.tuning_seeds)
        for number, (entrant, settings) in enumerate(pairs):
            own = records[number * seeds : (number + 1) * seeds]
            entrant.scores[settings] = self._protocol.score(own)
        self._check_measured(records)

    def _check_measured(self, records: Sequence[Record]) -> None:
        metric = self._protocol.select
        trained = [record for record in records if finished(record)]
        if trained and all(self._protocol.value(record) is None for record in trained):
            known = sorted(name for name in trained[0].summary if "/val_" in name)
            raise ConfigError(
                f"hydra.sweeper.select={metric}: no run has this metric; they have "
                f"{', '.join(known)}"
            )

    def _counted(self, trials: dict[int, list[Settings]]) -> str:
        """Write the number of runs in a stage of tuning as a product."""
        seeds = self._protocol.tuning_seeds
        counts = {count for count in map(len, trials.values()) if count}
        runs = sum(map(len, trials.values())) * len(seeds)
        keys = {key for entrant in self._entrants for key in entrant.space.axes}
        what = "learning rate" if keys == {"optimizer.lr"} else "setting"
        factors = []
        if len(counts) == 1 and all(trials.get(id(entrant)) for entrant in self._entrants):
            factors += self._task_factors()
            factors += [_plural(counts.pop(), what)]
        else:
            factors += [_plural(runs // len(seeds), what)]
        return f"{' × '.join([*factors, _plural(len(seeds), 'seed')])} = {_plural(runs, 'run')}"

    def _task_factors(self) -> list[str]:
        tasks = len({entrant.task for entrant in self._entrants})
        several = [_plural(tasks, "task")] if tasks > 1 else []
        studies = self._protocol.tuning_studies
        several += [_plural(studies, "study")] if studies > 1 else []
        return [*several, _plural(len(self._entrants) // tasks // studies, "optimizer")]

    def _widen(self) -> None:
        """Widen all grids of a study on a task if the best settings of one lie at an edge."""
        for widening in range(1, self._protocol.widenings + 1):
            trials: dict[int, list[Settings]] = {}
            for _, own in groupby(self._entrants, key=lambda one: (one.task, one.study)):
                trials |= self._widened(list(own))
            if not trials:
                return
            self._try(trials, widening)

    def _widened(self, entrants: list[Entrant]) -> dict[int, list[Settings]]:
        """Widen the grids of a study; return the added settings, equally many per entrant."""
        at = {
            entrant.name: entrant.space.edges(entrant.best)
            for entrant in entrants
            if entrant.best is not None
        }
        edges: set[Edge] = set().union(*at.values())
        if not edges:
            return {}
        found = "; ".join(
            f"{name}'s best {key.rpartition('.')[2]} lies at the {_END[side]} end of its grid"
            for name, own in at.items()
            for key, side in sorted(own)
        )
        named = self._where(entrants[0])
        where = f" ({named})" if named else ""
        spaces = [entrant.space.widened(edges) for entrant in entrants]
        added = [
            wider.beyond(entrant.space) if wider is not None else []
            for entrant, wider in zip(entrants, spaces, strict=True)
        ]
        if len(set(map(len, added))) > 1 or not all(
            self._possible(entrant, settings)
            for entrant, own in zip(entrants, added, strict=True)
            for settings in own
        ):
            self._say(
                f"{found}{where}, but not every grid can be widened there by as many settings"
            )
            return {}
        self._say(f"{found}{where}: every grid is widened there by a step")
        for entrant, wider in zip(entrants, spaces, strict=True):
            assert wider is not None
            entrant.space = wider
        return {id(entrant): own for entrant, own in zip(entrants, added, strict=True)}

    def _possible(self, entrant: Entrant, settings: Settings) -> bool:
        """Return whether the optimizer accepts these settings."""
        config = self._composer.config(entrant.draft(settings, 0))
        try:
            run_from_config(without_declarations(config), trusted=named_packages(config))
        except ConfigError:
            return False
        return True

    def _report(self) -> None:
        """Train the chosen and the default settings on the reporting seeds."""
        where = [self._where(entrant) for entrant in self._entrants]
        for place in dict.fromkeys(where):
            own = ", ".join(
                f"{entrant.name} {entrant.tuned}{_remark(entrant)}"
                for entrant, of in zip(self._entrants, where, strict=True)
                if of == place
            )
            self._say(f"chosen{f' for {place}' if place else ''}: {own}")
        first = 0
        for look, last in enumerate(self._protocol.looks, start=1):
            self._report_on(slice(first, last))
            if look == len(self._protocol.looks) or not self._need_more(look):
                return
            first = last

    def _report_on(self, part: slice) -> None:
        """Train the chosen and the default settings on a part of the reporting seeds."""
        drafts: list[Draft] = []
        seeds: dict[int, None] = {}
        looks = len(self._protocol.looks)
        for entrant in self._entrants:
            own = self._protocol.reporting_seeds_of(entrant.study)[part]
            seeds |= dict.fromkeys(own)
            same = entrant.tuned == entrant.defaults
            for setting, settings in (
                [(BOTH, None)] if same else [(TUNED, entrant.tuned), (DEFAULT, None)]
            ):
                labels = {STAGE: REPORTING, SETTING: setting} | self._label(entrant)
                labels |= {LOOKS: str(looks)} if looks > 1 else {}
                drafts += [entrant.draft(settings, seed, labels) for seed in own]
        self._train(
            drafts,
            f"reporting: tuned and default on seeds {show_seeds(list(seeds))}, "
            f"{_plural(len(drafts), 'run')}",
        )

    def _need_more(self, look: int) -> bool:
        """Return whether more seeds would probably settle verdicts on tuned settings; say why."""
        most = self._protocol.most_seeds
        pairs = []
        for part in analyse(self._sweep.records).parts:
            tuned = {entry.label for entry in part.focus}
            pairs += [pair for pair in part.pairs if {pair.first, pair.second} <= tuned]
        settled = sum(pair.settled for pair in pairs)
        left = undecided(pairs, most)
        seeds = self._protocol.looks[look - 1]
        progress = f"{settled} of {len(pairs)} pairs of tuned settings are settled by {seeds} seeds"
        if left:
            more = self._protocol.looks[look]
            self._say(f"{progress}; {more - seeds} more may settle {_plural(len(left), 'pair')}")
        elif settled < len(pairs):
            self._say(f"{progress}; the others would need more than {most} (most_seeds)")
        else:
            self._say(progress)
        return bool(left)

    def _train(self, drafts: Sequence[Draft], title: str) -> list[Record]:
        jobs = self._composer.jobs(drafts, len(self._sweep.jobs))
        return self._sweep.run(jobs, title, checks=(check, check_tuning))

    @property
    def _several_tasks(self) -> bool:
        return len({entrant.task for entrant in self._entrants}) > 1

    def _where(self, entrant: Entrant) -> str:
        """Name the task and the study of an entrant, if there are several."""
        task = [self._name(entrant.task)] if self._several_tasks else []
        study = [f"study {entrant.study + 1}"] if self._protocol.tuning_studies > 1 else []
        return ", ".join([*task, *study])

    def _label(self, entrant: Entrant) -> dict[str, str]:
        """Return the labels of a task and a study, if there are several.

        A task is labelled with the overrides that differ, except for the dataset.
        """
        name = self._name(entrant.task)
        named = [one for one in name.split() if one.partition("=")[0] != "dataset"]
        several = self._protocol.tuning_studies > 1
        return ({TASK: " ".join(named)} if named else {}) | (
            {STUDY: str(entrant.study + 1)} if several else {}
        )

    def _name(self, task: tuple[str, ...]) -> str:
        """Return the name of a task: the overrides that differ between tasks."""
        tasks = {entrant.task for entrant in self._entrants}
        differing = [one for one in task if not all(one in other for other in tasks)]
        return " ".join(differing) or (AS_CONFIGURED if len(tasks) > 1 else "")


_END: Final = {"below": "lower", "above": "upper"}


def _varied(
    composer: Composer,
    protocol: Protocol,
    choices: Sequence[Sequence[str]],
    task: Sequence[str],
) -> Iterator[Sequence[str]]:
    """Yield a task and its variations."""
    yield task
    if protocol.vary:
        config = composer.config(Draft((*task, *choices[0])))
        for what in protocol.vary:
            yield from ((*task, override) for override in variations(config, what))


def _entrants(
    composer: Composer,
    protocol: Protocol,
    choices: Sequence[Sequence[str]],
    tasks: Sequence[Sequence[str]],
) -> Iterator[Entrant]:
    for override in (override for task in tasks for override in task):
        if _key(override) == "seed":
            raise ConfigError(
                f"{override}: a tuned comparison chooses settings on the seeds "
                f"{show_seeds(protocol.tuning_seeds)} and reports on "
                f"{show_seeds(protocol.reporting_seeds)}; change hydra.sweeper.tuning_seeds and "
                "hydra.sweeper.reporting_seeds"
            )
    faults: list[str] = []
    for task in tasks:
        entrants = []
        for choice in choices:
            try:
                entrants.append(_entrant(composer, protocol, tuple(task), tuple(choice)))
            except ConfigError as error:
                prefix = "".join(f"{override}: " for override in choice)
                faults.append(prefix + str(error).removeprefix(prefix))
        for study in protocol.studies:
            shift = protocol.shift_of(study)
            yield from (
                replace(one, space=replace(one.space, shift=shift), study=study, scores={})
                for one in entrants
            )
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))


def _entrant(
    composer: Composer, protocol: Protocol, task: tuple[str, ...], choice: tuple[str, ...]
) -> Entrant:
    config = composer.config(Draft((*task, *choice)))
    space = declared_space(config)
    if not space.axes:
        raise ConfigError(
            "there is nothing to tune; declare a search space in the optimizer's configuration: "
            f"{SEARCH}: {{lr: {{low: 1e-4, high: 1}}}}"
        )
    space = _opened(space, protocol, {_key(override) for override in (*task, *choice)})
    for override in task:
        key = _key(override)
        if key in space.axes:
            raise ConfigError(
                f"{override} sets a value that is searched; leave it out, or remove it from the "
                f"search space (~{key.rpartition('.')[0]}.{SEARCH}.{key.rpartition('.')[2]})"
            )
    if protocol.search == "grid":
        space = space.with_points(protocol.budget)
    defaults = Settings(tuple((key, _value(config, key)) for key in space.axes))
    return Entrant(task, choice, space, defaults)


def _opened(space: Space, protocol: Protocol, overridden: Collection[str]) -> Space:
    """Open as many settings of the optimizer as the protocol says or its budget pays for.

    A setting whose declaration is overridden is opened in any case. One whose value is overridden
    stays closed, unless it is the first.
    """
    asked = [
        key for key in space.axes if any(name.startswith(_declaration(key)) for name in overridden)
    ]
    first = next((key for key in space.axes if key.startswith(f"{COMPARED}.")), "")
    fixed = {key for key in space.axes if key in overridden and key not in (first, *asked)}
    space = replace(space, axes={k: axis for k, axis in space.axes.items() if k not in fixed})
    if protocol.knobs is not None:
        return space.opened(protocol.knobs, COMPARED, asked)
    opened = space.opened(1, COMPARED, asked)
    for knobs in range(2, len(space.axes) + 1):
        wider = space.opened(knobs, COMPARED, asked)
        if not wider.is_paid_by(protocol.search, protocol.budget):
            break
        opened = wider
    return opened


def _declaration(key: str) -> str:
    """Return the key under which an axis is declared: `optimizer._search_.lr`."""
    node, _, name = key.rpartition(".")
    return f"{node}.{SEARCH}.{name}"


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]


def _value(config: object, key: str) -> object:
    """Look up a dotted key."""
    pick: Callable[[object, str], object] = lambda node, name: (  # noqa: E731
        node.get(name) if isinstance(node, dict) else None
    )
    value = reduce(pick, key.split("."), config)
    return tuple(value) if isinstance(value, list) else value


def _remark(entrant: Entrant) -> str:
    if entrant.best is None:
        return " (its defaults: no settings trained on every seed)"
    if entrant.tuned == entrant.defaults:
        return " (its default)"
    at_edge = entrant.space.edges(entrant.tuned)
    return " (at the edge of its grid)" if at_edge else ""


def _plural(count: int, word: str) -> str:
    several = f"{word.removesuffix('y')}ies" if word.endswith("dy") else f"{word}s"
    return f"{count} {word if count == 1 else several}"
