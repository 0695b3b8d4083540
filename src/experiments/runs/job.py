"""Jobs: runs to be trained, each with its configuration, its folder and its command line."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.config.build import run_from_config
from experiments.config.schema import Run, Training, without_declarations
from experiments.errors import ConfigError
from experiments.files.masking import masked, remember_secrets

_ALWAYS_IN_NAME = ("optimizer", "seed")


@dataclass(frozen=True)
class Job:
    """A run to be trained.

    Parameters
    ----------
    run : Run
    config : mapping
        The resolved configuration that the run was built from.
    choices : mapping of str to str
        The choice from each configuration group: ``{"optimizer": "adam", ...}``.
    overrides : sequence of str
        The overrides of the command line for this run, with secrets masked.
    folder : Path
        The folder of the record.
    name : str
        A readable name: ``adam-seed3``.
    sweep : str or None
        The id of the sweep that the run belongs to.
    command : str
        The command line as it was typed.
    labels : mapping of str to str
        The run's role in its sweep, such as ``{"stage": "tuning"}``.
    files : mapping of str to str
        Texts to write beside the record, by path in the folder, such as ``.hydra/config.yaml``.
    """

    run: Run
    config: Mapping[str, Any]
    choices: Mapping[str, str]
    overrides: Sequence[str]
    folder: Path
    name: str
    sweep: str | None
    command: str
    labels: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def make_job(
    config: Mapping[str, Any],
    *,
    choices: Mapping[str, str | None],
    overrides: Sequence[str],
    folder: Path,
    trusted: frozenset[str],
    sweep: str | None = None,
    varied: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> Job:
    """Validate a resolved configuration and make a job of it.

    Parameters
    ----------
    config, choices, overrides, folder, sweep, labels
        See :class:`Job`; choices of Hydra's own groups and declarations, such as search
        spaces, are removed.
    trusted : frozenset of str
        The packages whose classes may be imported; see `experiments.config.build`.
    varied : sequence of str
        Keys whose values differ between the jobs of the sweep; they become part of the name.

    Raises
    ------
    ConfigError
        If the configuration is invalid; the message lists all faults.
    """
    config = without_declarations(config)
    remember_secrets(config)
    overrides = masked(overrides)
    run = run_from_config(config, trusted=trusted)
    _check_length(overrides, run.training)
    chosen = {
        group: choice
        for group, choice in choices.items()
        if choice is not None and not group.startswith("hydra/")
    }
    return Job(
        run,
        config,
        chosen,
        overrides,
        folder,
        _name(run, chosen, overrides, varied),
        sweep,
        command(),
        dict(labels or {}),
    )


def _check_length(overrides: Sequence[str], training: Training) -> None:
    """Refuse a number of epochs that is given beside another length of the training."""
    given = next((o for o in overrides if o.lstrip("+").startswith("training.epochs=")), None)
    lengths = {"evaluations": training.evaluations, "steps": training.steps}
    other = next((f"{name}={count}" for name, count in lengths.items() if count is not None), None)
    if given and other:
        raise ConfigError(
            f"{given.lstrip('+')} has no effect beside training.{other}, which is the length of "
            f"the training; leave it out, or set training.{other.partition('=')[0]}=null"
        )


def command() -> str:
    """Return the command line that was typed, quoted for a shell, with secrets masked."""
    program, arguments = sys.argv[0], sys.argv[1:]
    if Path(program).name == "__main__.py":  # python -m descent
        program = "descent"
    if program in sys.orig_argv:  # sys.argv has been rewritten; see commands.hydra.defer
        arguments = sys.orig_argv[sys.orig_argv.index(program) + 1 :]
    name = Path(program).name
    of_python = name.endswith(".py") or name == "-c"
    return shlex.join([*(["python"] if of_python else []), name, *masked(arguments)])


def _name(
    run: Run, choices: Mapping[str, str], overrides: Sequence[str], varied: Sequence[str]
) -> str:
    parts = [choices.get("optimizer", type(run.optimizer).__name__.lower())]
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if key in varied and key not in _ALWAYS_IN_NAME:
            short = key.rpartition(".")[2]
            value = value.strip("[]").replace(",", "x")
            parts.append(value if "." not in key else f"{short}{value}")
    return "-".join([*parts, f"seed{run.seed}"])
