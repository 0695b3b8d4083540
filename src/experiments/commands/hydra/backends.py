"""Which engine runs the workers, as the launcher's settings have it."""

from __future__ import annotations

from typing import Any

from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig

from experiments.errors import ConfigError
from experiments.workers.backend import Backend
from experiments.workers.dask_cluster import DaskCluster
from experiments.workers.local_processes import Processes


def choose_backend(
    backend: str,
    n_jobs: int,
    *,
    scheduler: str | None = None,
    cluster: DictConfig | None = None,
    timeout: float = 60.0,
) -> Backend:
    """Return the engine of that name; nothing is started yet.

    Parameters
    ----------
    backend : str
        "loky" or "dask".
    n_jobs, scheduler, timeout
        As in :class:`DaskCluster`; `n_jobs` likewise for processes of this machine.
    cluster : DictConfig, optional
        By ``_target_``, what makes a cluster object.

    Raises
    ------
    ConfigError
        If a setting is wrong, or two do not go together.
    """
    if not isinstance(n_jobs, int) or n_jobs == 0:
        raise ConfigError(
            f"hydra.launcher.n_jobs={n_jobs} is no number of workers: give 1 or more, or -1 for as "
            "many as cores"
        )
    if backend not in ("loky", "dask"):
        raise ConfigError(f"hydra.launcher.backend={backend} is not known; there are loky and dask")
    if backend == "loky":
        if scheduler is not None or cluster is not None:
            raise ConfigError(
                "hydra.launcher.scheduler and hydra.launcher.cluster are Dask's; add "
                "hydra.launcher.backend=dask"
            )
        return Processes(n_jobs)
    if scheduler is not None and cluster is not None:
        raise ConfigError(
            "hydra.launcher.scheduler (one that runs) and hydra.launcher.cluster (one to be "
            "started) exclude each other; give one of them"
        )
    return DaskCluster(
        n_jobs,
        scheduler=scheduler,
        cluster=None if cluster is None else lambda: _start(cluster),
        timeout=timeout,
    )


def _start(cluster: DictConfig) -> Any:
    try:
        return instantiate(cluster, _convert_="all")
    except HydraException as error:
        reason = " ".join(str(error.__cause__ or error).splitlines())
        raise ConfigError(
            "hydra.launcher.cluster takes the _target_ of a class that is installed, and the "
            f"class's arguments: {reason}"
        ) from error
