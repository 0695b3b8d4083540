"""Training from Python as the command line does it: Hydra composes, its plugins train."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import run_job
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from experiments.commands.hydra.defer import deferred
from experiments.commands.hydra.explain import explain
from experiments.commands.hydra.locate import CONF
from experiments.commands.hydra.overrides import with_marks_quoted
from experiments.commands.hydra.patches import (
    grid_for_basic,
    sweepers_counts_checked,
    unusable_sweeps_refused,
)
from experiments.commands.hydra.task import train_composed
from experiments.commands.working_directory import check_can_be_recorded
from experiments.config.trust import search_working_directory
from experiments.errors import ConfigError, UserError
from experiments.files.masking import mask_secrets, remember_secrets
from experiments.workers.fork_server import main_program_hidden

_CONFIG = "config"


def sweep(overrides: Sequence[str], config_dir: str | os.PathLike[str] | None = None) -> Path:
    """Train the sweep of ``descent -m OVERRIDES``.

    Parameters
    ----------
    overrides : sequence of str
        Overrides as on a command line.
    config_dir : path, optional
        A folder with further choices, as with ``--config-dir``.

    Returns
    -------
    Path
        The sweep's folder, with the records of all its runs.

    Raises
    ------
    ConfigError
        If an override is invalid.
    KeyboardInterrupt, UserError
        If training ends early; finished runs are published, the others marked as interrupted.
    """
    overrides = with_marks_quoted(overrides)
    option = _option(config_dir)
    arguments = deferred([*option, *overrides])[len(option) :]
    with _hydra(["-m", *overrides], config_dir) as hydra:
        config = hydra.compose_config(
            _CONFIG, arguments, RunMode.MULTIRUN, with_log_configuration=False
        )
        sweeper = Plugins.instance().instantiate_sweeper(
            config=config, hydra_context=_context(hydra, config), task_function=train_composed
        )
        sweeper.sweep(arguments=[str(override) for override in config.hydra.overrides.task])
        return Path(str(config.hydra.sweep.dir)).absolute()


def train(overrides: Sequence[str], config_dir: str | os.PathLike[str] | None = None) -> Path:
    """Train the single run of ``descent OVERRIDES``.

    Parameters
    ----------
    overrides, config_dir
        See :func:`sweep`.

    Returns
    -------
    Path
        The run's folder.

    Raises
    ------
    ConfigError, KeyboardInterrupt, UserError
        See :func:`sweep`.
    """
    overrides = with_marks_quoted(overrides)
    with _hydra(overrides, config_dir) as hydra:
        config = hydra.compose_config(_CONFIG, overrides, RunMode.RUN, with_log_configuration=False)
        done = run_job(
            hydra_context=_context(hydra, config),
            task_function=train_composed,
            config=config,
            job_dir_key="hydra.run.dir",
            job_subdir_key=None,
            configure_logging=False,
        )
        _ = done.return_value  # raises what the task has raised
        assert done.hydra_cfg is not None
        return Path(str(done.hydra_cfg.hydra.runtime.output_dir))


def compose(
    overrides: Sequence[str], config_dir: str | os.PathLike[str] | None = None
) -> dict[str, Any]:
    """Compose the configuration of the run ``descent OVERRIDES``, without training it.

    Parameters
    ----------
    overrides, config_dir
        See :func:`sweep`.

    Returns
    -------
    dict
        The resolved configuration, with plain values.

    Raises
    ------
    ConfigError
        If an override is invalid.
    """
    overrides = with_marks_quoted(overrides)
    with _hydra(overrides, config_dir) as hydra:
        config = hydra.compose_config(_CONFIG, overrides, RunMode.RUN, with_log_configuration=False)
        with open_dict(config):
            del config["hydra"]
        resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


@contextmanager
def _hydra(arguments: Sequence[str], config_dir: str | os.PathLike[str] | None) -> Iterator[Hydra]:
    """Yield Hydra, initialized for one command; restore the caller's global state of Hydra."""
    check_can_be_recorded()
    search_working_directory()
    path = create_config_search_path(str(CONF))
    if config_dir is not None:
        if not Path(config_dir).is_dir():
            raise ConfigError(f"config_dir={str(config_dir)!r}: no such folder")
        path.prepend("command-line", f"file://{Path(config_dir).absolute()}")
    before, config_before = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    remember_secrets(list(arguments))
    typed = sys.argv
    GlobalHydra.instance().clear()
    try:
        # Records and hints contain the command: this is the command line with the same effect.
        sys.argv = ["descent", *_option(config_dir), *arguments]
        with (
            main_program_hidden(),
            unusable_sweeps_refused(),
            grid_for_basic(),
            sweepers_counts_checked(),
        ):
            yield Hydra.create_main_hydra2("run", path)
    except (HydraException, OmegaConfBaseException) as error:
        reason = explain(error, [*_option(config_dir), *arguments])
        raise ConfigError(mask_secrets(reason)) from None
    except UserError as error:
        error.args = (mask_secrets(str(error)),)
        raise
    finally:
        sys.argv = typed
        GlobalHydra.instance().hydra = before
        HydraConfig.instance().cfg = config_before


def _context(hydra: Hydra, config: DictConfig) -> HydraContext:
    return HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))


def _option(config_dir: str | os.PathLike[str] | None) -> list[str]:
    return [] if config_dir is None else ["--config-dir", str(config_dir)]
