"""A job: a run to be trained, with its configuration, its folder and how it came about."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.config.schema import Run, run_from_config, without_search

_SHOWN_ANYWAY = ("optimizer", "seed")


@dataclass(frozen=True)
class Job:
    """A run to be trained.

    Parameters
    ----------
    run : Run
    config : mapping
        The resolved configuration that the run was built from.
    choices : mapping of str to str
        What was chosen from each group: ``{"optimizer": "adam", ...}``.
    overrides : sequence of str
        What the command line changed.
    folder : Path
        Where the record goes.
    name : str
        For people: ``adam-seed3``.
    sweep : str or None
        Id of the sweep that the run belongs to.
    command : str
        That was typed.
    labels : mapping of str to str
        What part the run has in its sweep, such as ``{"stage": "tuning"}``.
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
    """Check a resolved configuration and make it a job.

    Parameters
    ----------
    config, choices, overrides, folder, sweep, labels
        As in :class:`Job`; choices of Hydra's own groups are left out, and so is what the
        configuration declares for a search.
    trusted : frozenset of str
        As in :func:`experiments.config.run_from_config`.
    varied : sequence of str
        Keys that differ between the jobs of the sweep; they enter the name.

    Raises
    ------
    ConfigError
        Listing everything that is wrong with the configuration.
    """
    config = without_search(config)
    run = run_from_config(config, trusted=trusted)
    chosen = {
        group: choice
        for group, choice in choices.items()
        if choice is not None and not group.startswith("hydra/")
    }
    return Job(
        run,
        config,
        chosen,
        list(overrides),
        folder,
        _name(run, chosen, overrides, varied),
        sweep,
        command(),
        dict(labels or {}),
    )


def command() -> str:
    """Return the command line that was typed, ready to be typed again."""
    program, arguments = sys.argv[0], sys.argv[1:]
    if Path(program).name == "__main__.py":  # python -m descent
        program = "descent"
    if program in sys.orig_argv:  # what was typed, before settings were deferred
        arguments = sys.orig_argv[sys.orig_argv.index(program) + 1 :]
    name = Path(program).name
    return shlex.join([*(["python"] if name.endswith(".py") else []), name, *arguments])


def _name(
    run: Run, choices: Mapping[str, str], overrides: Sequence[str], varied: Sequence[str]
) -> str:
    parts = [choices.get("optimizer", type(run.optimizer).__name__.lower())]
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if key in varied and key not in _SHOWN_ANYWAY:
            short = key.rpartition(".")[2]
            value = value.strip("[]").replace(",", "x")
            parts.append(value if "." not in key else f"{short}{value}")
    return "-".join([*parts, f"seed{run.seed}"])
