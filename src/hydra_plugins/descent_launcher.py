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
        Address of a Dask scheduler: ``tcp://HOST:8786``. Its workers are taken as they are.
    cluster : mapping, optional
        By ``_target_``, a class of Dask's cluster objects and its arguments, such as
        ``{_target_: dask_jobqueue.SLURMCluster, cores: 1, memory: 4GB}``; `n_jobs` says how many
        workers it is to start.
    timeout : float, default 60
        Seconds that a Dask scheduler may take to answer, and the first worker to come.
    """

    _target_: str = "hydra_plugins.descent_launcher.StackedLauncher"
    _recursive_: bool = False  # `cluster` is started when all jobs are found to be right
    n_jobs: int = -1
    width: int | None = None
    seeds: Any = None
    backend: str = "loky"
    scheduler: str | None = None
    cluster: Any = None
    timeout: float = 60.0


ConfigStore.instance().store(
    group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="descent"
)


class StackedLauncher(Launcher):
    """Trains compatible jobs side by side in stacks, over worker processes."""

    def __init__(
        self,
        n_jobs: int,
        width: int | None,
        seeds: Any,
        backend: str,
        scheduler: str | None,
        cluster: DictConfig | None,
        timeout: float,
    ) -> None:
        self.n_jobs = n_jobs
        self.width = width
        self.seeds = seeds
        self.backend = backend
        self.scheduler = scheduler
        self.cluster = cluster
        self.timeout = timeout

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from experiments.commands.hydra.launch import launch

        return launch(self.open_sweep(), job_overrides, initial_job_idx, self.seeds)

    def open_sweep(self) -> "Sweep":
        """Make a sweep that trains as this launcher is set to."""
        from experiments.commands.hydra.backends import choose_backend
        from experiments.errors import ConfigError
        from experiments.sweeps.sweep import Sweep

        if self.width is not None and (not isinstance(self.width, int) or self.width < 1):
            raise ConfigError(
                f"hydra.launcher.width={self.width} is no number of runs: give 1 or more, or null "
                "for as many as fit the caches"
            )
        backend = choose_backend(
            self.backend,
            self.n_jobs,
            scheduler=self.scheduler,
            cluster=self.cluster,
            timeout=self.timeout,
        )
        return Sweep(self.hydra_context, self.config, backend=backend, width=self.width)
