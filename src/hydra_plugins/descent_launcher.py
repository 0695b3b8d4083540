"""By which Hydra finds ``hydra/launcher=stacked``; the work is in `experiments.sweeps`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from experiments.sweeps.sweep import Sweep


@dataclass
class StackedLauncherConf:
    """Settings of the launcher.

    Parameters
    ----------
    n_jobs : int, default -1
        Worker processes; -1 takes one for each core.
    width : int, optional
        Most runs in one stack; by default as many as fit the cache.
    seeds : list of int or str, optional
        Trains each job on all of these seeds, such as ``0-4``, and gives the sweeper the mean,
        so that a search does not chase the luck of one seed.
    """

    _target_: str = "hydra_plugins.descent_launcher.StackedLauncher"
    n_jobs: int = -1
    width: int | None = None
    seeds: Any = None


ConfigStore.instance().store(
    group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="descent"
)


class StackedLauncher(Launcher):
    """Trains compatible jobs side by side in stacks, over worker processes."""

    def __init__(self, n_jobs: int, width: int | None, seeds: Any) -> None:
        self.n_jobs = n_jobs
        self.width = width
        self.seeds = seeds

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from experiments.sweeps.launching import launch

        return launch(self.open_sweep(), job_overrides, initial_job_idx, self.seeds)

    def open_sweep(self) -> "Sweep":
        """Make a sweep that trains as this launcher is set to."""
        from experiments.sweeps.sweep import Sweep

        return Sweep(self.hydra_context, self.config, n_jobs=self.n_jobs, width=self.width)
