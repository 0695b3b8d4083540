"""The command line of `descent ARGUMENTS` and `python run.py ARGUMENTS`, and its error messages.

Slow imports are deferred until something is trained, so that --help and --cfg stay fast.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from experiments import switches
from experiments.commands.hydra.arguments import with_settings_together
from experiments.commands.hydra.locate import CONF, config_folder
from experiments.commands.hydra.overrides import with_marks_quoted
from experiments.commands.hydra.patches import (
    grid_for_basic,
    hold_interrupts_while_composing,
    name_broken_files,
    sweepers_counts_checked,
    unusable_sweeps_refused,
)
from experiments.commands.hydra.show_config import asks_for_config, identity_added
from experiments.commands.interrupts import interrupts_deferred
from experiments.commands.working_directory import check_can_be_recorded
from experiments.config.trust import search_working_directory
from experiments.errors import UserError
from experiments.warning import say

_FULL_ERROR = "HYDRA_FULL_ERROR"
_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Train one run or a sweep, according to the command line of this process."""
    with friendly_errors():
        switches.check()
        check_can_be_recorded()
        sys.argv[1:] = _with_absolute_config_path(sys.argv[1:])
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(task)()


def task(config: DictConfig) -> float:
    """Train one run, write its record and publish it.

    Parameters
    ----------
    config : DictConfig
        The configuration that Hydra composed.

    Returns
    -------
    float
        The record's objective, for sweepers that search.
    """
    with interrupts_deferred():  # while compiled modules are imported
        from experiments.commands.hydra.task import train_composed
        from experiments.datasets.sources.paths import relative_paths_start_at

    hydra = HydraConfig.get()
    try:
        # Hydra may have changed the working directory (hydra.job.chdir).
        with relative_paths_start_at(Path(hydra.runtime.cwd)):
            return train_composed(config)
    except UserError as error:
        if hydra.mode is RunMode.MULTIRUN:
            raise  # the launcher continues with the other jobs
        fail(str(error))


def _with_absolute_config_path(arguments: Sequence[str]) -> list[str]:
    """Make the folder of ``--config-path`` absolute."""
    rewritten: list[str] = []
    for argument in arguments:
        before, option, path = argument.partition("--config-path=")
        if not before and option:
            argument = f"{option}{config_folder(path)}"
        elif rewritten and rewritten[-1] in ("--config-path", "-cp"):
            argument = str(config_folder(argument))
        rewritten.append(argument)
    return rewritten


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Print a user's mistake as one message and exit with status 1; let other exceptions pass.

    Hydra itself prints its errors without suggestions, and ours with a traceback. With
    HYDRA_FULL_ERROR in the environment, every error has its traceback.
    """
    search_working_directory()
    name_broken_files()
    hold_interrupts_while_composing()
    if os.environ.get(_FULL_ERROR):
        yield
        return
    os.environ[_FULL_ERROR] = "1"  # makes Hydra raise exceptions instead of printing them
    try:
        sys.argv[1:] = with_marks_quoted(with_settings_together(sys.argv[1:]))
        if {"-m", "--multirun"} & set(sys.argv):
            with interrupts_deferred():
                from experiments.commands.hydra.defer import deferred
            sys.argv[1:] = deferred(sys.argv[1:])
        with (
            unusable_sweeps_refused(),
            grid_for_basic(),
            sweepers_counts_checked(),
            identity_added() if asks_for_config(sys.argv[1:]) else nullcontext(),
        ):
            yield
    except UserError as error:
        fail(str(error))
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        fail(message)


def _message(error: Exception) -> str | None:
    """Return a message for an error of Hydra, OmegaConf or the file system; None for others."""
    from experiments.commands.hydra.explain import explain
    from experiments.commands.hydra.overrides import first_lines

    # Hydra's exceptions, one of which is an OSError, and the plain ValueErrors that it raises, and
    # so does Optuna for its settings.
    if isinstance(error, HydraException) or (
        isinstance(error, ValueError)
        and _raised_in(error.__traceback__).startswith(("hydra.", "optuna."))
    ):
        return explain(error, sys.argv[1:])
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _DISK_IS_FULL):
        where = f"{error.filename}: " if error.filename is not None else ""
        return (
            f"{where}{error.strerror}. Choose another output folder with hydra.run.dir=FOLDER, or "
            "hydra.sweep.dir=FOLDER for a sweep"
        )
    if isinstance(error, OmegaConfBaseException):
        return first_lines(error)
    if isinstance(error, ValueError) and isinstance(error.__cause__, OSError):  # of logging
        log = error.__cause__
        return (
            f"{log.filename}: the log cannot be written ({log.strerror}). Its name is that of the "
            "job, hydra.job.name, which may have no slashes and not be longer than the file system "
            "allows; its folder is hydra.run.dir"
        )
    return None


def _raised_in(trace: TracebackType | None) -> str:
    """Return the name of the module that raised an error."""
    module = ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return module


def fail(message: str) -> NoReturn:
    """Print an error to standard error and exit with status 1."""
    say(f"error: {message}")
    sys.exit(1)
