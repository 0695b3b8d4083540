"""Hydra's plugins of this project: a launcher and two sweepers.

Hydra imports this module for every command, so it imports little; `experiments.commands.hydra`
has the implementation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from experiments.program import program

if TYPE_CHECKING:
    from experiments.commands.hydra.launch import HydraSweep


@dataclass
class StackedLauncherConf:
    """Settings of ``hydra/launcher=stacked``.

    Parameters
    ----------
    n_jobs : int, default -1
        The number of workers; -1 is one per core of this machine.
    width : int, optional
        The largest number of runs in a stack; by default as many as fit the caches.
    seeds : list of int or str, optional
        The seeds on which each job is trained, such as ``0-4``. The sweeper gets the mean of their
        results, so that a search does not overfit to one seed. By default each job is trained on
        its own seed.
    backend : {"loky", "dask"}, default "loky"
        The kind of workers: processes on this machine ("loky") or a Dask cluster ("dask"), which is
        a local one without `scheduler` and `cluster`.
    scheduler : str, optional
        The address of a running Dask scheduler, ``tcp://HOST:8786``, whose workers are used.
    cluster : mapping, optional
        The ``_target_`` and arguments of a Dask cluster class, such as
        ``{_target_: dask_jobqueue.SLURMCluster, cores: 1, memory: 4GB}``, which starts `n_jobs`
        workers.
    timeout : float, default 60
        The seconds to wait for the Dask scheduler's answer, and for the first worker.
    """

    _target_: str = "hydra_plugins.descent.StackedLauncher"
    _recursive_: bool = False  # `cluster` is created later, after all jobs have been validated
    n_jobs: int = -1
    width: int | None = None
    seeds: Any = None
    backend: str = "loky"
    scheduler: str | None = None
    cluster: Any = None
    timeout: float = 60.0


@dataclass
class GridSweeperConf:
    """Settings of ``hydra/sweeper=grid``, which are those of Hydra's basic sweeper."""

    _target_: str = "hydra_plugins.descent.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default=None)


@dataclass
class TuneThenCompareConf:
    """Settings of ``hydra/sweeper=tune_then_compare``.

    `experiments.sweeps.tuning.protocol.Protocol` documents and validates them, and has the same
    defaults. Seeds are lists or ranges such as ``0-9``. `params` are a preset's overrides, over
    which the command line's take precedence.
    """

    _target_: str = "hydra_plugins.descent.TuneThenCompareSweeper"
    search: str = "grid"
    budget: int = 9
    knobs: int | None = None
    search_seed: int = 0
    tuning_seeds: Any = "100-102"
    reporting_seeds: Any = "0-9"
    most_seeds: int = 40
    tuning_studies: int = 1
    select: str = "best/val_loss"
    aggregate: str = "mean"
    widenings: int = 2
    vary: Any = None
    target: float | None = None
    params: dict[str, str] | None = None


for _group, _name, _node in (
    ("hydra/launcher", "stacked", StackedLauncherConf),
    ("hydra/sweeper", "grid", GridSweeperConf),
    ("hydra/sweeper", "tune_then_compare", TuneThenCompareConf),
):
    ConfigStore.instance().store(group=_group, name=_name, node=_node, provider="descent")


OmegaConf.register_new_resolver("program", program, replace=True)  # for the help page


class StackedLauncher(Launcher):
    """A launcher that trains compatible jobs together in stacks, in worker processes."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        return self.sweep().launch(job_overrides, initial_job_idx)

    def sweep(self) -> "HydraSweep":
        """Return a sweep with this launcher's settings."""
        from experiments.commands.hydra.launch import HydraSweep

        return HydraSweep(self.hydra_context, self.config, **self.settings)


class GridSweeper(BasicSweeper):
    """Hydra's basic sweeper, except that it writes nothing before the sweep may begin.

    The basic sweeper writes its file first, even into a folder of another sweep, and then composes
    every job to find the first invalid one. Here the stacked launcher, or `begin_sweep` for other
    launchers, reports all invalid jobs, refuses such a folder and writes the file.
    """

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        for override in overrides:
            if override.is_interval_sweep():
                from experiments.errors import ConfigError

                raise ConfigError(
                    f"{override.input_line}: a grid has no intervals. List values, such as "
                    f"{override.get_key_element()}=0.01,0.1"
                )
        _check_size(overrides)
        batches = self.split_arguments(overrides, self.max_batch_size)
        if not isinstance(self.launcher, StackedLauncher):
            from experiments.commands.hydra.launch import begin_sweep

            jobs = [job for batch in batches for job in batch]
            begin_sweep(self.hydra_context, self.config, jobs)
        returned = []
        first = 0
        for batch in batches:
            results = self.launcher.launch(batch, initial_job_idx=first)
            for result in results:
                _ = result.return_value  # raises what a job has raised
            returned.append(results)
            first += len(batch)
        return returned


def _check_size(overrides: Sequence[Override]) -> None:
    """Raise a ConfigError for a grid of more runs than a sweep can have."""
    from experiments.config.limits import RUNS
    from experiments.errors import ConfigError

    swept = {one.get_key_element(): one for one in overrides if one.is_sweep_override()}
    runs = math.prod(sum(1 for _ in one.sweep_string_iterator()) for one in swept.values())
    if runs > RUNS:
        raise ConfigError(
            f"the sweep has {runs:,} runs, and at most {RUNS:,} are possible. Give fewer values of "
            f"{', '.join(swept)}"
        )


class TuneThenCompareSweeper(Sweeper):
    """A sweeper that tunes each optimizer in its search space, then compares on fresh seeds."""

    def __init__(self, params: dict[str, str] | None, **protocol: Any) -> None:
        self.params = params or {}
        self.protocol = protocol

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        from experiments.commands.hydra.tune import tune_then_compare
        from experiments.errors import ConfigError

        assert self.config is not None
        assert self.hydra_context is not None
        if not isinstance(self.launcher, StackedLauncher):
            chosen = self.config.hydra.runtime.choices["hydra/launcher"]
            raise ConfigError(
                f"hydra/launcher={chosen}: hydra/sweeper=tune_then_compare works only with "
                "hydra/launcher=stacked, so leave the launcher out"
            )
        tune_then_compare(
            self.hydra_context,
            self.launcher.sweep(),
            self.protocol,
            [*(f"{key}={value}" for key, value in self.params.items()), *arguments],
        )
