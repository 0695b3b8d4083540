"""The task that Hydra calls for a single run or for a job of Hydra's own launchers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.commands.hydra.compose import plain
from experiments.commands.hydra.jobs import HydraFiles
from experiments.commands.hydra.mask_files import mask_files
from experiments.commands.hydra.overrides import first_lines
from experiments.commands.train import train_run
from experiments.config.trust import named_packages
from experiments.errors import ConfigError
from experiments.runs.job import make_job
from experiments.sweeps.naming import id_by_folder


def train_composed(config: DictConfig) -> float:
    """Train the run whose configuration Hydra has composed.

    Parameters
    ----------
    config : DictConfig
        The composed configuration.

    Returns
    -------
    float
        The record's objective, for sweepers that search.

    Raises
    ------
    UserError
        If the run cannot be trained or has failed.
    """
    hydra = HydraConfig.get()
    in_sweep = hydra.mode is RunMode.MULTIRUN
    if hydra.output_subdir:
        mask_files(Path(hydra.runtime.output_dir, hydra.output_subdir))
    if in_sweep:
        mask_files(Path(hydra.sweep.dir, "multirun.yaml"))
    try:
        resolved = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(first_lines(error)) from error
    assert isinstance(resolved, dict)
    job = make_job(
        {str(key): value for key, value in resolved.items()},
        trusted=named_packages(resolved),
        choices=dict(hydra.runtime.choices),
        overrides=list(hydra.overrides.task),
        folder=Path(hydra.runtime.output_dir),
        sweep=id_by_folder(Path(hydra.sweep.dir)) if in_sweep else None,
    )
    files = HydraFiles().texts(plain(config), plain(cast(DictConfig, hydra)))
    return train_run(replace(job, files=files)).objective
