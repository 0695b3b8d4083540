"""By which Hydra finds this project's launcher and sweepers; `experiments.commands` does the work.

Hydra imports this module for every command, so it imports little.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
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
        Workers; -1 takes one for each core of this machine.
    width : int, optional
        Most runs in one stack; by default as many as fit the caches.
    seeds : list of int or str, optional
        Trains each job on all of these seeds, such as ``0-4``, and gives the sweeper the mean,
        so that a search does not chase the luck of one seed.
    backend : str, default "loky"
        Where the workers are: "loky" has processes on this machine, "dask" a Dask cluster, on
        this machine too unless `scheduler` or `cluster` says where.
    scheduler : str, optional
        Address of a Dask scheduler that runs, ``tcp://HOST:8786``; its workers are used as they
        are.
    cluster : mapping, optional
        By ``_target_``, a class of Dask's cluster objects and its arguments, such as
        ``{_target_: dask_jobqueue.SLURMCluster, cores: 1, memory: 4GB}``; `n_jobs` says how many
        workers it is to start.
    timeout : float, default 60
        Seconds that a Dask scheduler may take to answer, and the first worker to come.
    """

    _target_: str = "hydra_plugins.descent.StackedLauncher"
    _recursive_: bool = False  # `cluster` is started when all jobs are found to be right
    n_jobs: int = -1
    width: int | None = None
    seeds: Any = None
    backend: str = "loky"
    scheduler: str | None = None
    cluster: Any = None
    timeout: float = 60.0


@dataclass
class GridSweeperConf:
    """Settings of ``hydra/sweeper=grid``, those of Hydra's basic sweeper."""

    _target_: str = "hydra_plugins.descent.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default=None)


@dataclass
class TuneThenCompareConf:
    """Settings of ``hydra/sweeper=tune_then_compare``.

    `experiments.sweeps.tuning.protocol.Protocol` describes and checks them; its defaults are these.
    Seeds are lists, or the first and the last as ``0-9``. `params` are overrides that a preset
    gives; those of the command line take precedence.
    """

    _target_: str = "hydra_plugins.descent.TuneThenCompareSweeper"
    search: str = "grid"
    budget: int = 9
    search_seed: int = 0
    tuning_seeds: Any = "100-102"
    reporting_seeds: Any = "0-9"
    select: str = "best/val_loss"
    aggregate: str = "mean"
    widenings: int = 2
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
    """Trains compatible jobs side by side in stacks, over worker processes."""

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
        """Make a sweep that trains as this launcher is set to."""
        from experiments.commands.hydra.launch import HydraSweep

        return HydraSweep(self.hydra_context, self.config, **self.settings)


class GridSweeper(BasicSweeper):
    """Hydra's basic sweeper, which leaves checking the jobs to the launcher.

    The basic one composes every job once more to find the first that is wrong; the stacked
    launcher finds all that are wrong while it composes them.
    """

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        assert self.config is not None
        if self.config.hydra.runtime.choices.get("hydra/launcher") != "stacked":
            super().validate_batch_is_legal(batch)


class TuneThenCompareSweeper(Sweeper):
    """Tunes each optimizer over its own search space, then compares them on fresh seeds."""

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
                f"hydra/launcher={chosen}: hydra/sweeper=tune_then_compare trains through "
                "hydra/launcher=stacked alone, so leave the launcher out"
            )
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        tune_then_compare(
            self.hydra_context,
            self.launcher.sweep(),
            self.protocol,
            [*(f"{key}={value}" for key, value in self.params.items()), *arguments],
        )
