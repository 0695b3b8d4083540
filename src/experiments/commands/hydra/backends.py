"""Choosing the backend of the workers by the launcher's settings."""

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
    """Return the backend of that name, without starting workers.

    Parameters
    ----------
    backend : {"loky", "dask"}
        The name of the backend.
    n_jobs, scheduler, timeout
        See :class:`DaskCluster`; `n_jobs` is also the number of loky's processes.
    cluster : DictConfig, optional
        The ``_target_`` and arguments that create a cluster object.

    Raises
    ------
    ConfigError
        If a setting is invalid, or two settings exclude each other.
    """
    if not isinstance(n_jobs, int) or n_jobs == 0:
        raise ConfigError(
            f"hydra.launcher.n_jobs={n_jobs} is not a number of workers: give 1 or more, or -1 for "
            "one per core"
        )
    if backend not in ("loky", "dask"):
        raise ConfigError(f"hydra.launcher.backend={backend} is unknown: choose loky or dask")
    if backend == "loky":
        if scheduler is not None or cluster is not None:
            raise ConfigError(
                "hydra.launcher.scheduler and hydra.launcher.cluster need Dask: add "
                "hydra.launcher.backend=dask"
            )
        return Processes(n_jobs)
    if scheduler is not None and cluster is not None:
        raise ConfigError(
            "hydra.launcher.scheduler (a running cluster) and hydra.launcher.cluster (a cluster to "
            "start) exclude each other; give one of them"
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
            "hydra.launcher.cluster needs the _target_ of an installed class, and the class's "
            f"arguments: {reason}"
        ) from error
